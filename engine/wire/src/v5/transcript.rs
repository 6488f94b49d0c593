//! The fast path: a message is checked and its record is written in one pass.
//!
//! Names keep the compression that they have in the message: a pointer leads to labels that were
//! read before, and so were written before, and becomes a pointer to those. The end of a name that
//! the datagram has already, from a record before, becomes a pointer to that one.
//!
//! ```text
//! message  |  3 www 7 example 3 com 0 | .. | 3 cdn (to example) | ..
//!                     |                          |      |
//!                     v                          v      v
//! datagram | .. 3 com 0 | .. | 3 www 7 example (to com) | .. | 3 cdn (to example) | ..
//!           a record before \--- this record
//! ```
//!
//! A message qualifies if it is what resolvers commonly send: one question, for A or AAAA, and
//! answers of these types and aliases, with names that point back. For any other message, and for
//! one that is damaged or cut, the result is `None`, and
//! [`Answers::parse_by`](crate::dns::Answers::parse_by) decides about it. Where both paths have a
//! result, it says the same.

use super::answers::{HAS_OWNER, KIND_A, KIND_AAAA, KIND_CNAME, MAX_COUNT};
use super::head::{self, pointer};
use super::origin_table::OriginTable;
use super::record::{QUESTION_A, QUESTION_AAAA};
use super::suffixes::{ROOT, Suffixes};
use super::writer::{Writer, split};
use super::written::{MAX_STARTS, Place, Source, Written, labels_end};
use crate::dns::marks::Marks;
use crate::dns::owner::{self, MAX_TYPE, POINTED_BYTES, pointed_to, pointer_to};
use crate::dns::{
    A, AAAA, CNAME, HEADER_BYTES, Header, MAX_NAME_BYTES, MAX_NAMES_BYTES, MessageReject, Outcome,
    POINTABLE, Rules, edns, flags, header, is_left_out,
};
use crate::encode::MAX_TRANSCRIPT_BYTES;
use crate::response::Envelope;

/// Most names of a record: resolvers follow about a dozen aliases. A power of two, so that a mask
/// replaces the bounds check.
const MAX_NAMES: usize = 16;

/// CLASS of the Internet (RFC 1035, section 3.2.4).
const IN: u16 = 1;

/// The upper bit of CLASS, which has another use (RFC 6762, section 10.2).
const CACHE_FLUSH: u8 = 0x80;

/// Names of a message have at most so many times its bytes, without compression: with more, the slow
/// path decides.
const TEXT_RATIO: usize = 4;

/// Turns messages into records. One value serves all messages of a thread; it holds 66 KiB.
#[derive(Debug)]
pub(super) struct Transcriber {
    pub(super) rules: Rules,
    marks: Marks,
    names: [Written; MAX_NAMES],
}

/// What was read of the answers, and where the group of the last one is.
struct Progress {
    read: usize,
    /// Names so far.
    count_names: usize,
    /// Bytes of all names without compression.
    names: usize,
    /// The owner of records so far: the pointer that leads there, in the upper half of a word, and
    /// its place.
    owner: u32,
    owner_place: Place,
    /// TYPE, in the upper half, and TTL of the open group; the offset of its first byte in the
    /// record, and how many records it has.
    open: u64,
    open_at: usize,
    count: u8,
    /// The last address of that group, if it has IPv6 addresses.
    ipv6: [u8; 16],
    has_address: bool,
}

/// TYPE and TTL that no open group has.
const CLOSED: u64 = u64::MAX;

