//! A stream of version 5: messages into datagrams, and the datagrams read back.

use std::net::IpAddr;
use std::time::Duration;

use dnsflow_wire::dns::{
    Answers, Dialect, Extent, MAX_NAME_BYTES, MessageReject, Outcome, Outcomes, Rules, Scratch,
    Types,
};
use dnsflow_wire::encode::{Draft, Encode, Fill, NoRoom};
use dnsflow_wire::response::{Envelope, Response, Transport};
use dnsflow_wire::v5::{Content, Data, Datagram, Encoder, Identity, Record};

use crate::message::Labels;

/// A record as a collector has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Microseconds since 1970.
    pub(crate) time: u64,
    pub(crate) client: (IpAddr, u16),
    pub(crate) transport: Transport,
    pub(crate) resolver: (IpAddr, u16),
    pub(crate) interface: Option<String>,
    pub(crate) tags: [Option<u32>; 3],
    pub(crate) flags: u8,
    pub(crate) code: u16,
    pub(crate) name: Labels,
    pub(crate) question: Option<(u16, u16)>,
    pub(crate) subnet: Option<Vec<u8>>,
    pub(crate) answers: Vec<Answer>,
    pub(crate) is_incomplete: bool,
    pub(crate) continues: bool,
    pub(crate) has_more: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) owner: Labels,
    pub(crate) kind: u16,
    pub(crate) class: u16,
    pub(crate) ttl: u32,
    /// Without compression; the length of what is left out.
    pub(crate) rdata: Result<Vec<u8>, usize>,
}

/// Everything that a message can say, of every outcome and type.
pub(crate) fn all_rules() -> Rules {
    Rules {
        outcomes: Outcomes::ALL,
        types: Types::any(),
        authoritative: true,
        details: true,
    }
}

/// Rules like those of an export of version 5 that selects nothing in particular.
pub(crate) fn usual_rules() -> Rules {
    Rules {
        outcomes: Outcomes::NONE.with(Outcome::Answered),
        details: true,
        ..Rules::default()
    }
}

/// Which ways lead to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// The fast path alone.
    Fast,
    /// The slow path alone.
    Slow,
    /// The slow one where the fast one has no result.
    Both,
}

/// Fills datagrams as an export does.
pub(crate) struct Stream {
    pub(crate) encoder: Encoder,
    rules: Rules,
    memory: Vec<u8>,
    limit: usize,
    fill: Fill,
    pub(crate) datagrams: Vec<Vec<u8>>,
    pub(crate) dialect: Dialect,
    pub(crate) extent: Extent,
}

impl Stream {
    /// Of datagrams of at most `limit` bytes.
    pub(crate) fn new(rules: &Rules, limit: usize) -> Self {
        let identity = Identity {
            name: "sensor".into(),
            version: "2".into(),
            core: 3,
            boot: 0xb007,
            key: 0x1234_5678_9abc_def0,
        };
        let encoder = Encoder::new(rules.clone(), identity, 10);
        Self {
            fill: Fill::new(encoder.header_bytes(), Encoder::MAX_SETS),
            encoder,
            rules: rules.clone(),
            memory: vec![0xee; limit + size_of::<Draft>()],
            limit,
            datagrams: Vec::new(),
            dialect: Dialect::Unicast,
            extent: Extent::Whole,
        }
    }

    /// Adds the records of a message. Returns how many there are, or why there are none; `None` if the
    /// path has no result.
    pub(crate) fn push(
        &mut self,
        path: Path,
        message: &[u8],
        envelope: &Envelope,
    ) -> Option<Result<usize, MessageReject>> {
        if path != Path::Slow && (self.dialect, self.extent) == (Dialect::Unicast, Extent::Whole) {
            for _ in 0..2 {
                let at = self.fill.next();
                let found = self
                    .encoder
                    .transcribe(message, envelope, &mut self.memory, at);
                match found {
                    Some(Ok(size)) if self.fill.fits(size, self.limit) => {
                        self.wrote(size);
                        return Some(Ok(1));
                    }
                    Some(Ok(_)) => self.close(),
                    Some(Err(reason)) => return Some(Err(reason)),
                    None => break,
                }
            }
        }
        (path != Path::Fast).then(|| self.push_slow(message, envelope))
    }

    fn push_slow(&mut self, message: &[u8], envelope: &Envelope) -> Result<usize, MessageReject> {
        let mut scratch = Scratch::default();
        let (dialect, extent) = (self.dialect, self.extent);
        let answers = Answers::parse_by(&self.rules, message, dialect, extent, &mut scratch)?;
        let response = Response {
            envelope: *envelope,
            answers,
        };
        let room = self.limit - self.encoder.header_bytes();
        let mut parts = self.encoder.parts(&response, room);
        let mut count = 0;
        loop {
            let (limit, at) = (self.limit, self.fill.next());
            let datagram = &mut self.memory[..limit];
            match self.encoder.next_part(&mut parts, datagram, at) {
                None => return Ok(count),
                Some(Ok(size)) => {
                    assert!(self.fill.fits(size, limit));
                    self.wrote(size);
                    count += 1;
                }
                Some(Err(NoRoom)) => {
                    assert!(!self.fill.is_empty(), "an empty datagram has room");
                    self.close();
                }
            }
        }
    }

