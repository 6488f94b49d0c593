//! The fast path: a message is checked and its set is written in one pass.
//!
//! A pointer in a message refers to labels that were read before, and so were written before. The
//! rest of a name is therefore copied from the set itself, in one piece, however many pointers it
//! is made of; no label is read twice.
//!
//! ```text
//! message | 3 www 7 example 3 com 0 | .. | 3 cdn (to example) | .. | 1 x (to cdn) | ..
//!                 |                          |      ^                    |    ^
//!                 v                          v      |                    v    |
//! set     | 3 www 7 example 3 com 0 | 3 cdn 7 example 3 com 0 | 1 x 3 cdn 7 example 3 com 0 | ..
//! ```
//!
//! A message qualifies if it is what resolvers commonly send: one question, names that point back,
//! and a set of moderate size. For any other message, and for one that is damaged or cut, the
//! result is `None`, and [`Answers::parse`](crate::dns::Answers::parse) decides about it. Where
//! both paths have a result, it is the same.

use super::part::padded;
use super::set_header::{SET_HEADER_BYTES, write_header};
use super::{IPV4_BYTES, IPV6_BYTES};
use crate::dns::marks::Marks;
use crate::dns::owner::{A, AAAA, CNAME, MAX_TYPE, POINTED_BYTES, pointed_to, pointer_to};
use crate::dns::{
    HEADER_BYTES, Header, MAX_NAME_BYTES, MessageReject, Outcome, POINTABLE, Rules, header,
};
use crate::encode::{Draft, MAX_TRANSCRIPT_BYTES, SPILL_BYTES};
use crate::response::Endpoints;

/// Bytes copied at once. Whole pieces are faster than exact lengths; up to one piece after the end
/// may change.
const PIECE_BYTES: usize = 32;

const _: () = assert!(SPILL_BYTES >= 2 * PIECE_BYTES);

/// Most names of a set: resolvers follow about a dozen aliases. A power of two, so that a mask
/// replaces the bounds check.
const MAX_NAMES: usize = 16;

/// Slots for addresses of each kind: powers of two too, and more than a set has room for.
const MAX_IPV4: usize = 128;
const MAX_IPV6: usize = 32;

const _: () = assert!(MAX_IPV4 * 4 > MAX_TRANSCRIPT_BYTES && MAX_IPV6 * 16 > MAX_TRANSCRIPT_BYTES);

/// Turns messages into sets. One value serves all messages of a thread; it holds 66 KiB.
///
/// ```
/// use dnsflow_wire::encode::Draft;
/// use dnsflow_wire::response::Endpoints;
/// use dnsflow_wire::v4::Transcriber;
///
/// let message = b"\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0\
///     \x01a\x07example\0\0\x01\0\x01\
///     \xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01";
/// let endpoints = Endpoints::V4 {
///     client: [198, 51, 100, 7],
///     resolver: [192, 0, 2, 53],
/// };
/// let mut transcriber = Transcriber::default();
/// let mut draft: Draft = [0; size_of::<Draft>()];
/// match transcriber.set(message, &endpoints, &mut draft) {
///     Some(Ok(size)) => assert_eq!(draft[size - 4..size], [192, 0, 2, 1]),
///     Some(Err(reason)) => println!("no set: {reason:?}"),
///     None => println!("the slow path decides"),
/// }
/// # assert_eq!(transcriber.set(message, &endpoints, &mut draft), Some(Ok(56)));
/// ```
#[derive(Debug)]
pub struct Transcriber {
    rules: Rules,
    marks: Marks,
    names: [Written; MAX_NAMES],
    ipv4: [[u8; IPV4_BYTES]; MAX_IPV4],
    ipv6: [[u8; IPV6_BYTES]; MAX_IPV6],
}

/// A name that was written.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    /// Its offset in the set minus its offset in the message; wraps.
    moved: usize,
    /// Offset of its end in the set.
    end: usize,
}

/// Offsets of the next byte to read, in the message, and to write, in the set.
#[derive(Clone, Copy, Debug)]
struct Place {
    read: usize,
    written: usize,
}

/// Counts of what was found, and the end of the names in the set.
#[derive(Clone, Copy, Debug)]
struct Found {
    names: usize,
    ipv4: usize,
    ipv6: usize,
    names_end: usize,
}

impl Default for Transcriber {
    fn default() -> Self {
        Self::new(Rules::default())
    }
}

