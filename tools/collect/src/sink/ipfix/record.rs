//! The data records of a row: one for each address, or one without.

use std::fmt::Write;
use std::net::IpAddr;
use std::time::Duration;

use dnsflow_wire::response::Transport;
use dnsflow_wire::text::{NameText, Sensor};
use dnsflow_wire::v5;

use super::template::{Part, Shape, write_text};
use crate::record::{Name, Record, Row};

/// The longest name as text, in bytes: 250 bytes in four labels, each byte as `\DDD`, and three
/// dots. Sets of versions 0 to 4 can have longer ones, which are no names.
const MAX_NAME_BYTES: usize = 250 * 4 + 3;

/// Seconds from 1900 to 1970 (RFC 5905, appendix A.1.1).
const NTP_EPOCH: u64 = 2_208_988_800;

/// The bits of a second that a time of microseconds has: the lower 11 of 32 are 0 (RFC 7011,
/// section 6.1.9).
const FRACTION_BITS: u32 = 21;

/// Numbers of protocols.
const TCP: u8 = 6;
const UDP: u8 = 17;

/// The most bytes that a record without an alias has: with times, addresses, and the name of an
/// interface, 15 bytes as `\DDD`.
pub(super) const MIN_ROOM_BYTES: usize =
    4 * 8 + 3 * 16 + 6 + 1 + 2 + 1 + 4 + 2 * 2 + 1 + 15 * 4 + 3 + MAX_NAME_BYTES;

/// Names that were left out: they had no room, or are no names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LeftOut(pub(super) u64);

/// Makes records; its memory serves all rows.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// What the records of a row have in common.
    front: Vec<u8>,
    record: Vec<u8>,
    text: String,
    pub(super) left_out: LeftOut,
}

