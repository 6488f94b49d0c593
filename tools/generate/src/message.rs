//! Writes DNS messages (RFC 1035, section 4) and records what a reader must find in them.
//!
//! Names are compressed as resolvers do it: every suffix already in the message, whatever its
//! letter case, is replaced by a pointer. A compressed name therefore reads back in the case of the
//! first mention, and [`Message::name`] returns that decoded form.

use std::ops::Range;

/// Record types (IANA "Domain Name System Parameters").
pub(crate) mod kind {
    pub(crate) const A: u16 = 1;
    pub(crate) const NS: u16 = 2;
    pub(crate) const CNAME: u16 = 5;
    pub(crate) const SOA: u16 = 6;
    pub(crate) const PTR: u16 = 12;
    pub(crate) const MX: u16 = 15;
    pub(crate) const TXT: u16 = 16;
    pub(crate) const AAAA: u16 = 28;
    pub(crate) const SRV: u16 = 33;
    pub(crate) const DNAME: u16 = 39;
    pub(crate) const OPT: u16 = 41;
    pub(crate) const RRSIG: u16 = 46;
    pub(crate) const HTTPS: u16 = 65;
    pub(crate) const ANY: u16 = 255;
}

/// Their names.
const TYPE_NAMES: [(u16, &str); 14] = [
    (kind::A, "A"),
    (kind::NS, "NS"),
    (kind::CNAME, "CNAME"),
    (kind::SOA, "SOA"),
    (kind::PTR, "PTR"),
    (kind::MX, "MX"),
    (kind::TXT, "TXT"),
    (kind::AAAA, "AAAA"),
    (kind::SRV, "SRV"),
    (kind::DNAME, "DNAME"),
    (kind::OPT, "OPT"),
    (kind::RRSIG, "RRSIG"),
    (kind::HTTPS, "HTTPS"),
    (kind::ANY, "ANY"),
];

/// The name of a type that is made.
pub(crate) fn type_name(kind: u16) -> &'static str {
    let known = TYPE_NAMES.iter().find(|(known, _)| *known == kind);
    known.map_or("", |(_, name)| name)
}

/// The type of this name, in any letter case, or of the form `TYPE255`, that questions are for.
pub(crate) fn type_named(name: &str) -> Option<u16> {
    const ASKED: [u16; 8] = [
        kind::A,
        kind::AAAA,
        kind::ANY,
        kind::HTTPS,
        kind::MX,
        kind::PTR,
        kind::SRV,
        kind::TXT,
    ];
    ASKED.into_iter().find(|kind| {
        type_name(*kind).eq_ignore_ascii_case(name)
            || format!("TYPE{kind}").eq_ignore_ascii_case(name)
    })
}

/// The flags word of a header (RFC 1035 section 4.1.1, RFC 4035 section 3):
///
/// ```text
///   0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15
/// +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
/// |QR|   Opcode  |AA|TC|RD|RA| Z|AD|CD|   RCODE   |
/// +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
/// ```
pub(crate) mod flag {
    pub(crate) const QR: u16 = 0x8000;
    pub(crate) const AA: u16 = 0x0400;
    pub(crate) const TC: u16 = 0x0200;
    pub(crate) const RD: u16 = 0x0100;
    pub(crate) const RA: u16 = 0x0080;
    pub(crate) const Z: u16 = 0x0040;
    pub(crate) const AD: u16 = 0x0020;
    pub(crate) const CD: u16 = 0x0010;
    pub(crate) const RCODE: u16 = 0x000f;
    pub(crate) const SERVFAIL: u16 = 2;
    pub(crate) const NXDOMAIN: u16 = 3;
    pub(crate) const REFUSED: u16 = 5;
}

/// A section of records, by the byte offset of its count in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Answer = 6,
    Authority = 8,
    Additional = 10,
}

const HEADER_BYTES: usize = 12;
const FLAGS_AT: usize = 2;
const QUESTION_COUNT_AT: usize = 4;
const CLASS_IN: u16 = 1;
/// A pointer has 14 bits (RFC 1035 section 4.1.4).
const POINTER_LIMIT: usize = 1 << 14;

/// One message being written, with the decoded form of every name in it. Reused between messages.
#[derive(Debug, Default)]
pub(crate) struct Message {
    bytes: Vec<u8>,
    compress: bool,
    decoded: Vec<u8>,
    suffixes: Vec<Suffix>,
    asked: Option<(Range<usize>, u16)>,
    answers: Vec<Answer>,
}

/// A record of the answer section.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Its owner, for [`Message::labels`].
    pub(crate) owner: Range<usize>,
    pub(crate) kind: u16,
    pub(crate) ttl: u32,
    pub(crate) data: AnswerData,
}

/// The data of a record.
#[derive(Clone, Debug)]
pub(crate) struct AnswerData {
    /// The bytes before the name, or all, for [`Message::before`].
    before: Range<usize>,
    /// The name, for [`Message::labels`].
    pub(crate) name: Option<Range<usize>>,
}

