//! The way through a message, from the question to the end of the answer section.
//!
//! Nearly every record is an address or an alias whose owner is a pointer to the name before it:
//! [`usual`] sees that at one look at its first bytes, and takes nothing else. What it leaves goes
//! through [`Walk::answer`], which alone decides what is damaged, and why.

use dns_parser::{QueryType, Type};

use super::{Extent, HEADER_BYTES, Marks, MessageReject, RECORD_FIXED_BYTES};
use crate::name::{Name, NameError};

/// Bytes of a record before its RDATA where the owner is a pointer.
const POINTED_BYTES: usize = 2 + RECORD_FIXED_BYTES;

/// The same, with RDATA of the least that either an address or an alias that was copied whole can have.
const ADDRESSED_BYTES: usize = POINTED_BYTES + 4;

const A: u64 = Type::A as u64;
const AAAA: u64 = Type::AAAA as u64;
const CNAME: u64 = Type::CNAME as u64;
const ANY: u64 = QueryType::All as u64;

/// Handed on by value, so that it stays in registers.
#[derive(Clone, Copy)]
pub(super) struct Walk<'a> {
    message: &'a [u8],
    cursor: usize,
    /// A pointer to a name that was checked, in front of 16 bits of 0: most owners are just that, the name
    /// asked for or the last alias. [`NONE_KNOWN`] before there is one.
    known: u64,
}

/// More than the 32 bits that are compared.
const NONE_KNOWN: u64 = u64::MAX;