impl Records {
    /// Gives each record of a row to `take`, with its shape; none has more than `room` bytes if
    /// that is at least [`MIN_ROOM_BYTES`].
    pub(super) fn each<E>(
        &mut self,
        row: &Row<'_>,
        room: usize,
        mut take: impl FnMut(Shape, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let record = &row.record;
        let shape = self.front(row);
        let mut is_alone = true;
        let mut each = |records: &mut Self, alias, address| {
            is_alone = false;
            let shape = records.end(shape, alias, Some(address), room);
            take(shape, &records.record)
        };
        if let Record::V5(_) = record {
            let query = record.query();
            for answer in record.answers() {
                let address = match answer.data {
                    v5::Data::Ipv4(address) => address.into(),
                    v5::Data::Ipv6(address) => address.into(),
                    _ => continue,
                };
                let owner = Name::New(answer.owner);
                let is_query = query.is_some_and(|query| is_same(query, owner));
                each(self, (!is_query).then_some(owner), address)?;
            }
        } else {
            let alias = record.names().skip(1).last();
            for address in record.addresses() {
                each(self, alias, address)?;
            }
        }
        if is_alone {
            let alias = record.names().skip(1).last();
            let shape = self.end(shape, alias, None, room);
            take(shape, &self.record)?;
        }
        Ok(())
    }

    /// Writes what all records of a row start with, in the order of [`Shape::write_template`].
    fn front(&mut self, row: &Row<'_>) -> Shape {
        let (record, to) = (&row.record, &mut self.front);
        let mut shape = Shape::new(record.client(), record.resolver());
        to.clear();
        let time = ntp(row.time());
        to.extend(time);
        to.extend(time);
        let millis = u64::try_from(row.time().as_millis()).unwrap_or(u64::MAX);
        to.extend(millis.to_be_bytes());
        to.extend(millis.to_be_bytes());
        write_address(to, record.client());
        if let Some(resolver) = record.resolver() {
            write_address(to, resolver);
        }
        if let Some(record) = record.v5() {
            shape = shape.with(Part::Details);
            to.extend(record.client_port.to_be_bytes());
            to.extend(record.origin.port.to_be_bytes());
            to.push(match record.transport {
                Transport::Udp => UDP,
                Transport::Tcp => TCP,
            });
            to.push(record.flags.aa().into());
        }
        // It is a response.
        to.push(1);
        if let Some(question) = record.question() {
            shape = shape.with(Part::Question);
            to.extend(question.record_type.to_be_bytes());
        }
        // The element has one byte; the codes beyond it are not assigned.
        if let Some(rcode) = record.rcode().and_then(|rcode| u8::try_from(rcode).ok()) {
            shape = shape.with(Part::Rcode);
            to.push(rcode);
        }
        if let Some(ttl) = record.ttl() {
            shape = shape.with(Part::Ttl);
            to.extend(ttl.to_be_bytes());
        }
        if let Some(record) = record.v5() {
            shape = self.place(shape, &record.origin);
        }
        if let Some(name) = record.query() {
            if self.name(name) {
                shape = shape.with(Part::Name);
                write_text(&mut self.front, &self.text);
            } else {
                self.left_out.0 += 1;
            }
        }
        shape
    }

    /// Writes where the response was seen.
    fn place(&mut self, mut shape: Shape, origin: &v5::Origin<'_>) -> Shape {
        let tags = [
            (origin.vlan, Part::Vlan),
            (origin.inner_vlan, Part::InnerVlan),
        ];
        for (vlan, part) in tags {
            if let Some(vlan) = vlan {
                shape = shape.with(part);
                self.front.extend(vlan.to_be_bytes());
            }
        }
        if let Some(interface) = origin.interface {
            shape = shape.with(Part::Interface);
            self.text.clear();
            let _ = write!(self.text, "{}", Sensor::Name(interface));
            write_text(&mut self.front, &self.text);
        }
        shape
    }

    /// Makes a whole record of the front.
    fn end(
        &mut self,
        mut shape: Shape,
        alias: Option<Name<'_>>,
        address: Option<IpAddr>,
        room: usize,
    ) -> Shape {
        self.record.clear();
        self.record.extend_from_slice(&self.front);
        if let Some(alias) = alias {
            // The length of the text, and the address behind it.
            const MORE_BYTES: usize = 3 + 16;
            let has_room =
                self.name(alias) && self.record.len() + self.text.len() + MORE_BYTES <= room;
            if has_room {
                shape = shape.with(Part::Cname);
                write_text(&mut self.record, &self.text);
            } else {
                self.left_out.0 += 1;
            }
        }
        if let Some(address) = address {
            shape = shape.with_address(address);
            write_address(&mut self.record, address);
        }
        shape
    }

    /// Writes a name as text; returns false if it is none.
    fn name(&mut self, name: Name<'_>) -> bool {
        self.text.clear();
        write!(self.text, "{}", NameText(name)).is_ok() && self.text.len() <= MAX_NAME_BYTES
    }
}

/// Whether two names are the same one, in which case does not count (RFC 4343).
fn is_same(one: Name<'_>, other: Name<'_>) -> bool {
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if one.eq_ignore_ascii_case(other) => {}
            _ => return false,
        }
    }
}

fn write_address(to: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => to.extend(address.octets()),
        IpAddr::V6(address) => to.extend(address.octets()),
    }
}

/// A time in the format of NTP, rounded up to 2^-21 s so that a reader who rounds down has the same
/// microsecond. Seconds start again at 0 in 2036, as those of NTP do.
fn ntp(time: Duration) -> [u8; 8] {
    let micros = u64::from(time.subsec_micros());
    let fraction = (micros << FRACTION_BITS).div_ceil(1_000_000) << (32 - FRACTION_BITS);
    let seconds = time.as_secs().wrapping_add(NTP_EPOCH);
    (seconds << 32 | fraction).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_ntp() {
        assert_eq!(ntp(Duration::ZERO), *b"\x83\xaa\x7e\x80\0\0\0\0");
        let half = Duration::from_micros(1_700_000_000_500_000);
        assert_eq!(ntp(half), *b"\xe8\xfe\x6f\x80\x80\0\0\0");
        for micros in (0..1_000_000).step_by(7).chain([999_999]) {
            let time = u64::from_be_bytes(ntp(Duration::from_micros(micros)));
            let fraction = time & 0xffff_ffff;
            assert_eq!(fraction & 0x7ff, 0);
            assert_eq!((fraction * 1_000_000) >> 32, micros);
        }
    }

    #[test]
    fn seconds_start_again_in_2036() {
        let last = Duration::from_secs((1 << 32) - 1 - NTP_EPOCH);
        assert_eq!(ntp(last), *b"\xff\xff\xff\xff\0\0\0\0");
        assert_eq!(ntp(last + Duration::from_secs(1)), [0; 8]);
        let _ = ntp(Duration::from_micros(u64::MAX));
    }
}
