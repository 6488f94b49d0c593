//! The terminal is given back, however the program ends.

use std::io::Read;

use dnsflow_testkit::patience::until;
use dnsflow_testkit::process::Process;
use nix::sys::signal::Signal;
use pty_process::blocking::{Command, open};

use crate::input::{capture, file, times};
use crate::terminal::Terminal;

#[test]
fn after_signals() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let terminal = Terminal::of_program(&["--listen", "127.0.0.1:0"]);
        terminal.wait_for("q quit");
        terminal.signal(signal);
        terminal.end_well();
    }
}

#[test]
fn after_a_panic() {
    let command = Command::new(std::env::current_exe().expect("this program"));
    // Which would scroll the message away.
    let command = command.env("RUST_BACKTRACE", "0");
    let only = [
        "restored::panics_on_the_screen",
        "--exact",
        "--ignored",
        "--nocapture",
    ];
    let terminal = Terminal::start(command.args(only), 24, 80);
    let status = terminal.end("in the middle of a screen");
    assert!(!status.success());
}

/// Run by [`after_a_panic`] in a terminal of its own.
#[test]
#[ignore = "panics on purpose"]
fn panics_on_the_screen() {
    let _screen = dnsflow_top::screen::Screen::enter().expect("a terminal");
    panic!("in the middle of a screen");
}

#[test]
fn after_a_damaged_file_and_its_error_is_said() {
    let mut bytes = capture(&[dnsflow_testkit::datagrams::v4(
        1,
        &times(1, "a.example.org"),
    )]);
    bytes.extend([0; 7]);
    let path = file("damaged-in-a-terminal.pcap", &bytes);
    let mut terminal = Terminal::of_program(&["--read", path.to_str().expect("UTF-8")]);
    terminal.wait_for("ENDED");
    terminal.press("q");
    let status = terminal.end("dnsflow-top: ");
    assert_eq!(status.code(), Some(1));
}

/// Keys of a terminal that has gone could be awaited without an end.
#[test]
fn ends_with_its_terminal() {
    let (mut pty, pts) = open().expect("a terminal");
    let command = Command::new(crate::BUILT.path("dnsflow-top")).args(["--listen", "127.0.0.1:0"]);
    let mut child = command.spawn(pts).expect("it starts");
    pty.read_exact(&mut [0; 256]).expect("it draws");
    drop(pty);
    let ended = || child.try_wait().expect("a child can be waited for");
    until("the program to end", ended);
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let mut command = std::process::Command::new(crate::BUILT.path("dnsflow-top"));
    let program = Process::spawn("dnsflow-top", command.args(["--listen", "127.0.0.1:0"]));
    program.wait().assert_failure(1, &["no terminal", "--once"]);
}