impl<'a> Walk<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Walk {
            message,
            cursor: HEADER_BYTES,
            known: NONE_KNOWN,
        }
    }

    #[inline(always)]
    pub(super) fn question(mut self, marks: &mut Marks) -> Result<Self, MessageReject> {
        let behind = match Name::usual(self.message, self.cursor) {
            Some((name, behind)) => {
                marks.name(name.at());
                behind
            }
            None => {
                any_name(self.message, self.cursor, marks).ok_or(MessageReject::QuestionDamaged)?
            }
        };
        let fixed: &[u8; 4] = self
            .message
            .get(behind..)
            .and_then(<[u8]>::first_chunk)
            .ok_or(MessageReject::QuestionDamaged)?;
        self.known = pointer_to(self.cursor);
        self.cursor = behind + fixed.len();
        let asked = u64::from(u16::from_be_bytes([fixed[0], fixed[1]]));
        if (asked < 64 && (1_u64 << A | 1 << AAAA) >> asked & 1 == 1) || asked == ANY {
            Ok(self)
        } else {
            Err(MessageReject::QuestionType)
        }
    }

    #[inline(always)]
    pub(super) fn answers(
        self,
        count: u16,
        extent: Extent,
        marks: &mut Marks,
    ) -> Result<Extent, MessageReject> {
        // Plain values, of which only a copy is lent to what is called: they stay in registers.
        let (message, mut cursor, mut known) = (self.message, self.cursor, self.known);
        for _ in 0..count {
            if let Some(next) = usual(message, cursor, known, marks) {
                (cursor, known) = next;
                continue;
            }
            let mut walk = Walk {
                message,
                cursor,
                known,
            };
            match walk.answer(marks) {
                Ok(()) => (cursor, known) = (walk.cursor, walk.known),
                Err(Broken::Short) if extent == Extent::Cut => return Ok(Extent::Cut),
                Err(_) => return Err(MessageReject::AnswerDamaged),
            }
        }
        Ok(Extent::Whole)
    }

    /// One record of the answer section.
    ///
    /// ```text
    /// owner name | TYPE 2 | CLASS 2 | TTL 4 | RDLENGTH 2 | RDATA
    /// ```
    #[inline(never)]
    pub(super) fn answer(&mut self, marks: &mut Marks) -> Result<(), Broken> {
        let start = self.cursor;
        let owner_end = self.owner()?;
        let (fixed, behind) = self
            .message
            .get(owner_end..)
            .and_then(<[u8]>::split_first_chunk::<RECORD_FIXED_BYTES>)
            .ok_or(Broken::Short)?;
        let length = usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
        if behind.len() < length {
            return Err(Broken::Short);
        }
        let rdata_at = owner_end + RECORD_FIXED_BYTES;
        self.cursor = rdata_at + length;
        if marks.names.is_empty() {
            let (owner, _) = Name::parse(self.message, start).map_err(|_| Broken::Wrong)?;
            marks.name(owner.at());
        }
        let rdata = &behind[..length];
        match Type::parse(u16::from_be_bytes([fixed[0], fixed[1]])) {
            Ok(Type::A) => marks.ipv4.note(address(rdata)?),
            Ok(Type::AAAA) => marks.ipv6.note(address(rdata)?),
            Ok(Type::CNAME) => {
                let (target, behind) =
                    Name::parse(self.message, rdata_at).map_err(|_| Broken::Wrong)?;
                if behind != self.cursor {
                    return Err(Broken::Wrong);
                }
                marks.name(target.at());
                self.known = pointer_to(rdata_at);
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks the owner's name and returns the offset behind it.
    fn owner(&mut self) -> Result<usize, Broken> {
        let pointer = self
            .message
            .get(self.cursor..)
            .and_then(<[u8]>::first_chunk)
            .map(|start| u16::from_be_bytes(*start))
            .filter(|start| *start >= 0xc000);
        let known = pointer.map(|pointer| u64::from(pointer) << 16);
        if known == Some(self.known) {
            return Ok(self.cursor + 2);
        }
        let (_, behind) = Name::parse(self.message, self.cursor).map_err(|error| match error {
            NameError::Short => Broken::Short,
            _ => Broken::Wrong,
        })?;
        self.known = known.unwrap_or(self.known);
        Ok(behind)
    }
}

/// A record of the `known` owner's: the offset behind it, and the owner that is known then. `None`, and nothing
/// done, if it is another's or may be damaged.
///
/// ```text
/// pointer 2 | TYPE 2 | CLASS 2 | TTL 4 | RDLENGTH 2 | RDATA
/// ```
#[inline(always)]
fn usual(message: &[u8], cursor: usize, known: u64, marks: &mut Marks) -> Option<(usize, u64)> {
    let rest = message.get(cursor..)?;
    let fixed = rest.first_chunk::<ADDRESSED_BYTES>()?;
    let length = usize::from(u16::from_be_bytes([fixed[10], fixed[11]]));
    let rdata = rest.get(POINTED_BYTES..POINTED_BYTES + length)?;
    let owner_and_type = u32::from_be_bytes([fixed[0], fixed[1], fixed[2], fixed[3]]);
    let at = cursor + POINTED_BYTES;
    match u64::from(owner_and_type) ^ known {
        A => marks.ipv4.note(rdata.try_into().ok()?),
        AAAA => marks.ipv6.note(rdata.try_into().ok()?),
        CNAME => {
            let (target, behind) = Name::usual(message, at)?;
            if behind != at + length {
                return None;
            }
            marks.name(target.at());
            return Some((behind, pointer_to(at)));
        }
        // Other types are stepped over.
        ..=0xffff => {}
        _ => return None,
    }
    Some((at + length, known))
}

/// Notes whatever name is there; the offset behind it.
#[cold]
#[inline(never)]
fn any_name(message: &[u8], offset: usize, marks: &mut Marks) -> Option<usize> {
    let (name, behind) = Name::parse(message, offset).ok()?;
    marks.name(name.at());
    Some(behind)
}

/// A pointer to an offset as it is [`Walk::known`].
#[inline(always)]
fn pointer_to(offset: usize) -> u64 {
    match u16::try_from(offset) {
        Ok(offset @ ..0x4000) => u64::from(0xc000 | offset) << 16,
        _ => NONE_KNOWN,
    }
}

fn address<const N: usize>(rdata: &[u8]) -> Result<[u8; N], Broken> {
    rdata.try_into().map_err(|_| Broken::Wrong)
}

/// What ended the walk of the answer section.
pub(super) enum Broken {
    /// The message ended first.
    Short,
    /// The bytes are there and are not what the type calls for.
    Wrong,
}
