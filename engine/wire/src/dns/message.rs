//! One message: whether it qualifies, and what it says.
//!
//! [`header`] decides by flags and counts, and is shared with the fast path;
//! [`walk`](super::walk) reads the rest.

use super::edns::{self, Edns};
use super::records::Records;
use super::rules::{A, AAAA, ANY, Dialect, Extent, HEADER_BYTES, MessageReject, Outcome, Rules};
use super::walk::Walk;
use super::{Name, NameText, Scratch};

/// Longest message, in bytes: over TCP, its length has 16 bits (RFC 1035, section 4.2.2).
const MAX_MESSAGE_BYTES: usize = 65_535;

/// What a message says: the name asked for, its aliases, and their addresses.
///
/// ```
/// use dnsflow_wire::dns::{Answers, Dialect, Extent, Scratch};
/// use dnsflow_wire::text::NameText;
///
/// // `www.example` is an alias of `cdn.example`, which has the address 192.0.2.1.
/// let message = b"\x12\x34\x81\x80\0\x01\0\x02\0\0\0\0\
///     \x03www\x07example\0\0\x01\0\x01\
///     \xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x06\x03cdn\xc0\x10\
///     \xc0\x29\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01";
///
/// let mut scratch = Scratch::default();
/// let answers = Answers::parse(message, Dialect::Unicast, Extent::Whole, &mut scratch)?;
///
/// let names: Vec<String> = answers.names().map(|name| NameText(name).to_string()).collect();
/// assert_eq!(names, ["www.example", "cdn.example"]);
/// assert_eq!(answers.ipv4(), [[192, 0, 2, 1]]);
/// assert!(answers.ipv6().is_empty());
/// assert_eq!(answers.extent(), Extent::Whole);
/// # Ok::<(), dnsflow_wire::dns::MessageReject>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Answers<'a> {
    scratch: &'a Scratch,
    extent: Extent,
    asked: Option<(u16, u16)>,
    flags: u8,
    code: u16,
    subnet: Option<&'a [u8]>,
}

impl<'a> Answers<'a> {
    /// Reads `message`, from its header on and without the length that precedes it over TCP, by the
    /// default rules. Bytes after the first 65,535 are ignored.
    ///
    /// The names and addresses are kept in `scratch`, in place of those of the message before.
    ///
    /// # Errors
    /// The first reason, in wire order, for which the message does not qualify under `dialect`, or
    /// is damaged.
    pub fn parse(
        message: &'a [u8],
        dialect: Dialect,
        extent: Extent,
        scratch: &'a mut Scratch,
    ) -> Result<Self, MessageReject> {
        Self::parse_by(&Rules::default(), message, dialect, extent, scratch)
    }

    /// Reads `message` as [`parse`](Self::parse) does, by other rules.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_by(
        rules: &Rules,
        message: &'a [u8],
        dialect: Dialect,
        extent: Extent,
        scratch: &'a mut Scratch,
    ) -> Result<Self, MessageReject> {
        let message = message.get(..MAX_MESSAGE_BYTES).unwrap_or(message);
        scratch.next_message(message.len());
        let header = message.first_chunk().ok_or(MessageReject::HeaderShort)?;
        let questions = questions(header, dialect, rules)?;
        let mut walk = Walk::new(message);
        if questions == 1 {
            walk.question(rules, scratch)?;
        }
        let count = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let extent = walk.answers(count(6), extent, rules, scratch)?;
        let others = usize::from(count(8)) + usize::from(count(10));
        let edns = match (rules.details, extent) {
            (true, Extent::Whole) => edns::find(message, walk.offset(), others),
            _ => Edns::default(),
        };
        let answers = Self {
            scratch,
            extent,
            asked: walk.asked(),
            flags: flags(header),
            code: u16::from(edns.upper_code) << 4 | u16::from(header[3] & 0x0f),
            subnet: edns.subnet,
        };
        if answers.scratch.names.is_empty() {
            // Multicast DNS without a question or an answer.
            return Err(MessageReject::NoAddress);
        }
        answers.qualify(rules)?;
        Ok(answers)
    }

    /// Whether the outcome is one that is selected.
    fn qualify(&self, rules: &Rules) -> Result<(), MessageReject> {
        let selected = |outcome| rules.outcomes.has(outcome);
        match self.code {
            0 if self.is_answered() && selected(Outcome::Answered) => Ok(()),
            0 if self.is_answered() => Err(MessageReject::Answered),
            // Where answers are missing, nobody knows.
            0 if self.extent == Extent::Cut || self.flags & TRUNCATED != 0 => {
                Err(MessageReject::NoAddress)
            }
            0 if selected(Outcome::Nodata) => Ok(()),
            0 => Err(MessageReject::NoAddress),
            code if selected(of_code(code)) => Ok(()),
            _ => Err(MessageReject::ErrorCode),
        }
    }

    /// Whether what was asked for is there.
    fn is_answered(&self) -> bool {
        let Scratch {
            ipv4,
            ipv6,
            records,
            ..
        } = self.scratch;
        let asked = self.asked.map_or(ANY, |(kind, _)| kind);
        let other = !matches!(asked, A | AAAA | ANY);
        !ipv4.is_empty() || !ipv6.is_empty() || records.has_hint() || other && records.has(asked)
    }

    /// The name asked for, then each CNAME target in the order of the answer section, as far as they
    /// have no more than [`MAX_NAMES_BYTES`](super::MAX_NAMES_BYTES).
    pub fn names(&self) -> impl ExactSizeIterator<Item = Name<'a>> + Clone {
        let (names, text) = self.scratch.names.kept();
        names
            .iter()
            .map(move |name| Name::from_wire(name.within(text)))
    }

    /// The number of CNAME targets that [`names`](Self::names) leaves out, because there would be
    /// more bytes.
    #[inline]
    #[must_use]
    pub fn omitted_names(&self) -> usize {
        self.scratch.names.omitted()
    }

    /// Those names, and the text that they are in.
    #[inline]
    pub(crate) fn names_text(&self) -> (&'a [NameText], &'a [u8]) {
        self.scratch.names.kept()
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

    /// TYPE and CLASS of the question; `None` if there was none.
    #[must_use]
    pub fn asked(&self) -> Option<(u16, u16)> {
        self.asked
    }

    /// The flags AA, TC, RD, RA, Z, AD and CD, AA being bit 6 and CD bit 0 (RFC 1035, section
    /// 4.1.1; RFC 4035, section 3.2).
    #[must_use]
    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// The response code, with the upper bits of EDNS if there are [`Rules::details`].
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The EDNS client subnet, as in the option; with [`Rules::details`] only.
    #[must_use]
    pub fn subnet(&self) -> Option<&'a [u8]> {
        self.subnet
    }

    /// The same with another client subnet, or none.
    #[must_use]
    pub fn with_subnet(self, subnet: Option<&'a [u8]>) -> Self {
        Self { subnet, ..self }
    }

    /// All records of the answer section; with [`Rules::details`] only.
    pub(crate) fn records(&self) -> &'a Records {
        &self.scratch.records
    }

    /// The text that all names of the message are in.
    pub(crate) fn text(&self) -> &'a [u8] {
        self.scratch.names.text()
    }

    /// [`Extent::Cut`] if the message ends in its answer section; the records before that are
    /// given.
    #[must_use]
    pub fn extent(&self) -> Extent {
        self.extent
    }
}