/// A name, or the end of one, that stands in the message and may be pointed at.
#[derive(Debug)]
struct Suffix {
    pointer: u16,
    decoded: Range<usize>,
}

impl Message {
    /// Starts a message without questions or records.
    pub(crate) fn begin(&mut self, id: u16, flags: u16, compress: bool) {
        self.bytes.clear();
        self.decoded.clear();
        self.suffixes.clear();
        self.asked = None;
        self.answers.clear();
        self.compress = compress;
        self.bytes.extend_from_slice(&id.to_be_bytes());
        self.bytes.extend_from_slice(&flags.to_be_bytes());
        self.bytes.resize(HEADER_BYTES, 0);
    }

    /// The message so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The labels of a name that [`Message::name`] wrote, as they read back.
    pub(crate) fn labels(&self, name: &Range<usize>) -> &[u8] {
        self.decoded.get(name.clone()).unwrap_or_default()
    }

    /// Decoded name and type of the question.
    pub(crate) fn asked(&self) -> Option<&(Range<usize>, u16)> {
        self.asked.as_ref()
    }

    /// The records of the answer section, in order.
    pub(crate) fn answers(&self) -> &[Answer] {
        &self.answers
    }

    /// The data of a record up to the name in it.
    pub(crate) fn before(&self, answer: &Answer) -> &[u8] {
        self.bytes
            .get(answer.data.before.clone())
            .unwrap_or_default()
    }

    /// The flags word of the header.
    pub(crate) fn flags(&self) -> u16 {
        let word = self.bytes.get(FLAGS_AT..).and_then(<[u8]>::first_chunk);
        word.map_or(0, |word| u16::from_be_bytes(*word))
    }

    /// Adds a question of class IN; returns its decoded name.
    pub(crate) fn question(&mut self, name: &[u8], kind: u16) -> Range<usize> {
        self.count_one(QUESTION_COUNT_AT);
        let decoded = self.name(name);
        self.word(kind);
        self.word(CLASS_IN);
        self.asked = Some((decoded.clone(), kind));
        decoded
    }

    /// Adds a record whose data is `data` as it is.
    pub(crate) fn record(
        &mut self,
        section: Section,
        owner: &[u8],
        kind: u16,
        ttl: u32,
        data: &[u8],
    ) {
        let (owner, start) = self.record_head(section, owner, kind, ttl);
        self.bytes.extend_from_slice(data);
        self.close(start);
        if section == Section::Answer {
            let data = AnswerData {
                before: start..self.bytes.len(),
                name: None,
            };
            self.answers.push(Answer {
                owner,
                kind,
                ttl,
                data,
            });
        }
    }

    /// Adds a record whose data is a name with `before` in front of it and `after` behind;
    /// returns the decoded name. Only the types of RFC 1035 may have a compressed name there
    /// (RFC 3597 section 4).
    pub(crate) fn record_with_name(
        &mut self,
        section: Section,
        owner: &[u8],
        kind: u16,
        data: NameData<'_>,
    ) -> Range<usize> {
        let ttl = data.ttl;
        let (owner, start) = self.record_head(section, owner, kind, ttl);
        self.bytes.extend_from_slice(data.before);
        let before = start..self.bytes.len();
        let compress = self.compress;
        self.compress &= !matches!(kind, kind::DNAME | kind::SRV | kind::RRSIG);
        let decoded = self.name(data.name);
        self.compress = compress;
        self.bytes.extend_from_slice(data.after);
        self.close(start);
        if section == Section::Answer {
            let data = AnswerData {
                before,
                name: Some(decoded.clone()),
            };
            self.answers.push(Answer {
                owner,
                kind,
                ttl,
                data,
            });
        }
        decoded
    }

    /// Adds an OPT record (RFC 6891 section 6.1.2).
    pub(crate) fn edns(&mut self, payload_bytes: u16, dnssec_ok: bool, options: &[u8]) {
        self.count_one(Section::Additional as usize);
        self.bytes.push(0);
        self.word(kind::OPT);
        self.word(payload_bytes);
        self.bytes
            .extend_from_slice(&(u32::from(dnssec_ok) << 15).to_be_bytes());
        let end = self.open();
        self.bytes.extend_from_slice(options);
        self.close(end);
    }

    /// Writes `labels` (wire format without the root label) and the root label or a pointer.
    fn name(&mut self, labels: &[u8]) -> Range<usize> {
        let start = self.decoded.len();
        let mut at = 0;
        while at < labels.len() {
            if let Some(suffix) = self.suffix(&labels[at..]) {
                let (pointer, rest) = (suffix.pointer, suffix.decoded.clone());
                self.word(0xc000 | pointer);
                self.decoded.extend_from_within(rest);
                return self.remember(start, at);
            }
            let next = (at + 1 + usize::from(labels[at])).min(labels.len());
            self.bytes.extend_from_slice(&labels[at..next]);
            self.decoded.extend_from_slice(&labels[at..next]);
            at = next;
        }
        self.bytes.push(0);
        self.remember(start, at)
    }

