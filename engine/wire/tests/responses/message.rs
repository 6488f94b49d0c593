//! DNS responses by their meaning, and their bytes, from an encoder of the tests' own with or
//! without compression (RFC 1035, section 4.1.4).

use std::collections::HashMap;

use proptest::collection::vec;
use proptest::prelude::*;

/// Longest name in wire format, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// Largest message, in bytes.
const MAX_MESSAGE_BYTES: usize = 65_535;

/// A name as its labels, without the root's.
pub(crate) type Labels = Vec<Vec<u8>>;

/// A record of the answer section.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Alias(Labels),
    Ipv4([u8; 4]),
    Ipv6([u8; 16]),
    /// Of a type that means nothing here.
    Other(u16, Vec<u8>),
}

/// How names are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    /// In full, all of them.
    None,
    /// Owners as a pointer to the question, aliases in full.
    Owners,
    /// Every name by the longest suffix that was there before.
    Suffixes,
}

/// A response that qualifies.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) question: Labels,
    pub(crate) answers: Vec<Answer>,
    pub(crate) compression: Compression,
    /// Bytes after the answer section, announced as records and none.
    pub(crate) tail: Vec<u8>,
}

impl Message {
    /// The message on the wire. Answers that it has no room for are left out, of this value too.
    pub(crate) fn write(&mut self) -> Vec<u8> {
        let mut writer = Writer {
            out: b"\x00\x07\x81\x80\x00\x01\x00\x00\x00\x00\x00\x05".to_vec(),
            compression: self.compression,
            known: HashMap::new(),
        };
        writer.name(&self.question);
        writer.out.extend([0, 255, 0, 1]);
        let mut written = 0_u16;
        let mut owner = self.question.clone();
        for answer in &self.answers {
            let before = writer.out.len();
            writer.answer(&owner, answer);
            if writer.out.len() > MAX_MESSAGE_BYTES {
                writer.out.truncate(before);
                break;
            }
            written += 1;
            if let Answer::Alias(target) = answer {
                owner.clone_from(target);
            }
        }
        self.answers.truncate(written.into());
        writer.out[6..8].copy_from_slice(&written.to_be_bytes());
        let room = MAX_MESSAGE_BYTES - writer.out.len();
        writer.out.extend(self.tail.iter().take(room));
        writer.out
    }

    /// The question's name, then the aliases.
    pub(crate) fn names(&self) -> Vec<Labels> {
        let aliases = self.answers.iter().filter_map(|answer| match answer {
            Answer::Alias(target) => Some(target.clone()),
            _ => None,
        });
        std::iter::once(self.question.clone())
            .chain(aliases)
            .collect()
    }

    pub(crate) fn ipv4(&self) -> Vec<[u8; 4]> {
        let addresses = self.answers.iter().filter_map(|answer| match answer {
            Answer::Ipv4(address) => Some(*address),
            _ => None,
        });
        addresses.collect()
    }

    pub(crate) fn ipv6(&self) -> Vec<[u8; 16]> {
        let addresses = self.answers.iter().filter_map(|answer| match answer {
            Answer::Ipv6(address) => Some(*address),
            _ => None,
        });
        addresses.collect()
    }
}

struct Writer {
    out: Vec<u8>,
    compression: Compression,
    /// Where a suffix was written first.
    known: HashMap<Labels, u16>,
}

impl Writer {
    fn answer(&mut self, owner: &Labels, answer: &Answer) {
        if self.compression == Compression::Owners {
            self.out.extend([0xc0, 0x0c]);
        } else {
            self.name(owner);
        }
        let kind = match answer {
            Answer::Ipv4(_) => 1,
            Answer::Alias(_) => 5,
            Answer::Ipv6(_) => 28,
            Answer::Other(kind, _) => *kind,
        };
        self.out.extend(kind.to_be_bytes());
        self.out.extend([0, 1, 0, 0, 14, 16, 0, 0]);
        let start = self.out.len();
        match answer {
            Answer::Ipv4(address) => self.out.extend(address),
            Answer::Ipv6(address) => self.out.extend(address),
            Answer::Alias(target) => self.name(target),
            Answer::Other(_, rdata) => self.out.extend(rdata),
        }
        let length = u16::try_from(self.out.len() - start).expect("RDATA is short");
        self.out[start - 2..start].copy_from_slice(&length.to_be_bytes());
    }

