//! Version 5 of a real resolver's responses: each as dig printed it, and those that were selected.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{TAP, Wire};
use dnsflow_testkit::process::Process;
use dnsflow_testkit::requirements::{alone, requirements};
use serde_json::Value;

use crate::BUILT;
use crate::unbound;

/// Aliases of the longest chain, one to the other.
const CHAIN: usize = 9;

/// Strings of 250 bytes that the large answers have.
const FRAGMENTED: usize = 12;
const STREAMED: usize = 30;

/// Queries, as dig takes them.
const QUERIES: &[&str] = &[
    "www.five.example A",
    "WWW.Five.Example AAAA",
    "www.five.example HTTPS",
    "www.five.example MX",
    "www.five.example ANY",
    "missing.five.example A",
    "missing.five.example AAAA +cdflag",
    "missing.five.example HTTPS +tcp",
    "five.example A",
    "five.example MX",
    "five.example NS +tcp",
    "five.example SOA +noedns",
    "chain0.five.example A",
    "chain0.five.example AAAA",
    "dead.five.example A",
    "service.five.example HTTPS",
    "plain.five.example HTTPS",
    "_dns.five.example SVCB",
    "_sip._udp.five.example SRV",
    "medium.five.example TXT +bufsize=4096",
    "large.five.example TXT +bufsize=1232",
    "large.five.example TXT +tcp +noedns",
    "x.old.five.example A",
    "any.refused.example A",
    "any.refused.example TXT +tcp",
    "www.five.example A +norecurse",
    "version.bind TXT -c CH",
    "subnet.five.example A +subnet=198.51.100.0/24",
];

/// What sensors select: `--select`, `--types`, and the types.
const SELECTIONS: &[(&str, &str, &[&str])] = &[
    ("all", "any", &[]),
    ("addresses", "A,AAAA", &["A", "AAAA"]),
    ("addresses", "any", &[]),
    ("nodata", "any", &[]),
    ("nxdomain", "any", &[]),
    ("errors", "A", &["A"]),
    ("nodata,nxdomain", "A,HTTPS", &["A", "HTTPS"]),
    ("addresses,errors", "TXT,MX,TYPE65", &["TXT", "MX", "HTTPS"]),
];

/// A response: name, type, response code, flags, transport; then each answer.
type Lines = Vec<String>;

#[derive(Debug)]
struct Seen {
    /// The type asked for.
    kind: String,
    status: String,
    flags: Vec<String>,
    answers: Vec<Answer>,
    lines: Lines,
}

#[derive(Debug)]
struct Answer {
    kind: String,
    data: String,
    line: String,
}

impl Answer {
    /// Data of types of names and addresses is compared as text; of others only that it is there.
    fn new(owner: &str, ttl: &str, class: &str, kind: &str, data: &str) -> Self {
        let is_plain = ["A", "AAAA", "CNAME", "DNAME", "NS", "MX", "SOA", "SRV"].contains(&kind);
        let shown = if is_plain { data } else { "" };
        let words = shown.split_whitespace().map(without_dot);
        let words = words.collect::<Vec<_>>().join(" ");
        let owner = without_dot(owner);
        Self {
            kind: kind.to_owned(),
            data: data.to_owned(),
            line: format!("{owner} {ttl} {class} {kind} {words}"),
        }
    }
}

fn without_dot(name: &str) -> &str {
    name.strip_suffix('.')
        .filter(|name| !name.is_empty())
        .unwrap_or(name)
}

impl Seen {
    /// `addresses`, `nodata`, `nxdomain` or `errors`; `None` if it is not known.
    fn outcome(&self) -> Option<&'static str> {
        let kinds = || self.answers.iter().map(|answer| answer.kind.as_str());
        let is_hinted = |answer: &Answer| {
            ["HTTPS", "SVCB"].contains(&answer.kind.as_str()) && answer.data.contains("hint=")
        };
        let is_other = !["A", "AAAA", "ANY"].contains(&self.kind.as_str());
        let is_answered = kinds().any(|kind| ["A", "AAAA"].contains(&kind))
            || self.answers.iter().any(is_hinted)
            || is_other && kinds().any(|kind| kind == self.kind);
        match self.status.as_str() {
            "NOERROR" if is_answered => Some("addresses"),
            "NOERROR" if self.has("tc") => None,
            "NOERROR" => Some("nodata"),
            "NXDOMAIN" => Some("nxdomain"),
            _ => Some("errors"),
        }
    }

    fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|found| found == flag)
    }

    fn is_selected(&self, select: &str, types: &[&str]) -> bool {
        let outcome = self.outcome();
        let is_outcome = |word: &str| outcome.is_some() && (word == "all" || Some(word) == outcome);
        self.has("rd")
            && self.has("ra")
            && select.split(',').any(is_outcome)
            && (types.is_empty() || types.contains(&self.kind.as_str()))
    }
}

