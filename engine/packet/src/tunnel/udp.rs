//! Tunnels and mirrors over UDP.

use super::inside::{after, array, by_ether_type};
use crate::Reject;
use crate::link::{self, Network};

/// The I flag of VXLAN, which has to be set: the network identifier is valid.
const VXLAN_IDENTIFIED: u8 = 0x08;

/// RFC 7348, section 5. All flags but I are ignored.
///
/// ```text
/// flags 8 bits, I being the fifth | 0 3 | network identifier 3 | 0 1 | Ethernet ..
/// ```
pub(super) fn vxlan(body: &[u8]) -> Result<Network<'_>, Reject> {
    let [flags, _, _, _, n0, n1, n2, _]: [u8; 8] = array(body, 0)?;
    if flags & VXLAN_IDENTIFIED == 0 {
        return Err(Reject::TunnelDamaged);
    }
    Ok(link::ethernet(after(body, 8)?)?.within([n0, n1, n2]))
}

/// RFC 8926, section 3.4.
///
/// ```text
/// version 2 bits = 0, options 6 bits, in units of 4 bytes |
/// control 1 bit, critical 1 bit, 0 6 bits | EtherType 2 | network identifier 3 | 0 1 | options .. | what the EtherType says ..
/// ```
pub(super) fn geneve(body: &[u8]) -> Result<Network<'_>, Reject> {
    let [version_and_options, _, high, low, n0, n1, n2, _]: [u8; 8] = array(body, 0)?;
    if version_and_options >> 6 != 0 {
        return Err(Reject::TunnelDamaged);
    }
    let options = 4 * usize::from(version_and_options & 0x3f);
    let inside = by_ether_type(u16::from_be_bytes([high, low]), after(body, 8 + options)?)?;
    Ok(inside.within([n0, n1, n2]))
}

/// The G-PDU message, which carries a packet (3GPP TS 29.281, section 6.1).
const GTP_PACKET: u8 = 255;
/// The flags E, S and PN: if any is set, the fields of all three are present.
const GTP_OPTIONAL: u8 = 0x07;
/// The E flag: the type of an extension header is valid.
const GTP_EXTENSION: u8 = 0x04;
/// Extension headers that are skipped; four are defined for this message.
const MAX_GTP_EXTENSIONS: usize = 8;

/// 3GPP TS 29.281, section 5.1.
///
/// ```text
/// version 3 bits = 1, protocol type 1 bit = 1, 0 1 bit, E, S, PN | message 1 | length 2 |
/// tunnel 4 |
/// sequence 2 | number of the packet 1 | type of extension 1      if E, S or PN
/// length 1, in units of 4 bytes | .. | type of extension 1       while that type is not 0
/// IP ..
/// ```
pub(super) fn gtp(body: &[u8]) -> Result<Network<'_>, Reject> {
    let [flags, message, ..]: [u8; 8] = array(body, 0)?;
    if flags >> 4 != 0b0011 {
        return Err(Reject::TunnelDamaged);
    }
    if message != GTP_PACKET {
        return Err(Reject::NotIp);
    }
    let mut at = 8;
    if flags & GTP_OPTIONAL != 0 {
        let [_, _, _, mut extension] = array(body, at)?;
        at += 4;
        if flags & GTP_EXTENSION == 0 {
            extension = 0;
        }
        let mut extensions = 0;
        while extension != 0 {
            let [words] = array(body, at)?;
            extensions += 1;
            if words == 0 || extensions > MAX_GTP_EXTENSIONS {
                return Err(Reject::TunnelDamaged);
            }
            at += 4 * usize::from(words);
            [extension] = array(body, at - 1)?;
        }
    }
    match after(body, at)? {
        [] => Err(Reject::TunnelDamaged),
        inside => link::ip(inside),
    }
}

/// A record of a pcap file, in the byte order of the machine that captured:
///
/// ```text
/// seconds 4 | microseconds 4 | captured length 4 | length on the wire 4 | Ethernet ..
/// ```
pub(super) fn record(body: &[u8]) -> Result<Network<'_>, Reject> {
    link::ethernet(after(body, 16)?)
}

/// Packet mirroring of Juniper routers (E series, DTCP flow-tap):
///
/// ```text
/// intercept 4 | session 4 | IP ..
/// ```
pub(super) fn juniper(body: &[u8]) -> Result<Network<'_>, Reject> {
    match after(body, 8)? {
        [] => Err(Reject::TunnelDamaged),
        inside => link::ip(inside),
    }
}
