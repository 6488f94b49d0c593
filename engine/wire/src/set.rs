//! The data set of version 4: one response as collectors read it, written straight from the
//! message that was captured.
//!
//! A response of many addresses, or of long names, can be larger than a datagram, and a set counts
//! names and addresses in one byte each. [`parts`] then gives several sets, each of which starts
//! with the name asked for; together they hold every alias once and every address once. What the
//! protocol can't say is never dropped here.

use crate::message::Answers;
pub use crate::name::SPILL_BYTES;
use crate::name::{NameAt, spill};
use crate::response::{Endpoints, Response};

/// Bytes of a set before its names.
pub const SET_HEADER_BYTES: usize = 40;

/// Names, IPv4 or IPv6 addresses that one set can count.
const MAX_COUNT: usize = 255;

/// Smallest room for a set into which any response can be split: the header, the longest name
/// asked for beside the longest alias, padded, and one IPv6 address.
pub const MIN_SET_ROOM_BYTES: usize = SET_HEADER_BYTES + 2 * 256 + 16;

/// One set: all of a response, or a part of one.
///
/// ```text
///  0               1               2               3
/// +---------------+---------------+---------------+---------------+
/// |    ip_vers    |  names_count  |   ips_count   |   ip6s_count  |
/// |           names_len           |               0               |
/// |                client_ip, 16 bytes                            |
/// |                resolver_ip, 16 bytes                          |
/// |  names: (length, label, .., 0) ..        | 0 to 3 bytes of 0  |
/// |  ips: 4 bytes each ..                                         |
/// |  ip6s: 16 bytes each ..                                       |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    endpoints: &'a Endpoints,
    message: &'a [u8],
    asked: Option<&'a NameAt>,
    aliases: &'a [NameAt],
    ipv4: Addresses<'a, 4>,
    ipv6: Addresses<'a, 16>,
    /// Without padding, the name asked for included.
    names_len: usize,
}

impl Part<'_> {
    /// Bytes of the set: a multiple of 4.
    #[inline]
    #[must_use]
    pub fn size(&self) -> usize {
        SET_HEADER_BYTES + padded(self.names_len) + self.ipv4.bytes() + self.ipv6.bytes()
    }

    /// Writes the set to the front of `out`, which has [`Part::size`] bytes and [`SPILL_BYTES`] more, in
    /// which anything may be left.
    ///
    /// # Panics
    /// If `out` is shorter than the set.
    #[inline(always)]
    pub fn write(&self, out: &mut [u8]) {
        let (head, body) = out.split_at_mut(SET_HEADER_BYTES);
        if let Some(head) = head.first_chunk_mut() {
            self.write_header(head);
        }
        let mut filled = 0;
        if let Some(asked) = self.asked {
            filled = asked.within(self.message).write(body);
        }
        for alias in self.aliases {
            let rest = body.get_mut(filled..).unwrap_or_default();
            filled += alias.within(self.message).write(rest);
        }
        if let Some(padding) = body.get_mut(filled..).and_then(<[u8]>::first_chunk_mut) {
            *padding = [0; 4];
        }
        let ipv4 = padded(self.names_len);
        self.ipv4.write(&mut body[ipv4..]);
        let ipv6 = ipv4 + self.ipv4.bytes();
        self.ipv6.write(&mut body[ipv6..]);
    }

    #[inline(always)]
    fn write_header(&self, head: &mut [u8; SET_HEADER_BYTES]) {
        // What counts in one byte was seen to fit.
        let low = |count: usize| count.to_le_bytes()[0];
        let [names_low, names_high, ..] = padded(self.names_len).to_le_bytes();
        let counts = [
            low(1 + self.aliases.len()),
            low(self.ipv4.count),
            low(self.ipv6.count),
            names_high,
            names_low,
            0,
            0,
        ];
        head[1..8].copy_from_slice(&counts);
        match self.endpoints {
            Endpoints::V4 { client, resolver } => {
                head[0] = 4;
                head[8..].fill(0);
                head[8..12].copy_from_slice(client);
                head[24..28].copy_from_slice(resolver);
            }
            Endpoints::V6 { client, resolver } => {
                head[0] = 6;
                head[8..24].copy_from_slice(client);
                head[24..40].copy_from_slice(resolver);
            }
        }
    }
}

/// Addresses side by side in memory that goes on behind them, so that copying may spill.
#[derive(Clone, Copy, Debug)]
struct Addresses<'a, const N: usize> {
    memory: &'a [[u8; N]],
    count: usize,
}

