//! The front of a record, written: everything before the name asked for but for the response code.

use super::origin_table::OriginTable;
use super::record::{FORM_IPV6, FORM_TCP};
use super::varint::zigzag;
use super::writer::Writer;
use crate::response::{Endpoints, Envelope, Transport};

/// Writes length, form, flags, time, client, port and origin:
///
/// ```text
/// length 2 = 0 | form 1 | flags 1 | time | client 4 or 16 | client port 2 | origin
/// ```
///
/// Returns the bits of the form that the envelope says. `base` is the time of the datagram, in
/// microseconds.
#[inline(always)]
pub(super) fn write(
    envelope: &Envelope,
    flags: u8,
    base: u64,
    origins: &mut OriginTable,
    out: &mut Writer<'_>,
) -> Option<u8> {
    out.array([0, 0, 0, flags])?;
    let after = envelope.at.micros().wrapping_sub(base).cast_signed();
    out.varint(zigzag(after))?;
    let [high, low] = envelope.client_port.to_be_bytes();
    let address = match envelope.endpoints {
        Endpoints::V4 {
            client: [a, b, c, d],
            ..
        } => {
            out.array([a, b, c, d, high, low])?;
            0
        }
        Endpoints::V6 { client, .. } => {
            out.array(client)?;
            out.array([high, low])?;
            FORM_IPV6
        }
    };
    origins.write(envelope, out)?;
    Some(match envelope.transport {
        Transport::Udp => address,
        Transport::Tcp => address | FORM_TCP,
    })
}

/// Fills in the length of the record and its form. Returns its size.
#[inline(always)]
pub(super) fn finish(form: u8, out: &mut Writer<'_>) -> Option<usize> {
    let [high, low] = u16::try_from(out.len() - 2).ok()?.to_be_bytes();
    out.patch(0, [high, low, form])?;
    Some(out.len())
}

/// The bits that mark a pointer, and the greatest distance that it can hold.
const POINTER: u16 = 0xc000;
pub(super) const MAX_DISTANCE: u16 = 0x3fff;

/// The bytes of a pointer at `at` to `target`, both offsets in the datagram; `None` if it is too far
/// away.
#[inline(always)]
pub(super) fn pointer(at: usize, target: usize) -> Option<[u8; 2]> {
    let distance = u16::try_from(at.checked_sub(target)?).ok()?;
    (1..=MAX_DISTANCE)
        .contains(&distance)
        .then(|| (POINTER | distance).to_be_bytes())
}
