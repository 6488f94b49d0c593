//! DNS messages: good ones, those that are no responses to export, and those that want to break who reads them.

use super::DOMAIN;
use crate::packets::{Ends, MDNS_RESPONSE, QUERY, RESPONSE, Response};

/// A message.
#[derive(Clone, Debug)]
pub struct Message {
    /// What it is, in a word that a file can be named by.
    pub name: &'static str,
    /// The message.
    pub bytes: Vec<u8>,
    /// The response that it is, if it has to be exported.
    pub response: Option<Response>,
}

/// A response in the middle of all that may be wrong with it: its question starts at 12.
fn plain(addresses: u16) -> Response {
    Response::new(Ends::new(false, 9), &format!("www.{DOMAIN}"), addresses)
}

/// All of them.
#[must_use]
pub fn messages() -> Vec<Message> {
    let mut all = good();
    all.extend(others());
    all.extend(names_out_of_joint());
    all.extend(records_out_of_joint());
    all
}

fn good() -> Vec<Message> {
    let ipv6 = Response::new(Ends::new(true, 9), &format!("six.{DOMAIN}"), 3);
    let aliases = Response {
        aliases: 4,
        ..plain(2)
    };
    let long = format!("{0}.{0}.{0}.{1}", "l".repeat(63), "m".repeat(61));
    let long = Response::new(Ends::new(false, 9), &long, 1);
    let filled = plain(1).filled(700);
    [
        ("good", plain(1)),
        ("good-many", plain(60)),
        ("good-ipv6", ipv6),
        ("good-aliases", aliases),
        ("good-longest-name", long),
        ("good-filled", filled),
    ]
    .into_iter()
    .map(|(name, response)| Message {
        name,
        bytes: response.message(),
        response: Some(response),
    })
    .collect()
}

/// What a sensor does not export.
fn others() -> Vec<Message> {
    let with = |flags, addresses| {
        Response {
            flags,
            ..plain(addresses)
        }
        .message()
    };
    let asks_for = |kind: u8| changed(|message, question| message[question + 1] = kind);
    vec![
        rejected("empty", Vec::new()),
        rejected("short", plain(1).message()[..11].to_vec()),
        rejected("query", with(QUERY, 0)),
        rejected("nxdomain", with(RESPONSE | 3, 0)),
        rejected("servfail", with(RESPONSE | 2, 0)),
        rejected("not-recursive", with(0x8400, 1)),
        rejected("multicast-from-53", with(MDNS_RESPONSE, 1)),
        rejected("no-address", with(RESPONSE, 0)),
        rejected("truncated", with(RESPONSE | 0x0200, 0)),
        rejected("asks-for-https", asks_for(65)),
        rejected("asks-for-mx", asks_for(15)),
        rejected("two-questions", changed(|message, _| message[5] = 2)),
        rejected("no-question", changed(|message, _| message[5] = 0)),
    ]
}

fn names_out_of_joint() -> Vec<Message> {
    // The name of the question is at 12, that of the first answer behind the question's type and class.
    let question = |bytes: &[u8]| {
        let mut message = plain(0).message()[..12].to_vec();
        message[7] = 1;
        message.extend(bytes);
        message.extend([
            0, 1, 0, 1, 0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 198, 0, 0, 1,
        ]);
        message
    };
    let label = |length: u8| [&[length][..], &vec![b'x'; length.into()]].concat();
    let too_long = [label(63), label(63), label(63), label(63), vec![0]].concat();
    let answer = |bytes: [u8; 2]| {
        changed(move |message, question| {
            message[question + 4..question + 6].copy_from_slice(&bytes)
        })
    };
    vec![
        rejected("pointer-to-itself", question(&[0xc0, 12])),
        rejected("pointers-to-each-other", question(&[0xc0, 14, 0xc0, 12])),
        rejected("pointer-past-the-end", question(&[0xff, 0xff])),
        rejected("pointer-into-the-header", question(&[0xc0, 0])),
        rejected(
            "label-of-64",
            question(&[&[64][..], &[b'x'; 64], &[0]].concat()),
        ),
        rejected("label-of-an-unknown-kind", question(&[0x80, 1, b'x', 0])),
        rejected("name-of-257-bytes", question(&too_long)),
        rejected("label-to-the-end", changed(|message, _| message[12] = 63)),
        rejected("answer-points-to-itself", answer([0xc0, 32 + 4])),
        rejected("answer-points-past-the-end", answer([0xff, 0xff])),
    ]
}

fn records_out_of_joint() -> Vec<Message> {
    // Behind its name a record has type, class, time to live, and the length of what follows.
    let length = |high: u8, low: u8| {
        changed(move |message, question| {
            message[question + 14..question + 16].copy_from_slice(&[high, low]);
        })
    };
    let mut ends_early = plain(1).message();
    ends_early.truncate(ends_early.len() - 1);
    vec![
        rejected("address-of-5-bytes", length(0, 5)),
        rejected("address-of-3-bytes", length(0, 3)),
        rejected("record-past-the-end", length(0xff, 0xff)),
        rejected("no-answers", changed(|message, _| message[7] = 0)),
        rejected("ends-early", ends_early),
        rejected(
            "ends-behind-a-name",
            plain(1).message()[..question_end() + 2].to_vec(),
        ),
    ]
}

/// Bytes up to the end of the question's name in [`plain`].
fn question_end() -> usize {
    12 + plain(0).name.len() + 2 + 4
}

/// A response with one address that was changed; the change gets the place of the question's type.
fn changed(change: impl FnOnce(&mut Vec<u8>, usize)) -> Vec<u8> {
    let mut message = plain(1).message();
    change(&mut message, question_end() - 4);
    message
}

fn rejected(name: &'static str, bytes: Vec<u8>) -> Message {
    Message {
        name,
        bytes,
        response: None,
    }
}
