//! IEEE 802.11 data frames, and the headers that drivers put in front of them.

use super::layer::{Layer, after, array};
use crate::LinkType;
use crate::Reject;

/// First byte of the frame control field: QoS data.
const QOS: u8 = 0x80;
/// First byte of the frame control field: no data follow.
const NULL: u8 = 0x40;
/// Second byte of the frame control field: to, and from, the distribution system.
const TO_AND_FROM: u8 = 0x03;
/// Second byte of the frame control field: encrypted.
const PROTECTED: u8 = 0x40;
/// Second byte of the frame control field: with QoS, an HT control field follows.
const HT_CONTROL: u8 = 0x80;
/// First byte of the QoS control field: several frames follow.
const AGGREGATE: u8 = 0x80;

/// Radiotap's flags field: padded so that what follows the header is at a multiple of 4.
const PADDED: u8 = 0x20;

/// IEEE 802.11-2020, section 9.2.3.
///
/// ```text
/// version 2 bits = 0, type 2 bits, subtype 4 bits | flags 1 | duration 2 | address 6, 6, 6 |
/// fragment 4 bits, sequence 12 bits | address 6, if to and from | QoS 2, if its bit is set |
/// HT control 4, if its bit is set as well | LLC ..
/// ```
pub(super) fn frame(bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    data(bytes, false)
}

fn data(bytes: &[u8], padded: bool) -> Result<Layer<'_>, Reject> {
    let [kind, flags] = array(bytes, 0)?;
    if kind & 0x0f != 0x08 || kind & NULL != 0 || flags & PROTECTED != 0 {
        return Err(Reject::NotIp);
    }
    let header: [u8; 24] = array(bytes, 0)?;
    if header[22] & 0x0f != 0 {
        // A later fragment does not start with the packet's header.
        return Err(Reject::NotIp);
    }
    let mut length = 24;
    let mut aggregate = false;
    if flags & TO_AND_FROM == TO_AND_FROM {
        length += 6;
    }
    if kind & QOS != 0 {
        let [control, _] = array(bytes, length)?;
        aggregate = control & AGGREGATE != 0;
        length += 2;
        if flags & HT_CONTROL != 0 {
            length += 4;
        }
    }
    if padded {
        length = length.next_multiple_of(4);
    }
    // Of an aggregate the first frame counts (section 9.3.2.2): destination 6 | source 6 | length 2
    // | LLC ..
    if aggregate {
        length += 14;
    }
    Ok(Layer::Llc(after(bytes, length)?))
}

/// Radiotap (radiotap.org), in little endian order: the fields whose bits are set follow the last
/// word of bits, each aligned to its size. Only the second is read; the first shifts it.
///
/// ```text
/// version 1 = 0 | 0 1 | length 2 | present 4, bit 31: another such word follows | .. |
/// time 8, if bit 0 | flags 1, if bit 1 | .. | IEEE 802.11 ..
/// ```
pub(super) fn radiotap(bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    let [version, _, low, high] = array(bytes, 0)?;
    let length = usize::from(u16::from_le_bytes([low, high]));
    let header = bytes.get(..length).ok_or(Reject::LinkDamaged)?;
    if version != 0 || length < 8 {
        return Err(Reject::LinkDamaged);
    }
    let present = u32::from_le_bytes(array(header, 4)?);
    let mut at = 4;
    while u32::from_le_bytes(array(header, at)?) >> 31 == 1 {
        at += 4;
    }
    at += 4;
    if present & 1 != 0 {
        at = at.next_multiple_of(8) + 8;
    }
    let padded = present & 2 != 0 && array(header, at).is_ok_and(|[flags]| flags & PADDED != 0);
    data(after(bytes, length)?, padded)
}

/// LINKTYPE_IEEE802_11_PRISM has the header of Prism II, in the byte order of the machine that
/// captured, or, as LINKTYPE_IEEE802_11_AVS has always, that of AVS, in network byte order. Both
/// start with:
///
/// ```text
/// 44 00 00 00 or 80 21 10 01, 80 21 10 02 | length 4 | .. | IEEE 802.11 ..
/// ```
pub(super) fn prism(bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    let length: [u8; 4] = array(bytes, 4)?;
    let length = match array(bytes, 0)? {
        [0x80, 0x21, 0x10, _] => u32::from_be_bytes(length),
        _ => u32::from_le_bytes(length).min(u32::from_be_bytes(length)),
    };
    let length = usize::try_from(length).map_err(|_| Reject::LinkDamaged)?;
    if length < 8 {
        return Err(Reject::LinkDamaged);
    }
    data(after(bytes, length)?, false)
}

/// Per-packet information (LINKTYPE_PPI), in little endian order:
///
/// ```text
/// version 1 = 0 | flags 1 | length 2 | link type 4 | fields .. | what the link type says ..
/// ```
pub(super) fn ppi(bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    let [version, _, low, high] = array(bytes, 0)?;
    let length = usize::from(u16::from_le_bytes([low, high]));
    if version != 0 || length < 8 {
        return Err(Reject::LinkDamaged);
    }
    let link = LinkType::from_number(u32::from_le_bytes(array(bytes, 4)?));
    Ok(Layer::Link(link, after(bytes, length)?))
}