impl Transcriber {
    /// Writes sets of the messages that `rules` select: of those with an address, by question type
    /// and flags. A set can't say how another response ended.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            marks: Marks::default(),
            names: [Written::default(); MAX_NAMES],
            ipv4: [[0; IPV4_BYTES]; MAX_IPV4],
            ipv6: [[0; IPV6_BYTES]; MAX_IPV6],
        }
    }

    /// Replaces the rules.
    pub fn select(&mut self, rules: &Rules) {
        self.rules = rules.clone();
    }

    /// Writes the set of `message` to the front of `draft`. Returns its size in bytes, or the
    /// reason why the message has no set.
    ///
    /// `message` is a unicast message ([`Dialect::Unicast`](crate::dns::Dialect::Unicast)) that was
    /// captured whole, from its header on.
    ///
    /// Returns `None` if the message does not qualify for the fast path; `draft` is then
    /// unspecified.
    #[inline(always)]
    pub fn set(
        &mut self,
        message: &[u8],
        endpoints: &Endpoints,
        draft: &mut Draft,
    ) -> Option<Result<usize, MessageReject>> {
        let count = match header(message.first_chunk::<HEADER_BYTES>()?, &self.rules) {
            Header::Usual(count) => count,
            Header::Reject(reason) => return Some(Err(reason)),
        };
        if message.len() > POINTABLE {
            return None;
        }
        self.marks.next_message();
        let start = Place {
            read: HEADER_BYTES,
            written: SET_HEADER_BYTES,
        };
        let mut place = self.name(message, start, draft, 0)?;
        let asked = message.get(place.read..)?.first_chunk::<4>()?;
        if !self
            .rules
            .types
            .has(u16::from_be_bytes([asked[0], asked[1]]))
        {
            return Some(Err(MessageReject::QuestionType));
        }
        place.read += asked.len();
        let found = self.answers(message, count, place, draft)?;
        if found.ipv4 == 0 && found.ipv6 == 0 {
            return Some(Err(MessageReject::NoAddress));
        }
        if !self.rules.outcomes.has(Outcome::Answered) {
            return Some(Err(MessageReject::Answered));
        }
        self.finish(found, endpoints, draft).map(Ok)
    }

    /// Reads the answer section.
    ///
    /// ```text
    /// pointer 2 | TYPE 2 | CLASS 2 | TTL 4 | RDLENGTH 2 | RDATA
    /// ```
    #[inline(always)]
    fn answers(
        &mut self,
        message: &[u8],
        count: u16,
        mut place: Place,
        draft: &mut Draft,
    ) -> Option<Found> {
        let (mut names, mut ipv4, mut ipv6) = (1, 0, 0);
        // Most records belong to the name asked for, or to the last alias.
        let mut owner = pointer_to(HEADER_BYTES)?;
        for _ in 0..count {
            let rest = message.get(place.read..)?;
            // The size of an A record, the shortest that is of use.
            let fixed = rest.first_chunk::<{ POINTED_BYTES + IPV4_BYTES }>()?;
            let owner_and_type = u32::from_be_bytes([fixed[0], fixed[1], fixed[2], fixed[3]]);
            let length = usize::from(u16::from_be_bytes([fixed[10], fixed[11]]));
            let rdata_at = place.read + POINTED_BYTES;
            let mut kind = owner_and_type ^ owner;
            if kind > MAX_TYPE {
                self.written(pointed_to(owner_and_type)?, names)?;
                owner = owner_and_type & !MAX_TYPE;
                kind = owner_and_type & MAX_TYPE;
            }
            match kind {
                A if length == IPV4_BYTES => {
                    self.ipv4[ipv4 % MAX_IPV4] = *fixed.last_chunk()?;
                    ipv4 += 1;
                    place.read = rdata_at + IPV4_BYTES;
                }
                AAAA if length == IPV6_BYTES => {
                    self.ipv6[ipv6 % MAX_IPV6] = *rest.get(POINTED_BYTES..)?.first_chunk()?;
                    ipv6 += 1;
                    place.read = rdata_at + IPV6_BYTES;
                }
                A | AAAA => return None,
                CNAME => {
                    place.read = rdata_at;
                    place = self.name(message, place, draft, names)?;
                    if place.read != rdata_at + length {
                        return None;
                    }
                    names += 1;
                    owner = pointer_to(rdata_at)?;
                }
                // Other types are skipped.
                _ => {
                    rest.get(POINTED_BYTES..)?.get(length..)?;
                    place.read = rdata_at + length;
                }
            }
        }
        Some(Found {
            names,
            ipv4,
            ipv6,
            names_end: place.written,
        })
    }

    /// Copies the name at `place`, which gets the number `index`.
    #[inline(always)]
    fn name(
        &mut self,
        message: &[u8],
        place: Place,
        draft: &mut Draft,
        index: usize,
    ) -> Option<Place> {
        let (places, mark) = self.marks.of_name(index)?;
        let read = labels_end(message, place.read, places, mark);
        let run = read - place.read;
        let run_end = place.written + run;
        // Includes the root, if it is next.
        copy(
            message.get(place.read..)?,
            run + 1,
            draft.get_mut(place.written..)?,
        )?;
        let end = match *message.get(read)? {
            0 => Place {
                read: read + 1,
                written: run_end + 1,
            },
            high @ 0xc0.. => {
                let low = *message.get(read + 1)?;
                let offset = usize::from(u16::from_be_bytes([high & 0x3f, low]));
                let pointed = self.written(offset, index)?;
                let from = offset.wrapping_add(pointed.moved);
                let rest = pointed.end.checked_sub(from)?;
                repeat(draft, from, rest, run_end)?;
                Place {
                    read: read + 2,
                    written: run_end + rest,
                }
            }
            _ => return None,
        };
        if end.written - place.written > MAX_NAME_BYTES {
            return None;
        }
        // From here on, pointers may refer to it. Not before: a name that refers to itself has no
        // end.
        *self.names.get_mut(index)? = Written {
            moved: place.written.wrapping_sub(place.read),
            end: end.written,
        };
        Some(end)
    }

    /// The name, among the first `count`, that has a label at this offset of the message.
    #[inline(always)]
    fn written(&self, offset: usize, count: usize) -> Option<Written> {
        let name = self.marks.name_at(offset, count)?;
        Some(self.names[name % MAX_NAMES])
    }

    /// Writes what follows the names, then the header. Returns the size of the set.
    #[inline(always)]
    fn finish(&self, found: Found, endpoints: &Endpoints, draft: &mut Draft) -> Option<usize> {
        let Found {
            names,
            ipv4,
            ipv6,
            names_end,
        } = found;
        *draft.get_mut(names_end..)?.first_chunk_mut()? = [0; 4];
        let names_bytes = padded(names_end - SET_HEADER_BYTES);
        let ipv4_at = SET_HEADER_BYTES + names_bytes;
        let ipv6_at = ipv4_at + IPV4_BYTES * ipv4;
        let size = ipv6_at + IPV6_BYTES * ipv6;
        if size > MAX_TRANSCRIPT_BYTES {
            return None;
        }
        copy(
            self.ipv4.as_flattened(),
            ipv6_at - ipv4_at,
            draft.get_mut(ipv4_at..)?,
        )?;
        if ipv6 > 0 {
            copy(
                self.ipv6.as_flattened(),
                size - ipv6_at,
                draft.get_mut(ipv6_at..)?,
            )?;
        }
        let head = draft.first_chunk_mut()?;
        write_header(head, [names, ipv4, ipv6], names_bytes, endpoints);
        Some(size)
    }
}

