//! Rows that wait for their file.
//!
//! A batch is read once, when it comes: what is kept of a row has a fixed size but for its lists, and
//! holds numbers of texts. The names of addresses are rolled up at once, so that what repeats takes
//! no memory.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use ahash::RandomState;
use dnsflow_archive::Partition;
use dnsflow_wire::response::Transport;
use dnsflow_wire::text::{ClassText, DataText, RcodeText, Sensor, TypeText};
use dnsflow_wire::v5::{Data, Subnet};
use hashbrown::HashMap;

use super::row::{CONTINUES, HAS_MORE, INCOMPLETE, NameKey, Row, Seen, StreamTexts};
use super::texts::{Id, NONE, Texts};
use crate::batch::{Batch, Stream};
use crate::record;

/// Most hours of one file's window: a sensor whose clock runs wild must not open a file for each hour
/// since 2000. Rows of further hours go by when they came.
const MAX_PARTITIONS: usize = 64;

/// How many numbers an answer has in [`Rows::lists`].
pub(super) const ANSWER_WORDS: usize = 5;

/// Texts of small numbers.
#[derive(Debug, Default)]
struct Mnemonics {
    types: HashMap<u16, Id, RandomState>,
    classes: HashMap<u16, Id, RandomState>,
    rcodes: HashMap<u16, Id, RandomState>,
    transports: [Option<Id>; 2],
}

/// The rows of some batches.
#[derive(Debug)]
pub(super) struct Rows {
    partition: Partition,
    pub(super) texts: Texts,
    pub(super) streams: Vec<StreamTexts>,
    pub(super) rows: Vec<Row>,
    /// The lists of all rows.
    lists: Vec<u32>,
    pub(super) names: HashMap<NameKey, Seen, RandomState>,
    pub(super) partitions: BTreeSet<i64>,
    mnemonics: Mnemonics,
    /// How many rows went to the hour in which they came because of [`MAX_PARTITIONS`].
    pub(super) displaced: u64,
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

fn length(list: usize) -> u32 {
    u32::try_from(list).unwrap_or(u32::MAX)
}

impl Rows {
    pub(super) fn new(partition: Partition) -> Self {
        Self {
            partition,
            texts: Texts::default(),
            streams: Vec::new(),
            rows: Vec::new(),
            lists: Vec::new(),
            names: HashMap::default(),
            partitions: BTreeSet::new(),
            mnemonics: Mnemonics::default(),
            displaced: 0,
        }
    }

    /// Bytes of memory that they take.
    pub(super) fn memory(&self) -> usize {
        self.texts.memory()
            + self.rows.len() * size_of::<Row>()
            + self.lists.len() * size_of::<u32>()
            + self.names.capacity() * (size_of::<(NameKey, Seen)>() + 1)
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        let displaced = self.displaced;
        *self = Self::new(self.partition);
        self.displaced = displaced;
    }

    /// Adds the rows of a batch.
    pub(super) fn add(&mut self, batch: &Batch) {
        let mut streams: Vec<(*const Stream, u32)> = Vec::new();
        let mut last = (std::ptr::null(), 0);
        let done: Result<(), std::convert::Infallible> = batch.each_row(|row| {
            let stream: *const Stream = row.stream;
            if last.0 != stream {
                let known = streams.iter().find(|(known, _)| *known == stream);
                last = match known {
                    Some(known) => *known,
                    None => (stream, self.stream(row.stream)),
                };
                streams.push(last);
            }
            self.row(row, last.1);
            Ok(())
        });
        match done {
            Ok(()) => {}
        }
    }

    fn stream(&mut self, stream: &Stream) -> u32 {
        let texts = StreamTexts {
            sensor: self.texts.text(&stream.sensor),
            source: self.texts.address(stream.source.ip()),
            boot: self.texts.shown(format_args!("{:016x}", stream.boot)),
            core: stream.core,
        };
        self.streams.push(texts);
        length(self.streams.len() - 1)
    }

