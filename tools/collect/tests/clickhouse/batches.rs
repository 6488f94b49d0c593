//! Batches to be stored.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dnsflow_collect::batch::{Batch, BatchId, Builder, Stream};
use dnsflow_testkit::vectors::vectors;
use dnsflow_wire::datagram::Datagram;
use dnsflow_wire::dns::Rules;
use dnsflow_wire::encode::{Draft, Encode, Fill};
use dnsflow_wire::response::{Endpoints, Envelope, Timestamp};
use dnsflow_wire::v5::{Encoder, Identity};

/// When the datagrams came: 2023-11-14 22:13:20 UTC.
pub(crate) const RECEIVED: Duration = Duration::from_secs(1_700_000_000);

/// Bytes of a datagram, as sensors send them.
const DATAGRAM_BYTES: usize = 1400;

pub(crate) fn stream(core: Option<u16>, boot: u64) -> Stream {
    Stream {
        sensor: String::from("tap\\0321"),
        source: SocketAddr::from(([192, 0, 2, 1], 5300)),
        core,
        boot,
    }
}

/// All datagrams of the protocol's page.
pub(crate) fn of_vectors(number: u64) -> Arc<Batch> {
    let mut builder = Builder::default();
    for (key, vector) in (0..).zip(vectors()) {
        let Ok(datagram) = Datagram::parse(&vector.bytes) else {
            continue;
        };
        let core = match &datagram {
            Datagram::V4(_) => None,
            Datagram::V5(datagram) => Some(datagram.core()),
        };
        let sequence = datagram.sequence();
        builder.push(
            key,
            || stream(core, key),
            RECEIVED,
            sequence,
            1,
            &vector.bytes,
        );
    }
    let id = BatchId {
        collector: 7,
        number,
    };
    Arc::new(Batch::new(id, builder.take()))
}

/// So many responses of version 5: each with an alias and two addresses, of some thousand names and
/// clients.
pub(crate) fn of_responses(number: u64, count: u32) -> Arc<Batch> {
    let identity = Identity {
        name: String::from("tap1"),
        version: String::from("2"),
        core: 3,
        boot: 0xb007,
        key: 1,
    };
    let rules = Rules {
        details: true,
        ..Rules::default()
    };
    let mut encoder = Encoder::new(rules, identity, 0);
    let mut fill = Fill::new(encoder.header_bytes(), Encoder::MAX_SETS);
    let mut memory = vec![0; DATAGRAM_BYTES + size_of::<Draft>()];
    let mut builder = Builder::default();
    let mut sequence = number << 32;
    let mut close = |encoder: &mut Encoder, fill: &mut Fill, memory: &mut [u8]| {
        let (sets, length) = (fill.sets(), fill.len());
        encoder.finish(sets, sequence, memory);
        let records = u64::try_from(sets).expect("it is small");
        builder.push(
            0,
            || stream(Some(3), 0xb007),
            RECEIVED,
            sequence,
            records,
            &memory[..length],
        );
        sequence += 1;
        fill.clear();
    };
    for one in 0..count {
        let (message, envelope) = response(one);
        loop {
            let at = fill.next();
            let size = encoder.transcribe(&message, &envelope, &mut memory, at);
            let size = size
                .expect("it has the usual form")
                .expect("it is a response");
            if fill.fits(size, DATAGRAM_BYTES) {
                fill.wrote(size);
                encoder.stays();
                break;
            }
            close(&mut encoder, &mut fill, &mut memory);
        }
    }
    if !fill.is_empty() {
        close(&mut encoder, &mut fill, &mut memory);
    }
    let id = BatchId {
        collector: 7,
        number,
    };
    Arc::new(Batch::new(id, builder.take()))
}

/// A message, and how it came.
fn response(number: u32) -> (Vec<u8>, Envelope) {
    let mixed = number.wrapping_mul(0x9e37_79b1);
    let [a, b, ..] = mixed.to_be_bytes();
    let mut message = Vec::from(*b"\x12\x34\x81\x80\0\x01\0\x03\0\0\0\0");
    let host = format!("www{}", mixed % 4000);
    message.push(u8::try_from(host.len()).expect("it is short"));
    message.extend(host.as_bytes());
    message.extend(b"\x07example\x03org\0\0\x01\0\x01");
    // www1.example.org CNAME edge.www1.example.org, and its addresses.
    message.extend(b"\xc0\x0c\0\x05\0\x01\0\0\x01\x2c\0\x07\x04edge\xc0\x0c");
    let target = u8::try_from(message.len()).expect("it is short") - 7;
    for host in [1, 2] {
        message.extend([0xc0, target, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, a, host]);
    }
    let endpoints = Endpoints::V4 {
        client: [10, 0, a, b],
        resolver: [192, 0, 2, 53],
    };
    let mut envelope = Envelope::from(endpoints);
    envelope.client_port = 40_000;
    envelope.at = Timestamp {
        seconds: 1_700_000_000 + u64::from(number / 1000),
        nanoseconds: number % 1000,
    };
    (message, envelope)
}