/// TC, as in [`Answers::flags`].
const TRUNCATED: u8 = 1 << 5;

/// AA, TC, RD, RA, Z, AD and CD of a header.
#[inline(always)]
pub(crate) fn flags(header: &[u8; HEADER_BYTES]) -> u8 {
    (header[2] & 0b111) << 4 | header[3] >> 4
}

/// The outcome that a response code other than 0 says.
fn of_code(code: u16) -> Outcome {
    const NXDOMAIN: u16 = 3;
    match code {
        NXDOMAIN => Outcome::Nxdomain,
        _ => Outcome::Error,
    }
}

/// What the header of a unicast message says.
pub(crate) enum Header {
    /// A resolver's answer to one question; the number of answer records.
    Usual(u16),
    /// A message that does not qualify.
    Reject(MessageReject),
}

/// Reads the header of a unicast message. One comparison for the common header, the parser for all
/// others.
#[inline(always)]
pub(crate) fn header(header: &[u8; HEADER_BYTES], rules: &Rules) -> Header {
    if !is_usual(header)
        && let Err(reason) = questions(header, Dialect::Unicast, rules)
    {
        return Header::Reject(reason);
    }
    Header::Usual(u16::from_be_bytes([header[6], header[7]]))
}

/// Whether flags and QDCOUNT are those of a resolver's answer without error:
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
///
/// (RFC 1035, section 4.1.1; RFC 4035, section 3.2 for AD and CD.)
#[inline(always)]
fn is_usual(header: &[u8; HEADER_BYTES]) -> bool {
    /// QR, RD, RA, RCODE and QDCOUNT.
    const MASK: u32 = 0x818f_ffff;
    const WANTED: u32 = 0x8180_0001;
    u32::from_be_bytes([header[2], header[3], header[4], header[5]]) & MASK == WANTED
}

/// The number of questions, 1 or 0, or why the message does not qualify.
#[cold]
fn questions(
    header: &[u8; HEADER_BYTES],
    dialect: Dialect,
    rules: &Rules,
) -> Result<u16, MessageReject> {
    let mut bytes = *header;
    // Some resolvers set Z, and the parser rejects such headers: the bit is cleared first.
    bytes[3] &= !0x40;
    let header = dns_parser::Header::parse(&bytes).map_err(|_| MessageReject::HeaderShort)?;
    if header.query {
        return Err(MessageReject::Query);
    }
    let code = u16::from(bytes[3] & 0x0f);
    if code != 0 && !rules.outcomes.has(of_code(code)) {
        return Err(MessageReject::ErrorCode);
    }
    let is_recursive = header.recursion_desired && header.recursion_available;
    match (dialect, header.questions) {
        (Dialect::Unicast, _) if !is_recursive && !rules.authoritative => {
            Err(MessageReject::NotRecursive)
        }
        (_, 1) => Ok(1),
        (Dialect::Multicast, 0) => Ok(0),
        _ => Err(MessageReject::QuestionCount),
    }
}

#[cfg(test)]
mod tests;