    fn row(&mut self, row: &record::Row<'_>, stream: u32) {
        let record = &row.record;
        let v5 = record.v5();
        let (time, received) = (micros(row.time()), micros(row.received));
        let partition = self.partition_of(time, received);
        let start = self.lists.len();
        for name in record.names() {
            let id = self.texts.name(name);
            self.lists.push(id);
        }
        let addresses = self.lists.len();
        for address in record.addresses() {
            let id = self.texts.address(address);
            self.lists.push(id);
        }
        let answers = self.lists.len();
        let (names, addresses) = (addresses - start, answers - addresses);
        let query = self.lists.get(start).copied().filter(|_| names > 0);
        let query = query.unwrap_or(NONE);
        let client = self.texts.address(record.client());
        let ttl = record.ttl();
        let seen = Seen {
            first: time,
            last: time,
            count: 1,
            ttl,
        };
        let key = NameKey {
            partition,
            address: NONE,
            client,
            name: NONE,
            question: query,
        };
        if v5.is_some() {
            self.answers(record, &key, &seen);
        } else {
            // The last name is the end of the chain, whose addresses they are.
            let name = self.lists.get((start + names).saturating_sub(1)).copied();
            for at in start + names..answers {
                let address = self.lists.get(at).copied().unwrap_or(NONE);
                let name = name.unwrap_or(query);
                self.seen(
                    NameKey {
                        address,
                        name,
                        ..key
                    },
                    &seen,
                );
            }
        }
        let origin = v5.map(|record| record.origin);
        let question = record.question();
        let bits = v5.map_or(0, |record| {
            let bit = |is_set, bit| if is_set { bit } else { 0 };
            bit(record.is_incomplete, INCOMPLETE)
                | bit(record.continues, CONTINUES)
                | bit(record.has_more, HAS_MORE)
        });
        let kept = Row {
            time,
            received,
            partition,
            sequence: row.sequence,
            stream,
            sampling: row.sampling,
            ttl,
            vni: origin.and_then(|origin| origin.vni),
            client,
            resolver: self.optional(record.resolver(), Texts::address),
            transport: self.transport(record.transport()),
            query,
            qtype: self.optional_type(question.map(|question| question.record_type)),
            qclass: self.optional_class(question.map(|question| question.class)),
            rcode: self.optional_rcode(record.rcode()),
            subnet: self.optional(v5.and_then(|record| record.subnet), subnet),
            interface: self.optional(origin.and_then(|origin| origin.interface), |texts, name| {
                texts.shown(Sensor::Name(name))
            }),
            client_port: record.client_port(),
            resolver_port: record.resolver_port(),
            vlan: origin.and_then(|origin| origin.vlan),
            inner_vlan: origin.and_then(|origin| origin.inner_vlan),
            index: row.index,
            flags: record.flags().map(|flags| flags.0),
            bits,
            start,
            names: length(names),
            addresses: length(addresses),
            answers: length((self.lists.len() - answers) / ANSWER_WORDS),
        };
        self.rows.push(kept);
    }

    fn partition_of(&mut self, time: i64, received: i64) -> i64 {
        let partition = self.partition.of_row(time, received);
        if self.partitions.contains(&partition) {
            return partition;
        }
        if self.partitions.len() < MAX_PARTITIONS {
            self.partitions.insert(partition);
            return partition;
        }
        self.displaced += 1;
        let partition = self.partition.of(received);
        self.partitions.insert(partition);
        partition
    }

    /// The answers of a record of version 5, and the names of its addresses.
    fn answers(&mut self, record: &record::Record<'_>, key: &NameKey, seen: &Seen) {
        for answer in record.answers() {
            let owner = self.texts.name(answer.owner);
            let record_type = self.optional_type(Some(answer.record_type));
            let class = self.optional_class(Some(answer.class));
            let address = match answer.data {
                Data::Ipv4(address) => Some(IpAddr::V4(address)),
                Data::Ipv6(address) => Some(IpAddr::V6(address)),
                _ => None,
            };
            let data = match (address, answer.data) {
                (Some(address), _) => self.texts.address(address),
                (None, Data::Name(name)) => self.texts.name(name),
                (None, _) => self.texts.shown(DataText(answer)),
            };
            self.lists
                .extend_from_slice(&[owner, record_type, class, answer.ttl, data]);
            if address.is_some() {
                let key = NameKey {
                    address: data,
                    name: owner,
                    ..*key
                };
                self.seen(key, seen);
            }
        }
    }

