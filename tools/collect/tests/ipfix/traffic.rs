//! Batches for tests: what an encoder of the sensor makes of messages, and the vectors of
//! docs/protocol.md.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use dnsflow_collect::batch::{Batch, BatchId, Builder, Stream};
use dnsflow_wire::datagram::Datagram;
use dnsflow_wire::dns::{Answers, Dialect, Extent, Outcomes, Rules, Scratch, Types};
use dnsflow_wire::encode::{Encode, NoRoom};
use dnsflow_wire::response::{self as wire, Endpoints, Envelope, Tags, Timestamp, Transport};
use dnsflow_wire::{v4, v5};

/// 2023-11-14 22:13:20 UTC, in microseconds.
pub(crate) const START: u64 = 1_700_000_000_000_000;

/// Room of a datagram.
const DATAGRAM_BYTES: usize = 1400;

/// One response that is sent. Its owner chain is the name, then the aliases.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) name: Vec<Vec<u8>>,
    pub(crate) aliases: Vec<Vec<Vec<u8>>>,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) ttl: u32,
    /// Flags and response code of the message.
    pub(crate) flags: u16,
    /// The upper bits of the response code, in an EDNS record (RFC 6891, section 6.1.3).
    pub(crate) extended: Option<u8>,
    pub(crate) envelope: Envelope,
}

/// A name of text without escapes.
pub(crate) fn name(text: &str) -> Vec<Vec<u8>> {
    text.split('.')
        .map(|label| label.as_bytes().to_vec())
        .collect()
}

impl Response {
    /// Over UDP, to a client with IPv4, with one address.
    pub(crate) fn new(text: &str, number: u32) -> Self {
        let [_, high, middle, low] = number.to_be_bytes();
        let mut envelope = Envelope::from(Endpoints::V4 {
            client: [10, high, middle, low],
            resolver: [192, 0, 2, 53],
        });
        envelope.client_port = 1024 + u16::try_from(number % 60_000).expect("it is small");
        envelope.at = at(START + u64::from(number) * 1_234_567);
        Self {
            name: name(text),
            aliases: Vec::new(),
            addresses: vec![[198, 51, middle, low].into()],
            ttl: 300,
            flags: 0x8180,
            extended: None,
            envelope,
        }
    }

    fn message(&self) -> Vec<u8> {
        let mut message = vec![0x12, 0x34];
        message.extend(self.flags.to_be_bytes());
        let answers = self.aliases.len() + self.addresses.len();
        message.extend([0, 1, 0, u8::try_from(answers).expect("few"), 0, 0, 0, 0]);
        push_name(&mut message, &self.name);
        let kind = match self.addresses.first() {
            Some(IpAddr::V6(_)) => 28,
            _ => 1,
        };
        message.extend([0, kind, 0, 1]);
        let mut owner = 12;
        let mut record = |message: &mut Vec<u8>, kind: u8, data: &[u8]| {
            message.extend(u16::to_be_bytes(0xc000 | owner));
            message.extend([0, kind, 0, 1]);
            message.extend(self.ttl.to_be_bytes());
            let length = u16::try_from(data.len()).expect("it is short");
            message.extend(length.to_be_bytes());
            if kind == 5 {
                owner = u16::try_from(message.len()).expect("it is short");
            }
            message.extend(data);
        };
        for alias in &self.aliases {
            let mut data = Vec::new();
            push_name(&mut data, alias);
            record(&mut message, 5, &data);
        }
        for address in &self.addresses {
            match address {
                IpAddr::V4(address) => record(&mut message, 1, &address.octets()),
                IpAddr::V6(address) => record(&mut message, 28, &address.octets()),
            }
        }
        if let Some(upper) = self.extended {
            message[11] = 1;
            message.extend([0, 0, 41, 4, 208, upper, 0, 0, 0, 0, 0]);
        }
        message
    }
}

fn push_name(to: &mut Vec<u8>, labels: &[Vec<u8>]) {
    for label in labels {
        to.push(u8::try_from(label.len()).expect("labels are short"));
        to.extend(label);
    }
    to.push(0);
}

fn at(micros: u64) -> Timestamp {
    Timestamp {
        seconds: micros / 1_000_000,
        nanoseconds: u32::try_from(micros % 1_000_000).expect("it is small") * 1000,
    }
}

