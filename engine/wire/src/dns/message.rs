//! One message: whether it qualifies, and what it says.

use dns_parser::ResponseCode;

use super::walk::Walk;
use super::{Name, NameAt, Scratch};

/// Bytes of the header (RFC 1035, section 4.1.1).
pub(crate) const HEADER_BYTES: usize = 12;

/// Bytes of a record between owner and RDATA: type, class, TTL, RDLENGTH (RFC 1035, section 4.1.3).
pub(super) const RECORD_FIXED_BYTES: usize = 10;

/// Longest message, in bytes: over TCP, its length has 16 bits (RFC 1035, section 4.2.2).
const MAX_MESSAGE_BYTES: usize = 65_535;

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
    /// Multicast DNS (RFC 6762, section 18): QR set, a question is not needed, RD and RA say
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

/// What a message says: the name asked for, the aliases on the way, the addresses at the end.
#[derive(Clone, Copy, Debug)]
pub struct Answers<'a> {
    message: &'a [u8],
    scratch: &'a Scratch,
    extent: Extent,
}

impl<'a> Answers<'a> {
    /// Reads `message`, of which no more than 65,535 bytes count, by the rules of `dialect`.
    ///
    /// # Errors
    /// The first reason, in wire order, for which the message gives no set.
    pub fn parse(
        message: &'a [u8],
        dialect: Dialect,
        extent: Extent,
        scratch: &'a mut Scratch,
    ) -> Result<Self, MessageReject> {
        scratch.clear();
        let message = message.get(..MAX_MESSAGE_BYTES).unwrap_or(message);
        let header = message.first_chunk().ok_or(MessageReject::HeaderShort)?;
        let questions = questions(header, dialect)?;
        let mut walk = Walk::new(message);
        if questions == 1 {
            walk.question(scratch)?;
        }
        let count = u16::from_be_bytes([header[6], header[7]]);
        let extent = walk.answers(count, extent, scratch)?;
        if scratch.ipv4.is_empty() && scratch.ipv6.is_empty() {
            return Err(MessageReject::NoAddress);
        }
        Ok(Self {
            message,
            scratch,
            extent,
        })
    }

    /// The name asked for, then each CNAME target in the order of the answer section.
    pub fn names(&self) -> impl ExactSizeIterator<Item = Name<'a>> + Clone {
        let message = self.message;
        self.scratch.names.iter().map(move |at| at.within(message))
    }

    /// Where those names are.
    pub(crate) fn names_at(&self) -> &'a [NameAt] {
        &self.scratch.names
    }

    /// The message they are in.
    pub(crate) fn message(&self) -> &'a [u8] {
        self.message
    }

    /// The addresses of the A records, in order.
    #[must_use]
    pub fn ipv4(&self) -> &'a [[u8; 4]] {
        &self.scratch.ipv4
    }

    /// The addresses of the AAAA records, in order.
    #[must_use]
    pub fn ipv6(&self) -> &'a [[u8; 16]] {
        &self.scratch.ipv6
    }

    /// [`Extent::Cut`] if records were missing at the end, so that this is what was left.
    #[must_use]
    pub fn extent(&self) -> Extent {
        self.extent
    }
}

/// What the header of a unicast message says at one look.
pub(crate) enum Header {
    /// A resolver's answer to one question, with so many records.
    Usual(u16),
    /// Something that is not chosen.
    Reject(MessageReject),
}

/// Reads the header of a unicast message.
#[inline(always)]
pub(crate) fn header(header: &[u8; HEADER_BYTES]) -> Header {
    if !is_usual(header)
        && let Err(reason) = questions(header, Dialect::Unicast)
    {
        return Header::Reject(reason);
    }
    Header::Usual(u16::from_be_bytes([header[6], header[7]]))
}

/// Whether flags and number of questions are those of a resolver's answer:
///
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
#[inline(always)]
fn is_usual(header: &[u8; HEADER_BYTES]) -> bool {
    /// QR, RD, RA, RCODE and QDCOUNT.
    const MASK: u32 = 0x818f_ffff;
    const WANTED: u32 = 0x8180_0001;
    u32::from_be_bytes([header[2], header[3], header[4], header[5]]) & MASK == WANTED
}

/// The number of questions, 1 or 0, or why the message is not chosen.
#[cold]
fn questions(header: &[u8; HEADER_BYTES], dialect: Dialect) -> Result<u16, MessageReject> {
    let mut bytes = *header;
    // Resolvers do answer with Z set, and the parser refuses those: it never sees the bit.
    bytes[3] &= !0x40;
    let header = dns_parser::Header::parse(&bytes).map_err(|_| MessageReject::HeaderShort)?;
    if header.query {
        return Err(MessageReject::Query);
    }
    if header.response_code != ResponseCode::NoError {
        return Err(MessageReject::ErrorCode);
    }
    match (dialect, header.questions) {
        (Dialect::Unicast, _) if !(header.recursion_desired && header.recursion_available) => {
            Err(MessageReject::NotRecursive)
        }
        (_, 1) => Ok(1),
        (Dialect::Multicast, 0) => Ok(0),
        _ => Err(MessageReject::QuestionCount),
    }
}

#[cfg(test)]
mod tests;
