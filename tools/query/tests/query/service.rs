//! The naming service as the place: what its map has is what the files have.

use std::collections::BTreeSet;
use std::process::Command;

use dnsflow_testkit::patience::until;
use dnsflow_testkit::process::Process;
use serde_json::Value;

use crate::{BUILT, ask, some, store};

/// The service, with the records that the files have.
fn serving() -> (Process, String) {
    let export = store().with_file_name("v5.pcap");
    let mut command = Command::new(BUILT.path("dnsflow-collect"));
    command
        .arg("--read")
        .arg(export)
        .args(["--serve", "127.0.0.1:0"]);
    let process = Process::spawn("dnsflow-collect", &mut command);
    let address = until("the naming service", || {
        let said = process.said();
        let (_, behind) = said.split_once("names on http://")?;
        // It has all of them by then.
        said.contains("all files are read").then_some(())?;
        behind
            .split_once('/')
            .map(|(address, _)| address.to_owned())
    });
    (process, format!("http://{address}"))
}

/// Who was told what, of lines of JSON.
fn told(text: &str) -> BTreeSet<[String; 3]> {
    let lines = text.lines().map(|line| {
        let row: Value = serde_json::from_str(line).expect("JSON");
        ["address", "client", "name"].map(|member| row[member].to_string())
    });
    lines.collect()
}

#[test]
fn the_service_finds_what_files_have() {
    let (mut process, from) = serving();
    let service = |arguments: &[&str]| {
        let all = [arguments, &["--json", "--limit", "0", "--from", &from]].concat();
        crate::run("dnsflow-query", &all)
    };
    let files = |arguments: &[&str]| {
        let ended = ask(&[arguments, &["--json", "--limit", "0"]].concat());
        ended.assert_success();
        told(ended.text())
    };
    // The sink learns on a thread of its own.
    let last = &some("client", 1)[0];
    until("the map to have all", || {
        let found = service(&["--client", last]);
        (told(found.text()) == files(&["--client", last])).then_some(())
    });
    let mut rows = 0;
    for client in some("client", 4) {
        let found = told(service(&["--client", &client]).text());
        assert_eq!(found, files(&["--client", &client]), "{client}");
        rows += found.len();
    }
    for address in some("address", 4) {
        let since = [&*address, "--since", "2020-01-01"];
        let found = told(service(&since).text());
        assert_eq!(found, files(&since), "{address}");
        let late = service(&[&address, "--since", "2030-01-01"]);
        assert_eq!(late.text(), "");
        rows += found.len();
    }
    for name in some("name", 4) {
        let found = told(service(&["--name", &name]).text());
        assert!(found.is_superset(&files(&["--name", &name])), "{name}");
        let client = found
            .iter()
            .next()
            .map(|row| row[1].trim_matches('"').to_owned());
        let client = client.expect("somebody was told");
        let of_client = ["--name", &*name, "--client", &client];
        assert!(told(service(&of_client).text()).is_superset(&files(&of_client)));
        rows += found.len();
    }
    assert!(rows > 50, "{rows}");
    let below = service(&["invalid", "--suffix"]);
    below.assert_success();
    assert!(
        below.stderr.contains("rows were left out"),
        "{}",
        below.stderr
    );
    assert_eq!(below.text().lines().count(), 500);
    process.signal("TERM");
    process.wait().assert_success();
}
