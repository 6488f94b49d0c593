//! Input that comes as it is made: sockets, interfaces, pipes, and the signals that end it.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, UdpSocket};

use dnsflow_testkit::process::Process;
use dnsflow_testkit::requirements::root;

use crate::capture::{SENSOR, udp};
use crate::export::{simple, simple_line, stats};
use crate::program::{Run, run, spawn};

/// A running reader whose output is read while it runs.
struct Reader {
    process: Process,
    /// Bytes of its output that were looked at.
    printed: usize,
    /// Bytes of what it said that were looked at.
    said: usize,
}

impl Reader {
    fn start(args: &[&str]) -> Self {
        Self {
            process: spawn(args),
            printed: 0,
            said: 0,
        }
    }

    fn listening(args: &[&str]) -> (Self, SocketAddr) {
        let mut reader = Self::start(args);
        reader.process.wait_until_it_says("listening on");
        let said = reader.process.said();
        reader.said = said.len();
        let address = said
            .trim()
            .strip_prefix("dnsflow-read: listening on ")
            .unwrap();
        (reader, address.parse().unwrap())
    }

    fn line(&mut self) -> String {
        let line = self.process.line();
        self.printed += line.len();
        line
    }

    /// What is left to print, once `name` was sent.
    fn end_by(mut self, name: &str) -> String {
        self.process.signal(name);
        self.end()
    }

    fn end(self) -> String {
        let ended = self.process.wait();
        assert_eq!(
            (ended.status.code(), &ended.stderr[self.said..]),
            (Some(0), "")
        );
        ended.text()[self.printed..].to_owned()
    }
}

/// A line without its time.
fn timeless(line: &str) -> String {
    let mut fields: Vec<_> = line.split('|').collect();
    let time = fields[3];
    assert!(
        time.len() == 8 && time.bytes().filter(|byte| *byte == b':').count() == 2,
        "{line}"
    );
    fields[3] = "";
    fields.join("|")
}

/// The lines of a summary that don't depend on the clock.
fn account(rest: &str, source: SocketAddr) -> Vec<String> {
    let found = rest
        .split("\n\n")
        .find(|part| part.trim().starts_with(&format!("{source}\n")));
    found
        .unwrap()
        .trim()
        .lines()
        .map(|line| line.split(" (").next().unwrap().to_owned())
        .collect()
}

#[test]
fn a_collector_prints_as_it_receives() {
    for (listen, sender) in [
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("[::1]:0", "[::1]:0"),
        ("[::]:0", "127.0.0.1:0"),
    ] {
        for name in ["TERM", "INT"] {
            let (mut reader, address) = Reader::listening(&["--listen", listen]);
            let sender = UdpSocket::bind(sender).unwrap();
            let source = sender.local_addr().unwrap();
            let to = SocketAddr::new(source.ip(), address.port());
            let sensor = source.ip().to_string();

            assert_eq!(
                reader.line(),
                "sensor|resolver|client|time|names|ips|ip6s\n"
            );
            for (number, label) in [(1, "first"), (2, "second"), (5, "fifth")] {
                sender.send_to(&simple(number, label), to).unwrap();
                let line = reader.line();
                assert_eq!(timeless(&line), simple_line(&sensor, "", label));
            }
            sender.send_to(&stats(4, 6, &[1, 2, 3, 4, 5]), to).unwrap();
            assert!(reader.line().starts_with(&format!("STATS|{sensor}|")));

            let rest = reader.end_by(name);
            assert_eq!(
                account(&rest, source),
                [
                    source.to_string().as_str(),
                    "  data datagrams   3",
                    "  records          3",
                    "  stats datagrams  1",
                    "  bad datagrams    0",
                    "  stats deltas     captured:0 received:0 dropped:0 ifdropped:0 sample_rate:5",
                    "  sequence         total:4 lost:2 out_of_order:0 duplicates:0 restarts:0",
                ]
            );
        }
    }
}

#[test]
fn a_count_ends_it() {
    let (reader, address) = Reader::listening(&["--listen", "127.0.0.1:0", "-c", "2", "-S"]);
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for number in 1..=2 {
        sender.send_to(&simple(number, "x"), address).unwrap();
    }
    let rest = reader.end();
    assert_eq!(
        account(&rest, sender.local_addr().unwrap())[1],
        "  data datagrams   2"
    );
}

#[test]
fn a_pipe_is_printed_as_it_is_written() {
    let mut reader = Reader::start(&["-r", "-", "--no-header"]);
    let mut stdin = reader.process.stdin();
    let packets = [udp(4000, &simple(1, "one")), udp(4000, &simple(2, "two"))];
    let whole = SENSOR.pcap(&packets);
    let (first, second) = whole.split_at(SENSOR.pcap(&packets[..1]).len());
    stdin.write_all(first).unwrap();
    assert_eq!(reader.line(), simple_line("127.0.0.1", "22:13:20", "one"));
    // In the middle of a packet: what ends here is the reader, not the file.
    stdin.write_all(&second[..20]).unwrap();
    let rest = reader.end_by("TERM");
    assert!(rest.contains("total:1 lost:0"), "{rest}");
    drop(stdin);
}

#[test]
fn a_named_pipe_is_a_file_too() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("named-pipe");
    let _ = fs::remove_file(&path);
    let made = std::process::Command::new("mkfifo")
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    let child = spawn(&["-r".as_ref(), path.as_os_str()]);
    fs::write(&path, SENSOR.pcap(&[udp(4000, &simple(1, "piped"))])).unwrap();
    let found = Run::of(child.wait());
    assert!(found.stdout.contains("|piped.example|"), "{found:?}");
    assert_eq!((found.status, found.stderr.as_str()), (Some(0), ""));
}

#[test]
fn an_interface_is_printed_as_it_comes() {
    if !root("an_interface_is_printed_as_it_comes") {
        return;
    }
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = receiver.local_addr().unwrap();
    let filter = format!("udp and dst port {}", address.port());
    for interface in ["lo", "any"] {
        let mut reader = Reader::start(&["-i", interface, "-F", &filter]);
        // The header is printed when the capture is open.
        assert_eq!(
            reader.line(),
            "sensor|resolver|client|time|names|ips|ip6s\n"
        );
        for (number, label) in [(1, "first"), (2, "second")] {
            sender.send_to(&simple(number, label), address).unwrap();
            assert_eq!(
                timeless(&reader.line()),
                simple_line("127.0.0.1", "", label)
            );
        }
        let rest = reader.end_by("INT");
        let account = account(&rest, sender.local_addr().unwrap());
        assert_eq!(account[1], "  data datagrams   2");
        assert!(account[5].contains("total:2 lost:0"), "{account:?}");
    }
}

#[test]
fn help_and_version() {
    let help = run(&["--help"]);
    assert_eq!(help.status, Some(0));
    for word in [
        "--interface",
        "--read",
        "--listen",
        "--json",
        "STATS|sensor|time",
        "Exit status",
    ] {
        assert!(help.stdout.contains(word), "{word}");
    }
    assert_eq!(
        run(&["--version"]).stdout,
        format!("dnsflow-read {}\n", env!("CARGO_PKG_VERSION"))
    );
}
