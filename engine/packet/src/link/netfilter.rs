//! Netfilter messages that hold a packet, in the byte order of the machine that captured.
//!
//! A capture does not tell that order. The messages do: types and lengths are small, so only one of
//! the two readings is plausible.

use super::layer::{Layer, after, array, ip};
use crate::Reject;

/// Netlink family of netfilter (NETLINK_NETFILTER, linux/netlink.h).
const NETFILTER: u16 = 12;

/// Message that queues a packet for a verdict: subsystem 3, message 0
/// (linux/netfilter/nfnetlink_queue.h).
const QUEUE_PACKET: u16 = 0x0300;

/// Message that logs a packet: subsystem 4, message 0 (linux/netfilter/nfnetlink_log.h).
const LOG_PACKET: u16 = 0x0400;

/// Attribute with the packet in messages of the queue.
const QUEUE_PAYLOAD: u16 = 10;

/// Attribute with the packet in messages of the log.
const LOG_PAYLOAD: u16 = 9;

/// Netlink messages; the first with a packet counts. Each starts (linux/netlink.h) with:
///
/// ```text
/// length 4 | type 2 | flags 2 | sequence 4 | port 4 | ..
/// ```
pub(super) fn netlink(family: u16, mut bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    if family != NETFILTER {
        return Err(Reject::NotIp);
    }
    loop {
        let length: [u8; 4] = array(bytes, 0)?;
        let little = u32::from_le_bytes(length) < u32::from_be_bytes(length);
        let (length, kind) = if little {
            (
                u32::from_le_bytes(length),
                u16::from_le_bytes(array(bytes, 4)?),
            )
        } else {
            (
                u32::from_be_bytes(length),
                u16::from_be_bytes(array(bytes, 4)?),
            )
        };
        let length = usize::try_from(length).map_err(|_| Reject::LinkDamaged)?;
        let message = bytes.get(..length.min(bytes.len())).unwrap_or(bytes);
        match kind {
            QUEUE_PACKET => return attributes(after(message, 16)?, QUEUE_PAYLOAD),
            LOG_PACKET => return attributes(after(message, 16)?, LOG_PAYLOAD),
            _ if length < 16 => return Err(Reject::LinkDamaged),
            _ => {}
        }
        match bytes.get(length.next_multiple_of(4)..) {
            Some(rest) if !rest.is_empty() => bytes = rest,
            _ => return Err(Reject::NotIp),
        }
    }
}

/// LINKTYPE_NFLOG: a message of the log, without its netlink header.
pub(super) fn log(bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    attributes(bytes, LOG_PAYLOAD)
}

/// A header (linux/netfilter/nfnetlink.h) and attributes, padded to 4 bytes:
///
/// ```text
/// address family 1 | version 1 = 0 | resource 2
/// length 2, these four bytes counted | nested 1 bit, network order 1 bit, type 14 bits | value ..
/// ```
fn attributes(bytes: &[u8], wanted: u16) -> Result<Layer<'_>, Reject> {
    let mut rest = after(bytes, 4)?;
    while !rest.is_empty() {
        let kind: [u8; 2] = array(rest, 2)?;
        let little = u16::from_le_bytes(kind) & 0x3fff < 0x100;
        let (length, kind) = if little {
            (
                u16::from_le_bytes(array(rest, 0)?),
                u16::from_le_bytes(kind),
            )
        } else {
            (
                u16::from_be_bytes(array(rest, 0)?),
                u16::from_be_bytes(kind),
            )
        };
        let length = usize::from(length);
        if kind & 0x3fff == wanted {
            let value = rest
                .get(4..length.min(rest.len()))
                .ok_or(Reject::LinkDamaged)?;
            return Ok(Layer::Network(ip(value)?));
        }
        if length < 4 {
            return Err(Reject::LinkDamaged);
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Err(Reject::NotIp)
}
