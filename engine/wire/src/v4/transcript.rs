//! A message turned into its set in one pass: names are written while they are read.
//!
//! A pointer of a message leads to labels that were read before, and so were written before: the rest of a name is
//! copied from the set itself, in one piece, however many pointers it was put together from. Nothing is walked twice.
//!
//! ```text
//! message  | 3 www 7 example 3 com 0 | .. | 3 cdn (to example) | .. | 1 x (to cdn) | ..
//!                  |                          |      ^                    |    ^
//!                  v                          v      |                    v    |
//! set      | 3 www 7 example 3 com 0 | 3 cdn 7 example 3 com 0 | 1 x 3 cdn 7 example 3 com 0 | ..
//! ```
//!
//! This is for what a resolver nearly always sends: one question, names that point back, a set of moderate size.
//! Whatever is different, damaged or cut gets `None`, and [`Answers::parse`](crate::dns::Answers::parse) says what
//! becomes of it. Where both have an answer, it is the same.

use core::array;

use super::part::padded;
use super::set_header::{SET_HEADER_BYTES, write_header};
use super::{IPV4_BYTES, IPV6_BYTES};
use crate::dns::{HEADER_BYTES, Header, MAX_NAME_BYTES, MessageReject, asks_for_address, header};
use crate::encode::{Draft, MAX_TRANSCRIPT_BYTES, SPILL_BYTES};
use crate::response::Endpoints;

/// Bytes that are copied at once, since that is faster than to be exact: as many behind a set may change.
const PIECE_BYTES: usize = 32;

const _: () = assert!(SPILL_BYTES >= 2 * PIECE_BYTES);

/// Offsets that a pointer can say (RFC 1035 section 4.1.4).
const POINTABLE: usize = 1 << 14;

/// Names that are written at most: a power of two, so that a mask proves a place to be one.
const MAX_NAMES: usize = 64;

/// Addresses of either kind that are noted: likewise, and more than a set has room for.
const MAX_IPV4: usize = 128;
const MAX_IPV6: usize = 32;

const _: () = assert!(MAX_IPV4 * 4 > MAX_TRANSCRIPT_BYTES && MAX_IPV6 * 16 > MAX_TRANSCRIPT_BYTES);

/// Bytes of a record before its RDATA, where the owner is a pointer.
const POINTED_BYTES: usize = 12;

/// TYPE in the lower half of a word whose upper half is 0 (RFC 1035 section 3.2.2, RFC 3596 section 2.1).
const A: u32 = 1;
const CNAME: u32 = 5;
const AAAA: u32 = 28;
const MAX_TYPE: u32 = 0xffff;

/// Turns messages into sets. Its memory serves them all.
#[derive(Debug)]
pub struct Transcriber {
    /// For each offset, what read a label there last: the message in the upper 24 bits, its name in the lower 8.
    labels: Box<[u32; POINTABLE]>,
    /// The number of the message, in the upper 24 bits; never 0 while one is read.
    message: u32,
    names: [Written; MAX_NAMES],
    ipv4: [[u8; IPV4_BYTES]; MAX_IPV4],
    ipv6: [[u8; IPV6_BYTES]; MAX_IPV6],
}

/// A name that was written.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    /// How much further on it is in the set than in the message; wraps.
    moved: usize,
    /// Where it ends in the set.
    end: usize,
}

/// How far reading and writing have come.
#[derive(Clone, Copy, Debug)]
struct Place {
    read: usize,
    written: usize,
}

/// What was found beside the question's name.
#[derive(Clone, Copy, Debug)]
struct Found {
    names: usize,
    ipv4: usize,
    ipv6: usize,
    names_end: usize,
}

impl Default for Transcriber {
    fn default() -> Self {
        Self {
            labels: Box::new([0; POINTABLE]),
            message: 0,
            names: [Written::default(); MAX_NAMES],
            ipv4: [[0; IPV4_BYTES]; MAX_IPV4],
            ipv6: [[0; IPV6_BYTES]; MAX_IPV6],
        }
    }
}

