//! What the responses of a capture say without regard to clients, and who looked up what.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use dnsflow_capfile::{Records, input};
use dnsflow_names::{Time, confidence};
use dnsflow_records::frame;
use dnsflow_records::record::{Record, records};
use dnsflow_wire::datagram::Datagram;
use dnsflow_wire::v5::Data;

use super::Flow;

/// The type of PTR records.
const PTR: u16 = 12;

/// The look-ups of a capture.
#[derive(Debug, Default)]
pub struct Told {
    /// For each address, when names were told, in the order of the capture.
    names: HashMap<IpAddr, Vec<(Time, String)>>,
    /// When a client was first told about a name.
    clients: HashMap<(IpAddr, String), Time>,
    /// Names of PTR records by what was asked.
    pointers: HashMap<String, String>,
}

impl Told {
    /// Reads records of version 5.
    ///
    /// # Errors
    /// If the file can't be read to its end.
    pub fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let mut told = Self::default();
        let mut file = Records::open(input::open(path)?)?;
        while let Some(packet) = file.next_frame()? {
            let received = Duration::new(packet.at.seconds, packet.at.nanoseconds);
            let Ok(payload) = frame::payload(packet.link, packet.bytes) else {
                continue;
            };
            if let Ok(datagram) = Datagram::parse(payload.bytes) {
                for record in records(&datagram) {
                    told.add(Time(record.time(received)), &record);
                }
            }
        }
        Ok(told)
    }

    fn add(&mut self, time: Time, record: &Record<'_>) {
        let Some(name) = record.query().map(|name| text(name.into_iter())) else {
            return;
        };
        for address in record.addresses() {
            let names = self.names.entry(address).or_default();
            names.push((time, name.clone()));
        }
        for answer in record.answers() {
            if let (PTR, Data::Rdata(target)) = (answer.record_type, answer.data) {
                self.pointers.insert(name.clone(), text(labels(target)));
            }
        }
        self.clients.entry((record.client(), name)).or_insert(time);
    }

    /// Whether the client of a flow had looked up the name that it means when the flow began.
    #[must_use]
    pub fn is_looked_up(&self, flow: &Flow) -> bool {
        let first = self.clients.get(&(flow.client, flow.name.clone()));
        first.is_some_and(|first| *first <= latest(flow))
    }

    /// The last name that anyone was told the flow's server for when the flow began, or the first one slightly later.
    #[must_use]
    pub fn last(&self, flow: &Flow) -> Option<&str> {
        let names = self.names.get(&flow.server)?;
        let before = names.iter().rev().find(|(time, _)| *time <= flow.start);
        let later = names.iter().find(|(time, _)| *time <= latest(flow));
        before.or(later).map(|(_, name)| name.as_str())
    }

    /// The name that a PTR record has for an address.
    #[must_use]
    pub fn pointer(&self, address: IpAddr) -> Option<&str> {
        self.pointers.get(&reverse(address)).map(String::as_str)
    }
}

/// Clocks differ: the same time is granted to `dnsflow-name` and to those beside it.
fn latest(flow: &Flow) -> Time {
    Time(flow.start.0.saturating_add(confidence::TOLERANCE))
}

/// A name in lower case, as TLS and HTTP have it.
fn text<'a>(labels: impl Iterator<Item = &'a [u8]>) -> String {
    let labels = labels.map(|label| String::from_utf8_lossy(label).to_ascii_lowercase());
    labels.collect::<Vec<_>>().join(".")
}

/// The labels of an uncompressed name.
fn labels(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&length, behind) = rest.split_first().filter(|(length, _)| **length > 0)?;
        let (label, behind) = behind.split_at_checked(length.into())?;
        rest = behind;
        Some(label)
    })
}

/// What is asked for the name of an address (RFC 1035, section 3.5; RFC 3596, section 2.5).
fn reverse(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [first, second, third, fourth] = address.octets();
            format!("{fourth}.{third}.{second}.{first}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let mut name = String::new();
            for byte in address.octets().into_iter().rev() {
                let _ = write!(name, "{:x}.{:x}.", byte & 15, byte >> 4);
            }
            name + "ip6.arpa"
        }
    }
}
