//! What is wrong is said, with what to do.

use std::process::Command;

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::process::{Ended, Process};

use crate::BUILT;
use crate::program::Collector;

fn run(arguments: &[&str]) -> Ended {
    let mut command = Command::new(BUILT.path("dnsflow-collect"));
    Process::spawn("dnsflow-collect", command.args(arguments)).wait()
}

#[test]
fn usage() {
    let listen = ["--listen", "127.0.0.1:0"];
    let wrong = |arguments: &[&str], words: &[&str]| {
        let all: Vec<&str> = listen.iter().chain(arguments).copied().collect();
        run(&all).assert_failure(2, words);
    };
    wrong(&[], &["--to"]);
    wrong(&["--to", "mysql:x"], &["expected one of jsonl:"]);
    wrong(&["--to", "jsonl:/x?evry=1h"], &["has no parameter evry"]);
    wrong(
        &["--to", "jsonl:-", "--allow", "10.0.0.0/40"],
        &["expected a prefix"],
    );
    wrong(
        &["--to", "jsonl:-", "--sensor", "10.0.0.1"],
        &["NAME=ADDRESS"],
    );
    wrong(
        &["--to", "jsonl:-", "--to", "jsonl:-"],
        &["each store is given once"],
    );
    wrong(&["--to", "jsonl:-", "--spool-max", "5"], &["--spool"]);
    wrong(&["--to", "jsonl:-", "--read", "x"], &["--listen"]);
    run(&["--to", "jsonl:-"]).assert_failure(2, &["--listen"]);
}

#[test]
fn configuration() {
    let folder = Folder::new();
    let path = folder.path("collect.toml");
    let wrong = |text: &str, status, words: &[&str]| {
        std::fs::write(&path, text).expect("room");
        run(&["--config", path.to_str().expect("text")]).assert_failure(status, words);
    };
    wrong(
        "listen = [\"127.0.0.1:0\"]\n",
        2,
        &["nowhere to store", "--to"],
    );
    wrong(
        "to = [\"jsonl:-\"]\n",
        2,
        &["nothing to receive", "--listen"],
    );
    wrong(
        "lisen = \"127.0.0.1:0\"\n",
        2,
        &["collect.toml:1", "listen"],
    );
    wrong(
        "\nto = [\"jsonl:\"]\n",
        2,
        &["collect.toml:2", "jsonl:FOLDER"],
    );
}

#[test]
fn what_is_taken_already() {
    let folder = Folder::new();
    let spool = folder.path("spool");
    let spool = spool.to_str().expect("text");
    let to = format!("jsonl:{}", folder.path("out").display());
    let first = Collector::start(&["--to", &to, "--spool", spool]);
    let address = first.address.to_string();
    let second = run(&["--listen", &address, "--to", &to]);
    second.assert_failure(1, &[&address, "is in use"]);
    let other = run(&["--listen", "127.0.0.1:0", "--to", &to, "--spool", spool]);
    other.assert_failure(1, &["another dnsflow-collect uses this spool"]);
    first.stop().assert_success();
}

#[test]
fn a_check_says_what_would_fail() {
    let folder = Folder::new();
    let file = folder.path("file");
    std::fs::write(&file, "").expect("room");
    let to = format!("jsonl:{}", file.display());
    let checked = run(&["check", "--listen", "127.0.0.1:0", "--to", &to]);
    assert_eq!(checked.status.code(), Some(1), "{}", checked.text());
    assert!(
        checked.text().contains("FAIL  jsonl:"),
        "{}",
        checked.text()
    );
    let to = format!("jsonl:{}", folder.path("out").display());
    let checked = run(&["check", "--listen", "127.0.0.1:0", "--to", &to]);
    checked.assert_success();
    assert!(
        checked.text().contains("takes records"),
        "{}",
        checked.text()
    );
}
