//! Bytes that need not be a message: whatever is found in them can be sent and read back, and
//! nothing panics.

use std::fs;

use dnsflow_testkit::corpus::{Corpus, messages};
use dnsflow_testkit::requirements::say;
use dnsflow_wire::dns::{Answers, Dialect, Extent, Scratch};
use dnsflow_wire::response::{Endpoints, Response};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::message::any_message;
use crate::transport::{assembled, carried, is_transcribed};
use crate::version5;

const ENDPOINTS: Endpoints = Endpoints::V4 {
    client: [192, 0, 2, 1],
    resolver: [192, 0, 2, 2],
};

/// Bytes that names and records start with or are made of.
const PIECES: &[&[u8]] = &[
    b"\x01a",
    b"\x00",
    b"\xc0\x0c",
    b"\xc0\x1e",
    b"\xc0\x25",
    b"\x01b\xc0\x0c",
    b"\xc0\x0e",
    b"\xc0\x20",
    b"\x3f",
    b"\x00\x01\x00\x01",
    b"\x00\x05\x00\x01",
    b"\x00\x1c\x00\x01",
    b"\x00\x00\x00\x3c\x00\x04",
    b"\x00\x00\x00\x3c\x00\x02",
    b"\xc0\x00\x02\x01",
];

/// Reads `message` under all rules; what is found has to be read back. Returns how often it
/// qualified.
fn survive(message: &[u8]) -> usize {
    let mut scratch = Scratch::default();
    let mut found = 0;
    is_transcribed(message, ENDPOINTS);
    version5::survive(message, ENDPOINTS);
    for dialect in [Dialect::Unicast, Dialect::Multicast] {
        for extent in [Extent::Whole, Extent::Cut] {
            let Ok(answers) = Answers::parse(message, dialect, extent, &mut scratch) else {
                continue;
            };
            found += 1;
            let response = Response {
                envelope: ENDPOINTS.into(),
                answers,
            };
            for room in [0, 1464, 65_499] {
                let whole = assembled(&carried(&response, room));
                assert_eq!(whole.names.len(), answers.names().len());
                assert!(
                    whole
                        .ipv4
                        .iter()
                        .map(|ip| ip.octets())
                        .eq(answers.ipv4().iter().copied())
                );
                assert!(
                    whole
                        .ipv6
                        .iter()
                        .map(|ip| ip.octets())
                        .eq(answers.ipv6().iter().copied())
                );
                for (sent, read) in answers.names().zip(&whole.names) {
                    assert!(sent.labels().eq(read));
                }
            }
        }
    }
    found
}

proptest! {
    #[test]
    fn any_bytes(message: Vec<u8>) {
        survive(&message);
    }

    /// With a header that passes, so that the rest is looked at.
    #[test]
    fn any_bytes_after_a_good_header(
        counts in prop_oneof![Just([0, 1, 0, 3]), Just([0, 1, 0xff, 0xff]), Just([0, 0, 0, 9])],
        body in vec(any::<u8>(), 0..600),
    ) {
        let mut message = vec![0, 0, 0x81, 0x80];
        message.extend(counts);
        message.extend([0; 4]);
        message.extend(body);
        survive(&message);
    }

    /// What names and records are made of, in any order.
    #[test]
    fn pieces_in_any_order(
        pieces in vec(prop::sample::select(PIECES), 0..60),
    ) {
        let mut message = b"\x00\x00\x81\x80\x00\x01\x00\x06\x00\x00\x00\x00".to_vec();
        message.extend(b"\x01a\x00\x00\x01\x00\x01");
        message.extend(pieces.concat());
        survive(&message);
    }

    #[test]
    fn a_good_message_with_wrong_bytes(
        mut message in any_message(),
        wrong in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = message.write();
        for (place, byte) in wrong {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        survive(&bytes);
    }
}

/// The project's corpus, in which as many are responses as it says.
#[test]
#[cfg_attr(miri, ignore = "reads files, and each message cut at every byte")]
fn messages_of_the_project() {
    let responses = messages().into_iter();
    let responses = responses.filter(|message| message.response.is_some());
    assert!(survive_all(&Corpus::own()) >= responses.count());
}

/// Messages that broke other programs, where they are available.
#[test]
#[cfg_attr(miri, ignore = "reads files, and each message cut at every byte")]
fn messages_of_fuzzers() {
    if let Some(corpus) = Corpus::of_others("messages_of_fuzzers") {
        survive_all(&corpus);
    }
}

/// Reads all messages as they are, cut at every byte, and each with the flags of an answer. Returns how often something
/// was found in them as they are.
fn survive_all(corpus: &Corpus) -> usize {
    let messages = corpus.messages();
    let mut found = 0;
    for path in &messages {
        let mut message = fs::read(path).expect("a file that can be read");
        found += survive(&message);
        for length in 0..message.len().min(1500) {
            survive(&message[..length]);
        }
        if let [_, _, high, low, ..] = message.as_mut_slice() {
            *high |= 0x81;
            *low = *low & 0x70 | 0x80;
            survive(&message);
        }
    }
    say(&format!(
        "{} messages, {found} times something in them",
        messages.len()
    ));
    found
}
