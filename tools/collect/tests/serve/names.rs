//! What is answered.

use std::process::Command;

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::process::Process;

use crate::BUILT;
use crate::datagrams::Sender;
use crate::program::Collector;
use crate::service::{
    CAPTURED, CLIENT, LOOKUPS, address, expected, feed, get, names, post, question, questions,
    served_at, told,
};

const SERVE: [&str; 2] = ["--serve", "127.0.0.1:0"];

#[test]
fn one_question_and_many() {
    let collector = Collector::start(&SERVE);
    let service = served_at(&collector.process);
    let sender = Sender::from("127.0.0.1", collector.address);
    feed(&collector, &sender, 1..=3, 3);

    let at = CAPTURED + 1;
    let one = get(
        service,
        &format!("/name?client={CLIENT}&address={}&at={at}", address(2)),
    );
    assert_eq!(one.status, 200);
    let answer = one.json();
    assert_eq!(answer["matched"], "client");
    assert_eq!(answer["at"], "2023-11-14T22:13:21.000000Z");
    let name = &answer["names"][0];
    assert_eq!(name["name"], "n2.example");
    assert_eq!(name["chain"], serde_json::json!(["n2.example"]));
    assert_eq!(name["first"], "2023-11-14T22:13:20.000000Z");
    assert_eq!(
        name["expiry"], "2023-11-14T22:19:20.000000Z",
        "TTL and grace"
    );
    for header in ["nosniff", "no-store", "default-src 'none'"] {
        assert!(one.head.contains(header), "{}", one.head);
    }

    let other = get(
        service,
        &format!("/name?client=192.0.2.99&address={}&at={at}", address(2)),
    );
    assert_eq!(other.json()["matched"], "others");
    // Without a time it is about now, years later.
    let now = get(
        service,
        &format!("/name?client={CLIENT}&address={}", address(2)),
    );
    assert_eq!(now.json()["matched"], "client-expired");
    let none = get(service, "/name?address=192.0.2.1");
    assert_eq!(none.json()["matched"], "none");

    // Many, more than fit into any buffer, come in their order; what is no question has its place.
    let mut lines = questions(1..=3).repeat(10_000);
    lines.push_str("no question\n");
    lines.push_str(&question(1));
    let response = post(service, &lines);
    let answers: Vec<&str> = response.body.lines().collect();
    assert_eq!(answers.len(), 30_002);
    for (number, answer) in (0..30_000).zip(&answers) {
        let name = format!("\"name\":\"n{}.example\"", number % 3 + 1);
        assert!(answer.contains(&name), "{number}: {answer}");
    }
    assert!(answers[30_000].starts_with("{\"error\":\"no question"));
    assert!(answers[30_001].contains("n1.example"));

    let asked = |matched| collector.metric("dnsflow_collect_questions_total", matched);
    assert_eq!(asked("\"client\""), 30_002);
    assert_eq!(
        (asked("expired"), asked("others"), asked("none")),
        (1, 1, 1)
    );
    assert_eq!(collector.metric("dnsflow_collect_map_entries", ""), 3);
    assert!(get(service, "/").body.contains("POST /name"));
    collector.stop().assert_success();
}

/// Whatever a name holds, it is text in JSON, and escaped as in lines.
#[test]
fn hostile_names_are_escaped() {
    let collector = Collector::start(&SERVE);
    let service = served_at(&collector.process);
    let sender = Sender::from("127.0.0.1", collector.address);
    sender.send(&told(1, &[b"<script>\"\\\n", b"A.b,c\0\xff"]));
    collector.wait_for(LOOKUPS, "", 1);
    let name = names(service, &question(1));
    assert_eq!(name, [r#"<script>"\092\010.a\046b\044c\000\255"#]);
    let response = get(service, &format!("/name?address={}", address(1)));
    assert!(
        response
            .head
            .to_lowercase()
            .contains("content-type: application/json")
    );
    collector.stop().assert_success();
}

/// Files are read, and then names are served until the end.
#[test]
fn files_are_served() {
    let folder = Folder::new();
    let file = folder.file("export.pcap", &capture(&[told(1, &[b"n1", b"example"])]));
    let mut command = Command::new(BUILT.path("dnsflow-collect"));
    command.args(SERVE).arg("--read").arg(file);
    let mut process = Process::spawn("dnsflow-collect", &mut command);
    process.wait_until_it_says("names are served until");
    let service = served_at(&process);
    dnsflow_testkit::patience::until("the name", || {
        (names(service, &question(1)) == expected(1..=1)).then_some(())
    });
    process.signal("TERM");
    process.wait().assert_success();
}

/// A capture of these datagrams: pcap, raw IPv4.
fn capture(datagrams: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
    bytes.extend([
        2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 101, 0, 0, 0,
    ]);
    for datagram in datagrams {
        let short = |length: usize| u16::try_from(length).expect("short").to_be_bytes();
        let mut packet = vec![0x45, 0];
        packet.extend(short(28 + datagram.len()));
        packet.extend([0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        packet.extend([0x0f, 0xa0, 0x14, 0xb4]);
        packet.extend(short(8 + datagram.len()));
        packet.extend([0, 0]);
        packet.extend(datagram);
        let length = u32::try_from(packet.len()).expect("short").to_le_bytes();
        bytes.extend(1_700_000_000_u32.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(length);
        bytes.extend(length);
        bytes.extend(packet);
    }
    bytes
}