    /// Writes a record that does not stay.
    pub(crate) fn abandon(&mut self, message: &[u8], envelope: &Envelope) {
        let at = self.fill.next();
        let _ = self
            .encoder
            .transcribe(message, envelope, &mut self.memory, at);
        // What comes next is written over it.
        self.memory[at..].fill(0xee);
    }

    fn wrote(&mut self, size: usize) {
        self.encoder.stays();
        self.fill.wrote(size);
        let next = self.fill.next();
        self.memory[next..].fill(0xee);
    }

    /// Ends the datagram that is being filled.
    pub(crate) fn close(&mut self) {
        if self.fill.is_empty() {
            return;
        }
        let (length, sequence) = (self.fill.len(), self.datagrams.len() as u64 + 1);
        assert!(length <= self.limit);
        let datagram = &mut self.memory[..length];
        self.encoder.finish(self.fill.sets(), sequence, datagram);
        self.datagrams.push(datagram.to_vec());
        self.fill = Fill::new(self.encoder.header_bytes(), Encoder::MAX_SETS);
        self.memory.fill(0xee);
    }

    /// Every record, in order.
    ///
    /// # Panics
    /// If a datagram can't be read, or not to its end.
    pub(crate) fn records(mut self) -> Vec<Found> {
        self.close();
        let datagrams = self.datagrams.iter().zip(1..);
        let records = datagrams.flat_map(|(bytes, sequence)| {
            let datagram = Datagram::parse(bytes).expect("a datagram");
            assert_eq!((datagram.sequence(), datagram.core()), (sequence, 3));
            assert_eq!((datagram.boot(), datagram.sampling()), (0xb007, Some(10)));
            assert_eq!(datagram.sensor_name(), Some(&b"sensor"[..]));
            let Content::Records(records) = datagram.content() else {
                panic!("statistics");
            };
            let records: Vec<_> = records
                .map(|record| Found::of(&record.expect("what was written can be read")))
                .collect();
            assert_eq!(records.len(), usize::from(datagram.count()));
            records
        });
        records.collect()
    }
}

impl Found {
    fn of(record: &Record<'_>) -> Self {
        let labels = |name: dnsflow_wire::v5::Name<'_>| -> Labels {
            name.labels().map(<[u8]>::to_vec).collect()
        };
        let mut memory = [0; MAX_NAME_BYTES];
        let answers = record.answers().map(|answer| Answer {
            owner: labels(answer.owner),
            kind: answer.record_type,
            class: answer.class,
            ttl: answer.ttl,
            rdata: match answer.data {
                Data::Ipv4(address) => Ok(address.octets().to_vec()),
                Data::Ipv6(address) => Ok(address.octets().to_vec()),
                Data::Name(name) => Ok(name.to_wire(&mut memory).to_vec()),
                Data::Rdata(rdata) => Ok(rdata.to_vec()),
                Data::LeftOut(bytes) => Err(bytes),
            },
        });
        let origin = &record.origin;
        Self {
            time: micros(record.time),
            client: (record.client, record.client_port),
            transport: record.transport,
            resolver: (origin.address, origin.port),
            interface: origin
                .interface
                .map(|name| String::from_utf8_lossy(name).into_owned()),
            tags: [
                origin.vlan.map(u32::from),
                origin.inner_vlan.map(u32::from),
                origin.vni,
            ],
            flags: record.flags.0,
            code: record.rcode,
            name: labels(record.name),
            question: record
                .question
                .map(|question| (question.record_type, question.class)),
            subnet: record.subnet.map(|subnet| {
                let prefixes = [subnet.source_prefix, subnet.scope_prefix];
                [&subnet.family.to_be_bytes()[..], &prefixes, subnet.address].concat()
            }),
            answers: answers.collect(),
            is_incomplete: record.is_incomplete,
            continues: record.continues,
            has_more: record.has_more,
        }
    }

    /// What the envelope says of a record that says nothing else.
    pub(crate) fn empty(envelope: &Envelope, interface: Option<&str>) -> Self {
        let tags = envelope.tags;
        Self {
            time: envelope.at.micros(),
            client: (envelope.endpoints.client(), envelope.client_port),
            transport: envelope.transport,
            resolver: (envelope.endpoints.resolver(), envelope.resolver_port),
            interface: interface.map(str::to_owned),
            tags: [
                tags.vlan.map(u32::from),
                tags.inner_vlan.map(u32::from),
                tags.vni,
            ],
            flags: 0,
            code: 0,
            name: Labels::new(),
            question: None,
            subnet: None,
            answers: Vec::new(),
            is_incomplete: false,
            continues: false,
            has_more: false,
        }
    }

    /// The whole response of the records that are its parts.
    ///
    /// # Panics
    /// If they are not, in this order.
    pub(crate) fn joined(parts: &[Self]) -> Self {
        let mut whole = parts.first().expect("a record").clone();
        for (index, part) in parts.iter().enumerate() {
            assert_eq!(part.continues, index > 0);
            assert_eq!(part.has_more, index + 1 < parts.len());
            assert!(parts.len() == 1 || !part.answers.is_empty(), "{part:?}");
            if index > 0 {
                whole.answers.extend(part.answers.iter().cloned());
                let part = Self {
                    answers: whole.answers.clone(),
                    continues: false,
                    has_more: true,
                    subnet: whole.subnet.clone(),
                    ..part.clone()
                };
                assert_eq!(part, whole);
            }
        }
        whole.has_more = false;
        whole
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).expect("64 bits")
}
