//! The walk through a message, from the question to the end of the answer section.
//!
//! It stops there: records of the authority and additional sections are not read, so damage in them
//! costs nothing.

use dns_parser::{QueryType, Type};

use super::rules::{Extent, HEADER_BYTES, MessageReject};
use super::{NameError, Scratch};

/// Bytes of a record between owner and RDATA: type, class, TTL, RDLENGTH (RFC 1035, section 4.1.3).
const RECORD_FIXED_BYTES: usize = 10;

/// TYPE of the records that are interpreted.
const A: u16 = Type::A as u16;
const AAAA: u16 = Type::AAAA as u16;
const CNAME: u16 = Type::CNAME as u16;

pub(super) struct Walk<'a> {
    message: &'a [u8],
    cursor: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self {
            message,
            cursor: HEADER_BYTES,
        }
    }

    pub(super) fn question(&mut self, scratch: &mut Scratch) -> Result<(), MessageReject> {
        let behind =
            scratch
                .names
                .keep(self.message, self.cursor)
                .map_err(|error| match error {
                    NameError::Excess => MessageReject::NameBytes,
                    _ => MessageReject::QuestionDamaged,
                })?;
        let fixed: &[u8; 4] = self
            .message
            .get(behind..)
            .and_then(<[u8]>::first_chunk)
            .ok_or(MessageReject::QuestionDamaged)?;
        self.cursor = behind + fixed.len();
        if asks_for_address(u16::from_be_bytes([fixed[0], fixed[1]])) {
            Ok(())
        } else {
            Err(MessageReject::QuestionType)
        }
    }

    pub(super) fn answers(
        &mut self,
        count: u16,
        extent: Extent,
        scratch: &mut Scratch,
    ) -> Result<Extent, MessageReject> {
        for _ in 0..count {
            match self.answer(scratch) {
                Ok(()) => {}
                Err(Broken::Short) if extent == Extent::Cut => return Ok(Extent::Cut),
                Err(Broken::Excess) => return Err(MessageReject::NameBytes),
                Err(_) => return Err(MessageReject::AnswerDamaged),
            }
        }
        Ok(Extent::Whole)
    }

    /// Reads one record of the answer section.
    ///
    /// ```text
    /// owner name | TYPE 2 | CLASS 2 | TTL 4 | RDLENGTH 2 | RDATA
    /// ```
    ///
    /// (RFC 1035, section 4.1.3.)
    fn answer(&mut self, scratch: &mut Scratch) -> Result<(), Broken> {
        // Without a question, the owner of the first answer is the name asked for.
        let owner = if scratch.names.is_empty() {
            scratch.names.keep(self.message, self.cursor)
        } else {
            scratch.names.skip(self.message, self.cursor)
        };
        let owner_end = owner.map_err(|error| match error {
            NameError::Short => Broken::Short,
            NameError::Excess => Broken::Excess,
            _ => Broken::Wrong,
        })?;
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
        let rdata = &behind[..length];
        match u16::from_be_bytes([fixed[0], fixed[1]]) {
            A => scratch.ipv4.push(address(rdata)?),
            AAAA => scratch.ipv6.push(address(rdata)?),
            CNAME => {
                let target = scratch.names.keep(self.message, rdata_at);
                let end = target.map_err(|error| match error {
                    NameError::Excess => Broken::Excess,
                    _ => Broken::Wrong,
                })?;
                if end != self.cursor {
                    return Err(Broken::Wrong);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether a question of this type asks for addresses.
#[inline(always)]
pub(crate) fn asks_for_address(kind: u16) -> bool {
    const ANY: u16 = QueryType::All as u16;
    matches!(kind, A | AAAA | ANY)
}

fn address<const N: usize>(rdata: &[u8]) -> Result<[u8; N], Broken> {
    rdata.try_into().map_err(|_| Broken::Wrong)
}

/// Why the walk of the answer section ended early.
pub(super) enum Broken {
    /// The message ends in a record.
    Short,
    /// The bytes are there, but invalid.
    Wrong,
    /// Its names are too much for the message.
    Excess,
}