#[test]
fn responses_are_as_dig_prints_them() {
    let programs = ["unbound", "dig"];
    if !requirements("version5::responses_are_as_dig_prints_them", &programs) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new().with_addresses();
    let folder = Folder::new();
    let options = "edns-buffer-size: 4096\n max-udp-size: 4096\n \
         local-zone: \"refused.example.\" refuse";
    let _unbound = unbound::start(&wire, &folder, "five.example.", &zone_file(), options);
    let sensors: Vec<_> = SELECTIONS
        .iter()
        .enumerate()
        .map(|(number, (select, types, _))| {
            let file = folder.argument(&format!("{number}.pcap"));
            let options = [
                "--format", "v5", "--select", select, "--types", types, "-w", &file,
            ];
            let sensor = BUILT.capture(&wire.sensor, TAP, &options);
            (sensor, file)
        })
        .collect();
    let servers = ["192.0.2.2", "2001:db8:77::2"];
    let all: Vec<Seen> = servers
        .iter()
        .flat_map(|server| QUERIES.iter().map(|query| dig(&wire, server, query)))
        .collect();
    check_variety(&all);
    for ((sensor, file), (select, types, listed)) in sensors.into_iter().zip(SELECTIONS) {
        let account = sensor.stop();
        account.assert_all_accounted_for();
        let selected = all.iter().filter(|seen| seen.is_selected(select, listed));
        let wanted: Vec<_> = selected.map(|seen| seen.lines.clone()).collect();
        let found = read(Path::new(&file));
        for (found, wanted) in found.iter().zip(&wanted) {
            assert_eq!(found, wanted, "{select} {types}");
        }
        assert_eq!(found.len(), wanted.len(), "{select} {types}");
        assert_eq!(
            account.total.exported,
            wanted.len() as u64,
            "{select} {types}"
        );
    }
}

fn zone_file() -> String {
    let mut zone = "$ORIGIN five.example.\n$TTL 300\n\
        @ 3600 SOA ns1 hostmaster 1 7200 3600 1209600 300\n@ NS ns1\n@ NS ns2\nns1 A 192.0.2.2\n\
        ns2 A 192.0.2.3\n@ 77 MX 10 mail\n@ 77 MX 20 mail.other\n\
        www 5 A 198.18.0.1\nwww 5 A 198.18.0.2\nwww 86400 AAAA 2001:db8::1\nwww 86400 AAAA 2001:db8::2\n\
        www AAAA 2001:db8:1::2\ndead CNAME nowhere\nold DNAME new\nx.new A 198.18.0.3\n\
        service HTTPS 1 . alpn=h2,h3 ipv4hint=198.18.0.4 ipv6hint=2001:db8::4\n\
        plain HTTPS 0 service\n_dns SVCB 1 ns1 alpn=dot port=853\n_sip._udp SRV 1 2 5060 www\n\
        subnet A 198.18.0.6\n"
        .to_owned();
    for alias in 0..CHAIN {
        let (ttl, next) = (60 + alias, alias + 1);
        writeln!(zone, "chain{alias} {ttl} CNAME chain{next}").expect("a String takes everything");
    }
    writeln!(zone, "chain{CHAIN} A 198.18.0.5").expect("a String takes everything");
    for (name, count) in [("medium", FRAGMENTED), ("large", STREAMED)] {
        for text in 0..count {
            let text = format!("{text:0250}");
            writeln!(zone, "{name} TXT \"{text}\"").expect("a String takes everything");
        }
    }
    zone
}

/// Asks once, and again over TCP if the answer is truncated: the last answer.
fn dig(wire: &Wire, server: &str, query: &str) -> Seen {
    let mut command = wire.sender.command("dig");
    let output = [
        "+noall",
        "+comments",
        "+stats",
        "+question",
        "+answer",
        "+tries=1",
        "+time=20",
    ];
    command
        .arg(format!("@{server}"))
        .args(query.split(' '))
        .args(output);
    let ended = Process::spawn("dig", &mut command).wait();
    ended.assert_success();
    seen(ended.text())
}

