//! Records written from a response that was read: one, or several where one is larger than a
//! datagram.
//!
//! Each record of a response starts with the question and has as many answers as fit. Data that has
//! no room even in a datagram of its own is left out, and its length told.

use super::answers::{
    END, HAS_OWNER, KIND_A, KIND_AAAA, KIND_CNAME, KIND_LEFT_OUT, KIND_RDATA, MAX_COUNT,
};
use super::head::{self, pointer};
use super::origin_table::OriginTable;
use super::record::{
    CLASS_BITS, FORM_CONTINUES, FORM_INCOMPLETE, FORM_MORE, FORM_RCODE, PART_SUBNET, QUESTION_A,
    QUESTION_AAAA, QUESTION_NONE, QUESTION_TOLD, class_of_answers,
};
use super::suffixes::{ROOT, Suffixes, Tail};
use super::writer::Writer;
use crate::dns::{A, AAAA, Data, Extent, NameText, Record};
use crate::encode::NoRoom;
use crate::response::{Envelope, Response};

/// CLASS of the Internet (RFC 1035, section 3.2.4).
const IN: u16 = 1;

/// Names of a record that are found again as a whole.
const MAX_NAMES: usize = 16;

/// Labels that a name has at most: 255 bytes, of which each label takes two.
const MAX_LABELS: usize = 127;

/// Bytes behind the answers, for the byte that ends them and a part with a client subnet.
const SUBNET_ROOM_BYTES: usize = 3 + 20;

/// What is left of a response.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    response: &'a Response<'a>,
    /// The next answer.
    next: usize,
    is_done: bool,
}

/// A record that is being written, and what is known of the datagram before it.
struct Draft<'d, 'o> {
    written: &'d [u8],
    out: Writer<'o>,
    suffixes: &'d mut Suffixes,
    /// Names of this record, and their offsets in the datagram.
    names: [Option<(NameText, usize)>; MAX_NAMES],
    /// Class of addresses and aliases.
    class: u16,
    state: State,
}

/// What an answer changes besides the bytes that it adds: where one has no room, the state is what
/// it was before.
#[derive(Clone, Copy, Default)]
struct State {
    /// Names so far.
    count: usize,
    owner: Option<NameText>,
    /// Kind and TTL of the open group, the offset of its first byte, and its records.
    open: Option<(u8, u32)>,
    open_at: usize,
    open_count: u8,
    /// The last address of that group, if it has IPv6 addresses.
    ipv6: [u8; 16],
}

impl<'a> Parts<'a> {
    pub(super) fn new(response: &'a Response<'a>) -> Self {
        Self {
            response,
            next: 0,
            is_done: false,
        }
    }

    pub(super) fn envelope(&self) -> Envelope {
        self.response.envelope
    }

    /// Writes the next record at `at`, and returns its size.
    pub(super) fn write(
        &mut self,
        datagram: &mut [u8],
        at: usize,
        is_first: bool,
        base: u64,
        known: (&mut Suffixes, &mut OriginTable),
    ) -> Option<Result<usize, NoRoom>> {
        if self.is_done {
            return None;
        }
        let (suffixes, origins) = known;
        suffixes.start_set();
        let Some((written, room)) = datagram.split_at_mut_checked(at) else {
            return Some(Err(NoRoom));
        };
        let subnet = self.response.answers.subnet().filter(|_| self.next == 0);
        let behind = if subnet.is_some() {
            SUBNET_ROOM_BYTES
        } else {
            0
        };
        let (limit, next) = (room.len().saturating_sub(behind), self.next);
        let mut draft = Draft {
            written,
            out: Writer::new(room),
            suffixes,
            names: [None; MAX_NAMES],
            class: class_of_answers(self.response.answers.asked().map(|(_, class)| class)),
            state: State::default(),
        };
        let size = self.record(&mut draft, limit, is_first, base, origins, subnet);
        if size.is_none() {
            self.next = next;
        }
        Some(size.ok_or(NoRoom))
    }

    fn record(
        &mut self,
        draft: &mut Draft<'_, '_>,
        limit: usize,
        is_first: bool,
        base: u64,
        origins: &mut OriginTable,
        subnet: Option<&[u8]>,
    ) -> Option<usize> {
        let Response { envelope, answers } = self.response;
        let mut form = head::write(envelope, answers.flags(), base, origins, &mut draft.out)?;
        if answers.code() != 0 {
            form |= FORM_RCODE;
            draft.out.varint(answers.code().into())?;
        }
        let (names, text) = answers.names_text();
        let asked = *names.first()?;
        draft.name(asked, text)?;
        draft.state.owner = Some(asked);
        form |= match answers.asked() {
            None => QUESTION_NONE,
            Some((A, IN)) => QUESTION_A,
            Some((AAAA, IN)) => QUESTION_AAAA,
            Some((kind, class)) => {
                draft.out.array(kind.to_be_bytes())?;
                draft.out.array(class.to_be_bytes())?;
                QUESTION_TOLD
            }
        };
        if self.next > 0 {
            form |= FORM_CONTINUES;
        }
        if answers.extent() == Extent::Cut {
            form |= FORM_INCOMPLETE;
        }
        let records = answers.records().list();
        let first = self.next;
        while let Some(record) = records.get(self.next) {
            let (len, state) = (draft.out.len(), draft.state);
            if draft
                .answer(record, answers.text(), self.response)
                .is_none()
                || draft.out.len() > limit
            {
                draft.back_to(len, state);
                // Only what is larger than a datagram is divided.
                if !is_first {
                    return None;
                }
                if self.next > first {
                    break;
                }
                // It would have no room in any other datagram either.
                draft.left_out(record, answers.text())?;
            }
            self.next += 1;
        }
        if self.next < records.len() {
            form |= FORM_MORE;
        }
        if let Some(subnet) = subnet {
            let length = u8::try_from(subnet.len()).ok()?;
            draft.out.array([END, PART_SUBNET, length])?;
            draft.out.bytes(subnet)?;
        }
        let size = head::finish(form, &mut draft.out)?;
        self.is_done = self.next >= records.len();
        Some(size)
    }
}