    fn seen(&mut self, key: NameKey, seen: &Seen) {
        self.names
            .entry(key)
            .and_modify(|known| known.add(seen))
            .or_insert(*seen);
    }

    fn optional<T>(&mut self, value: Option<T>, text: impl Fn(&mut Texts, T) -> Id) -> Id {
        value.map_or(NONE, |value| text(&mut self.texts, value))
    }

    fn optional_type(&mut self, value: Option<u16>) -> Id {
        let Self {
            texts, mnemonics, ..
        } = self;
        value.map_or(NONE, |value| {
            let types = &mut mnemonics.types;
            *types
                .entry(value)
                .or_insert_with(|| texts.shown(TypeText(value)))
        })
    }

    fn optional_class(&mut self, value: Option<u16>) -> Id {
        let Self {
            texts, mnemonics, ..
        } = self;
        value.map_or(NONE, |value| {
            let classes = &mut mnemonics.classes;
            *classes
                .entry(value)
                .or_insert_with(|| texts.shown(ClassText(value)))
        })
    }

    fn optional_rcode(&mut self, value: Option<u16>) -> Id {
        let Self {
            texts, mnemonics, ..
        } = self;
        value.map_or(NONE, |value| {
            let rcodes = &mut mnemonics.rcodes;
            *rcodes
                .entry(value)
                .or_insert_with(|| texts.shown(RcodeText(value)))
        })
    }

    fn transport(&mut self, value: Option<Transport>) -> Id {
        let [udp, tcp] = &mut self.mnemonics.transports;
        let texts = &mut self.texts;
        match value {
            None => NONE,
            Some(Transport::Udp) => *udp.get_or_insert_with(|| texts.text("udp")),
            Some(Transport::Tcp) => *tcp.get_or_insert_with(|| texts.text("tcp")),
        }
    }

    /// The stream of a row.
    pub(super) fn stream_of(&self, row: &Row) -> Option<&StreamTexts> {
        self.streams.get(row.stream as usize)
    }

    /// The names of a row.
    pub(super) fn names_of(&self, row: &Row) -> &[Id] {
        self.list(row.start, row.names as usize)
    }

    /// The addresses of a row.
    pub(super) fn addresses_of(&self, row: &Row) -> &[Id] {
        self.list(row.start + row.names as usize, row.addresses as usize)
    }

    /// The answers of a row, each with owner, type, class, TTL and data. All but the TTL are numbers
    /// of texts.
    pub(super) fn answers_of(&self, row: &Row) -> &[[u32; ANSWER_WORDS]] {
        let start = row.start + row.names as usize + row.addresses as usize;
        self.list(start, row.answers as usize * ANSWER_WORDS)
            .as_chunks()
            .0
    }

    fn list(&self, start: usize, length: usize) -> &[u32] {
        self.lists.get(start..start + length).unwrap_or_default()
    }
}

/// `address/prefix` of a client subnet; of another family than IPv4 and IPv6, `family:hex/prefix`.
fn subnet(texts: &mut Texts, subnet: Subnet<'_>) -> Id {
    let prefix = subnet.source_prefix;
    match subnet.ip() {
        Some(address) => texts.shown(format_args!("{address}/{prefix}")),
        None => {
            let mut hex = String::with_capacity(2 * subnet.address.len());
            for byte in subnet.address {
                hex.extend(
                    [byte >> 4, byte & 15]
                        .map(|digit| char::from_digit(digit.into(), 16).unwrap_or_default()),
                );
            }
            texts.shown(format_args!("{}:{hex}/{prefix}", subnet.family))
        }
    }
}