fn seen(text: &str) -> Seen {
    let transport = if text.contains(" (TCP)\n") {
        "tcp"
    } else {
        "udp"
    };
    let behind = |start: &str| {
        let (_, rest) = text
            .split_once(start)
            .unwrap_or_else(|| panic!("{start:?} in {text}"));
        rest
    };
    let until = |text: &str, end: char| text.split(end).next().unwrap_or_default().to_owned();
    let status = until(behind("status: "), ',');
    let flags = until(behind(";; flags: qr"), ';');
    let flags: Vec<_> = flags.split_whitespace().map(str::to_owned).collect();
    let asked: Vec<_> = behind(";; QUESTION SECTION:\n;")
        .lines()
        .next()
        .into_iter()
        .collect();
    let asked: Vec<_> = asked[0].split_whitespace().map(str::to_owned).collect();
    let lines = text
        .lines()
        .filter(|line| !line.starts_with(';') && !line.is_empty());
    let answers: Vec<_> = lines
        .map(|line| {
            let mut fields = line.split_whitespace();
            let mut next = || fields.next().unwrap_or_default();
            let [owner, ttl, class, kind] = [next(), next(), next(), next()];
            let data = fields.collect::<Vec<_>>().join(" ");
            Answer::new(owner, ttl, class, kind, &data)
        })
        .collect();
    let [name, class, kind] = [&asked[0], &asked[1], &asked[2]];
    let mut order = flags.clone();
    order.sort();
    let name = without_dot(name);
    let front = format!(
        "{name} {class} {kind} {status} {} {transport}",
        order.join(",")
    );
    let answer_lines = answers.iter().map(|answer| answer.line.clone());
    Seen {
        kind: kind.clone(),
        lines: std::iter::once(front).chain(answer_lines).collect(),
        status,
        flags,
        answers,
    }
}

/// What dnsflow-read has of each response; the parts of one together.
fn read(export: &Path) -> Vec<Lines> {
    let mut command = Command::new(BUILT.path("dnsflow-read"));
    command.arg("--json").arg("-r").arg(export);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = Process::start("dnsflow-read", &mut command).wait();
    ended.assert_success();
    let mut responses: Vec<Lines> = Vec::new();
    for line in ended.lines() {
        let object: Value = serde_json::from_str(line).expect("dnsflow-read prints JSON");
        if object.get("answers").is_none() {
            continue;
        }
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let answers = object["answers"].as_array().expect("an array").iter();
        let answers = answers.map(|answer| {
            let field = |name: &str| text(&answer[name]);
            let [owner, ttl, class] = ["name", "ttl", "class"].map(field);
            Answer::new(&owner, &ttl, &class, &field("type"), &field("data")).line
        });
        if object["continues"] == true {
            responses.last_mut().expect("a part before").extend(answers);
            continue;
        }
        let mut flags: Vec<_> = object["flags"]
            .as_array()
            .expect("an array")
            .iter()
            .map(text)
            .collect();
        flags.sort();
        let front = format!(
            "{} {} {} {} {} {}",
            text(&object["names"][0]),
            text(&object["class"]),
            text(&object["type"]),
            text(&object["rcode"]),
            flags.join(","),
            text(&object["transport"]),
        );
        responses.push(std::iter::once(front).chain(answers).collect());
    }
    responses
}

/// The responses are as varied as they were meant to be.
fn check_variety(all: &[Seen]) {
    let count = |is: &dyn Fn(&Seen) -> bool| all.iter().filter(|seen| is(seen)).count();
    for outcome in ["addresses", "nodata", "nxdomain", "errors"] {
        assert!(
            count(&|seen| seen.outcome() == Some(outcome)) >= 4,
            "{outcome}: {all:#?}"
        );
    }
    for answers in [CHAIN + 1, FRAGMENTED, STREAMED] {
        assert!(
            count(&|seen| seen.answers.len() == answers) >= 2,
            "{answers}: {all:#?}"
        );
    }
    assert!(count(&|seen| seen.lines[0].ends_with("tcp")) >= 8);
    assert!(count(&|seen| !seen.has("rd")) >= 2);
}
