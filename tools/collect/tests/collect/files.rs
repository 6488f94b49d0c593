//! Capture files, and the same lines as dnsflow-read.

use std::process::Command;

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::process::{Ended, Process};

use crate::BUILT;
use crate::program::lines;

fn run(name: &str, arguments: &[&str]) -> Ended {
    let mut command = Command::new(BUILT.path(name));
    Process::spawn(name, command.args(arguments)).wait()
}

/// What a sensor has written in either version, with whatever it selects, comes out as dnsflow-read
/// prints it, from a plain file and from a compressed one.
#[test]
fn lines_are_those_of_dnsflow_read() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name).to_str().expect("text").to_owned();
    let packets = path("packets.pcap");
    run(
        "dnsflow-gen",
        &["-w", &packets, "-n", "5000", "--noise", "20"],
    )
    .assert_success();
    for (name, options) in [
        ("v4.pcap", &["--format", "v4"][..]),
        (
            "v5.pcap",
            &["--format", "v5", "--select", "all", "--sensor-name", "tap"],
        ),
    ] {
        let export = path(name);
        let mut arguments = vec!["--read", &packets, "-w", &export];
        arguments.extend(options);
        run("dnsflow", &arguments).assert_success();
        for (form, how) in [("keys", "--json"), ("ecs", "--ecs")] {
            let to = path(&format!("{name}-{form}"));
            let url = format!("jsonl:{to}?form={form}");
            let ended = run("dnsflow-collect", &["--read", &export, "--to", &url]);
            ended.assert_success();
            assert!(
                ended.stderr.contains("; 0 datagrams lost"),
                "{}",
                ended.stderr
            );
            let read = run("dnsflow-read", &["--read", &export, how]);
            read.assert_success();
            let is_record = |line: &&str| !line.starts_with("{\"summary\"");
            let expected: Vec<&str> = read.text().lines().filter(is_record).collect();
            let stored = lines(std::path::Path::new(&to));
            assert!(stored.len() > 3000, "{} lines", stored.len());
            assert_eq!(stored, expected);
        }
    }
}

#[test]
fn compressed_files_are_whole() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name).to_str().expect("text").to_owned();
    let packets = path("packets.pcap");
    let export = path("v5.pcap");
    run("dnsflow-gen", &["-w", &packets, "-n", "2000"]).assert_success();
    run(
        "dnsflow",
        &["--read", &packets, "-w", &export, "--format", "v5"],
    )
    .assert_success();
    let text = |compression: &str, how: &str| {
        let to = path(compression);
        let url = format!("jsonl:{to}?compression={compression}");
        run("dnsflow-collect", &["--read", &export, "--to", &url]).assert_success();
        let mut names = std::fs::read_dir(&to).expect("the folder");
        let file = names.next().expect("a file").expect("an entry").path();
        assert!(names.next().is_none(), "one file");
        let file = file.to_str().expect("text").to_owned();
        assert!(file.ends_with(how), "{file}");
        std::fs::read(file).expect("the file")
    };
    let plain = text("none", ".jsonl");
    let gzip = text("gzip", ".jsonl.gz");
    let zstd = text("zstd", ".jsonl.zst");
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&gzip[..]), &mut unpacked)
        .expect("gzip");
    assert!(unpacked == plain, "gzip gives the same lines");
    assert!(
        zstd::decode_all(&zstd[..]).expect("zstd") == plain,
        "zstd gives the same lines"
    );
    assert!(gzip.len() * 4 < plain.len() && zstd.len() * 4 < plain.len());
}

/// A store in the configuration file is a URL, or a table with the URL's parameters as keys.
#[test]
fn a_store_may_be_a_table() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name).to_str().expect("text").to_owned();
    let packets = path("packets.pcap");
    let export = path("v5.pcap");
    run("dnsflow-gen", &["-w", &packets, "-n", "100"]).assert_success();
    let arguments = ["--read", &packets, "-w", &export, "--format", "v5"];
    run("dnsflow", &arguments).assert_success();
    let config = path("collect.toml");
    let out = path("out");
    let write = |rest: &str| {
        let text = format!("read = [\"{export}\"]\n[[to]]\nurl = \"jsonl:{out}\"\n{rest}");
        std::fs::write(&config, text).expect("room");
        run("dnsflow-collect", &["--config", &config])
    };
    write("compression = \"gzip\"\nsize = 100_000_000\n").assert_success();
    let mut names = std::fs::read_dir(&out).expect("the folder");
    let name = names.next().expect("a file").expect("an entry").file_name();
    assert!(name.to_string_lossy().ends_with(".jsonl.gz"), "{name:?}");
    write("colour = 1\n").assert_failure(2, &["collect.toml:2", "has no parameter colour"]);
    write("size = [1]\n").assert_failure(2, &["collect.toml:2"]);
}

#[test]
fn a_cut_file_gives_what_is_before_the_cut() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name).to_str().expect("text").to_owned();
    let packets = path("packets.pcap");
    let export = path("v4.pcap");
    run("dnsflow-gen", &["-w", &packets, "-n", "2000"]).assert_success();
    run("dnsflow", &["--read", &packets, "-w", &export]).assert_success();
    let bytes = std::fs::read(&export).expect("the file");
    std::fs::write(&export, &bytes[..bytes.len() / 2]).expect("room");
    let to = path("out");
    let ended = run(
        "dnsflow-collect",
        &["--read", &export, "--to", &format!("jsonl:{to}")],
    );
    ended.assert_failure(1, &["v4.pcap", "packets before that were taken"]);
    assert!(lines(std::path::Path::new(&to)).len() > 500);
}

/// A reader of standard output that goes away ends the run, and what it has not read is said to be lost.
#[test]
fn a_reader_that_goes_away_ends_the_run() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name).to_str().expect("text").to_owned();
    let packets = path("packets.pcap");
    let export = path("v5.pcap");
    run("dnsflow-gen", &["-w", &packets, "-n", "5000"]).assert_success();
    let arguments = ["--read", &packets, "-w", &export, "--format", "v5"];
    run("dnsflow", &arguments).assert_success();
    let program = BUILT.argument("dnsflow-collect");
    let script = format!("{program} --read {export} --to jsonl:- | head --lines 1");
    let mut command = Command::new("sh");
    let ended = Process::spawn("sh", command.args(["-c", &script])).wait();
    assert_eq!(ended.lines().len(), 1, "{}", ended.text());
    let said = &ended.stderr;
    assert!(
        said.contains("the reader of standard output has gone"),
        "{said}"
    );
    assert!(said.contains("were not stored and are lost"), "{said}");
}
