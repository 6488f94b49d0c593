//! The data set of version 4: one response as collectors read it, written straight from the
//! message that was captured.
//!
//! A response of many addresses, or of long names, can be larger than a datagram, and a set counts
//! names and addresses in one byte each. [`parts`] then gives several sets, each of which starts
//! with the name asked for; together they hold every alias once and every address once. What the
//! protocol can't say is never dropped here.

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
    response: &'a Response<'a>,
    /// Aliases, by their place in the response's names; the name asked for comes besides.
    aliases: (usize, usize),
    ipv4: (usize, usize),
    ipv6: (usize, usize),
    /// Without padding, the name asked for included.
    names_len: usize,
}

impl Part<'_> {
    /// Bytes of the set: a multiple of 4.
    #[must_use]
    pub fn size(&self) -> usize {
        SET_HEADER_BYTES
            + self.names_len.next_multiple_of(4)
            + 4 * count(self.ipv4)
            + 16 * count(self.ipv6)
    }

    /// Writes the set to `out`, which has [`Part::size`] bytes.
    ///
    /// # Panics
    /// If `out` is shorter.
    #[inline]
    pub fn write(&self, out: &mut [u8]) {
        let answers = &self.response.answers;
        let (head, body) = out.split_at_mut(SET_HEADER_BYTES);
        head.copy_from_slice(&self.header());
        let (names, addresses) = body.split_at_mut(self.names_len.next_multiple_of(4));
        // The padding is in the last four bytes, of which the names then take back theirs.
        if let Some(end) = names.last_chunk_mut::<4>() {
            *end = [0; 4];
        }
        let mut filled = answers.names().next().map_or(0, |asked| asked.write(names));
        for alias in answers
            .names()
            .skip(self.aliases.0)
            .take(count(self.aliases))
        {
            filled += alias.write(&mut names[filled..]);
        }
        let (ipv4, ipv6) = addresses.split_at_mut(4 * count(self.ipv4));
        let ipv4 = ipv4.as_chunks_mut().0.iter_mut();
        for (slot, address) in ipv4.zip(answers.ipv4().skip(self.ipv4.0)) {
            *slot = *address;
        }
        let ipv6 = ipv6.as_chunks_mut().0.iter_mut();
        for (slot, address) in ipv6.zip(answers.ipv6().skip(self.ipv6.0)) {
            *slot = *address;
        }
    }

    /// Made as a value, so that it is written by a few wide stores.
    #[inline]
    fn header(&self) -> [u8; SET_HEADER_BYTES] {
        let mut head = [0; SET_HEADER_BYTES];
        head[0] = match &self.response.endpoints {
            Endpoints::V4 { client, resolver } => {
                head[8..12].copy_from_slice(client);
                head[24..28].copy_from_slice(resolver);
                4
            }
            Endpoints::V6 { client, resolver } => {
                head[8..24].copy_from_slice(client);
                head[24..40].copy_from_slice(resolver);
                6
            }
        };
        head[1] = byte(1 + count(self.aliases));
        head[2] = byte(count(self.ipv4));
        head[3] = byte(count(self.ipv6));
        let names_len = u16::try_from(self.names_len.next_multiple_of(4)).unwrap_or(u16::MAX);
        head[4..6].copy_from_slice(&names_len.to_be_bytes());
        head
    }
}

/// The response in one set, if that has at most `room` bytes; nearly always it has.
#[inline]
#[must_use]
pub fn whole<'a>(response: &'a Response<'a>, room: usize) -> Option<Part<'a>> {
    let answers = &response.answers;
    let part = Part {
        response,
        aliases: (1, answers.names_at().len()),
        ipv4: (0, answers.ipv4().len()),
        ipv6: (0, answers.ipv6().len()),
        names_len: answers.names_len(),
    };
    let counted = part.aliases.1.max(part.ipv4.1).max(part.ipv6.1) <= MAX_COUNT;
    (counted && part.size() <= room).then_some(part)
}

/// Splits a response into sets of at most `room` bytes; nearly always it is one.
///
/// `room` below [`MIN_SET_ROOM_BYTES`] counts as that.
#[must_use]
pub fn parts<'a>(response: &'a Response<'a>, room: usize) -> Parts<'a> {
    Parts {
        response,
        room: room.max(MIN_SET_ROOM_BYTES),
        alias: 1,
        ipv4: 0,
        ipv6: 0,
        done: false,
    }
}

/// The sets of a response, in order.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    response: &'a Response<'a>,
    room: usize,
    /// First alias, IPv4 and IPv6 address not yet given.
    alias: usize,
    ipv4: usize,
    ipv6: usize,
    done: bool,
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        if self.done {
            return None;
        }
        let part = if self.alias == 1 && self.ipv4 == 0 && self.ipv6 == 0 {
            whole(self.response, self.room).unwrap_or_else(|| self.slice())
        } else {
            self.slice()
        };
        self.alias = part.aliases.1;
        self.ipv4 = part.ipv4.1;
        self.ipv6 = part.ipv6.1;
        let answers = &self.response.answers;
        self.done = self.alias == answers.names_at().len()
            && self.ipv4 == answers.ipv4().len()
            && self.ipv6 == answers.ipv6().len();
        Some(part)
    }
}

impl<'a> Parts<'a> {
    /// As much as fits of what is left: aliases first, then addresses. Room for one address is
    /// kept while there is one, so that a name never travels without an address to stand for.
    fn slice(&self) -> Part<'a> {
        let answers = &self.response.answers;
        let names = answers.names_at();
        let mut names_len = names.first().map_or(1, |name| name.wire_len());
        let room = self.room - SET_HEADER_BYTES;
        let mut alias = self.alias;
        while let Some(name) = names.get(alias) {
            let longer = names_len + name.wire_len();
            if alias - self.alias + 1 == MAX_COUNT || longer.next_multiple_of(4) + 16 > room {
                break;
            }
            names_len = longer;
            alias += 1;
        }
        let mut room = room - names_len.next_multiple_of(4);
        let mut fill = |from: usize, until: usize, bytes: usize| {
            let taken = (until - from).min(MAX_COUNT).min(room / bytes);
            room -= taken * bytes;
            (from, from + taken)
        };
        // Addresses wait for the last aliases, but for one a set.
        let all_named = alias == names.len();
        let limit = |from: usize, until: usize| {
            if all_named {
                until
            } else {
                until.min(from + 1)
            }
        };
        let ipv4 = fill(self.ipv4, limit(self.ipv4, answers.ipv4().len()), 4);
        let ipv6 = fill(self.ipv6, limit(self.ipv6, answers.ipv6().len()), 16);
        Part {
            response: self.response,
            aliases: (self.alias, alias),
            ipv4,
            ipv6,
            names_len,
        }
    }
}

fn count(range: (usize, usize)) -> usize {
    range.1 - range.0
}

/// A count of at most [`MAX_COUNT`], which [`Parts`] sees to.
fn byte(count: usize) -> u8 {
    u8::try_from(count).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests;
