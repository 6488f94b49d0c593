//! Data sets of version 4, written from a response that was read.
//!
//! A response of many addresses or of long names can be larger than a datagram, and a set counts
//! names and addresses in one byte each. [`parts`] divides such a response into several sets, each
//! of which starts with the name asked for. Together they have every name of
//! [`Answers::names`](crate::dns::Answers::names) and every address once: nothing is dropped.

use super::set_header::write_header;
use super::{IPV4_BYTES, IPV6_BYTES, SET_HEADER_BYTES};
use crate::dns::NameText;
use crate::response::{Endpoints, Response};

/// Most names, IPv4 or IPv6 addresses of one set.
const MAX_COUNT: usize = 255;

/// Smallest size limit of a set that allows any response to be divided, in bytes: the header, the
/// longest name asked for and the longest alias, padded, and one IPv6 address.
pub const MIN_SET_ROOM_BYTES: usize = SET_HEADER_BYTES + 2 * 256 + IPV6_BYTES;

/// One set to be written: all of a response, or a part of it. The counterpart of
/// [`Set`](super::Set).
///
/// ```text
/// set header 40 | names | 0 to 3 bytes of 0 | IPv4 addresses 4 each | IPv6 addresses 16 each
/// ```
///
/// Names are in wire format without compression (RFC 1035, section 3.1): the name asked for, then
/// aliases. Each set counts at most 255 names, 255 IPv4 and 255 IPv6 addresses.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    endpoints: &'a Endpoints,
    /// What the names are in.
    text: &'a [u8],
    asked: Option<&'a NameText>,
    aliases: &'a [NameText],
    ipv4: &'a [[u8; 4]],
    ipv6: &'a [[u8; 16]],
    /// Bytes of the names, the name asked for included, without padding.
    names_len: usize,
}

impl Part<'_> {
    /// Bytes of the set, header included; a multiple of 4.
    #[inline]
    #[must_use]
    pub fn size(&self) -> usize {
        SET_HEADER_BYTES
            + padded(self.names_len)
            + IPV4_BYTES * self.ipv4.len()
            + IPV6_BYTES * self.ipv6.len()
    }

    /// Writes the set to the first [`size`](Self::size) bytes of `out`.
    ///
    /// # Panics
    /// If `out` is shorter than that.
    pub fn write(&self, out: &mut [u8]) {
        let names_bytes = padded(self.names_len);
        let (head, body) = out.split_at_mut(SET_HEADER_BYTES);
        if let Some(head) = head.first_chunk_mut() {
            let counts = [1 + self.aliases.len(), self.ipv4.len(), self.ipv6.len()];
            write_header(head, counts, names_bytes, self.endpoints);
        }
        let (mut names, addresses) = body.split_at_mut(names_bytes);
        for name in self.asked.into_iter().chain(self.aliases) {
            let (room, rest) = names.split_at_mut(name.wire_len());
            room.copy_from_slice(name.within(self.text));
            names = rest;
        }
        names.fill(0);
        let (ipv4, ipv6) = addresses.split_at_mut(IPV4_BYTES * self.ipv4.len());
        ipv4.copy_from_slice(self.ipv4.as_flattened());
        ipv6[..IPV6_BYTES * self.ipv6.len()].copy_from_slice(self.ipv6.as_flattened());
    }
}

/// The response in one set, if it has no more than `room` bytes: the common case.
fn whole<'a>(response: &'a Response<'a>, room: usize) -> Option<Part<'a>> {
    let answers = &response.answers;
    let (names, text) = answers.names_text();
    let (asked, aliases) = names.split_first()?;
    let part = Part {
        endpoints: &response.envelope.endpoints,
        text,
        asked: Some(asked),
        aliases,
        ipv4: answers.ipv4(),
        ipv6: answers.ipv6(),
        names_len: names.iter().map(|name| name.wire_len()).sum(),
    };
    let counted =
        aliases.len() < MAX_COUNT && part.ipv4.len() <= MAX_COUNT && part.ipv6.len() <= MAX_COUNT;
    (counted && part.size() <= room).then_some(part)
}

/// Divides a response into sets of at most `room` bytes. Most responses need one.
///
/// `room` is raised to [`MIN_SET_ROOM_BYTES`] if it is below; a set is then larger than what was
/// asked for. A datagram of `n` bytes has `n -` [`HEADER_BYTES`](super::HEADER_BYTES) for sets.
#[must_use]
pub fn parts<'a>(response: &'a Response<'a>, room: usize) -> Parts<'a> {
    let answers = &response.answers;
    let (names, _) = answers.names_text();
    Parts {
        response,
        room: room.max(MIN_SET_ROOM_BYTES),
        aliases: names.get(1..).unwrap_or_default(),
        ipv4: answers.ipv4(),
        ipv6: answers.ipv6(),
        started: false,
    }
}

/// The sets of a response, in order; an iterator, made by [`parts`].
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    response: &'a Response<'a>,
    room: usize,
    /// What no set has had so far.
    aliases: &'a [NameText],
    ipv4: &'a [[u8; 4]],
    ipv6: &'a [[u8; 16]],
    started: bool,
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        if !self.started {
            self.started = true;
            if let Some(part) = whole(self.response, self.room) {
                (self.aliases, self.ipv4, self.ipv6) = (&[], &[], &[]);
                return Some(part);
            }
        } else if self.aliases.is_empty() && self.ipv4.is_empty() && self.ipv6.is_empty() {
            return None;
        }
        Some(self.slice())
    }
}

impl<'a> Parts<'a> {
    /// A set of as much as fits: aliases first, then addresses. Room for one address is kept as
    /// long as there are any, so that no set has names without an address.
    fn slice(&mut self) -> Part<'a> {
        let answers = &self.response.answers;
        let (names, text) = answers.names_text();
        let asked = names.first();
        let mut names_len = asked.map_or(1, |name| name.wire_len());
        let mut room = self.room - SET_HEADER_BYTES;
        let mut named = 0;
        while let Some(name) = self.aliases.get(named) {
            let longer = names_len + name.wire_len();
            if named + 1 == MAX_COUNT || padded(longer) + IPV6_BYTES > room {
                break;
            }
            names_len = longer;
            named += 1;
        }
        room -= padded(names_len);
        let aliases = take(&mut self.aliases, named);
        // While aliases are left, each set has at most one address of each kind.
        let limit = if self.aliases.is_empty() {
            MAX_COUNT
        } else {
            1
        };
        let ipv4 = take(&mut self.ipv4, limit.min(room / IPV4_BYTES));
        room -= IPV4_BYTES * ipv4.len();
        let ipv6 = take(&mut self.ipv6, limit.min(room / IPV6_BYTES));
        Part {
            endpoints: &self.response.envelope.endpoints,
            text,
            asked,
            aliases,
            ipv4,
            ipv6,
            names_len,
        }
    }
}

/// Takes up to `count` items from the front.
fn take<'a, T>(rest: &mut &'a [T], count: usize) -> &'a [T] {
    let (taken, left) = rest.split_at(count.min(rest.len()));
    *rest = left;
    taken
}

/// Rounds up to a multiple of 4.
#[inline]
pub(super) fn padded(bytes: usize) -> usize {
    (bytes + 3) & !3
}

#[cfg(test)]
mod tests;
