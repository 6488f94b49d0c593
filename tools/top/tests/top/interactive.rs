//! The program in a terminal: what it shows, and what keys do.

use std::net::SocketAddr;

use dnsflow_testkit::datagrams::{Told, v4, v5};

use crate::input::{Sender, capture, file, times};
use crate::terminal::Terminal;

/// A program that listens, and where.
fn listening(options: &[&str]) -> (Terminal, SocketAddr) {
    let arguments = [&["--listen", "127.0.0.1:0"], options].concat();
    let terminal = Terminal::of_program(&arguments);
    let lines = terminal.wait("a title", |lines| {
        lines[0].contains("127.0.0.1:") && lines[0].contains("lost")
    });
    let address = lines[0].split_whitespace().nth(1).expect("an address");
    let address = address.parse().expect("an address");
    (terminal, address)
}

/// The texts of the list, from the top.
fn rows(lines: &[String]) -> Vec<String> {
    let head = lines.iter().position(|line| line.contains("    # "));
    let Some(head) = head else {
        return Vec::new();
    };
    // But for the last line, which explains keys.
    let rows = lines.get(head + 1..lines.len() - 1).unwrap_or_default();
    let text = |line: &String| line.split_whitespace().last().map(str::to_owned);
    rows.iter().filter_map(text).collect()
}

fn names(of: &[&str]) -> Vec<String> {
    of.iter()
        .map(|name| format!("{name}.example.org"))
        .collect()
}

#[test]
fn lists_are_shown_sorted_filtered_and_paused() {
    let (mut terminal, address) = listening(&["--window", "all"]);
    let sender = Sender::named("edge-1", address);
    let told = [
        times(2, "alpha.example.org"),
        times(3, "BETA.example.org"),
        times(1, "gamma.example.org"),
    ];
    sender.send(1, &told.concat());
    // Number 2 is lost.
    sender.send(3, &[]);

    let sorted = names(&["beta", "alpha", "gamma"]);
    let is_lossy = |line: &String| line.contains("edge-1") && line.contains("33.33%");
    let lines = terminal.wait("three names and a loss", |lines| {
        rows(lines) == sorted && lines.iter().any(is_lossy)
    });
    assert!(lines[0].contains("lost 33.33%"), "{}", lines[0]);
    assert_eq!(lines.len(), 24);
    let first = lines
        .iter()
        .find(|line| line.contains("beta."))
        .expect("a row");
    let columns: Vec<_> = first.split_whitespace().collect();
    // Number, count, share, error; the rate is that of a clock.
    assert_eq!(columns[..4], ["1", "3", "50.00%", "0"]);
    let sensor = lines
        .iter()
        .find(|line| line.contains("edge-1"))
        .expect("a sensor");
    let columns: Vec<_> = sensor.split_whitespace().collect();
    assert_eq!(columns[3..], ["1", "33.33%", "0", "0", "0"]);

    terminal.press("ss");
    terminal.wait("names in the order of their text", |lines| {
        rows(lines) == names(&["alpha", "beta", "gamma"])
    });
    terminal.press("s/bE");
    terminal.wait("one name", |lines| rows(lines) == names(&["beta"]));
    terminal.press("\rx");
    terminal.wait_for("only /be (Esc clears)");
    terminal.press("\x1b");
    terminal.wait("all names", |lines| rows(lines) == sorted);
    terminal.press("\t");
    terminal.wait("the domain", |lines| rows(lines) == ["example.org"]);
    terminal.press("\x1b[Z");
    terminal.wait("names again", |lines| rows(lines) == sorted);

    terminal.press(" ");
    terminal.wait_for("PAUSED");
    sender.send(4, &times(10, "gamma.example.org"));
    let lines = terminal.wait_for("paused, 10 records since");
    assert_eq!(rows(&lines), sorted);
    terminal.press(" ");
    terminal.wait("what came since", |lines| {
        rows(lines) == names(&["gamma", "beta", "alpha"])
    });

    terminal.press("?");
    terminal.wait_for("Any key closes this.");
    terminal.press("q");
    terminal.wait("the help to be gone", |lines| {
        !lines.iter().any(|line| line.contains("Any key"))
    });
    terminal.press("8");
    terminal.wait("the sensors, and no longer twice", |lines| {
        let of_sensor = lines.iter().filter(|line| line.contains("edge-1")).count();
        lines.iter().any(|line| line.contains("8 sensors<")) && of_sensor == 1
    });
    terminal.press("q");
    terminal.end_well();
}

#[test]
fn rows_are_scrolled() {
    let (mut terminal, address) = listening(&["--window", "all"]);
    let sender = Sender::named("edge-1", address);
    for (number, count) in (1..=30).zip((1..=30).rev()) {
        sender.send(number, &times(count, &format!("n{number:02}.example.org")));
    }
    let lines = terminal.wait("a page of names", |lines| {
        let has_all = lines.iter().any(|line| line.contains("NAMES (465)"));
        has_all && rows(lines).len() >= 10 && rows(lines)[0] == "n01.example.org"
    });
    let shown = rows(&lines);
    terminal.press("G");
    let lines = terminal.wait_for("n30.example.org");
    assert_eq!(rows(&lines).len(), shown.len());
    terminal.press("\x1b[H");
    terminal.wait("the first row", |lines| rows(lines) == shown);
    terminal.press("\x03");
    terminal.end_well();
}

