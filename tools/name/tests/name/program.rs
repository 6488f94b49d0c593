//! The program, run: its inputs, outputs, signals and errors.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::process::{Ended, Process};

use crate::lookups::{LookUp, capture};
use crate::{BUILT, CLIENT, LOOK_UP, SECOND, SERVER, flow};

/// The program with these arguments, and all its streams piped.
pub(crate) fn spawn<S: AsRef<OsStr>>(args: &[S]) -> Process {
    let mut command = Command::new(BUILT.path("dnsflow-name"));
    command.args(args).env("TZ", "UTC");
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    Process::start("dnsflow-name", piped.stderr(Stdio::piped()))
}

/// Runs to the end, with `input` on standard input.
pub(crate) fn run<S: AsRef<OsStr>>(args: &[S], input: &str) -> Ended {
    spawn(args).fed(input.as_bytes().to_vec()).wait()
}

/// What the program says of a flow that is named, from the end of the record on.
fn is_named(line: &str) -> bool {
    line.contains("\"dnsflow_name\":\"www.example.org\",\"dnsflow_matched\":\"client\"")
}

/// A folder with the capture of some responses.
pub(crate) fn captured(look_ups: &[LookUp<'_>]) -> (Folder, PathBuf) {
    let folder = Folder::new();
    let path = folder.file("records.pcap", &capture(look_ups));
    (folder, path)
}

#[test]
fn flows_are_named_by_a_capture() {
    let (_folder, path) = captured(&[LOOK_UP]);
    let unknown = Ipv4Addr::new(203, 0, 113, 99);
    let flows = format!("{}{}what is this?\n", flow(SERVER, 1), flow(unknown, 2));
    let ended = run(&["--from".as_ref(), path.as_os_str()], &flows);
    ended.assert_success();
    let lines: Vec<&str> = ended.text().lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(is_named(lines[0]), "{lines:?}");
    assert_eq!(
        format!("{}\n{}\n", lines[1], lines[2]),
        flows[flow(SERVER, 1).len()..]
    );
    let said = "1 named by client, 0 by client-expired, 0 by others, 1 not named; 1 lines passed unchanged";
    assert!(
        ended.stderr.contains("2 flows (goflow2) in ") && ended.stderr.contains(said),
        "{}",
        ended.stderr
    );
    let ended = run(
        &["--quiet".as_ref(), "--from".as_ref(), path.as_os_str()],
        &flows,
    );
    assert_eq!(ended.stderr, "");
}

/// A client that is told one address by many names, one after another: flows of the whole time are named, as far
/// back as look-ups are kept, and how many are not is told.
#[test]
fn flows_of_all_the_time_of_a_file_are_named() {
    let names: Vec<String> = (0..300)
        .map(|number| format!("n{number}.example"))
        .collect();
    let names: Vec<[&str; 1]> = names.iter().map(|name| [name.as_str()]).collect();
    let look_up = |(names, second)| LookUp {
        second,
        client: CLIENT,
        names,
        address: SERVER,
    };
    let names = names.iter().map(|names| &names[..]);
    let look_ups: Vec<_> = names.zip((SECOND..).step_by(10)).map(look_up).collect();
    let (_folder, path) = captured(&look_ups);
    let flow = |number: u64| {
        let second = SECOND + number * 10 + 1;
        format!("{{\"c\":\"{CLIENT}\",\"s\":\"{SERVER}\",\"t\":{second}}}\n")
    };
    let flows = [44, 100, 299].map(flow).concat();
    let from = path.to_str().expect("text");
    let ended = run(
        &["--from", from, "--map", "client=c,server=s,start=t"],
        &flows,
    );
    ended.assert_success();
    for (line, name) in ended.text().lines().zip(["n44", "n100", "n299"]) {
        let named = format!("\"dnsflow_name\":\"{name}.example\"");
        assert!(line.contains(&named), "{line}");
    }
    assert!(
        ended.stderr.contains("; 44 look-ups had no room"),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_others_were_told_and_what_no_longer_held_is_told() {
    let other = Ipv4Addr::new(192, 0, 2, 77);
    let (_folder, path) = captured(&[
        LookUp {
            second: SECOND - 100_000,
            ..LOOK_UP
        },
        LookUp {
            client: other,
            address: Ipv4Addr::new(203, 0, 113, 8),
            names: &["others.example"],
            ..LOOK_UP
        },
    ]);
    let flows = format!(
        "{}{}",
        flow(SERVER, 1),
        flow(Ipv4Addr::new(203, 0, 113, 8), 2)
    );
    let ended = run(&["--from".as_ref(), path.as_os_str()], &flows);
    ended.assert_success();
    let lines: Vec<&str> = ended.text().lines().collect();
    assert!(
        lines[0].contains("\"www.example.org\",\"dnsflow_matched\":\"client-expired\""),
        "{lines:?}"
    );
    assert!(
        lines[1].contains("\"others.example\",\"dnsflow_matched\":\"others\""),
        "{lines:?}"
    );
}

#[test]
fn names_of_hostile_labels_break_no_line() {
    let (_folder, path) = captured(&[LookUp {
        names: &["a\"b\tc\nd,e=\\f.example"],
        ..LOOK_UP
    }]);
    for (flows, lines) in [
        (flow(SERVER, 1), 1),
        (
            format!("#fields\tts\tid.orig_h\tid.resp_h\n{SECOND}\t{CLIENT}\t{SERVER}\n"),
            2,
        ),
        (
            format!("ts,sa,da\n2023-11-14 22:13:21,{CLIENT},{SERVER}\n"),
            2,
        ),
        (
            format!("srcaddr dstaddr start\n{CLIENT} {SERVER} {SECOND}\n"),
            2,
        ),
    ] {
        let ended = run(&["--from".as_ref(), path.as_os_str()], &flows);
        ended.assert_success();
        assert_eq!(ended.text().lines().count(), lines, "{}", ended.text());
        assert!(
            ended.text().contains(".example") && ended.stderr.contains("1 named by client"),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn a_line_waits_for_no_other() {
    let (_folder, path) = captured(&[LOOK_UP]);
    let mut process = spawn(&["--from".as_ref(), path.as_os_str()]);
    let mut stdin = process.stdin();
    for number in 0..3 {
        let line = flow(SERVER, number);
        // In two parts, and only the second one ends the line.
        let (first, second) = line.split_at(40);
        stdin.write_all(first.as_bytes()).unwrap();
        stdin.flush().unwrap();
        stdin.write_all(second.as_bytes()).unwrap();
        let out = process.line();
        assert!(
            is_named(&out) && out.contains(&format!("\"bytes\":{number},")),
            "{out}"
        );
    }
    process.signal("TERM");
    let ended = process.wait();
    ended.assert_success();
    assert!(ended.stderr.contains("3 flows"), "{}", ended.stderr);
    drop(stdin);
}

#[test]
fn a_line_that_is_too_long_passes() {
    let (_folder, path) = captured(&[LOOK_UP]);
    let long = format!("{{\"src_addr\":\"{}\"}}\n", "x".repeat(3 << 20));
    let flows = format!("{}{long}{}", flow(SERVER, 1), flow(SERVER, 2));
    let ended = run(&["--from".as_ref(), path.as_os_str()], &flows);
    ended.assert_success();
    let lines: Vec<&str> = ended.text().lines().collect();
    assert!(is_named(lines[0]) && is_named(lines[2]));
    assert!(lines[1] == long.trim_end(), "{} bytes", lines[1].len());
    assert!(
        ended.stderr.contains("; 1 lines passed unchanged"),
        "{}",
        ended.stderr
    );
}

#[test]
fn files_are_read_in_turn_and_one_is_written() {
    let (folder, path) = captured(&[LOOK_UP]);
    let first = folder.file(
        "first.csv",
        format!("ts,sa,da\n2023-11-14 22:13:21,{CLIENT},{SERVER}\n").as_bytes(),
    );
    let second = folder.file(
        "second.csv",
        format!("da,sa,ts,x\n{SERVER},{CLIENT},2023-11-14 22:13:21,\n").as_bytes(),
    );
    let write = folder.path("named.csv");
    let mut args = vec![
        "--format".as_ref(),
        "nfdump-csv".as_ref(),
        "--from".as_ref(),
        path.as_os_str(),
    ];
    args.extend([
        "--write".as_ref(),
        write.as_os_str(),
        first.as_os_str(),
        second.as_os_str(),
    ]);
    let ended = run(&args, "");
    ended.assert_success();
    assert_eq!(ended.text(), "");
    let text = fs::read_to_string(&write).unwrap();
    assert_eq!(
        text.lines()
            .filter(|line| line.contains(",www.example.org,client,"))
            .count(),
        2,
        "{text}"
    );
    // An input is not written to, and stays as it is.
    let before = fs::read(&first).unwrap();
    let args = [
        "--from".as_ref(),
        path.as_os_str(),
        "-w".as_ref(),
        first.as_os_str(),
        first.as_os_str(),
    ];
    let ended = run(&args, "");
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        ended.stderr.contains("name another file"),
        "{}",
        ended.stderr
    );
    assert_eq!(fs::read(&first).unwrap(), before);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let (folder, path) = captured(&[LOOK_UP]);
    let flows = flow(SERVER, 1).repeat(100_000);
    let flows = folder.file("flows.json", flows.as_bytes());
    let program = BUILT.argument("dnsflow-name");
    let script = "\"$1\" --from \"$2\" \"$3\" | head -n 1; echo ${PIPESTATUS[0]}";
    let mut command = Command::new("bash");
    command
        .args(["-c", script, "bash", &program])
        .arg(&path)
        .arg(&flows);
    let ended = Process::spawn("bash", &mut command).wait();
    let lines: Vec<&str> = ended.text().lines().collect();
    assert!(is_named(lines[0]) && lines[1] == "0", "{lines:?}");
    assert_eq!(ended.stderr, "");
}

#[test]
fn errors_say_what_to_do() {
    let (folder, path) = captured(&[LOOK_UP]);
    let text = folder.argument("text");
    fs::write(&text, "no capture").unwrap();
    let dns = folder.file("dns.pcap", &capture(&[]));
    let fails = |args: &[&str], flows: &str, status: i32, words: &str| {
        let ended = run(args, flows);
        assert_eq!(ended.status.code(), Some(status), "{}", ended.stderr);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
        assert_eq!(ended.text(), "");
    };
    let path = path.to_str().unwrap();
    fails(
        &["--from", "/nowhere"],
        "",
        1,
        "--from /nowhere: No such file",
    );
    fails(&["--from", &text], "", 1, "what dnsflow -w has written");
    fails(
        &["--from", dns.to_str().unwrap()],
        "",
        1,
        "'dnsflow -r FILE -w RECORDS'",
    );
    fails(
        &["--from", "/"],
        "",
        1,
        "name the one of --to parquet:FOLDER",
    );
    fails(&["--from", "http://"], "", 1, "http://HOST:PORT is wanted");
    fails(&["--from", "https://localhost"], "", 1, "no TLS");
    fails(
        &["--from", path, "/nowhere"],
        "",
        1,
        "/nowhere: No such file",
    );
    fails(&["--from", path], "1,2,3\n", 1, "--format: goflow2, zeek,");
    fails(&[], "", 2, "--from <SOURCE>");
    fails(
        &["--from", path, "--map", "a"],
        "",
        2,
        "'a' is not WORD=FIELD",
    );
    fails(
        &["--from", "http://127.0.0.1:1", "--token-file", "/nowhere"],
        "",
        1,
        "--token-file /nowhere",
    );
}