impl<const N: usize> Addresses<'_, N> {
    #[inline(always)]
    fn bytes(&self) -> usize {
        N * self.count
    }

    /// Takes up to `count` from the front.
    fn take(&mut self, count: usize) -> Self {
        let count = count.min(self.count);
        let taken = Addresses { count, ..*self };
        self.memory = self.memory.get(count..).unwrap_or_default();
        self.count -= count;
        taken
    }

    #[inline(always)]
    fn write(&self, out: &mut [u8]) {
        // There is room: whoever calls has seen to it.
        let _ = spill(self.memory.as_flattened(), self.bytes(), out);
    }
}

/// The response in one set, if that has at most `room` bytes; nearly always it has.
#[inline]
#[must_use]
pub fn whole<'a>(response: &'a Response<'a>, room: usize) -> Option<Part<'a>> {
    let answers = &response.answers;
    let (asked, aliases) = answers.names_at().split_first()?;
    let part = Part {
        endpoints: &response.endpoints,
        message: answers.message(),
        asked: Some(asked),
        aliases,
        ipv4: ipv4(answers),
        ipv6: ipv6(answers),
        names_len: answers.names_len(),
    };
    let counted =
        aliases.len() < MAX_COUNT && part.ipv4.count <= MAX_COUNT && part.ipv6.count <= MAX_COUNT;
    (counted && part.size() <= room).then_some(part)
}

/// Splits a response into sets of at most `room` bytes; nearly always it is one.
///
/// `room` below [`MIN_SET_ROOM_BYTES`] counts as that.
#[must_use]
pub fn parts<'a>(response: &'a Response<'a>, room: usize) -> Parts<'a> {
    let answers = &response.answers;
    let names = answers.names_at();
    Parts {
        response,
        room: room.max(MIN_SET_ROOM_BYTES),
        aliases: names.get(1..).unwrap_or_default(),
        ipv4: ipv4(answers),
        ipv6: ipv6(answers),
        started: false,
    }
}

/// The sets of a response, in order.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    response: &'a Response<'a>,
    room: usize,
    /// What is not yet given.
    aliases: &'a [NameAt],
    ipv4: Addresses<'a, 4>,
    ipv6: Addresses<'a, 16>,
    started: bool,
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        if !self.started {
            self.started = true;
            if let Some(part) = whole(self.response, self.room) {
                (self.aliases, self.ipv4.count, self.ipv6.count) = (&[], 0, 0);
                return Some(part);
            }
        } else if self.aliases.is_empty() && self.ipv4.count == 0 && self.ipv6.count == 0 {
            return None;
        }
        Some(self.slice())
    }
}

impl<'a> Parts<'a> {
    /// As much as fits of what is left: aliases first, then addresses. Room for one address is
    /// kept while there is one, so that a name never travels without an address to stand for.
    fn slice(&mut self) -> Part<'a> {
        let answers = &self.response.answers;
        let asked = answers.names_at().first();
        let mut names_len = asked.map_or(1, |name| name.wire_len());
        let mut room = self.room - SET_HEADER_BYTES;
        let mut named = 0;
        while let Some(name) = self.aliases.get(named) {
            let longer = names_len + name.wire_len();
            if named + 1 == MAX_COUNT || padded(longer) + 16 > room {
                break;
            }
            names_len = longer;
            named += 1;
        }
        room -= padded(names_len);
        let aliases = take(&mut self.aliases, named);
        // Addresses wait for the last aliases, but for one a set.
        let limit = if self.aliases.is_empty() {
            MAX_COUNT
        } else {
            1
        };
        let ipv4 = self.ipv4.take(limit.min(room / 4));
        room -= ipv4.bytes();
        let ipv6 = self.ipv6.take(limit.min(room / 16));
        Part {
            endpoints: &self.response.endpoints,
            message: answers.message(),
            asked,
            aliases,
            ipv4,
            ipv6,
            names_len,
        }
    }
}

/// Takes up to `count` from the front.
fn take<'a>(rest: &mut &'a [NameAt], count: usize) -> &'a [NameAt] {
    let (taken, left) = rest.split_at(count.min(rest.len()));
    *rest = left;
    taken
}

#[inline(always)]
fn ipv4<'a>(answers: &Answers<'a>) -> Addresses<'a, 4> {
    let (memory, count) = answers.ipv4_with_rest();
    Addresses { memory, count }
}

#[inline(always)]
fn ipv6<'a>(answers: &Answers<'a>) -> Addresses<'a, 16> {
    let (memory, count) = answers.ipv6_with_rest();
    Addresses { memory, count }
}

/// Rounded up to whole words of 4 bytes.
#[inline]
fn padded(bytes: usize) -> usize {
    (bytes + 3) & !3
}

#[cfg(test)]
mod tests;