    fn name(&mut self, labels: &[Vec<u8>]) {
        for (index, label) in labels.iter().enumerate() {
            let suffix = &labels[index..];
            if self.compression == Compression::Suffixes {
                if let Some(offset) = self.known.get(suffix) {
                    self.out.extend((0xc000 | offset).to_be_bytes());
                    return;
                }
                // A pointer reaches 14 bits far.
                if let Some(offset) = u16::try_from(self.out.len()).ok().filter(|at| *at < 0x4000) {
                    self.known.insert(suffix.to_vec(), offset);
                }
            }
            self.out.push(u8::try_from(label.len()).expect("a label"));
            self.out.extend(label);
        }
        self.out.push(0);
    }
}

/// Any response that qualifies.
pub(crate) fn any_message() -> impl Strategy<Value = Message> {
    let compression = prop_oneof![
        Just(Compression::None),
        Just(Compression::Owners),
        Just(Compression::Suffixes),
    ];
    let answers = prop_oneof![
        6 => vec(any_answer(), 0..12),
        2 => vec(any_answer(), 0..400),
        2 => vec(any::<[u8; 4]>().prop_map(Answer::Ipv4), 240..400),
        1 => vec(any::<[u8; 16]>().prop_map(Answer::Ipv6), 240..400),
        1 => vec(any_name().prop_map(Answer::Alias), 0..300),
    ];
    let tail = vec(any::<u8>(), 0..20);
    (any_name(), answers, any_address(), compression, tail).prop_map(
        |(question, mut answers, address, compression, tail)| {
            // At least one address, first so that it is never left out, now and then.
            if question.len() % 2 == 0 {
                answers.insert(0, address);
            } else {
                answers.truncate(200);
                answers.push(address);
            }
            Message {
                question,
                answers,
                compression,
                tail,
            }
        },
    )
}

fn any_answer() -> impl Strategy<Value = Answer> {
    // Of no type that is looked at: A, CNAME, AAAA.
    let other = any::<u16>().prop_filter("means something", |kind| ![1, 5, 28].contains(kind));
    prop_oneof![
        3 => any_name().prop_map(Answer::Alias),
        6 => any_address(),
        2 => (other, vec(any::<u8>(), 0..40)).prop_map(|(kind, rdata)| Answer::Other(kind, rdata)),
    ]
}

fn any_address() -> impl Strategy<Value = Answer> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(Answer::Ipv4),
        any::<[u8; 16]>().prop_map(Answer::Ipv6),
    ]
}

/// Names that share endings, names of any bytes, and names as long as names can be.
pub(crate) fn any_name() -> impl Strategy<Value = Labels> {
    let word = prop_oneof![
        Just(b"www".to_vec()),
        Just(b"Www".to_vec()),
        Just(b"cdn".to_vec()),
        Just(b"example".to_vec()),
        Just(b"a.b".to_vec()),
    ];
    let bytes = vec(any::<u8>(), 1..=63);
    let long = vec(any::<u8>(), 55..=63);
    prop_oneof![
        6 => vec(word, 0..5),
        3 => vec(bytes, 0..8),
        2 => vec(long, 4),
        1 => vec(vec(any::<u8>(), 1), 120..=127),
    ]
    .prop_map(|mut labels| {
        let mut bytes = 1;
        labels.retain_mut(|label| {
            label.truncate((MAX_NAME_BYTES - bytes).saturating_sub(1));
            bytes += 1 + label.len();
            !label.is_empty() || {
                bytes -= 1;
                false
            }
        });
        labels
    })
}
