//! A DNS message, walked just far enough to know which addresses its names stand for.
//!
//! The walk reads header, question and answer section once, from left to right, and notes places
//! in [`Marks`] that its owner keeps from message to message: nothing is copied or allocated. It
//! stops at the end of the answer section, so damage behind that costs nothing. It does not
//! interpret other record types, match owners with questions, or judge who may say what: a sensor
//! records what was said.

use dns_parser::{Header, QueryType, ResponseCode, Type};

use crate::name::{Name, NameAt};

/// Bytes of the header (RFC 1035 section 4.1.1).
const HEADER_BYTES: usize = 12;

/// Bytes of a record between owner and RDATA: type, class, TTL, RDLENGTH (RFC 1035 section 4.1.3).
const RECORD_FIXED_BYTES: usize = 10;

/// Records that a message of 65,535 bytes can hold at most: each has a root owner and no RDATA.
const MAX_RECORDS: usize = (65_535 - HEADER_BYTES) / (1 + RECORD_FIXED_BYTES);

/// Why a message gives no set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageReject {
    /// Fewer bytes than a header.
    HeaderShort,
    /// The QR bit is 0.
    Query,
    /// RCODE is not 0.
    ErrorCode,
    /// RD or RA is 0: not the answer of a recursive resolver.
    NotRecursive,
    /// Not exactly one question.
    QuestionCount,
    /// The question's name is no name, or type and class are missing.
    QuestionDamaged,
    /// The question asks for something else than A, AAAA or ANY.
    QuestionType,
    /// A record of the answer section is not whole, or an A, AAAA or CNAME is not what it should be.
    AnswerDamaged,
    /// No A and no AAAA in the answer section.
    NoAddress,
}

/// By whose rules a message is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Answers of a recursive resolver: QR, RD and RA set, one question.
    Unicast,
    /// Multicast DNS (RFC 6762 section 18): QR set, a question is not needed, RD and RA say
    /// nothing; without a question the first answer's owner is the name.
    Multicast,
}

/// Whether a message is all there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// As sent: a record that runs past the end is damaged.
    Whole,
    /// Cut by a snap length or a lost fragment: what is whole in the answer section counts.
    Cut,
}

/// Places found in a message, kept from one message to the next so that none is allocated.
#[derive(Debug)]
pub struct Marks {
    names: Vec<NameAt>,
    ipv4: Vec<u16>,
    ipv6: Vec<u16>,
    names_len: usize,
}

impl Default for Marks {
    fn default() -> Self {
        // The question's name is one more than there are records.
        Marks {
            names: Vec::with_capacity(MAX_RECORDS + 1),
            ipv4: Vec::with_capacity(MAX_RECORDS),
            ipv6: Vec::with_capacity(MAX_RECORDS),
            names_len: 0,
        }
    }
}

impl Marks {
    fn clear(&mut self) {
        self.names.clear();
        self.ipv4.clear();
        self.ipv6.clear();
        self.names_len = 0;
    }

    fn name(&mut self, at: NameAt) {
        self.names_len += at.wire_len();
        self.names.push(at);
    }
}

/// What a message says: the name asked for, the aliases on the way, the addresses at the end.
#[derive(Clone, Copy, Debug)]
pub struct Answers<'a> {
    message: &'a [u8],
    names: &'a [NameAt],
    ipv4: &'a [u16],
    ipv6: &'a [u16],
    names_len: usize,
    extent: Extent,
}

impl<'a> Answers<'a> {
    /// Reads `message` by the rules of `dialect`.
    ///
    /// # Errors
    /// The first reason, in wire order, for which the message gives no set.
    #[inline(always)]
    pub fn parse(
        message: &'a [u8],
        dialect: Dialect,
        extent: Extent,
        marks: &'a mut Marks,
    ) -> Result<Self, MessageReject> {
        marks.clear();
        let header = header(message)?;
        if header.query {
            return Err(MessageReject::Query);
        }
        if header.response_code != ResponseCode::NoError {
            return Err(MessageReject::ErrorCode);
        }
        let mut walk = Walk {
            message,
            cursor: HEADER_BYTES,
            known: [0; 2],
        };
        match (dialect, header.questions) {
            (Dialect::Unicast, _) if !(header.recursion_desired && header.recursion_available) => {
                return Err(MessageReject::NotRecursive);
            }
            (_, 1) => walk.question(marks)?,
            (Dialect::Multicast, 0) => {}
            _ => return Err(MessageReject::QuestionCount),
        }
        let extent = walk.answers(header.answers, extent, marks)?;
        if marks.ipv4.is_empty() && marks.ipv6.is_empty() {
            return Err(MessageReject::NoAddress);
        }
        let Marks {
            names,
            ipv4,
            ipv6,
            names_len,
        } = marks;
        Ok(Answers {
            message,
            names,
            ipv4,
            ipv6,
            names_len: *names_len,
            extent,
        })
    }

