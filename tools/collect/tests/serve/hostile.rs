//! Who may not ask, and requests that are none.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::patience::until;
use dnsflow_testkit::process::Process;

use crate::BUILT;
use crate::program::Collector;
use crate::service::{exchange, get, post, question, request, served_at};

const SERVE: [&str; 2] = ["--serve", "127.0.0.1:0"];
const REFUSED: &str = "dnsflow_collect_serve_refused_total";

#[test]
fn foreign_hosts_and_origins_are_refused() {
    let collector = Collector::start(&[&SERVE[..], &["--serve-host", "names.example"]].concat());
    let service = served_at(&collector.process);
    let asked = |head: &str| request(service, "GET /name?address=192.0.2.1", head, "");
    assert_eq!(asked("Host: names.example:99\r\n").status, 200);
    for (head, status) in [
        ("", 421),
        ("Host: evil.example\r\n", 421),
        ("Host: localhost\r\nHost: localhost\r\n", 421),
        ("Host: localhost\r\nOrigin: http://evil.example\r\n", 403),
        ("Host: localhost\r\nOrigin: null\r\n", 403),
    ] {
        let response = asked(head);
        assert_eq!(response.status, status, "{head}");
        assert!(!response.error().is_empty());
        assert!(response.head.contains("default-src 'none'"));
    }
    assert_eq!(collector.metric(REFUSED, "\"host\""), 3);
    assert_eq!(collector.metric(REFUSED, "\"origin\""), 2);
    collector.stop().assert_success();
}

#[test]
fn a_token_is_demanded_where_others_can_ask() {
    let folder = Folder::new();
    let file = folder.file("token", b"correct-horse-battery\n");
    let path = file.to_str().expect("text");
    let run = |options: &[&str]| {
        let mut command = Command::new(BUILT.path("dnsflow-collect"));
        command.args(["--listen", "127.0.0.1:0"]).args(options);
        Process::spawn("dnsflow-collect", &mut command).wait()
    };
    run(&["--serve", "0.0.0.0:0"]).assert_failure(2, &["--token-file"]);
    let mode = |mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&file, permissions).expect("it is ours");
    };
    mode(0o644);
    let with_token = ["--serve", "0.0.0.0:0", "--token-file", path];
    run(&with_token).assert_failure(1, &["every user", "chmod 600"]);
    mode(0o600);
    let collector = Collector::start(&with_token);
    let port = served_at(&collector.process).port();
    let service = SocketAddr::from(([127, 0, 0, 1], port));
    let response = get(service, "/name?address=192.0.2.1");
    assert_eq!(response.status, 401);
    assert!(
        response
            .head
            .to_lowercase()
            .contains("www-authenticate: bearer")
    );
    let with = |token: &str| {
        let head = format!("Host: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n");
        request(service, "GET /name?address=192.0.2.1", &head, "").status
    };
    assert_eq!(with("correct-horse-battery"), 200);
    assert_eq!(with("correct-horse-batterz"), 401);
    assert_eq!(collector.metric(REFUSED, "\"token\""), 2);
    assert!(!collector.process.said().contains("correct-horse"));
    collector.stop().assert_success();
}

#[test]
fn bad_requests_have_an_error_that_says_what_to_do() {
    let collector = Collector::start(&SERVE);
    let service = served_at(&collector.process);
    let host = "Host: localhost\r\n";
    for (path, words) in [
        ("/name", "there is no address"),
        ("/name?address=x", "is no address"),
        ("/name?address=192.0.2.1&at=x", "is no time"),
        ("/name?adress=192.0.2.1", "is no parameter"),
    ] {
        let response = get(service, path);
        assert_eq!(response.status, 400, "{path}");
        assert!(response.error().contains(words), "{}", response.body);
    }
    assert_eq!(get(service, "/nowhere").status, 404);
    assert_eq!(request(service, "DELETE /name", host, "").status, 405);
    let many = "x\n".repeat(50_001);
    assert_eq!(post(service, &many).status, 413);
    let large = "x".repeat(5 << 20);
    // It may be cut off while it is still sending.
    let head = format!(
        "POST /name HTTP/1.1\r\n{host}Content-Length: {}\r\n\r\n",
        large.len()
    );
    exchange(service, format!("{head}{large}").as_bytes());
    until("it to be counted", || {
        (collector.metric(REFUSED, "\"too-large\"") == 2).then_some(())
    });
    assert_eq!(post(service, &question(1)).status, 200);
    collector.stop().assert_success();
}

/// Heads of any bytes, and bodies that end too early, cost a connection each and nothing else.
#[test]
fn what_is_no_http_ends_a_connection() {
    let collector = Collector::start(&SERVE);
    let service = served_at(&collector.process);
    let good = format!(
        "POST /name HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{}",
        question(1).len(),
        question(1)
    );
    let mut state = 1_u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 40).expect("24 bits")
    };
    for round in 0..300 {
        let mut bytes = good.clone().into_bytes();
        for _ in 0..=round % 4 {
            let at = random() % bytes.len();
            bytes[at] = u8::try_from(random() % 256).expect("a byte");
        }
        bytes.truncate(random() % (bytes.len() + 1));
        let mut stream = TcpStream::connect(service).expect("it listens");
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    exchange(service, &[b'x'; 100_000]);
    assert_eq!(post(service, &question(1)).status, 200);
    assert_eq!(collector.metric("dnsflow_collect_streams", ""), 0);
    collector.stop().assert_success();
}

/// Connections that send nothing, or read nothing, leave room for others up to a number, and no other
/// waits for them.
#[test]
fn slow_clients_hold_up_nobody() {
    let collector = Collector::start(&SERVE);
    let service = served_at(&collector.process);
    let silent: Vec<TcpStream> = (0..40)
        .map(|_| TcpStream::connect(service).expect("it listens"))
        .collect();
    let lines = (question(1) + "\n").repeat(20_000);
    let head = format!(
        "POST /name HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
        lines.len()
    );
    let mut reads_nothing = TcpStream::connect(service).expect("it listens");
    reads_nothing
        .write_all(format!("{head}{lines}").as_bytes())
        .expect("it reads");
    assert_eq!(post(service, &question(1)).status, 200);
    // More than there is room for are closed, and counted.
    let more: Vec<TcpStream> = (0..40)
        .map(|_| TcpStream::connect(service).expect("it listens"))
        .collect();
    until("some to be refused", || {
        (collector.metric(REFUSED, "\"busy\"") > 0).then_some(())
    });
    drop((silent, more, reads_nothing));
    until("room again", || {
        let answer = exchange(
            service,
            b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        );
        answer.starts_with(b"HTTP/1.1 200").then_some(())
    });
    collector.stop().assert_success();
}
