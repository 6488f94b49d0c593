//! DNS responses with all that they can say, and their bytes.

use std::collections::HashMap;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::message::{Compression, Labels, any_name};

/// Types and the class that have a meaning here.
pub(crate) const A: u16 = 1;
pub(crate) const CNAME: u16 = 5;
pub(crate) const AAAA: u16 = 28;
const OPT: u16 = 41;
pub(crate) const IN: u16 = 1;

/// Most bytes of a message with its answers; what is behind them has room.
const MAX_MESSAGE_BYTES: usize = 55_000;

/// A piece of RDATA.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Bytes(Vec<u8>),
    /// A name that may be compressed.
    Name(Labels),
}

#[derive(Clone, Debug)]
pub(crate) struct Rr {
    pub(crate) owner: Labels,
    pub(crate) kind: u16,
    pub(crate) class: u16,
    pub(crate) ttl: u32,
    pub(crate) data: Vec<Piece>,
    /// Bytes of RDATA in the message.
    pub(crate) wire_bytes: usize,
}

impl Rr {
    /// RDATA without compression.
    pub(crate) fn rdata(&self) -> Vec<u8> {
        let pieces = self.data.iter().map(|piece| match piece {
            Piece::Bytes(bytes) => bytes.clone(),
            Piece::Name(labels) => wire(labels),
        });
        pieces.collect::<Vec<_>>().concat()
    }
}

/// A name in wire format without compression.
pub(crate) fn wire(labels: &[Vec<u8>]) -> Vec<u8> {
    let length = |label: &Vec<u8>| u8::try_from(label.len()).expect("a label");
    let labels = labels
        .iter()
        .map(|label| [&[length(label)], &label[..]].concat());
    [labels.collect::<Vec<_>>().concat(), vec![0]].concat()
}

/// The EDNS pseudo-record: data of its client subnet option, and of another one before that.
#[derive(Clone, Debug)]
pub(crate) struct Edns {
    pub(crate) subnet: Option<Vec<u8>>,
    pub(crate) other: Option<Vec<u8>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Full {
    /// AA, TC, RD, RA, Z, AD and CD, AA being bit 6.
    pub(crate) flags: u8,
    pub(crate) code: u16,
    /// Name, type and class.
    pub(crate) question: Option<(Labels, u16, u16)>,
    pub(crate) answers: Vec<Rr>,
    pub(crate) authority: Vec<Rr>,
    pub(crate) edns: Option<Edns>,
    pub(crate) compression: Compression,
}

impl Full {
    /// The message on the wire. Answers that it has no room for are left out, of this value too.
    pub(crate) fn write(&mut self) -> Vec<u8> {
        let (high, low) = (0x80 | self.flags >> 4, self.flags << 4);
        let [code_high, code] = (self.code << 4).to_be_bytes();
        let mut writer = Writer {
            out: vec![0x12, 0x34, high, low | code >> 4, 0, 0, 0, 0, 0, 0, 0, 0],
            compression: self.compression,
            known: HashMap::new(),
        };
        if let Some((name, kind, class)) = &self.question {
            writer.out[5] = 1;
            writer.name(name);
            writer.out.extend(kind.to_be_bytes());
            writer.out.extend(class.to_be_bytes());
        }
        let mut written = 0;
        for answer in &mut self.answers {
            let before = writer.out.len();
            writer.record(answer);
            if writer.out.len() > MAX_MESSAGE_BYTES {
                writer.out.truncate(before);
                break;
            }
            written += 1;
        }
        self.answers.truncate(written);
        for record in &mut self.authority {
            writer.record(record);
        }
        if let Some(edns) = &self.edns {
            writer.edns(edns, code_high);
        }
        let counts = [
            written,
            self.authority.len(),
            usize::from(self.edns.is_some()),
        ];
        for (count, at) in counts.into_iter().zip([6, 8, 10]) {
            let count = u16::try_from(count).expect("few records");
            writer.out[at..at + 2].copy_from_slice(&count.to_be_bytes());
        }
        writer.out
    }
}

struct Writer {
    out: Vec<u8>,
    compression: Compression,
    /// Where a name, or the end of one, was written first.
    known: HashMap<Labels, u16>,
}

impl Writer {
    fn record(&mut self, record: &mut Rr) {
        self.name(&record.owner);
        self.out.extend(record.kind.to_be_bytes());
        self.out.extend(record.class.to_be_bytes());
        self.out.extend(record.ttl.to_be_bytes());
        self.out.extend([0, 0]);
        let start = self.out.len();
        for piece in &record.data {
            match piece {
                Piece::Bytes(bytes) => self.out.extend(bytes),
                Piece::Name(labels) => self.name(labels),
            }
        }
        record.wire_bytes = self.out.len() - start;
        let length = u16::try_from(record.wire_bytes).expect("RDATA is short");
        self.out[start - 2..start].copy_from_slice(&length.to_be_bytes());
    }

