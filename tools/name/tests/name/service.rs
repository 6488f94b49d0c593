//! Names from a naming service, also from one that is away, refuses, or says nonsense.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::Command;
use std::sync::mpsc;
use std::time::{SystemTime, UNIX_EPOCH};

use dnsflow_names::{Map, Question, Time};
use dnsflow_records::record::records;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::patience::until;
use dnsflow_testkit::process::Process;
use dnsflow_wire::datagram::Datagram;

use crate::lookups::LookUp;
use crate::program::{captured, run, spawn};
use crate::server::{Request, Server};
use crate::{BUILT, CLIENT, LOOK_UP, SECOND, SERVER, flow};

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a free port")
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// Answers as the service does, from a map of the client's look-up.
fn answers(request: &Request) -> (u16, String) {
    let mut map = Map::new(dnsflow_names::Limits::default());
    let datagram = LOOK_UP.datagram();
    for record in records(&Datagram::parse(&datagram).unwrap()) {
        map.learn(std::time::Duration::from_secs(SECOND), &record);
    }
    assert!(
        request.head.starts_with("POST /name HTTP/1.1\r\n"),
        "{}",
        request.head
    );
    let mut body = String::new();
    for line in &request.lines {
        let question: Question = serde_json::from_str(line).unwrap();
        let at: Time = question.at.unwrap();
        let answer = map.ask(question.client, question.address, at);
        body += &serde_json::to_string(&answer).unwrap();
        body.push('\n');
    }
    (200, body)
}

#[test]
fn flows_are_named_in_their_order_by_many_requests() {
    let folder = Folder::new();
    let token = folder.file("token", b" secret-7 \n");
    let (sender, receiver) = mpsc::channel();
    let server = Server::start(listener(), move |request| {
        let is_allowed = request
            .head
            .to_lowercase()
            .contains("authorization: bearer secret-7\r\n");
        sender.send((is_allowed, request.lines.len())).unwrap();
        answers(request)
    });
    let flows: String = (0..20_000).map(|number| flow(SERVER, number)).collect();
    let url = url(server.address);
    let args = ["--from", &url, "--token-file", token.to_str().unwrap()];
    let ended = run(&args, &flows);
    ended.assert_success();
    for (number, line) in ended.text().lines().enumerate() {
        let is_it = line.contains(&format!(
            "\"bytes\":{number},\"dnsflow_name\":\"www.example.org\""
        ));
        assert!(is_it, "{number}: {line}");
    }
    assert!(ended.stderr.contains("20000 flows") && ended.stderr.contains("20000 named by client"));
    let requests: Vec<(bool, usize)> = receiver.try_iter().collect();
    assert!(
        requests
            .iter()
            .all(|(is_allowed, lines)| *is_allowed && *lines <= 4096)
    );
    assert_eq!(
        requests.iter().map(|(_, lines)| lines).sum::<usize>(),
        20_000
    );
}

#[test]
fn a_service_that_comes_back_is_waited_for() {
    let gone = listener();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let mut process = spawn(&["--from", &url(address), "--retry-for", "10min"]);
    process = process.fed(flow(SERVER, 1).into_bytes());
    until("the program to miss the service", || {
        process.is_running().then_some(())
    });
    let mut failures = 2;
    // Another program may have taken the port meanwhile.
    let again = until("the port", || TcpListener::bind(address).ok());
    let _server = Server::start(again, move |request| {
        failures -= 1;
        if failures >= 0 {
            (503, "not yet".to_owned())
        } else {
            answers(request)
        }
    });
    let ended = process.wait();
    ended.assert_success();
    assert!(
        ended
            .text()
            .contains("\"dnsflow_name\":\"www.example.org\""),
        "{}",
        ended.text()
    );
    assert!(
        ended.stderr.contains("trying again for 600 s"),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_can_not_be_named_is_written_nevertheless() {
    let gone = url(listener().local_addr().unwrap());
    let refuses = Server::start(listener(), |_| {
        (401, "{\"error\":\"a token is wanted\"}".to_owned())
    });
    let talks = Server::start(listener(), |_| (200, "<html>\n".to_owned()));
    let short = Server::start(listener(), |request| {
        let (status, body) = answers(request);
        (status, body.lines().next().unwrap_or_default().to_owned())
    });
    let other = Server::start(listener(), |request| {
        let (status, body) = answers(request);
        (status, body.replace("203.0.113.7", "203.0.113.8"))
    });
    let (refuses, talks) = (url(refuses.address), url(talks.address));
    let (short, other) = (url(short.address), url(other.address));
    let flows = format!("{}{}{{\"half", flow(SERVER, 1), flow(SERVER, 2));
    for (url, words) in [
        (gone, "/name: away for 0 s"),
        (
            refuses,
            "/name: status 401: {\\\"error\\\":\\\"a token is wanted\\\"}",
        ),
        (talks, "/name: no answer of a naming service"),
        (short, "/name: no answer of a naming service"),
        (other, "not in the order of the questions"),
    ] {
        let ended = run(&["--from", &url, "--retry-for", "0s"], &flows);
        assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
        assert_eq!(ended.text(), flows);
    }
}

#[test]
fn the_collector_answers_as_a_capture_does() {
    // Records before version 5 count as captured when they come.
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock");
    let second = now.as_secs();
    let (_folder, path) = captured(&[LookUp { second, ..LOOK_UP }]);
    let start = |line: String| line.replace(&(SECOND + 1).to_string(), &(second + 100).to_string());
    let flows = start(flow(SERVER, 1)) + &start(flow(CLIENT, 2));
    let serve = listener().local_addr().expect("a bound socket").to_string();
    let listen = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let listen = listen.expect("a free port");
    let mut command = Command::new(BUILT.path("dnsflow-collect"));
    command.args(["--listen", &listen.to_string(), "--serve", &serve]);
    let _collector = Process::spawn("dnsflow-collect", &mut command);
    let by = |from: &str| {
        let ended = run(&["--retry-for", "3min", "--from", from], &flows);
        ended.assert_success();
        ended.text().to_owned()
    };
    let want = by(path.to_str().expect("a path of UTF-8"));
    assert!(
        want.contains("\"www.example.org\",\"dnsflow_matched\":\"client\""),
        "{want}"
    );
    let sensor = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{serve}");
    until("the collector to know the name", || {
        // It may not listen yet.
        let _ = sensor.send_to(&LOOK_UP.datagram(), listen);
        (by(&url) == want).then_some(())
    });
}
