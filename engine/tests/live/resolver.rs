//! A real resolver and real clients: unbound and dnsperf in two namespaces. What tshark sees beside the sensor,
//! response by response, is what must be exported.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use dnsflow_testkit::collector::Collector;
use dnsflow_testkit::export::assert_same;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{TAP, Wire};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::process::Process;
use dnsflow_testkit::requirements::{alone, requirements};
use dnsflow_testkit::tshark;

use crate::BUILT;
use crate::unbound;

/// The names asked for at the very end: once its answer is in tshark's file, all others are too.
const LAST_NAME: &str = "last.dnsflow.example";
const LAST_LABELS: &[u8] = b"\x04last\x07dnsflow\x07example";
const HOSTS: usize = 500;
const NO_OPTIONS: &[&str] = &[];

#[test]
fn what_tshark_sees_is_exported() {
    let programs = ["unbound", "dnsperf", "tshark"];
    if !requirements("what_tshark_sees_is_exported", &programs) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new().with_addresses();
    let folder = Folder::new();
    let options = "local-zone: \"here.example.\" static\n \
         local-data: \"www.here.example. 60 A 198.18.0.1\"\n \
         local-data: \"www.here.example. 60 A 198.18.0.2\"\n \
         local-data: \"www.here.example. 60 AAAA 2001:db8::1\"\n \
         local-zone: \"any.example.\" redirect\n \
         local-data: \"any.example. 60 A 198.18.0.3\"";
    let _unbound = unbound::start(&wire, &folder, "dnsflow.example.", &zone_file(), options);
    let (mut capturing, capture) = start_tshark(&wire, &folder);
    let collector = Collector::listen(&wire.sensor, "127.0.0.1:0");
    let options = ["--cores", "2", "-u", &collector.address()];
    let sensor = BUILT.capture(&wire.sensor, TAP, &options);

    let queries = folder.argument("queries");
    fs::write(&queries, query_file()).expect("a file can be written");
    for (server, options) in [("192.0.2.2", ""), ("2001:db8:77::2", "-e -D")] {
        dnsperf(&wire, server, &queries, &format!("-n 3 -c 16 {options}"));
    }
    let last = folder.argument("last");
    fs::write(&last, format!("{LAST_NAME} A\n")).expect("a file can be written");
    dnsperf(&wire, "192.0.2.2", &last, "-n 1 -c 1");
    until("the last answer in tshark's file", || {
        let blob = fs::read(&capture).ok()?;
        // In the answer; the query is not captured.
        blob.windows(LAST_LABELS.len())
            .any(|window| window == LAST_LABELS)
            .then_some(())
    });
    capturing.signal("INT");
    capturing.wait().assert_success();
    let account = sensor.stop();
    account.assert_filtered();

    let responses = responses(&capture);
    let expected = expected_sets(&responses);
    check_variety(&responses, &expected);
    assert_eq!(
        account.total.received,
        responses.len() as u64,
        "responses seen"
    );
    assert_eq!(account.total.exported, expected.len() as u64);
    let export = collector.finish();
    export.assert_no_gap();
    assert_same(&expected, &export.sets());
}

/// Addresses, many of them, chains of aliases, a wildcard with and without an alias, a renamed subtree, mail.
fn zone_file() -> String {
    let mut zone = "$ORIGIN dnsflow.example.\n$TTL 300\n\
        @ SOA ns1 hostmaster 1 7200 3600 1209600 300\n@ NS ns1\nns1 A 192.0.2.2\n\
        @ A 198.18.1.1\n@ MX 10 mail\nmail A 198.18.1.2\n@ TXT \"text\"\nlast A 198.18.1.3\n\
        *.wild A 198.18.2.1\n*.wild AAAA 2001:db8::2:1\n*.alias CNAME host1\n\
        old DNAME new\nwww.new A 198.18.1.4\ndead CNAME nowhere.here\n"
        .to_owned();
    for host in 0..HOSTS {
        for address in 0..=host % 8 {
            writeln!(
                zone,
                "host{host} A 198.18.{}.{}",
                16 + host / 16,
                address + host % 16 * 8
            )
            .expect("a String takes everything");
            if host % 3 == 0 {
                writeln!(zone, "host{host} AAAA 2001:db8::{host:x}:{address}")
                    .expect("a String takes everything");
            }
        }
        let chain = format!(
            "web{host} CNAME a-label-of-some-length-{host}.cdn\n\
             a-label-of-some-length-{host}.cdn CNAME node{host}.edge\nnode{host}.edge CNAME host{host}\n"
        );
        zone += &chain;
    }
    zone
}

fn query_file() -> String {
    let zone = "dnsflow.example";
    let mut queries = String::new();
    for host in 0..HOSTS {
        for (name, kind) in [
            (format!("host{host}.{zone}"), "A"),
            (format!("HOST{host}.DnsFlow.eXaMpLe"), "AAAA"),
            (format!("web{host}.{zone}"), "A"),
            (format!("web{host}.{zone}"), "AAAA"),
            (format!("host{host}.{zone}"), "ANY"),
            (format!("anything{host}.wild.{zone}"), "A"),
            (format!("x{host}.y.wild.{zone}"), "AAAA"),
            (format!("other{host}.alias.{zone}"), "A"),
            (format!("missing{host}.{zone}"), "A"),
            (format!("www{host}.any.example"), "A"),
            (format!("missing{host}.here.example"), "A"),
        ] {
            writeln!(queries, "{name} {kind}").expect("a String takes everything");
        }
    }
    let once = [
        ("www.here.example", "A"),
        ("www.here.example", "AAAA"),
        ("www.here.example", "ANY"),
        ("www.old.dnsflow.example", "A"),
        ("dead.dnsflow.example", "A"),
        (zone, "A"),
        (zone, "MX"),
        (zone, "TXT"),
        (zone, "SOA"),
        (zone, "HTTPS"),
    ];
    for (name, kind) in once {
        writeln!(queries, "{name} {kind}").expect("a String takes everything");
    }
    queries
}

