//! The walk through a message, from the question to the end of the answer section.
//!
//! It stops there: records of the authority and additional sections are not read, so damage in them
//! costs nothing.

use super::records::{Data, Record, is_left_out};
use super::rules::{A, AAAA, CNAME, Extent, HEADER_BYTES, MessageReject, Rules};
use super::{NameError, Scratch};

/// Bytes of a record between owner and RDATA: type, class, TTL, RDLENGTH (RFC 1035, section 4.1.3).
const RECORD_FIXED_BYTES: usize = 10;

pub(super) struct Walk<'a> {
    message: &'a [u8],
    cursor: usize,
    /// TYPE and CLASS of the question.
    asked: Option<(u16, u16)>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self {
            message,
            cursor: HEADER_BYTES,
            asked: None,
        }
    }

    /// TYPE and CLASS of the question that was read.
    pub(super) fn asked(&self) -> Option<(u16, u16)> {
        self.asked
    }

    /// Offset of what was not read so far.
    pub(super) fn offset(&self) -> usize {
        self.cursor
    }

    pub(super) fn question(
        &mut self,
        rules: &Rules,
        scratch: &mut Scratch,
    ) -> Result<(), MessageReject> {
        let (_, behind) =
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
        let kind = u16::from_be_bytes([fixed[0], fixed[1]]);
        self.asked = Some((kind, u16::from_be_bytes([fixed[2], fixed[3]])));
        if rules.types.has(kind) {
            Ok(())
        } else {
            Err(MessageReject::QuestionType)
        }
    }

    pub(super) fn answers(
        &mut self,
        count: u16,
        extent: Extent,
        rules: &Rules,
        scratch: &mut Scratch,
    ) -> Result<Extent, MessageReject> {
        for _ in 0..count {
            match self.answer(rules, scratch) {
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
    fn answer(&mut self, rules: &Rules, scratch: &mut Scratch) -> Result<(), Broken> {
        // Without a question, the owner of the first answer is the name asked for.
        let owner = if scratch.names.is_empty() {
            scratch.names.keep(self.message, self.cursor)
        } else {
            scratch.names.read(self.message, self.cursor)
        };
        let (owner, owner_end) = owner.map_err(|error| match error {
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
        let kind = u16::from_be_bytes([fixed[0], fixed[1]]);
        let data = match kind {
            A => {
                let address = address(rdata)?;
                scratch.ipv4.push(address);
                Some(Data::Ipv4(address))
            }
            AAAA => {
                let address = address(rdata)?;
                scratch.ipv6.push(address);
                Some(Data::Ipv6(address))
            }
            CNAME => self.alias(rdata_at, scratch)?.map(Data::Alias),
            _ if !rules.details || is_left_out(kind, self.asked.map_or(0, |(kind, _)| kind)) => {
                None
            }
            _ => {
                let Scratch { records, names, .. } = scratch;
                Some(records.keep(kind, self.message, rdata_at..self.cursor, names))
            }
        };
        if let (Some(data), true) = (data, rules.details) {
            scratch.records.push(Record {
                owner,
                kind,
                class: u16::from_be_bytes([fixed[2], fixed[3]]),
                ttl: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
                data,
            });
        }
        Ok(())
    }

    /// The target of a CNAME record, unless it is omitted.
    fn alias(
        &self,
        rdata_at: usize,
        scratch: &mut Scratch,
    ) -> Result<Option<super::NameText>, Broken> {
        let omitted = scratch.names.omitted();
        let target = scratch.names.keep(self.message, rdata_at);
        let (target, end) = target.map_err(|error| match error {
            NameError::Excess => Broken::Excess,
            _ => Broken::Wrong,
        })?;
        if end != self.cursor {
            return Err(Broken::Wrong);
        }
        Ok((scratch.names.omitted() == omitted).then_some(target))
    }
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
