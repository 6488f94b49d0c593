use std::io::{Read, Write};
use std::net::TcpStream;

use super::connection::{MAX_HEADERS, MAX_REQUEST_BYTES};
use super::*;

fn server() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let site = Arc::new(|path: &str| match path {
        "/large" => Page::plain(Status::Ok, "x".repeat(16 << 20)),
        _ => Page::plain(Status::Ok, format!("this is {path}")),
    });
    Server::start(listener, site).expect("a thread")
}

fn ask(server: &Server, request: &str) -> String {
    let mut client = TcpStream::connect(server.address()).expect("a server that listens");
    client
        .write_all(request.as_bytes())
        .expect("room in the buffer");
    let mut answer = String::new();
    client
        .read_to_string(&mut answer)
        .expect("an answer to the end");
    answer
}

#[test]
fn pages() {
    let server = server();
    let got = ask(&server, "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(got.starts_with("HTTP/1.1 200 OK\r\n"), "{got}");
    assert!(got.contains("\r\nContent-Length: 10\r\n"), "{got}");
    assert!(got.ends_with("\r\n\r\nthis is /a"), "{got}");
    let got = ask(&server, "HEAD /a HTTP/1.1\r\n\r\n");
    assert!(got.contains("\r\nContent-Length: 10\r\n"), "{got}");
    assert!(got.ends_with("\r\n\r\n"), "{got}");
}

#[test]
fn refusals() {
    let server = server();
    let got = ask(&server, "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody");
    assert!(got.starts_with("HTTP/1.1 405 "), "{got}");
    assert!(got.contains("\r\nAllow: GET, HEAD\r\n"), "{got}");
    let got = ask(&server, "\u{1}\u{2}\r\n\r\n");
    assert!(got.starts_with("HTTP/1.1 400 "), "{got}");
    let long = "x".repeat(MAX_REQUEST_BYTES);
    let got = ask(&server, &format!("GET /{long} HTTP/1.1\r\n\r\n"));
    assert!(got.starts_with("HTTP/1.1 431 "), "{got}");
    let many = "A: b\r\n".repeat(MAX_HEADERS + 1);
    let got = ask(&server, &format!("GET / HTTP/1.1\r\n{many}\r\n"));
    assert!(got.starts_with("HTTP/1.1 431 "), "{got}");
}

/// Many clients that send nothing, half a request, or don't read the response: whoever asks at
/// once is served, the oldest of them are closed, and the end of the server waits for none.
#[test]
fn slow_clients_delay_no_other() {
    let server = server();
    let connect = || TcpStream::connect(server.address()).expect("a server that listens");
    let texts = ["", "GET / HT", "GET /large HTTP/1.1\r\n\r\n"];
    let mut slow: Vec<TcpStream> = Vec::new();
    for text in texts.iter().cycle().take(5 * MAX_CONNECTIONS) {
        let mut client = connect();
        // It may be closed as soon as others come.
        let _ = client.write_all(text.as_bytes());
        slow.push(client);
        let got = ask(&server, "GET /healthz HTTP/1.1\r\n\r\n");
        assert!(got.ends_with("this is /healthz"), "{got}");
    }
    let mut oldest = &slow[0];
    assert!(
        matches!(oldest.read(&mut [0]), Ok(0) | Err(_)),
        "it has given way"
    );
    let address = server.address();
    drop(server);
    assert!(
        TcpStream::connect(address).is_err(),
        "nobody listens any more"
    );
    drop(slow);
}

fn connection(peer: IpAddr) -> Arc<Connection> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    let stream = TcpStream::connect(address).expect("it listens");
    Arc::new(Connection::new(stream, peer, Instant::now() + LIFE))
}

/// The oldest of the address that has most, but for those whose page is being made.
#[test]
fn who_gives_way() {
    let [one, other] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(IpAddr::from);
    let all = [one, other, other, one, other].map(connection);
    let mut open: Vec<_> = all.iter().map(Arc::downgrade).collect();
    all[1].is_asked.store(true, Ordering::Relaxed);
    let mut gone = Vec::new();
    while make_room(&mut open) {
        let left = |one: &Arc<Connection>| open.iter().any(|it| it.ptr_eq(&Arc::downgrade(one)));
        let index = all.iter().enumerate();
        gone.extend(index.filter(|(_, it)| !left(it)).map(|(index, _)| index));
        gone.sort_unstable();
        gone.dedup();
        if gone.len() == 1 {
            assert_eq!(gone, [0], "both have two that wait");
        }
        if gone.len() == 2 {
            assert_eq!(gone, [0, 2], "the other has more now");
        }
    }
    assert_eq!(gone, [0, 2, 3, 4], "one is being answered");
}