/// Responses of which each has something that others have not.
pub(crate) fn varied() -> Vec<Response> {
    let plain = |number| Response::new("www.example.org", number);
    let v6 = Endpoints::V6 {
        client: [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
        resolver: [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x35],
    };
    let six: IpAddr = "2001:db8:a::80".parse().expect("an address");
    let mut all = vec![
        plain(0),
        plain(1),
        plain(2),
        plain(3),
        plain(4),
        plain(5),
        plain(6),
    ];
    all[0].aliases = vec![name("web.example.net"), name("Edge-7.example.com")];
    all[0].addresses = vec![[203, 0, 113, 80].into(), [203, 0, 113, 81].into()];
    all[1].envelope.endpoints = v6;
    all[1].addresses = vec![six];
    all[1].envelope.transport = Transport::Tcp;
    all[2].addresses = Vec::new();
    all[2].flags = 0x8583;
    all[3].addresses = Vec::new();
    all[3].aliases = vec![name("only.example.net")];
    all[4].envelope.tags = Tags {
        vlan: Some(100),
        inner_vlan: Some(7),
        vni: Some(5000),
    };
    all[5].envelope.tags.vlan = Some(0);
    all[5].ttl = 0;
    all[6].name = Vec::new();
    // A code that has no room in its element, and the largest that has.
    for (number, upper) in [(30, 0xff), (31, 0x0f)] {
        let mut one = plain(number);
        one.flags |= 0xf;
        (one.extended, one.addresses) = (Some(upper), Vec::new());
        all.push(one);
    }
    // Every byte that a name can have.
    for (number, first) in (7..).zip((0..=255).step_by(32)) {
        let mut one = plain(number);
        one.name = vec![
            (first..=first + 31)
                .map(|byte: u16| byte.to_be_bytes()[1])
                .collect(),
        ];
        all.push(one);
    }
    // The longest names: as text they are four times as long.
    let longest = |byte: u8| [63, 63, 63, 61].map(|length| vec![byte; length]).to_vec();
    let mut long = plain(20);
    long.name = longest(0);
    all.push(long);
    let mut both = plain(21);
    (both.name, both.aliases) = (longest(0), vec![longest(1)]);
    all.push(both);
    all
}

/// A batch of what an encoder makes of these.
fn fill<E: Encode>(builder: &mut Builder, encoder: &mut E, key: u64, all: &[Response]) {
    let core = if E::IS_MOVABLE { None } else { Some(3) };
    let mut memory = vec![0; DATAGRAM_BYTES];
    let mut sequence = 0;
    let mut end = |encoder: &mut E, datagram: &mut [u8], sets: usize| {
        sequence += 1;
        encoder.finish(sets, sequence, datagram);
        let stream = || Stream {
            sensor: if core.is_some() {
                "edge-1"
            } else {
                "old\\124one"
            }
            .to_owned(),
            source: "192.0.2.1:5300".parse().expect("an address"),
            core,
            boot: 1,
        };
        let received = Duration::from_micros(START + sequence);
        builder.push(key, stream, received, sequence, sets as u64, datagram);
    };
    let (mut at, mut sets) = (encoder.header_bytes(), 0);
    let mut scratch = Scratch::default();
    for one in all {
        let message = one.message();
        let answers = Answers::parse_by(
            &rules(),
            &message,
            Dialect::Unicast,
            Extent::Whole,
            &mut scratch,
        );
        let answers = answers.expect("it is a response");
        let response = wire::Response {
            envelope: one.envelope,
            answers,
        };
        let mut parts = encoder.parts(&response, DATAGRAM_BYTES - encoder.header_bytes());
        loop {
            let room = &mut memory[..DATAGRAM_BYTES];
            match encoder.next_part(&mut parts, room, at) {
                None => break,
                Some(Ok(bytes)) => {
                    encoder.stays();
                    (at, sets) = (at + bytes, sets + 1);
                }
                Some(Err(NoRoom)) => {
                    end(encoder, &mut memory[..at], sets);
                    (at, sets) = (encoder.header_bytes(), 0);
                }
            }
            if sets == E::MAX_SETS {
                end(encoder, &mut memory[..at], sets);
                (at, sets) = (encoder.header_bytes(), 0);
            }
        }
    }
    if sets > 0 {
        end(encoder, &mut memory[..at], sets);
    }
}

fn rules() -> Rules {
    Rules {
        outcomes: Outcomes::ALL,
        types: Types::any(),
        authoritative: true,
        details: true,
    }
}

fn batch(number: u64, builder: &mut Builder) -> Arc<Batch> {
    let id = BatchId {
        collector: 1,
        number,
    };
    Arc::new(Batch::new(id, builder.take()))
}

/// A batch of versions 5 and 4.
pub(crate) fn both(number: u64, all: &[Response]) -> Arc<Batch> {
    let identity = v5::Identity {
        core: 3,
        ..v5::Identity::default()
    };
    let mut encoder = v5::Encoder::new(rules(), identity, 0);
    encoder.on_interface("eth|0");
    let mut builder = Builder::default();
    fill(&mut builder, &mut encoder, 1, all);
    fill(&mut builder, &mut v4::Encoder::new(rules()), 2, all);
    batch(number, &mut builder)
}

/// A batch of many responses.
pub(crate) fn many(number: u64, count: u32) -> Arc<Batch> {
    // Those of each batch are others.
    let first = u32::try_from(number).expect("few batches") * 100_000;
    let all: Vec<Response> = (first..first + count)
        .map(|host| {
            let mut one = Response::new(&format!("www{host}.example.org"), host);
            if host % 3 == 0 {
                one.aliases = vec![name(&format!("edge-{host}.example.net"))];
            }
            one
        })
        .collect();
    both(number, &all)
}

/// A batch of the vectors of docs/protocol.md.
pub(crate) fn vectors(number: u64) -> Arc<Batch> {
    let mut builder = Builder::default();
    for (key, vector) in (0..).zip(dnsflow_testkit::vectors::vectors()) {
        let Ok(datagram) = Datagram::parse(&vector.bytes) else {
            continue;
        };
        let core = match datagram {
            Datagram::V4(_) => None,
            Datagram::V5(datagram) => Some(datagram.core()),
        };
        let stream = || Stream {
            sensor: format!("vector-{key}"),
            source: "[2001:db8::1]:5300".parse().expect("an address"),
            core,
            boot: key,
        };
        let received = Duration::from_micros(START + key);
        builder.push(key, stream, received, datagram.sequence(), 1, &vector.bytes);
    }
    batch(number, &mut builder)
}
