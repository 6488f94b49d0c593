//! Names from the Parquet files that the collector has written.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use dnsflow_testkit::process::Process;

use crate::program::{captured, run};
use crate::{BUILT, CLIENT, LOOK_UP, SERVER, flow};

/// Files below a folder.
fn files(folder: PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let below = |path: PathBuf| {
        if path.is_dir() {
            files(path)
        } else {
            vec![path]
        }
    };
    paths.flat_map(below).collect()
}

#[test]
fn flows_are_named_by_what_the_collector_has_stored() {
    let (folder, path) = captured(&[LOOK_UP]);
    let store = folder.argument("store");
    let mut collector = Command::new(BUILT.path("dnsflow-collect"));
    collector
        .arg("--read")
        .arg(&path)
        .args(["--to", &format!("parquet:{store}")]);
    Process::spawn("dnsflow-collect", &mut collector)
        .wait()
        .assert_success();
    let flows = format!("{}{}", flow(SERVER, 1), flow(CLIENT, 2));
    let named = |status: i32, words: &str| {
        let ended = run(&["--from", &store], &flows);
        assert_eq!(ended.status.code(), Some(status), "{}", ended.stderr);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
        ended.text().to_owned()
    };
    let text = named(0, "2 flows (goflow2) in ");
    let lines: Vec<&str> = text.lines().collect();
    let added = "\"dnsflow_name\":\"www.example.org\",\"dnsflow_matched\":\"client\",";
    assert!(lines[0].contains(added), "{text}");
    assert_eq!(format!("{}\n", lines[1]), flow(CLIENT, 2));
    // Damage is told, and costs names alone.
    let is_names = |path: &PathBuf| {
        let path = path.to_string_lossy();
        path.contains("/names/") && path.ends_with(".parquet")
    };
    for file in files(PathBuf::from(&store))
        .iter()
        .filter(|path| is_names(path))
    {
        let length = fs::metadata(file).expect("a file").len();
        fs::write(
            file,
            vec![b'x'; usize::try_from(length).expect("a small file")],
        )
        .expect("room");
    }
    assert_eq!(named(1, "1 files could not be read"), flows);
}
