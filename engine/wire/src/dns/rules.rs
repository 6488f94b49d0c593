//! The rules by which a message qualifies, and the reasons for which it does not.

use dns_parser::{QueryType, Type};

/// Types that the rules are about (RFC 1035, section 3.2.2; RFC 3596, section 2.1; RFC 9460, section
/// 14.1).
pub(crate) const A: u16 = Type::A as u16;
pub(crate) const AAAA: u16 = Type::AAAA as u16;
pub(crate) const CNAME: u16 = Type::CNAME as u16;
pub(crate) const ANY: u16 = QueryType::All as u16;

/// Bytes of the header (RFC 1035, section 4.1.1).
pub(crate) const HEADER_BYTES: usize = 12;

/// Why a message gives no set. In the order of the checks, which is wire order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageReject {
    /// Fewer than the 12 bytes of a header.
    HeaderShort,
    /// The QR bit is 0.
    Query,
    /// RCODE is not 0, and not one that is selected.
    ErrorCode,
    /// RD or RA is 0: not the answer of a recursive resolver, which is asked for.
    NotRecursive,
    /// Not exactly one question; multicast messages may have none.
    QuestionCount,
    /// The question's name is invalid, or the message ends before its type and class.
    QuestionDamaged,
    /// The question is for a type that is not selected.
    QuestionType,
    /// The message ends in the answer section, an owner name is invalid, or the RDATA of an A, AAAA
    /// or CNAME record is not exactly an address or a name.
    AnswerDamaged,
    /// The different names up to the end of the answer section have more than 4 times as many bytes
    /// as the message once their pointers are followed: made to cost much, not to say something.
    NameBytes,
    /// What was asked for is not in the answer section: by default, no A and no AAAA.
    NoAddress,
    /// What was asked for is there, but other outcomes are selected.
    Answered,
}

/// The rules by which a message qualifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The answer of a recursive resolver: QR, RD and RA are set, RCODE is 0, there is one
    /// question.
    Unicast,
    /// Multicast DNS: QR is set, RCODE is 0, there is one question or none, RD and RA are ignored
    /// (RFC 6762, section 18). Without a question, the owner of the first answer is the name asked
    /// for.
    Multicast,
}

/// Whether a message is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// As sent: a record that runs past its end is damaged.
    Whole,
    /// Cut by the snap length or a lost fragment: the records that are complete are used.
    Cut,
}

/// How a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// No error, and what was asked for is there: an address, or for a question of another type a
    /// record of that type. The hints of HTTPS and SVCB records are addresses (RFC 9460, section
    /// 7.3).
    Answered,
    /// No error, and it is not there (RFC 2308, section 2.2).
    Nodata,
    /// The name does not exist: RCODE 3.
    Nxdomain,
    /// Any other response code.
    Error,
}

/// A set of outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcomes(u8);

impl Outcomes {
    /// Every outcome.
    pub const ALL: Self = Self(0b1111);

    /// No outcome.
    pub const NONE: Self = Self(0);

    /// The same with one more.
    #[must_use]
    pub const fn with(self, outcome: Outcome) -> Self {
        Self(self.0 | 1 << outcome as u8)
    }

    /// Whether the set has it.
    #[inline(always)]
    #[must_use]
    pub const fn has(self, outcome: Outcome) -> bool {
        self.0 & 1 << outcome as u8 != 0
    }
}

/// A set of question types (RFC 1035, section 3.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Types {
    /// Whether A and AAAA are listed, which nearly all questions are for.
    common: [bool; 2],
    /// `None` stands for every type.
    listed: Option<Vec<u16>>,
}

impl Types {
    /// Every type.
    #[must_use]
    pub fn any() -> Self {
        Self {
            common: [true; 2],
            listed: None,
        }
    }

    /// These types.
    #[must_use]
    pub fn of(types: impl IntoIterator<Item = u16>) -> Self {
        let listed: Vec<_> = types.into_iter().collect();
        Self {
            common: [A, AAAA].map(|kind| listed.contains(&kind)),
            listed: Some(listed),
        }
    }

    /// The types, unless it is every one.
    #[must_use]
    pub fn listed(&self) -> Option<&[u16]> {
        self.listed.as_deref()
    }

    /// Whether the set has it.
    #[inline(always)]
    #[must_use]
    pub fn has(&self, kind: u16) -> bool {
        match kind {
            A => self.common[0],
            AAAA => self.common[1],
            _ => self.has_other(kind),
        }
    }

    #[inline(never)]
    fn has_other(&self, kind: u16) -> bool {
        let listed = self.listed.as_ref();
        listed.is_none_or(|listed| listed.contains(&kind))
    }
}

/// Which messages are selected, by what they say, and how much of it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How a response has to end.
    pub outcomes: Outcomes,
    /// What has to be asked for.
    pub types: Types,
    /// Whether RD and RA may be 0, as in the answers of authoritative servers.
    pub authoritative: bool,
    /// Whether everything is read that a response says, and not just names and addresses.
    pub details: bool,
}

/// The rules of the original: responses of recursive resolvers with an address, to questions for A,
/// AAAA or ANY.
impl Default for Rules {
    fn default() -> Self {
        Self {
            outcomes: Outcomes::NONE.with(Outcome::Answered),
            types: Types::of([A, AAAA, ANY]),
            authoritative: false,
            details: false,
        }
    }
}