impl Draft<'_, '_> {
    /// Goes back to where the record had `len` bytes and this state.
    fn back_to(&mut self, len: usize, state: State) {
        if self.state.open_at == state.open_at && self.state.open_count > state.open_count {
            self.out.decrement(state.open_at);
        }
        self.out.truncate(len);
        // Suffixes of what is taken back must not be found, and so none of this record.
        self.suffixes.start_set();
        self.state = state;
    }

    fn answer(&mut self, record: &Record, text: &[u8], response: &Response<'_>) -> Option<()> {
        let is_of_class = record.class & CLASS_BITS == self.class;
        match record.data {
            Data::Ipv4(address) if is_of_class => {
                self.group(KIND_A, record, text)?;
                self.out.array(address)
            }
            Data::Ipv6(address) if is_of_class => {
                self.group(KIND_AAAA, record, text)?;
                let before = core::mem::replace(&mut self.state.ipv6, address);
                if self.state.open_count == 1 {
                    self.out.array(address)
                } else {
                    self.out.ipv6_after(before, address)
                }
            }
            Data::Alias(target) if is_of_class => {
                self.group(KIND_CNAME, record, text)?;
                self.state.owner = Some(target);
                self.name(target, text)
            }
            Data::Ipv4(address) => self.rdata(record, text, &address),
            Data::Ipv6(address) => self.rdata(record, text, &address),
            Data::Alias(target) => self.rdata(record, text, target.within(text)),
            Data::Other(offset, bytes) => {
                let records = response.answers.records();
                self.rdata(record, text, records.rdata(offset, bytes))
            }
            Data::LeftOut(_) => self.left_out(record, text),
        }
    }

    fn rdata(&mut self, record: &Record, text: &[u8], rdata: &[u8]) -> Option<()> {
        self.group(KIND_RDATA, record, text)?;
        self.out.varint(rdata.len().try_into().ok()?)?;
        self.out.bytes(rdata)
    }

    /// Writes that a record is there, without its data.
    fn left_out(&mut self, record: &Record, text: &[u8]) -> Option<()> {
        let bytes = match record.data {
            Data::LeftOut(bytes) | Data::Other(_, bytes) => bytes,
            // With the least room that a datagram has, these fit.
            Data::Ipv4(_) | Data::Ipv6(_) | Data::Alias(_) => return None,
        };
        self.group(KIND_LEFT_OUT, record, text)?;
        self.out.varint(bytes.into())
    }

    /// Counts a record in the open group, or opens one for it.
    fn group(&mut self, kind: u8, record: &Record, text: &[u8]) -> Option<()> {
        let is_owner_new = self.state.owner != Some(record.owner);
        let can_grow = matches!(kind, KIND_A | KIND_AAAA) && self.state.open_count < MAX_COUNT;
        if can_grow && !is_owner_new && self.state.open == Some((kind, record.ttl)) {
            self.state.open_count += 1;
            return self.out.increment(self.state.open_at);
        }
        self.state.open = Some((kind, record.ttl));
        (self.state.open_at, self.state.open_count) = (self.out.len(), 1);
        if is_owner_new {
            self.out.array([kind << 5 | HAS_OWNER | 1])?;
            self.name(record.owner, text)?;
            self.state.owner = Some(record.owner);
        } else {
            self.out.array([kind << 5 | 1])?;
        }
        self.out.varint(record.ttl.into())?;
        if matches!(kind, KIND_RDATA | KIND_LEFT_OUT) {
            self.out.array(record.kind.to_be_bytes())?;
            self.out.array(record.class.to_be_bytes())?;
        }
        Some(())
    }

    /// Writes a name: a pointer if this record has it, otherwise the labels that the datagram does
    /// not have, and a pointer to the rest.
    fn name(&mut self, name: NameText, text: &[u8]) -> Option<()> {
        let here = self.written.len() + self.out.len();
        let known = self.names.iter().take(self.state.count).flatten();
        let known = known.copied().find(|(known, _)| *known == name);
        if let Some((_, offset)) = known
            && name.wire_len() > 2
            && let Some(pointer) = pointer(here, offset)
        {
            return self.out.array(pointer);
        }
        self.labels(name.within(text), here)?;
        if let Some(place) = self.names.get_mut(self.state.count) {
            *place = Some((name, here));
            self.state.count += 1;
        }
        Some(())
    }

    /// Writes a name in wire format to this offset of the datagram.
    fn labels(&mut self, name: &[u8], here: usize) -> Option<()> {
        let mut starts = [0; MAX_LABELS];
        let (mut at, mut count) = (0, 0);
        while let Some(length @ 1..) = name.get(at) {
            *starts.get_mut(count)? = at;
            count += 1;
            at += 1 + usize::from(*length);
        }
        let mut tail = Tail::new(count, here + at);
        while let Some(label) = tail.label() {
            let start = starts[label];
            let text = name.get(start..)?;
            tail.next(text, here + start, self.suffixes, self.written, &self.out);
        }
        let cut = starts.get(tail.cut).filter(|_| tail.cut < count);
        let cut = cut.copied().unwrap_or(at);
        self.out.bytes(name.get(..cut)?)?;
        match tail.known {
            ROOT => self.out.array([0]),
            known => {
                let at = self.written.len() + self.out.len();
                self.out.array(pointer(at, known)?)
            }
        }
    }
}
