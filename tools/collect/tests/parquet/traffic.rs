//! Batches for tests: what an encoder of the sensor makes of messages, and the vectors of
//! docs/protocol.md.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use dnsflow_collect::batch::{Batch, BatchId, Builder, Stream};
use dnsflow_wire::dns::{Outcomes, Rules, Types};
use dnsflow_wire::encode::Encode;
use dnsflow_wire::response::{Endpoints, Envelope, Timestamp, Transport};
use dnsflow_wire::{datagram::Datagram, v4, v5};

/// The collector of all batches.
pub(crate) const COLLECTOR: u64 = 0x00c0_11ec_7000_0001;

/// Room of a datagram.
const DATAGRAM_BYTES: usize = 1400;

/// Bytes behind a record that an encoder may use while it writes.
const SLACK_BYTES: usize = 64 << 10;

/// All rules that select everything.
pub(crate) fn all() -> Rules {
    Rules {
        outcomes: Outcomes::ALL,
        types: Types::any(),
        authoritative: true,
        details: true,
    }
}

/// A stream of one sensor.
pub(crate) struct Traffic<E> {
    encoder: E,
    sensor: &'static str,
    boot: u64,
    core: Option<u16>,
    sequence: u64,
    random: u64,
}

impl Traffic<v5::Encoder> {
    /// Of version 5.
    pub(crate) fn v5(sensor: &'static str, seed: u64) -> Self {
        let identity = v5::Identity {
            name: sensor.to_owned(),
            core: 3,
            boot: seed,
            key: seed,
            ..v5::Identity::default()
        };
        let mut encoder = v5::Encoder::new(all(), identity, 0);
        encoder.on_interface("eth0");
        Self::new(encoder, sensor, Some(3), seed)
    }
}

impl Traffic<v4::Encoder> {
    /// Of version 4.
    pub(crate) fn v4(sensor: &'static str, seed: u64) -> Self {
        Self::new(v4::Encoder::new(all()), sensor, None, seed)
    }
}

impl<E: Encode> Traffic<E> {
    fn new(encoder: E, sensor: &'static str, core: Option<u16>, seed: u64) -> Self {
        Self {
            encoder,
            sensor,
            boot: seed,
            core,
            sequence: 0,
            random: seed | 1,
        }
    }

    fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % below
    }

    /// Few of many are frequent.
    fn skewed(&mut self, below: u64) -> u64 {
        let most = self.random(below) + 1;
        self.random(most)
    }

    /// Adds datagrams of `responses` responses, the first one captured at `start` microseconds and
    /// each next one `step` later, which come a second after their last one.
    pub(crate) fn fill(&mut self, builder: &mut Builder, responses: u64, start: u64, step: u64) {
        let mut memory = vec![0; DATAGRAM_BYTES + SLACK_BYTES];
        let mut at = self.encoder.header_bytes();
        let mut sets = 0;
        let mut last = start;
        for number in 0..responses {
            let micros = start + number * step;
            let message = self.message();
            let client = Ipv4Addr::from(0x0a00_0000 + u32::try_from(self.skewed(20_000)).unwrap());
            let resolver = Ipv4Addr::new(192, 0, 2, 53);
            let mut envelope = Envelope::from(Endpoints::V4 {
                client: client.octets(),
                resolver: resolver.octets(),
            });
            envelope.client_port = u16::try_from(1024 + self.random(60_000)).unwrap();
            envelope.at = Timestamp {
                seconds: micros / 1_000_000,
                nanoseconds: u32::try_from(micros % 1_000_000).unwrap() * 1000,
            };
            if number % 50 == 0 {
                envelope.transport = Transport::Tcp;
            }
            loop {
                let encoder = &mut self.encoder;
                let bytes = encoder
                    .transcribe(&message, &envelope, &mut memory, at)
                    .expect("the fast path takes it")
                    .expect("it qualifies");
                if at + bytes <= DATAGRAM_BYTES && sets < E::MAX_SETS {
                    encoder.stays();
                    at += bytes;
                    sets += 1;
                    last = micros;
                    break;
                }
                self.end(builder, &mut memory[..at], sets, last);
                at = self.encoder.header_bytes();
                sets = 0;
            }
        }
        if sets > 0 {
            self.end(builder, &mut memory[..at], sets, last);
        }
    }

    fn end(&mut self, builder: &mut Builder, datagram: &mut [u8], sets: usize, last: u64) {
        self.sequence += 1;
        self.encoder.finish(sets, self.sequence, datagram);
        let stream = || Stream {
            sensor: self.sensor.to_owned(),
            source: "192.0.2.1:5300".parse().unwrap(),
            core: self.core,
            boot: self.boot,
        };
        builder.push(
            self.boot,
            stream,
            Duration::from_micros(last + 1_000_000),
            self.sequence,
            sets as u64,
            datagram,
        );
    }

    /// A response: A records, most of them behind an alias.
    fn message(&mut self) -> Vec<u8> {
        let host = self.skewed(50_000);
        let mut message = vec![0x12, 0x34, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0];
        let front = format!("www{}", host % 7);
        let site = format!("Site-{host}");
        for label in [front.as_str(), site.as_str(), "example", "org"] {
            message.push(u8::try_from(label.len()).unwrap());
            message.extend(label.as_bytes());
        }
        message.extend([0, 0, 1, 0, 1]);
        let mut answers = 0;
        let mut owner = [0xc0, 12];
        if !host.is_multiple_of(3) {
            let alias = format!("edge-{}", host % 5000);
            let length = u8::try_from(alias.len()).unwrap();
            message.extend(owner);
            message.extend([0, 5, 0, 1, 0, 0, 1, 44, 0, length + 3, length]);
            let at = u16::try_from(message.len() - 1).unwrap();
            message.extend(alias.as_bytes());
            message.extend([
                0xc0,
                u8::try_from(12 + front.len() + site.len() + 2).unwrap(),
            ]);
            owner = (0xc000 | at).to_be_bytes();
            answers += 1;
        }
        for number in 0..1 + host % 3 {
            message.extend(owner);
            message.extend([0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            let address = 0xc633_0000 + u32::try_from(host * 3 + number).unwrap();
            message.extend(address.to_be_bytes());
            answers += 1;
        }
        message[7] = answers;
        message
    }
}

/// A batch of what was collected.
pub(crate) fn batch(number: u64, builder: &mut Builder) -> Arc<Batch> {
    let id = BatchId {
        collector: COLLECTOR,
        number,
    };
    Arc::new(Batch::new(id, builder.take()))
}

/// A batch of both versions, of `responses` each; captured from `start` microseconds on.
pub(crate) fn mixed(number: u64, responses: u64, start: u64, step: u64) -> Arc<Batch> {
    let mut builder = Builder::default();
    let seed = number * 2 + 1_000_000;
    Traffic::v5("edge-1", seed).fill(&mut builder, responses, start, step);
    Traffic::v4("old|sensor", seed + 1).fill(&mut builder, responses, start, step);
    batch(number, &mut builder)
}

/// A batch of the vectors of docs/protocol.md.
pub(crate) fn vectors(number: u64, received: u64) -> Arc<Batch> {
    let mut builder = Builder::default();
    for (key, vector) in (0..).zip(dnsflow_testkit::vectors::vectors()) {
        let Ok(datagram) = Datagram::parse(&vector.bytes) else {
            continue;
        };
        let (core, boot) = match datagram {
            Datagram::V4(_) => (None, key),
            Datagram::V5(datagram) => (Some(datagram.core()), datagram.boot()),
        };
        let stream = || Stream {
            sensor: format!("vector-{key}"),
            source: "[2001:db8::1]:5300".parse().unwrap(),
            core,
            boot,
        };
        let received = Duration::from_micros(received + key);
        let sequence = datagram.sequence();
        builder.push(key, stream, received, sequence, 1, &vector.bytes);
    }
    batch(number, &mut builder)
}