impl Transcriber {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            marks: Marks::default(),
            names: [Written::default(); MAX_NAMES],
        }
    }

    /// Writes the record of `message` at `at`, as [`Encode::transcribe`](crate::encode::Encode) says.
    /// `base` is the time of the datagram.
    #[inline(always)]
    pub(super) fn record(
        &mut self,
        message: &[u8],
        envelope: &Envelope,
        datagram: &mut [u8],
        at: usize,
        base: u64,
        known: (&mut Suffixes, &mut OriginTable),
    ) -> Option<Result<usize, MessageReject>> {
        let (suffixes, origins) = known;
        let head = message.first_chunk::<HEADER_BYTES>()?;
        let count = match header(head, &self.rules) {
            Header::Usual(count) => count,
            Header::Reject(reason) => return Some(Err(reason)),
        };
        if message.len() > POINTABLE || head[3] & 0x0f != 0 {
            return None;
        }
        self.marks.next_message();
        suffixes.start_set();
        let (written, draft) = split(datagram, at)?;
        let source = Source { message, written };
        let mut out = Writer::new(draft);
        let form = head::write(envelope, flags(head), base, origins, &mut out)?;
        let mut progress = Progress {
            read: HEADER_BYTES,
            count_names: 0,
            names: 0,
            owner: pointer_to(HEADER_BYTES)?,
            owner_place: Place::default(),
            open: CLOSED,
            open_at: 0,
            count: 0,
            ipv6: [0; 16],
            has_address: false,
        };
        progress.owner_place = self.name(source, &mut progress, suffixes, &mut out)?;
        let asked = message.get(progress.read..)?.first_chunk::<4>()?;
        progress.read += asked.len();
        let kind = u16::from_be_bytes([asked[0], asked[1]]);
        let class = u16::from_be_bytes([asked[2], asked[3]]);
        if !self.rules.types.has(kind) {
            return Some(Err(MessageReject::QuestionType));
        }
        let question = match (kind, class) {
            (A, IN) => QUESTION_A,
            (AAAA, IN) => QUESTION_AAAA,
            _ => return None,
        };
        for _ in 0..count {
            self.answer(source, &mut progress, suffixes, &mut out)?;
        }
        if progress.names > MAX_NAMES_BYTES.min(TEXT_RATIO * message.len()) {
            return None;
        }
        let authorities = u16::from_be_bytes([head[8], head[9]]);
        let additions = u16::from_be_bytes([head[10], head[11]]);
        let others = usize::from(authorities) + usize::from(additions);
        if !edns::is_plain(message, progress.read, others) {
            return None;
        }
        match (progress.has_address, self.rules.outcomes) {
            (true, wanted) if wanted.has(Outcome::Answered) => {}
            (true, _) => return Some(Err(MessageReject::Answered)),
            (false, wanted) if wanted.has(Outcome::Nodata) => return None,
            (false, _) => return Some(Err(MessageReject::NoAddress)),
        }
        let size = head::finish(form | question, &mut out)?;
        (size <= MAX_TRANSCRIPT_BYTES).then_some(Ok(size))
    }

    /// Reads a record of the answer section.
    ///
    /// ```text
    /// pointer 2 | TYPE 2 | CLASS 2 | TTL 4 | RDLENGTH 2 | RDATA
    /// ```
    #[inline(always)]
    fn answer(
        &mut self,
        source: Source<'_>,
        progress: &mut Progress,
        suffixes: &mut Suffixes,
        out: &mut Writer<'_>,
    ) -> Option<()> {
        let rest = source.message.get(progress.read..)?;
        // The size of an A record, the shortest that is of use.
        let fixed = rest.first_chunk::<{ POINTED_BYTES + 4 }>()?;
        let word = |at: usize| {
            u32::from_be_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]])
        };
        let (owner_and_type, ttl) = (word(0), word(6));
        let length = usize::from(u16::from_be_bytes([fixed[10], fixed[11]]));
        let rdata_at = progress.read + POINTED_BYTES;
        let kind = owner_and_type & MAX_TYPE;
        if owner_and_type & !MAX_TYPE != progress.owner {
            return self.answer_of_other(source, progress, suffixes, out);
        }
        if fixed[4] & !CACHE_FLUSH != 0 || fixed[5] != 1 {
            // Not of class IN.
            return None;
        }
        let key = u64::from(kind) << 32 | u64::from(ttl);
        match kind {
            owner::A if length == 4 => {
                if key == progress.open {
                    progress.join(out)?;
                } else {
                    progress.open(key, KIND_A, None, out)?;
                }
                out.array(*rest.get(POINTED_BYTES..)?.first_chunk::<4>()?)?;
                progress.has_address = true;
            }
            owner::AAAA if length == 16 => {
                let address = *rest.get(POINTED_BYTES..)?.first_chunk::<16>()?;
                if key == progress.open {
                    progress.join(out)?;
                    out.ipv6_after(progress.ipv6, address)?;
                } else {
                    progress.open(key, KIND_AAAA, None, out)?;
                    out.array(address)?;
                }
                progress.ipv6 = address;
                progress.has_address = true;
            }
            owner::CNAME => {
                progress.open(u64::from(ttl), KIND_CNAME, None, out)?;
                progress.open = CLOSED;
                progress.read = rdata_at;
                progress.owner_place = self.name(source, progress, suffixes, out)?;
                progress.owner = pointer_to(rdata_at)?;
                return (progress.read == rdata_at + length).then_some(());
            }
            owner::A | owner::AAAA => return None,
            _ if !is_left_out(u16::try_from(kind).ok()?, 0) => return None,
            _ => {
                rest.get(POINTED_BYTES..)?.get(length..)?;
            }
        }
        progress.read = rdata_at + length;
        Some(())
    }

    /// A record whose owner is not that of the record before.
    #[inline(never)]
    fn answer_of_other(
        &mut self,
        source: Source<'_>,
        progress: &mut Progress,
        suffixes: &mut Suffixes,
        out: &mut Writer<'_>,
    ) -> Option<()> {
        let rest = source.message.get(progress.read..)?;
        let fixed = rest.first_chunk::<POINTED_BYTES>()?;
        let pointer = u32::from_be_bytes([fixed[0], fixed[1], 0, 0]);
        let kind = u16::from_be_bytes([fixed[2], fixed[3]]);
        if fixed[4] & !CACHE_FLUSH != 0 || fixed[5] != 1 {
            return None;
        }
        let ttl = u32::from_be_bytes([fixed[6], fixed[7], fixed[8], fixed[9]]);
        let length = usize::from(u16::from_be_bytes([fixed[10], fixed[11]]));
        let place = self.place(pointed_to(pointer)?, progress.count_names)?;
        if place == progress.owner_place {
            // Two pointers lead to one name.
            progress.owner = pointer;
            return self.answer(source, progress, suffixes, out);
        }
        let rdata_at = progress.read + POINTED_BYTES;
        let rdata = rest.get(POINTED_BYTES..)?.get(..length)?;
        let key = u64::from(kind) << 32 | u64::from(ttl);
        let at = source.written.len() + out.len();
        let owner = Some((at, place));
        match kind {
            A => {
                progress.open(key, KIND_A, owner, out)?;
                out.array::<4>(rdata.try_into().ok()?)?;
            }
            AAAA => {
                progress.open(key, KIND_AAAA, owner, out)?;
                progress.ipv6 = rdata.try_into().ok()?;
                out.array(progress.ipv6)?;
            }
            CNAME => {
                progress.open(key, KIND_CNAME, owner, out)?;
                progress.open = CLOSED;
                progress.read = rdata_at;
                progress.owner_place = self.name(source, progress, suffixes, out)?;
                progress.owner = pointer_to(rdata_at)?;
                return (progress.read == rdata_at + length).then_some(());
            }
            _ if !is_left_out(kind, 0) => return None,
            _ => {
                progress.read = rdata_at + length;
                return Some(());
            }
        }
        progress.has_address = true;
        (progress.owner, progress.owner_place) = (pointer, place);
        progress.read = rdata_at + length;
        Some(())
    }

    /// Writes the name at `progress.read`.
    #[inline(always)]
    fn name(
        &mut self,
        source: Source<'_>,
        progress: &mut Progress,
        suffixes: &mut Suffixes,
        out: &mut Writer<'_>,
    ) -> Option<Place> {
        let Source { message, written } = source;
        let (start, index) = (progress.read, progress.count_names);
        let mut starts = [0; MAX_STARTS];
        let (places, mark) = self.marks.of_name(index)?;
        let (end, count) = labels_end(message, start, places, mark, &mut starts);
        let run = end - start;
        let here = written.len() + out.len();
        let name = self.names.get_mut(index)?;
        (name.start, name.cut, name.tail_count) = (start, end, 0);
        let mut place = Place {
            offset: here,
            bytes: run,
        };
        match *message.get(end)? {
            0 => {
                progress.read = end + 1;
                place.bytes += 1;
                let known = name.end(
                    source,
                    count,
                    &starts,
                    here.wrapping_sub(start),
                    (suffixes, out),
                );
                let cut = name.cut;
                out.front(message.get(start..)?, cut - start)?;
                if known == ROOT {
                    out.array([0])?;
                } else {
                    let at = written.len() + out.len();
                    out.array(pointer(at, known)?)?;
                    if cut == start {
                        place.offset = known;
                    }
                }
            }
            high @ 0xc0.. => {
                let low = *message.get(end + 1)?;
                let offset = usize::from(u16::from_be_bytes([high & 0x3f, low]));
                progress.read = end + 2;
                let rest = self.place(offset, index)?;
                place.bytes += rest.bytes;
                out.front(message.get(start..)?, run)?;
                let at = written.len() + out.len();
                out.array(pointer(at, rest.offset)?)?;
                if run == 0 {
                    place.offset = rest.offset;
                }
            }
            _ => return None,
        }
        progress.names += place.bytes;
        if place.bytes > MAX_NAME_BYTES {
            return None;
        }
        self.names.get_mut(index)?.place = place;
        // From here on, pointers may refer to it.
        progress.count_names = index + 1;
        Some(place)
    }

    /// The place of what follows from this offset of the message on, if one of the first `count`
    /// names has a label there.
    #[inline(always)]
    fn place(&self, offset: usize, count: usize) -> Option<Place> {
        let index = self.marks.name_at(offset, count)?;
        self.names[index % MAX_NAMES].place_from(offset)
    }
}

impl Progress {
    /// Counts one more record in the open group.
    #[inline(always)]
    fn join(&mut self, out: &mut Writer<'_>) -> Option<()> {
        self.count += 1;
        if self.count == MAX_COUNT {
            self.open = CLOSED;
        }
        out.increment(self.open_at)
    }

    /// Opens a group of one record, whose owner, if it is to be told, has a place, and is told at an
    /// offset of the datagram behind one byte.
    #[inline(always)]
    fn open(
        &mut self,
        key: u64,
        kind: u8,
        owner: Option<(usize, Place)>,
        out: &mut Writer<'_>,
    ) -> Option<()> {
        (self.open, self.open_at, self.count) = (key, out.len(), 1);
        match owner {
            None => out.array([kind << 5 | 1])?,
            Some((at, place)) => {
                let [high, low] = pointer(at + 1, place.offset)?;
                out.array([kind << 5 | HAS_OWNER | 1, high, low])?;
            }
        }
        out.varint(key & u64::from(u32::MAX))
    }
}
