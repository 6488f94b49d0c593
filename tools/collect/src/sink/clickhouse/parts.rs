//! What all tables have of a record, read and made text of once.
//!
//! Names are decompressed and escaped, and answers are decoded, each time that a record is asked
//! for them; three tables ask a dozen times.

use std::io::Write;
use std::net::IpAddr;
use std::ops::Range;

use dnsflow_wire::text::DataText;
use dnsflow_wire::v5::{self, Answer, Data};

use super::row_binary::{ipv4_text, name_text};
use crate::record::Record;

/// The place of a text.
pub(super) type Place = Range<usize>;

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) owner: Place,
    pub(super) record_type: u16,
    pub(super) class: u16,
    pub(super) ttl: u32,
    pub(super) data: Place,
}

/// An address, and the name that has it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) address: IpAddr,
    pub(super) name: Place,
    pub(super) ttl: Option<u32>,
}

/// The parts of one record; their memory serves the next one.
#[derive(Debug, Default)]
pub(super) struct Parts {
    text: Vec<u8>,
    /// The query, then targets of aliases.
    pub(super) names: Vec<Place>,
    pub(super) answers: Vec<Item>,
    /// In the order of the message, of versions 0 to 4 of the record.
    pub(super) addresses: Vec<Found>,
    /// The smallest TTL of aliases and addresses.
    pub(super) ttl: Option<u32>,
}

impl Parts {
    /// Reads a record.
    pub(super) fn read(&mut self, record: &Record<'_>) {
        self.text.clear();
        self.names.clear();
        self.answers.clear();
        self.addresses.clear();
        self.ttl = None;
        match record {
            Record::V4(set) => {
                for name in set.names() {
                    let place = self.add(|text| name_text(text, name.labels()));
                    self.names.push(place);
                }
                let Some(name) = self.names.last().cloned() else {
                    return;
                };
                let ipv4 = set.ipv4().map(IpAddr::V4);
                for address in ipv4.chain(set.ipv6().map(IpAddr::V6)) {
                    self.addresses.push(Found {
                        address,
                        name: name.clone(),
                        ttl: None,
                    });
                }
            }
            Record::V5(record) => self.read_new(record),
        }
    }

    fn read_new(&mut self, record: &v5::Record<'_>) {
        let query = self.add(|text| name_text(text, record.name.labels()));
        self.names.push(query.clone());
        let mut last = (record.name, query);
        for answer in record.answers() {
            if !is_same(answer.owner, last.0) {
                let place = self.add(|text| name_text(text, answer.owner.labels()));
                last = (answer.owner, place);
            }
            let data = self.add(|text| data_text(text, answer));
            let holds = match answer.data {
                Data::Ipv4(address) => Some(Some(IpAddr::V4(address))),
                Data::Ipv6(address) => Some(Some(IpAddr::V6(address))),
                Data::Name(_) => Some(None),
                Data::Rdata(_) | Data::LeftOut(_) => None,
            };
            if let Some(address) = holds {
                self.ttl = Some(self.ttl.map_or(answer.ttl, |ttl| ttl.min(answer.ttl)));
                match address {
                    Some(address) => self.addresses.push(Found {
                        address,
                        name: last.1.clone(),
                        ttl: Some(answer.ttl),
                    }),
                    None => self.names.push(data.clone()),
                }
            }
            self.answers.push(Item {
                owner: last.1.clone(),
                record_type: answer.record_type,
                class: answer.class,
                ttl: answer.ttl,
                data,
            });
        }
    }

    fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Place {
        let start = self.text.len();
        write(&mut self.text);
        start..self.text.len()
    }

    /// The text of a place.
    pub(super) fn text(&self, place: &Place) -> &[u8] {
        self.text.get(place.clone()).unwrap_or_default()
    }

    /// The name asked for; empty if there is none.
    pub(super) fn query(&self) -> &[u8] {
        self.names.first().map_or(b"", |place| self.text(place))
    }
}

/// Whether two names of a record start at the same label, and so go on alike.
fn is_same(one: v5::Name<'_>, other: v5::Name<'_>) -> bool {
    match (one.labels().next(), other.labels().next()) {
        (Some(one), Some(other)) => std::ptr::eq(one, other),
        (one, other) => one == other,
    }
}

/// Appends what an answer says: that of [`DataText`].
fn data_text(out: &mut Vec<u8>, answer: Answer<'_>) {
    match answer.data {
        Data::Ipv4(address) => ipv4_text(out, address),
        Data::Name(name) => name_text(out, name.labels()),
        // A Vec takes everything.
        _ => drop(write!(out, "{}", DataText(answer))),
    }
}