    fn edns(&mut self, edns: &Edns, upper_code: u8) {
        let mut options = Vec::new();
        for (code, data) in [(10, &edns.other), (8, &edns.subnet)] {
            if let Some(data) = data {
                options.extend([0, code, 0, u8::try_from(data.len()).expect("few bytes")]);
                options.extend(data);
            }
        }
        self.out
            .extend([0, 0, 41, 4, 208, upper_code, 0, 0x80, 0, 0]);
        self.out
            .push(u8::try_from(options.len()).expect("few bytes"));
        self.out.extend(options);
    }

    fn name(&mut self, labels: &[Vec<u8>]) {
        for index in 0..labels.len() {
            let suffix = &labels[index..];
            let is_found = match self.compression {
                Compression::None => false,
                Compression::Owners => index == 0,
                Compression::Suffixes => true,
            };
            if let Some(offset) = self.known.get(suffix).filter(|_| is_found) {
                self.out.extend((0xc000 | offset).to_be_bytes());
                return;
            }
            // A pointer reaches 14 bits far.
            if let Some(offset) = u16::try_from(self.out.len()).ok().filter(|at| *at < 0x4000) {
                self.known.insert(suffix.to_vec(), offset);
            }
            let label = &labels[index];
            self.out.push(u8::try_from(label.len()).expect("a label"));
            self.out.extend(label);
        }
        self.out.push(0);
    }
}

/// Names of which several are the same.
fn names() -> impl Strategy<Value = Vec<Labels>> {
    vec(any_name(), 1..5)
}

fn ttl() -> impl Strategy<Value = u32> {
    prop_oneof![4 => Just(60), 2 => 0_u32..100_000, 1 => any::<u32>()]
}

/// Addresses of few networks.
fn address() -> impl Strategy<Value = (u16, Piece)> {
    let ipv6 = (0_usize..=16, any::<[u8; 16]>()).prop_map(|(shared, mut octets)| {
        octets[..shared].fill(0x20);
        octets.to_vec()
    });
    prop_oneof![
        any::<[u8; 4]>().prop_map(|octets| (A, Piece::Bytes(octets.to_vec()))),
        ipv6.prop_map(|octets| (AAAA, Piece::Bytes(octets))),
    ]
}

type Data = (u16, Vec<Piece>);

/// Types with names, and others.
fn other() -> impl Strategy<Value = Data> {
    let name = || any_name().prop_map(Piece::Name);
    let bytes = |count: usize| vec(any::<u8>(), count).prop_map(Piece::Bytes);
    let text = (vec(any::<u8>(), 0..=2), vec(any::<u8>(), 0..300));
    let plain = prop::sample::select(vec![
        13_u16, 16, 64, 65, 257, 52, 43, 41, 46, 47, 50, 0xff00,
    ]);
    prop_oneof![
        (prop::sample::select(vec![2_u16, 12, 39]), name())
            .prop_map(|(kind, name)| (kind, vec![name])),
        (bytes(2), name()).prop_map(|(front, name)| (15, vec![front, name])),
        (bytes(6), name()).prop_map(|(front, name)| (33, vec![front, name])),
        (name(), name(), bytes(20))
            .prop_map(|(first, second, rest)| (6, vec![first, second, rest])),
        (plain, text)
            .prop_map(|(kind, (front, rest))| (kind, vec![Piece::Bytes([front, rest].concat())])),
        (2000_usize..9000).prop_map(|bytes| (16, vec![Piece::Bytes(vec![0x61; bytes])])),
    ]
}

fn answers() -> impl Strategy<Value = Vec<(prop::sample::Index, u32, Data)>> {
    let alone = |(kind, piece): (u16, Piece)| (kind, vec![piece]);
    let alias = || any_name().prop_map(|name| (CNAME, vec![Piece::Name(name)]));
    let usual = prop_oneof![
        3 => address().prop_map(alone),
        2 => alias(),
    ];
    let mixed = prop_oneof![
        5 => address().prop_map(alone),
        2 => alias(),
        2 => other(),
    ];
    let answer = |data| (any::<prop::sample::Index>(), ttl(), data);
    let many = address().prop_map(alone);
    prop_oneof![
        6 => vec(answer(usual.boxed()), 0..8),
        6 => vec(answer(mixed.clone().boxed()), 0..12),
        1 => vec(answer(mixed.boxed()), 0..150),
        1 => vec(answer(many.boxed()), 0..1200),
        1 => Just(Vec::new()),
    ]
}

fn edns() -> impl Strategy<Value = Option<Edns>> {
    let subnet = option::of(vec(any::<u8>(), 0..24));
    let other = option::of(vec(any::<u8>(), 0..9));
    option::of((subnet, other).prop_map(|(subnet, other)| Edns { subnet, other }))
}

/// How owners follow one another.
#[derive(Clone, Copy, Debug)]
enum Owners {
    /// A chain of aliases: each record has the target of the last alias.
    Chain,
    /// One of a few names.
    Any,
}

/// Any response, every other one as resolvers commonly send it. Addresses and aliases have the class of the
/// question.
pub(crate) fn any_full() -> impl Strategy<Value = Full> {
    (of_all_shapes(), any::<bool>()).prop_map(
        |(message, is_usual)| {
            if is_usual { usual(message) } else { message }
        },
    )
}

/// A question for addresses, aliases, and the addresses of the last one.
fn usual(mut message: Full) -> Full {
    let Some((name, kind, _)) = &mut message.question else {
        return message;
    };
    *kind = if *kind == AAAA { AAAA } else { A };
    let mut owner = name.clone();
    let is_usual = |record: &Rr| matches!(record.kind, A | AAAA | CNAME | 46);
    message.answers.retain(is_usual);
    message.answers.truncate(12);
    for record in &mut message.answers {
        record.owner.clone_from(&owner);
        if let (CNAME, [Piece::Name(target)]) = (record.kind, &record.data[..]) {
            owner.clone_from(target);
        }
    }
    message.edns = message.edns.map(|edns| Edns {
        subnet: None,
        ..edns
    });
    Full {
        flags: message.flags & !0x20 | 0x18,
        code: 0,
        compression: Compression::Suffixes,
        ..message
    }
}

/// Any response, with a question. Addresses and aliases have the class IN.
fn of_all_shapes() -> impl Strategy<Value = Full> {
    let question = (
        prop_oneof![
            6 => Just((A, IN)),
            3 => Just((AAAA, IN)),
            1 => prop::sample::select(vec![(65, 1), (15, 1), (16, 1), (255, 1), (46, 1), (16, 3)]),
        ],
        names(),
    );
    let head = (
        prop_oneof![4 => Just(0x18_u8), 1 => 0_u8..128],
        prop_oneof![4 => Just(0_u16), 1 => 0_u16..16, 1 => 0_u16..4096],
    );
    let owners = prop_oneof![2 => Just(Owners::Chain), 1 => Just(Owners::Any)];
    let compression = prop_oneof![
        1 => Just(Compression::None),
        1 => Just(Compression::Owners),
        2 => Just(Compression::Suffixes),
    ];
    let rest = (
        option::weighted(0.2, other()),
        edns(),
        prop_oneof![3 => Just(IN), 1 => any::<u16>()],
    );
    (question, head, owners, answers(), compression, rest).prop_map(
        |(
            (asked, names),
            (flags, code),
            owners,
            answers,
            compression,
            (authority, edns, class),
        )| {
            let mut owner = names[0].clone();
            let record = |owner: &Labels, ttl, (kind, data): Data| Rr {
                owner: owner.clone(),
                kind,
                class: if matches!(kind, A | AAAA | CNAME) {
                    asked.1
                } else {
                    class
                },
                ttl,
                data,
                wire_bytes: 0,
            };
            let answers = answers.into_iter().map(|(index, ttl, data)| {
                if matches!(owners, Owners::Any) {
                    owner.clone_from(index.get(&names));
                }
                let answer = record(&owner, ttl, data);
                if let (CNAME, [Piece::Name(target)]) = (answer.kind, &answer.data[..]) {
                    owner.clone_from(target);
                }
                answer
            });
            let answers = answers.collect();
            let authority: Vec<_> = authority.into_iter().collect();
            let authority = authority.into_iter().filter(|(kind, _)| *kind != OPT);
            let authority = authority.map(|data| record(&names[0], 7, data)).collect();
            let code = if edns.is_none() { code & 0xf } else { code };
            Full {
                flags,
                code,
                question: Some((names[0].clone(), asked.0, asked.1)),
                answers,
                authority,
                edns,
                compression,
            }
        },
    )
}