/// Skips labels, and marks the offset of each. Returns the offset of the first byte that is no
/// label. A function of its own, so that the loop's variables stay in registers.
#[inline(never)]
fn labels_end(message: &[u8], mut read: usize, labels: &mut [u32; POINTABLE], mark: u32) -> usize {
    while let Some(byte @ 1..0x40) = message.get(read) {
        labels[read % POINTABLE] = mark;
        read += 1 + usize::from(*byte);
    }
    read
}

/// Copies the first `count` bytes, in whole pieces where both slices have room for them. `None` if
/// one of them is shorter than `count`.
#[inline(always)]
fn copy(from: &[u8], count: usize, to: &mut [u8]) -> Option<()> {
    let mut done = 0;
    loop {
        let piece = from.get(done..).and_then(<[u8]>::first_chunk);
        let room = to.get_mut(done..).and_then(<[u8]>::first_chunk_mut);
        let (Some(piece), Some(room)) = (piece, room) else {
            return copy_exactly(from, count, to);
        };
        let piece: &[u8; PIECE_BYTES] = piece;
        *room = *piece;
        done += PIECE_BYTES;
        if done >= count {
            return Some(());
        }
    }
}

#[cold]
#[inline(never)]
fn copy_exactly(from: &[u8], count: usize, to: &mut [u8]) -> Option<()> {
    to.get_mut(..count)?.copy_from_slice(from.get(..count)?);
    Some(())
}

/// Copies `count` bytes within `draft`, from before `to`. Bytes after the copy may change, none
/// before it.
#[inline(always)]
fn repeat(draft: &mut Draft, from: usize, count: usize, to: usize) -> Option<()> {
    let mut done = 0;
    loop {
        let piece: [u8; PIECE_BYTES] = *draft.get(from + done..)?.first_chunk()?;
        *draft.get_mut(to + done..)?.first_chunk_mut()? = piece;
        done += PIECE_BYTES;
        if done >= count {
            return Some(());
        }
    }
}

#[cfg(test)]
mod tests;