    /// The name asked for, then each CNAME target in the order of the answer section.
    pub fn names(&self) -> impl ExactSizeIterator<Item = Name<'a>> + Clone {
        let message = self.message;
        self.names.iter().map(move |at| at.within(message))
    }

    /// Where those names are.
    pub(crate) fn names_at(&self) -> &'a [NameAt] {
        self.names
    }

    /// The message they are in.
    pub(crate) fn message(&self) -> &'a [u8] {
        self.message
    }

    /// Where the addresses of the A records are.
    pub(crate) fn ipv4_at(&self) -> &'a [u16] {
        self.ipv4
    }

    /// Where the addresses of the AAAA records are.
    pub(crate) fn ipv6_at(&self) -> &'a [u16] {
        self.ipv6
    }

    /// Bytes of all names in uncompressed wire format, without padding.
    pub(crate) fn names_len(&self) -> usize {
        self.names_len
    }

    /// The addresses of the A records, in order.
    pub fn ipv4(&self) -> impl ExactSizeIterator<Item = &'a [u8; 4]> + Clone {
        addresses(self.message, self.ipv4)
    }

    /// The addresses of the AAAA records, in order.
    pub fn ipv6(&self) -> impl ExactSizeIterator<Item = &'a [u8; 16]> + Clone {
        addresses(self.message, self.ipv6)
    }

    /// [`Extent::Cut`] if records were missing at the end, so that this is what was left.
    #[must_use]
    pub fn extent(&self) -> Extent {
        self.extent
    }
}

fn addresses<'a, const N: usize>(
    message: &'a [u8],
    offsets: &'a [u16],
) -> impl ExactSizeIterator<Item = &'a [u8; N]> + Clone {
    offsets.iter().map(move |offset| {
        message
            .get(usize::from(*offset)..)
            .and_then(<[u8]>::first_chunk)
            // The walk marks an address only when all its bytes are there.
            .unwrap_or(&[0; N])
    })
}

/// ```text
///   0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15
/// +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
/// |                      ID                       |
/// |QR|   Opcode  |AA|TC|RD|RA| Z|AD|CD|   RCODE   |
/// |                    QDCOUNT                    |
/// |                    ANCOUNT                    |
/// |                    NSCOUNT                    |
/// |                    ARCOUNT                    |
/// +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
/// ```
fn header(message: &[u8]) -> Result<Header, MessageReject> {
    let mut bytes: [u8; HEADER_BYTES] = *message.first_chunk().ok_or(MessageReject::HeaderShort)?;
    // Resolvers do answer with Z set, and the parser refuses those: it never sees the bit.
    bytes[3] &= !0x40;
    Header::parse(&bytes).map_err(|_| MessageReject::HeaderShort)
}

struct Walk<'a> {
    message: &'a [u8],
    cursor: usize,
    /// A pointer to a name that was checked: most owners are just that, the name asked for or the
    /// last alias.
    known: [u8; 2],
}

impl Walk<'_> {
    fn question(&mut self, marks: &mut Marks) -> Result<(), MessageReject> {
        let (name, behind) =
            Name::parse(self.message, self.cursor).map_err(|_| MessageReject::QuestionDamaged)?;
        let fixed: &[u8; 4] = self
            .message
            .get(behind..)
            .and_then(<[u8]>::first_chunk)
            .ok_or(MessageReject::QuestionDamaged)?;
        self.know(self.cursor);
        self.cursor = behind + fixed.len();
        match QueryType::parse(u16::from_be_bytes([fixed[0], fixed[1]])) {
            Ok(QueryType::A | QueryType::AAAA | QueryType::All) => {
                marks.name(name.at());
                Ok(())
            }
            _ => Err(MessageReject::QuestionType),
        }
    }

    /// Remembers that a checked name starts at an offset.
    fn know(&mut self, offset: usize) {
        self.known = match u16::try_from(offset) {
            Ok(offset @ ..0x4000) => (0xc000 | offset).to_be_bytes(),
            _ => [0; 2],
        };
    }

    fn answers(
        &mut self,
        count: u16,
        extent: Extent,
        marks: &mut Marks,
    ) -> Result<Extent, MessageReject> {
        for _ in 0..count {
            match self.answer(marks) {
                Ok(()) => {}
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
    #[inline]
    fn answer(&mut self, marks: &mut Marks) -> Result<(), Broken> {
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
        match Type::parse(u16::from_be_bytes([fixed[0], fixed[1]])) {
            Ok(Type::A) if length == 4 => mark(&mut marks.ipv4, rdata_at),
            Ok(Type::AAAA) if length == 16 => mark(&mut marks.ipv6, rdata_at),
            Ok(Type::A | Type::AAAA) => Err(Broken::Wrong),
            Ok(Type::CNAME) => {
                let (target, behind) =
                    Name::parse(self.message, rdata_at).map_err(|_| Broken::Wrong)?;
                if behind != self.cursor {
                    return Err(Broken::Wrong);
                }
                marks.name(target.at());
                self.know(rdata_at);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Checks the owner's name and returns the offset behind it.
    #[inline]
    fn owner(&mut self) -> Result<usize, Broken> {
        let start = self
            .message
            .get(self.cursor..)
            .and_then(<[u8]>::first_chunk::<2>);
        // No name starts with the bytes that stand for nothing known: they would be a root and more.
        if start == Some(&self.known) && self.known[0] != 0 {
            return Ok(self.cursor + 2);
        }
        let (_, behind) = Name::parse(self.message, self.cursor).map_err(|error| match error {
            crate::name::NameError::Short => Broken::Short,
            _ => Broken::Wrong,
        })?;
        if let Some(pointer) = start.filter(|start| start[0] >= 0xc0) {
            self.known = *pointer;
        }
        Ok(behind)
    }
}

/// What ended the walk of the answer section.
enum Broken {
    /// The message ended first.
    Short,
    /// The bytes are there and are not what the type calls for.
    Wrong,
}

#[inline]
fn mark(marks: &mut Vec<u16>, at: usize) -> Result<(), Broken> {
    marks.push(u16::try_from(at).map_err(|_| Broken::Wrong)?);
    Ok(())
}

#[cfg(test)]
mod tests;
