//! A collector that serves names, and what it is told.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use dnsflow_testkit::patience::until;
use dnsflow_testkit::process::Process;
use serde_json::Value;

use crate::datagrams::Sender;
use crate::program::Collector;

/// When records say that they were captured, in seconds since 1970.
pub(crate) const CAPTURED: u64 = 1_700_000_000;

/// The client of all records.
pub(crate) const CLIENT: &str = "198.51.100.7";

pub(crate) const LOOKUPS: &str = "dnsflow_collect_map_lookups_total";

/// A name, as labels with their lengths.
fn name(labels: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in labels {
        bytes.push(u8::try_from(label.len()).expect("a short label"));
        bytes.extend(*label);
    }
    bytes.push(0);
    bytes
}

/// A datagram of version 5 with one record: 203.0.HIGH.LOW, which `number` has, of a name.
pub(crate) fn told(number: u16, labels: &[&[u8]]) -> Vec<u8> {
    let mut record = vec![0, 0];
    record.extend([0, 198, 51, 100, 7, 0x80, 0]);
    record.extend([0, 5, 0, 192, 0, 2, 53]);
    record.extend(name(labels));
    let [high, low] = number.to_be_bytes();
    record.extend([0x21, 60, 203, 0, high, low, 0]);
    let mut datagram = vec![5, 8, 0, 0, 0, 0, 0, 1];
    datagram.extend(u64::from(number).to_be_bytes());
    datagram.extend(9_u64.to_be_bytes());
    datagram.extend((CAPTURED * 1_000_000).to_be_bytes());
    datagram.extend(u16::try_from(record.len()).expect("short").to_be_bytes());
    datagram.extend(record);
    datagram
}

/// The address of a number.
pub(crate) fn address(number: u16) -> String {
    let [high, low] = number.to_be_bytes();
    format!("203.0.{high}.{low}")
}

pub(crate) fn question(number: u16) -> String {
    let (address, at) = (address(number), CAPTURED + 1);
    format!(r#"{{"client":"{CLIENT}","address":"{address}","at":{at}}}"#)
}

/// A response as it came.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The error that it says.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().expect("an error").to_owned()
    }
}

/// Where a process says that it serves names.
pub(crate) fn served_at(process: &Process) -> SocketAddr {
    until("the naming service", || {
        let said = process.said();
        let (_, behind) = said.split_once("names on http://")?;
        let (address, _) = behind.split_once('/')?;
        address.parse().ok()
    })
}

/// Sends bytes and reads until the other side closes. It may have closed before it had all.
pub(crate) fn exchange(service: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(service).expect("it listens");
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// Makes a request, with more lines of its head.
pub(crate) fn request(service: SocketAddr, line: &str, head: &str, body: &str) -> Response {
    let text = format!(
        "{line} HTTP/1.1\r\n{head}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let bytes = exchange(service, text.as_bytes());
    let text = String::from_utf8(bytes).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let is_chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    Response {
        status: status.unwrap_or_else(|| panic!("no response: {text:?}")),
        head: head.to_owned(),
        body: if is_chunked {
            unchunked(body)
        } else {
            body.to_owned()
        },
    }
}

/// The content of chunks (RFC 9112, section 7.1).
fn unchunked(mut body: &str) -> String {
    let mut content = String::new();
    loop {
        let (length, behind) = body.split_once("\r\n").expect("a chunk");
        let length = usize::from_str_radix(length, 16).expect("a length");
        if length == 0 {
            return content;
        }
        content.push_str(&behind[..length]);
        body = &behind[length + 2..];
    }
}

pub(crate) fn get(service: SocketAddr, path: &str) -> Response {
    request(service, &format!("GET {path}"), "Host: localhost\r\n", "")
}

pub(crate) fn post(service: SocketAddr, body: &str) -> Response {
    request(service, "POST /name", "Host: localhost\r\n", body)
}

/// The first name of each answer; nothing where there is none.
pub(crate) fn names(service: SocketAddr, questions: &str) -> Vec<String> {
    let response = post(service, questions);
    assert_eq!(response.status, 200, "{}", response.body);
    let answers = response.body.lines().map(|line| {
        let answer: Value = serde_json::from_str(line).expect("JSON");
        let name = answer["names"][0]["name"].as_str();
        name.unwrap_or_default().to_owned()
    });
    answers.collect()
}

/// Sends a record for each number, and waits until the map has learned as many as `all`.
pub(crate) fn feed(
    collector: &Collector,
    sender: &Sender,
    numbers: std::ops::RangeInclusive<u16>,
    all: u64,
) {
    for number in numbers {
        let name = format!("N{number}");
        sender.send(&told(number, &[name.as_bytes(), b"example"]));
    }
    collector.wait_for(LOOKUPS, "", all);
}

/// Questions about each number.
pub(crate) fn questions(numbers: std::ops::RangeInclusive<u16>) -> String {
    numbers.map(|number| question(number) + "\n").collect()
}

/// The names of each number.
pub(crate) fn expected(numbers: std::ops::RangeInclusive<u16>) -> Vec<String> {
    numbers.map(|number| format!("n{number}.example")).collect()
}