#[test]
fn a_larger_terminal_shows_more() {
    let (mut terminal, address) = listening(&[]);
    let sender = Sender::named("edge-1", address);
    sender.send(1, &times(5, "alpha.example.org"));
    terminal.wait_for("NAMES (5)");
    terminal.resize(50, 160);
    let lines = terminal.wait_for("DOMAINS (5)");
    let heads = lines
        .iter()
        .filter(|line| line.contains("NAMES (5)") && line.contains("DOMAINS"));
    assert_eq!((heads.count(), lines.len()), (1, 50));
    for (rows, columns) in [(10, 40), (1, 1), (24, 80)] {
        terminal.resize(rows, columns);
    }
    terminal.wait("the size it had", |lines| {
        let has_list = lines.iter().any(|line| line.contains("NAMES (5)"));
        has_list && lines.last().is_some_and(|line| line.contains("q quit"))
    });
    terminal.press("q");
    terminal.end_well();
}

#[test]
fn hostile_names_stay_text() {
    let (mut terminal, address) = listening(&["--window", "all"]);
    let evil: &[u8] = b"\x1b[31m\x1b]0;x\x07\r\n\x9b2J\xe2\x80\xae|";
    let told = Told {
        name: vec![evil.to_vec(), b"example".to_vec(), b"org".to_vec()],
        ..Told::of("")
    };
    let sender = Sender::named("", address);
    sender.send_bytes(&v5(Some(b"edge\x1b[2J\x07"), 0, 1, 1, &[told]));
    sender.send_bytes(b"\x1b[2J no datagram");
    // The row is cut; the last line has all of it.
    let row = r"\027[31m\027]0;x\007\013\010\1552j\>";
    let whole = r"\027[31m\027]0;x\007\013\010\1552j\226\128\174\124.example.org";
    terminal.wait("what the names are as text", |lines| {
        let has_sensor = lines.iter().any(|line| line.contains(r"edge\027[2J\007"));
        has_sensor && rows(lines) == [row] && lines[23].contains(whole)
    });
    terminal.press("2");
    terminal.wait("the domain", |lines| rows(lines) == ["example.org"]);
    terminal.press("q");
    let bytes = terminal.bytes();
    for pattern in [&b"]0;x"[..], b"\x07", b"\x9b2J", b"\xe2\x80\xae"] {
        let is_there = bytes.windows(pattern.len()).any(|bytes| bytes == pattern);
        // As text it may be there, behind the digits of an escape.
        assert!(!is_there || pattern == b"]0;x", "{pattern:?} was written");
    }
    terminal.end_well();
}

#[test]
fn without_colours_if_wanted() {
    let path = file(
        "colours.pcap",
        &capture(&[v4(1, &times(2, "a.example.org"))]),
    );
    let path = path.to_str().expect("a path of UTF-8");
    for (value, has_colours) in [("", true), ("1", false)] {
        let command = pty_process::blocking::Command::new(crate::BUILT.path("dnsflow-top"));
        let command = command.args(["--read", path]).env("NO_COLOR", value);
        let mut terminal = Terminal::start(command, 24, 80);
        terminal.wait_for("ENDED");
        terminal.wait_for("NAMES (2)");
        // Colours of a palette (SGR 38).
        let bytes = terminal.bytes();
        let found = bytes.windows(5).any(|bytes| bytes == b"38;5;");
        assert_eq!(found, has_colours, "{}", String::from_utf8_lossy(&bytes));
        terminal.press("q");
        terminal.end_well();
    }
}

#[test]
fn a_file_shows_its_totals() {
    let datagrams = [
        v4(1, &times(2, "old.example.org")),
        v5(Some(b"edge-1"), 0, 1, 1, &times(3, "new.example.org")),
        v5(Some(b"edge-1"), 0, 1, 5, &times(1, "new.example.org")),
    ];
    // From a pipe, keys come from the terminal nevertheless.
    let mut terminal = Terminal::of_pipe(&["--read", "-"], &capture(&datagrams));
    let lines = terminal.wait("two names, and the end", |lines| {
        lines[0].contains("ENDED") && rows(lines) == names(&["new", "old"])
    });
    assert!(lines[0].contains("standard input"), "{}", lines[0]);
    let summary = "last 2 s: 6 records, 3 datagrams, 3 lost";
    assert!(lines[1].contains(summary), "{}", lines[1]);
    for sensor in ["edge-1", "192.0.2.9"] {
        assert!(lines.iter().any(|line| line.contains(sensor)), "{sensor}");
    }
    terminal.press("q");
    terminal.end_well();
}
