//! The protocol between client and server, as <https://docs.nats.io/reference/reference-protocols>
//! has it: what is read of it, and the few lines that are written.
//!
//! It is a line of text for each operation, some with bytes behind. Nothing here waits or connects.

use serde::{Deserialize, Serialize};

/// Bytes of a line that a server may send. The longest, INFO, has a cluster's addresses.
const MAX_LINE_BYTES: usize = 64 << 10;

/// Bytes of a message that a server may send: the largest one of a stream, in base64, in an answer.
const MAX_MESSAGE_BYTES: usize = 32 << 20;

/// What a server says of itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Info {
    pub(super) version: String,
    pub(super) headers: bool,
    pub(super) jetstream: bool,
    pub(super) auth_required: bool,
    pub(super) tls_required: bool,
    pub(super) tls_available: bool,
    /// The most bytes of a message with its headers.
    pub(super) max_payload: u64,
    /// What is to be signed.
    pub(super) nonce: String,
}

/// What a client says of itself.
#[derive(Debug, Default, Serialize)]
pub(super) struct Connect<'a> {
    pub(super) verbose: bool,
    pub(super) pedantic: bool,
    pub(super) tls_required: bool,
    pub(super) lang: &'a str,
    pub(super) version: &'a str,
    pub(super) name: &'a str,
    pub(super) protocol: u8,
    pub(super) echo: bool,
    pub(super) headers: bool,
    pub(super) no_responders: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pass: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auth_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) jwt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nkey: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sig: Option<&'a str>,
}

/// An operation of a server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// The line behind INFO.
    Info(String),
    Message(Message),
    Ping,
    Pong,
    /// +OK.
    Fine,
    /// What is behind -ERR, without quotes.
    Error(String),
}

/// A message to a subject that was subscribed to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) subject: String,
    /// The status in its headers, such as 503 where nobody listens.
    pub(super) status: Option<u16>,
    pub(super) payload: Vec<u8>,
}

/// Bytes are not of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotNats;

/// Reads the operation at the start of `input`, and how many bytes it has; `None` if more bytes are
/// wanted.
pub(super) fn parse(input: &[u8]) -> Result<Option<(Operation, usize)>, NotNats> {
    let Some(end) = input
        .windows(2)
        .take(MAX_LINE_BYTES)
        .position(|two| two == b"\r\n")
    else {
        return match input.len() {
            ..=MAX_LINE_BYTES => Ok(None),
            _ => Err(NotNats),
        };
    };
    let (line, behind) = input.split_at_checked(end).ok_or(NotNats)?;
    let line = std::str::from_utf8(line).map_err(|_| NotNats)?;
    let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let operation = match word.to_ascii_uppercase().as_str() {
        "INFO" => Operation::Info(rest.to_owned()),
        "PING" => Operation::Ping,
        "PONG" => Operation::Pong,
        "+OK" => Operation::Fine,
        "-ERR" => Operation::Error(rest.trim().trim_matches('\'').to_owned()),
        "MSG" => return message(rest, false, behind.get(2..).unwrap_or_default(), end + 2),
        "HMSG" => return message(rest, true, behind.get(2..).unwrap_or_default(), end + 2),
        _ => return Err(NotNats),
    };
    Ok(Some((operation, end + 2)))
}

/// The message that a line announces: `subject sid [reply] [header bytes] bytes`.
fn message(
    line: &str,
    has_headers: bool,
    behind: &[u8],
    before: usize,
) -> Result<Option<(Operation, usize)>, NotNats> {
    let mut words = line.split_ascii_whitespace();
    let subject = words.next().ok_or(NotNats)?.to_owned();
    let mut number = || words.next_back()?.parse::<usize>().ok();
    let total = number()
        .filter(|bytes| *bytes <= MAX_MESSAGE_BYTES)
        .ok_or(NotNats)?;
    let head = match has_headers {
        true => number().filter(|bytes| *bytes <= total).ok_or(NotNats)?,
        false => 0,
    };
    if behind.len() < total + 2 {
        return Ok(None);
    }
    let (content, _) = behind.split_at_checked(total).ok_or(NotNats)?;
    let (head, payload) = content.split_at_checked(head).ok_or(NotNats)?;
    let operation = Operation::Message(Message {
        subject,
        status: status(head),
        payload: payload.to_vec(),
    });
    Ok(Some((operation, before + total + 2)))
}

/// The status of headers that begin `NATS/1.0 503`.
fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    line.strip_prefix("NATS/1.0 ")?.get(..3)?.parse().ok()
}

/// Adds a message with an answer wanted, and the headers that are given.
pub(super) fn publish(
    to: &mut Vec<u8>,
    subject: &str,
    reply: &str,
    headers: &[(&str, &str)],
    payload: &[u8],
) {
    if headers.is_empty() {
        to.extend(format!("PUB {subject} {reply} {}\r\n", payload.len()).bytes());
    } else {
        let head = head(headers);
        let total = head.len() + payload.len();
        to.extend(format!("HPUB {subject} {reply} {} {total}\r\n{head}", head.len()).bytes());
    }
    to.extend(payload);
    to.extend(b"\r\n");
}

fn head(headers: &[(&str, &str)]) -> String {
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!("NATS/1.0\r\n{lines}\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_read_whole() {
        let input = b"HMSG _INBOX.a.7 1 16 18\r\nNATS/1.0 503\r\n\r\n{}\r\nMSG s 1 r 2\r\nok\r\n-ERR 'No'\r\nPING\r\n";
        for cut in 0..44 {
            assert_eq!(parse(&input[..cut]), Ok(None), "{cut}");
        }
        let (first, length) = parse(input).expect("it is NATS").expect("it is whole");
        let message = |subject: &str, status, payload: &[u8]| {
            Operation::Message(Message {
                subject: subject.to_owned(),
                status,
                payload: payload.to_vec(),
            })
        };
        assert_eq!(first, message("_INBOX.a.7", Some(503), b"{}"));
        let rest = &input[length..];
        let (second, length) = parse(rest).expect("it is NATS").expect("it is whole");
        assert_eq!(second, message("s", None, b"ok"));
        let rest = &rest[length..];
        let (third, length) = parse(rest).expect("it is NATS").expect("it is whole");
        assert_eq!(third, Operation::Error("No".to_owned()));
        assert_eq!(parse(&rest[length..]), Ok(Some((Operation::Ping, 6))));
    }

    #[test]
    fn what_is_not_nats_is_refused() {
        for input in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"MSG\r\n",
            b"MSG s 1 99999999999\r\n",
            b"HMSG s 1 9 2\r\n",
            b"\xff\xff\r\n",
        ] {
            assert_eq!(parse(input), Err(NotNats));
        }
        assert_eq!(parse(&vec![b'x'; MAX_LINE_BYTES + 1]), Err(NotNats));
    }

    #[test]
    fn messages_are_written() {
        let mut to = Vec::new();
        publish(&mut to, "a.b", "i.1", &[], b"x");
        publish(&mut to, "a.b", "i.2", &[("K", "v")], b"yz");
        let wanted = b"PUB a.b i.1 1\r\nx\r\nHPUB a.b i.2 18 20\r\nNATS/1.0\r\nK: v\r\n\r\nyz\r\n";
        assert_eq!(to, wanted);
    }
}