    /// Makes the `written` bytes of labels before the end of the message, and what they end in,
    /// something to point at.
    fn remember(&mut self, start: usize, written: usize) -> Range<usize> {
        let decoded = start..self.decoded.len();
        let tail = if written == decoded.len() { 1 } else { 2 };
        let first = self.bytes.len() - tail - written;
        let mut at = 0;
        while at < written {
            if first + at < POINTER_LIMIT
                && let Ok(pointer) = u16::try_from(first + at)
            {
                self.suffixes.push(Suffix {
                    pointer,
                    decoded: start + at..decoded.end,
                });
            }
            at += 1 + usize::from(self.decoded[start + at]);
        }
        decoded
    }

    fn suffix(&self, labels: &[u8]) -> Option<&Suffix> {
        if !self.compress {
            return None;
        }
        // Length bytes are below 64 and so never taken for letters.
        self.suffixes
            .iter()
            .find(|suffix| self.decoded[suffix.decoded.clone()].eq_ignore_ascii_case(labels))
    }

    /// Returns the decoded owner, and where the record's data starts.
    fn record_head(
        &mut self,
        section: Section,
        owner: &[u8],
        kind: u16,
        ttl: u32,
    ) -> (Range<usize>, usize) {
        self.count_one(section as usize);
        let owner = self.name(owner);
        self.word(kind);
        self.word(CLASS_IN);
        self.bytes.extend_from_slice(&ttl.to_be_bytes());
        (owner, self.open())
    }

    /// Leaves room for a record's data length; returns where its data starts.
    fn open(&mut self) -> usize {
        self.word(0);
        self.bytes.len()
    }

    fn close(&mut self, start: usize) {
        let len = u16::try_from(self.bytes.len() - start).unwrap_or(u16::MAX);
        self.bytes[start - 2..start].copy_from_slice(&len.to_be_bytes());
    }

    fn count_one(&mut self, at: usize) {
        let count = u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]]).saturating_add(1);
        self.bytes[at..at + 2].copy_from_slice(&count.to_be_bytes());
    }

    fn word(&mut self, word: u16) {
        self.bytes.extend_from_slice(&word.to_be_bytes());
    }
}

/// The data of a record around the name in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NameData<'a> {
    pub(crate) ttl: u32,
    pub(crate) before: &'a [u8],
    pub(crate) name: &'a [u8],
    pub(crate) after: &'a [u8],
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alias(name: &[u8]) -> NameData<'_> {
        NameData {
            ttl: 60,
            before: &[],
            name,
            after: &[],
        }
    }

    #[test]
    fn a_repeated_name_becomes_a_pointer() {
        let mut message = Message::default();
        message.begin(7, flag::QR, true);
        let question = message.question(b"\x03wWw\x04test", kind::A);
        let target = message.record_with_name(
            Section::Answer,
            b"\x03www\x04TEST",
            kind::CNAME,
            alias(b"\x01a\x03WWW\x04test"),
        );
        assert_eq!(message.labels(&question), b"\x03wWw\x04test");
        assert_eq!(message.labels(&target), b"\x01a\x03wWw\x04test");
        assert_eq!(
            message.bytes(),
            b"\0\x07\x80\0\0\x01\0\x01\0\0\0\0\x03wWw\x04test\0\0\x01\0\x01\
              \xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x04\x01a\xc0\x0c"
        );
    }

    #[test]
    fn without_compression_a_name_keeps_its_case() {
        let mut message = Message::default();
        message.begin(7, flag::QR, false);
        message.question(b"\x03wWw\x04test", kind::A);
        let target = message.record_with_name(
            Section::Answer,
            b"\x03www\x04test",
            kind::CNAME,
            alias(b"\x01a\x04TEST"),
        );
        assert_eq!(message.labels(&target), b"\x01a\x04TEST");
        assert!(message.bytes().ends_with(b"\x01a\x04TEST\0"));
    }

    #[test]
    fn the_target_of_a_dname_is_written_whole_and_may_be_pointed_at() {
        let mut message = Message::default();
        message.begin(7, flag::QR, true);
        message.question(b"\x03old\x04test", kind::A);
        let dname = alias(b"\x03new\x04test");
        message.record_with_name(Section::Answer, b"\x04test", kind::DNAME, dname);
        assert!(message.bytes().ends_with(b"\x03new\x04test\0"));
        let place = message.bytes().len() - 10;
        message.record(
            Section::Answer,
            b"\x03new\x04test",
            kind::A,
            1,
            &[1, 2, 3, 4],
        );
        let pointer = 0xc000 | u16::try_from(place).expect("a short message");
        assert_eq!(
            message.bytes()[place + 10..place + 12],
            pointer.to_be_bytes()
        );
    }
}