fn dnsperf(wire: &Wire, server: &str, queries: &str, options: &str) {
    let mut command = wire.sender.command("dnsperf");
    command
        .args(["-s", server, "-d", queries])
        .args(options.split_whitespace());
    let ended = Process::spawn("dnsperf", &mut command).wait();
    ended.assert_success();
    let lost = ended
        .text()
        .lines()
        .find(|line| line.contains("Queries lost"));
    assert!(
        lost.is_some_and(|line| line.contains(" 0 (")),
        "{}",
        ended.text()
    );
}

/// Starts tshark on the sensor's end of the wire; it captures when its file is there.
fn start_tshark(wire: &Wire, folder: &Folder) -> (Process, String) {
    let capture = folder.argument("tshark.pcapng");
    let mut command = wire.sensor.command("tshark");
    command.args([
        "-i",
        TAP,
        "-n",
        "-q",
        "-B",
        "64",
        "-f",
        "udp src port 53",
        "-w",
        &capture,
    ]);
    let process = Process::spawn("tshark", &mut command);
    until("tshark to capture", || {
        fs::metadata(&capture)
            .is_ok_and(|file| file.len() > 0)
            .then_some(())
    });
    (process, capture)
}

/// A response as tshark dissects it.
#[derive(Debug)]
struct Seen {
    flags: u16,
    questions: u16,
    asked: u16,
    additional: u16,
    /// Client, resolver, names, IPv4 and IPv6 addresses, as the sensor's sets are written.
    set: [String; 5],
}

impl Seen {
    /// QR, RD and RA set, RCODE 0; one question, for A, AAAA or ANY; at least one address.
    fn is_exported(&self) -> bool {
        self.flags & 0x818f == 0x8180
            && self.questions == 1
            && matches!(self.asked, 1 | 28 | 255)
            && !(self.set[3].is_empty() && self.set[4].is_empty())
    }
}

fn responses(capture: &str) -> Vec<Seen> {
    let message = [
        "dns.flags",
        "dns.count.queries",
        "dns.qry.type",
        "dns.count.add_rr",
    ];
    let capture = Path::new(capture);
    let messages = tshark::fields(capture, NO_OPTIONS, message);
    let sets = tshark::fields(capture, NO_OPTIONS, tshark::SET);
    assert_eq!(messages.len(), sets.len(), "a line for each packet");
    let both = messages.iter().zip(&sets);
    both.map(|(message, set)| seen(message, set)).collect()
}

fn seen(message: &[String; 4], set: &[String; 8]) -> Seen {
    let number = |value: &String| {
        let (digits, radix) = value
            .strip_prefix("0x")
            .map_or((value.as_str(), 10), |hex| (hex, 16));
        u16::from_str_radix(digits, radix).unwrap_or_else(|_| panic!("{value:?} in {message:?}"))
    };
    let [flags, questions, asked, additional] = message.each_ref().map(number);
    Seen {
        flags,
        questions,
        asked,
        additional,
        set: tshark::set(set),
    }
}

fn expected_sets(responses: &[Seen]) -> Vec<String> {
    let exported = responses.iter().filter(|seen| seen.is_exported());
    let mut sets: Vec<String> = exported.map(|seen| seen.set.join("\t")).collect();
    sets.sort_unstable();
    sets
}

/// The traffic is as varied as it was meant to be, and such that tshark's fields, which do not tell sections
/// apart, are those of the answer section: the additional section holds an OPT at most.
fn check_variety(responses: &[Seen], expected: &[String]) {
    assert!(
        responses.iter().all(|seen| seen.additional <= 1),
        "addresses as additional records"
    );
    assert!(
        responses.iter().all(|seen| seen.flags & 0x80 != 0),
        "RA is set in every answer"
    );
    let count = |what: &str, least: usize, is: &dyn Fn(&Seen) -> bool| {
        let count = responses.iter().filter(|seen| is(seen)).count();
        assert!(count >= least, "{what}: {count}");
    };
    count("NXDOMAIN", HOSTS, &|seen| seen.flags & 15 == 3);
    count("no address", HOSTS, &|seen| {
        seen.flags & 15 == 0 && seen.set[3].is_empty() && seen.set[4].is_empty()
    });
    count("chains of three", HOSTS, &|seen| {
        seen.set[2].split(',').count() == 4
    });
    count("eight addresses", HOSTS / 10, &|seen| {
        seen.set[3].split(',').count() == 8
    });
    count("IPv4 and IPv6 addresses", HOSTS / 10, &|seen| {
        !seen.set[3].is_empty() && !seen.set[4].is_empty()
    });
    count("IPv6 clients", HOSTS, &|seen| seen.set[0].contains(':'));
    count("mixed case", HOSTS / 10, &|seen| {
        seen.is_exported() && seen.set[2].contains("DnsFlow")
    });
    count("OPT", HOSTS, &|seen| seen.additional == 1);
    assert!(expected.len() > HOSTS * 10, "{} sets", expected.len());
}