impl Transcriber {
    /// Writes the set of a unicast `message` that came whole; its size in bytes, or why there is none. `None`, and
    /// anything in `draft`, if this is not for here.
    #[inline(always)]
    pub fn set(
        &mut self,
        message: &[u8],
        endpoints: &Endpoints,
        draft: &mut Draft,
    ) -> Option<Result<usize, MessageReject>> {
        let count = match header(message.first_chunk::<HEADER_BYTES>()?) {
            Header::Usual(count) => count,
            Header::Reject(reason) => return Some(Err(reason)),
        };
        if message.len() > POINTABLE {
            return None;
        }
        self.next_message();
        let start = Place {
            read: HEADER_BYTES,
            written: SET_HEADER_BYTES,
        };
        let mut place = self.name(message, start, draft, 0)?;
        let asked = message.get(place.read..)?.first_chunk::<4>()?;
        if !asks_for_address(u16::from_be_bytes([asked[0], asked[1]])) {
            return Some(Err(MessageReject::QuestionType));
        }
        place.read += asked.len();
        let found = self.answers(message, count, place, draft)?;
        if found.ipv4 == 0 && found.ipv6 == 0 {
            return Some(Err(MessageReject::NoAddress));
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
        // Most records are of the name asked for, or of the last alias.
        let mut owner = pointer_to(HEADER_BYTES)?;
        for _ in 0..count {
            let rest = message.get(place.read..)?;
            // As much as an A record, the shortest that is of use, has.
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
                    self.ipv4[ipv4 % MAX_IPV4] = array::from_fn(|at| fixed[POINTED_BYTES + at]);
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
                // Other types are stepped over.
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

    /// Copies the name at `place`, of number `index`.
    #[inline(always)]
    fn name(
        &mut self,
        message: &[u8],
        place: Place,
        draft: &mut Draft,
        index: usize,
    ) -> Option<Place> {
        let mark = self.message | u32::try_from(index).ok()?;
        let read = labels_end(message, place.read, &mut self.labels, mark);
        let run = read - place.read;
        let run_end = place.written + run;
        // The root too, where it is next.
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
        // It can be pointed to from here on, not before: it would never end.
        *self.names.get_mut(index)? = Written {
            moved: place.written.wrapping_sub(place.read),
            end: end.written,
        };
        Some(end)
    }

    /// The one of the first `count` names that had a label at this offset of the message.
    #[inline(always)]
    fn written(&self, offset: usize, count: usize) -> Option<Written> {
        let name = self.labels[offset % POINTABLE].wrapping_sub(self.message);
        let name = usize::try_from(name).ok()?;
        (name < count).then(|| self.names[name % MAX_NAMES])
    }

    /// Writes what stands behind the names, and before them; the size of the set.
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

    #[inline(always)]
    fn next_message(&mut self) {
        self.message = self.message.wrapping_add(1 << 8);
        if self.message == 0 {
            self.forget();
        }
    }

    /// The numbers of messages start over: what the old ones read is not to be taken for theirs.
    #[cold]
    #[inline(never)]
    fn forget(&mut self) {
        self.labels.fill(0);
        self.message = 1 << 8;
    }
}

/// Steps over labels, each of which is marked, to the first byte that starts none. A function of its own keeps
/// in registers what goes round here.
#[inline(never)]
fn labels_end(message: &[u8], mut read: usize, labels: &mut [u32; POINTABLE], mark: u32) -> usize {
    while let Some(byte @ 1..0x40) = message.get(read) {
        labels[read % POINTABLE] = mark;
        read += 1 + usize::from(*byte);
    }
    read
}

/// Copies the first `count` bytes in whole pieces where there are so many; `None` if one of the two is shorter than
/// `count`.
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

/// Copies what was written before `to` to there. Only what stands behind is changed, so pieces may spill.
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

/// A pointer to an offset, in the upper half.
#[inline(always)]
fn pointer_to(offset: usize) -> Option<u32> {
    let offset = u32::try_from(offset).ok();
    let offset = offset.filter(|offset| *offset < 0x4000)?;
    Some((0xc000 | offset) << 16)
}

/// The offset that the upper half points to, if it is a pointer.
#[inline(always)]
fn pointed_to(owner_and_type: u32) -> Option<usize> {
    let pointer = usize::try_from(owner_and_type >> 16).ok()?;
    (pointer >= 0xc000).then_some(pointer & 0x3fff)
}

#[cfg(test)]
mod tests;
