//! Rows of `responses`.

use std::time::Duration;

use dnsflow_wire::response::Transport;
use dnsflow_wire::text::{ClassText, RcodeText, Sensor, SubnetText, TypeText};

use super::parts::{Item, Parts};
use super::row_binary::{address, nullable, shown, string, u16, u32, varint};
use crate::record::Row;

/// Types and response codes below it have their text kept.
const KEPT: u16 = 512;

/// Class of nearly everything.
const CLASS_IN: u16 = 1;

/// Writes rows.
#[derive(Debug)]
pub(super) struct Writer {
    types: Vec<String>,
    rcodes: Vec<String>,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self {
            types: (0..KEPT).map(|value| TypeText(value).to_string()).collect(),
            rcodes: (0..KEPT)
                .map(|value| RcodeText(value).to_string())
                .collect(),
        }
    }

    /// Appends a row, its columns in the order of [`super::schema`].
    pub(super) fn write(&self, out: &mut Vec<u8>, row: &Row<'_>, parts: &Parts) {
        let record = &row.record;
        out.extend_from_slice(&microseconds(row.time()).to_le_bytes());
        out.extend_from_slice(&microseconds(row.received).to_le_bytes());
        string(out, row.stream.sensor.as_bytes());
        address(out, row.stream.source.ip());
        nullable(out, row.stream.core, u16);
        string(out, &hexadecimal(row.stream.boot));
        out.extend_from_slice(&row.sequence.to_le_bytes());
        u16(out, row.index);
        address(out, record.client());
        nullable(out, record.client_port(), u16);
        nullable(out, record.resolver(), address);
        nullable(out, record.resolver_port(), u16);
        nullable(out, record.transport(), |out, transport| {
            string(
                out,
                match transport {
                    Transport::Udp => b"udp",
                    Transport::Tcp => b"tcp",
                },
            );
        });
        string(out, parts.query());
        let question = record.question();
        nullable(out, question, |out, question| {
            self.kind(out, question.record_type)
        });
        nullable(out, question, |out, question| class(out, question.class));
        nullable(out, record.rcode(), |out, rcode| {
            match self.rcodes.get(usize::from(rcode)) {
                Some(text) => string(out, text.as_bytes()),
                None => shown(out, RcodeText(rcode)),
            }
        });
        self.lists(out, row, parts);
        self.rest(out, row);
    }

    /// Flags, names, addresses, the TTL and answers.
    fn lists(&self, out: &mut Vec<u8>, row: &Row<'_>, parts: &Parts) {
        let flags = row.record.flags();
        varint(out, flags.map_or(0, |flags| flags.names().count()));
        for name in flags.iter().flat_map(|flags| flags.names()) {
            string(out, name.as_bytes());
        }
        varint(out, parts.names.len());
        for place in &parts.names {
            string(out, parts.text(place));
        }
        varint(out, parts.addresses.len());
        for is_ipv4 in [true, false] {
            let found = parts.addresses.iter().map(|found| found.address);
            for found in found.filter(|found| found.is_ipv4() == is_ipv4) {
                address(out, found);
            }
        }
        nullable(out, parts.ttl, u32);
        let mut column = |write: fn(&Self, &mut Vec<u8>, &Parts, &Item)| {
            varint(out, parts.answers.len());
            for item in &parts.answers {
                write(self, out, parts, item);
            }
        };
        column(|_, out, parts, item| string(out, parts.text(&item.owner)));
        column(|this, out, _, item| this.kind(out, item.record_type));
        column(|_, out, _, item| class(out, item.class));
        column(|_, out, _, item| u32(out, item.ttl));
        column(|_, out, parts, item| string(out, parts.text(&item.data)));
    }

    /// What version 5 says besides.
    fn rest(&self, out: &mut Vec<u8>, row: &Row<'_>) {
        let record = row.record.v5();
        let origin = record.map(|record| &record.origin);
        nullable(
            out,
            record.and_then(|record| record.subnet),
            |out, subnet| {
                shown(out, SubnetText(subnet));
            },
        );
        nullable(
            out,
            origin.and_then(|origin| origin.interface),
            |out, name| {
                shown(out, Sensor::Name(name));
            },
        );
        nullable(out, origin.and_then(|origin| origin.vlan), u16);
        nullable(out, origin.and_then(|origin| origin.inner_vlan), u16);
        nullable(out, origin.and_then(|origin| origin.vni), u32);
        nullable(out, row.sampling, u32);
        let marks = record.map(|record| [record.is_incomplete, record.continues, record.has_more]);
        out.extend(marks.unwrap_or_default().map(u8::from));
    }

    fn kind(&self, out: &mut Vec<u8>, record_type: u16) {
        match self.types.get(usize::from(record_type)) {
            Some(text) => string(out, text.as_bytes()),
            None => shown(out, TypeText(record_type)),
        }
    }
}

fn class(out: &mut Vec<u8>, class: u16) {
    if class == CLASS_IN {
        string(out, b"IN");
    } else {
        shown(out, ClassText(class));
    }
}

/// Microseconds since 1970, as far as a column of 64 bits with a sign goes.
pub(super) fn microseconds(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// 16 digits.
fn hexadecimal(value: u64) -> [u8; 16] {
    let mut digits = [b'0'; 16];
    let nibbles = (0..16).rev().map(|at| value >> (4 * at) & 0xf);
    for (digit, nibble) in digits.iter_mut().zip(nibbles) {
        let nibble = nibble.to_le_bytes()[0];
        *digit = if nibble < 10 {
            b'0' + nibble
        } else {
            b'a' - 10 + nibble
        };
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::hexadecimal;

    #[test]
    fn a_run_has_sixteen_digits() {
        for value in [0, 9, 0x0123_4567_89ab_cdef, u64::MAX] {
            assert_eq!(
                hexadecimal(value).to_vec(),
                format!("{value:016x}").into_bytes()
            );
        }
    }
}
