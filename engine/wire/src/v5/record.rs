//! Records: one response, or a part of one.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use super::fields::PADDING;
use super::origin::{Origins, address};
use super::varint::unzigzag;
use super::{Answers, CLASS_IN, Data, DecodeError, Name, Origin, TYPE_A, TYPE_AAAA};
use crate::cursor::Cursor;
use crate::response::Transport;

/// Bits of the form.
pub(super) const FORM_IPV6: u8 = 1 << 7;
pub(super) const FORM_TCP: u8 = 1 << 6;
pub(super) const FORM_INCOMPLETE: u8 = 1 << 5;
pub(super) const FORM_CONTINUES: u8 = 1 << 4;
pub(super) const FORM_MORE: u8 = 1 << 3;
pub(super) const FORM_RCODE: u8 = 1 << 2;
pub(super) const FORM_QUESTION: u8 = 0b11;

/// Values of Q, the lowest bits of the form.
pub(super) const QUESTION_A: u8 = 0;
pub(super) const QUESTION_AAAA: u8 = 1;
pub(super) const QUESTION_TOLD: u8 = 2;
pub(super) const QUESTION_NONE: u8 = 3;

/// The bits of a class that say what it is: multicast DNS has another use for bit 15 (RFC 6762,
/// sections 5.4 and 10.2).
pub(super) const CLASS_BITS: u16 = 0x7fff;

/// QCLASS of a question for any class (RFC 1035, section 3.2.5).
const CLASS_ANY: u16 = 255;

/// Largest response code: 12 bits (RFC 6891, section 6.1.3).
const MAX_RCODE: u64 = 0x0fff;

/// Type of the part that holds the client subnet, and its bytes before and with the address.
pub(super) const PART_SUBNET: u8 = 1;
const SUBNET_HEAD_BYTES: usize = 4;
const MAX_SUBNET_BYTES: usize = SUBNET_HEAD_BYTES + 16;

/// One record, read and checked.
///
/// ```text
/// length 2 | form 1 | flags 1 | time | client 4 or 16 | client port 2 | origin | rcode | name | type 2 | class 2 | answers | 0 | parts
///
///   7  6  5  4  3  2  1  0
/// +--+--+--+--+--+--+--+--+
/// | 6| T| I| C| M| R|  Q  |   form
/// +--+--+--+--+--+--+--+--+
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Record<'a> {
    /// When the response was captured, since 1970-01-01 00:00 UTC; in microseconds.
    pub time: Duration,
    /// The client: destination of the response.
    pub client: IpAddr,
    /// Its port.
    pub client_port: u16,
    /// How the response came.
    pub transport: Transport,
    /// The resolver, and where its response was seen.
    pub origin: Origin<'a>,
    /// Flags of the message.
    pub flags: Flags,
    /// Response code with the upper bits of EDNS, 0 to 4095.
    pub rcode: u16,
    /// The name asked for; without a question, the owner of the first answer.
    pub name: Name<'a>,
    /// What was asked for; `None` if there was no question (multicast DNS).
    pub question: Option<Question>,
    /// Whether the end of the message is missing in the capture.
    pub is_incomplete: bool,
    /// Whether this record continues the response of the record before.
    pub continues: bool,
    /// Whether more of this response is in the next record.
    pub has_more: bool,
    /// EDNS client subnet of the response.
    pub subnet: Option<Subnet<'a>>,
    answers: Answers<'a>,
}

/// Type and class of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// QTYPE (RFC 1035, section 3.2.3).
    pub record_type: u16,
    /// QCLASS (RFC 1035, section 3.2.5).
    pub class: u16,
}

/// EDNS client subnet (RFC 7871, section 6), as in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet<'a> {
    /// FAMILY: 1 is IPv4, 2 is IPv6.
    pub family: u16,
    /// SOURCE PREFIX-LENGTH.
    pub source_prefix: u8,
    /// SCOPE PREFIX-LENGTH.
    pub scope_prefix: u8,
    /// ADDRESS, without bytes of 0 at its end that the prefix does not reach; 0 to 16 bytes.
    pub address: &'a [u8],
}

impl<'a> Subnet<'a> {
    fn parse(value: &'a [u8]) -> Option<Self> {
        let (&[f0, f1, source_prefix, scope_prefix], address) =
            value.split_first_chunk::<SUBNET_HEAD_BYTES>()?;
        (value.len() <= MAX_SUBNET_BYTES).then_some(Self {
            family: u16::from_be_bytes([f0, f1]),
            source_prefix,
            scope_prefix,
            address,
        })
    }

    /// The address, if it is one of its family.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        fn whole<const N: usize>(address: &[u8]) -> Option<[u8; N]> {
            let mut octets = [0; N];
            octets.get_mut(..address.len())?.copy_from_slice(address);
            Some(octets)
        }
        match self.family {
            1 => whole::<4>(self.address).map(IpAddr::from),
            2 => whole::<16>(self.address).map(IpAddr::from),
            _ => None,
        }
    }
}

/// Flags of a message (RFC 1035, section 4.1.1; RFC 4035, section 3.2).
///
/// ```text
///   7  6  5  4  3  2  1  0
/// +--+--+--+--+--+--+--+--+
/// | 0|AA|TC|RD|RA| Z|AD|CD|
/// +--+--+--+--+--+--+--+--+
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// Authoritative answer.
    #[must_use]
    pub fn aa(self) -> bool {
        self.has(6)
    }

    /// Truncated.
    #[must_use]
    pub fn tc(self) -> bool {
        self.has(5)
    }

    /// Recursion desired.
    #[must_use]
    pub fn rd(self) -> bool {
        self.has(4)
    }

    /// Recursion available.
    #[must_use]
    pub fn ra(self) -> bool {
        self.has(3)
    }

    /// Reserved.
    #[must_use]
    pub fn z(self) -> bool {
        self.has(2)
    }

    /// Authentic data.
    #[must_use]
    pub fn ad(self) -> bool {
        self.has(1)
    }

    /// Checking disabled.
    #[must_use]
    pub fn cd(self) -> bool {
        self.has(0)
    }

    /// The names of those that are set, in their order: `aa`, `tc`, `rd`, `ra`, `z`, `ad`, `cd`.
    pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        const NAMES: [&str; 7] = ["aa", "tc", "rd", "ra", "z", "ad", "cd"];
        let bits = (0..7).rev().zip(NAMES);
        bits.filter_map(move |(bit, name)| self.has(bit).then_some(name))
    }

    fn has(self, bit: u8) -> bool {
        self.0 >> bit & 1 != 0
    }
}

impl<'a> Record<'a> {
    /// Reads the record at the cursor, which moves behind it. Times are relative to `base`, in
    /// microseconds since 1970; names lead to no byte before `floor`, where records start.
    pub(super) fn parse(
        cursor: &mut Cursor<'a>,
        floor: usize,
        base: u64,
        origins: &mut Origins,
    ) -> Result<Self, DecodeError> {
        let length = cursor.number("record")?;
        let start = cursor.at;
        cursor.bytes(length.into(), "record")?;
        let mut cursor = Cursor {
            bytes: cursor.bytes.get(..cursor.at).unwrap_or_default(),
            at: start,
        };
        let cursor = &mut cursor;
        let [form, flags] = cursor.field("form and flags")?;
        let has = |bit| form & bit != 0;
        let offset = unzigzag(cursor.varint(u64::MAX, "time")?);
        let client = address(cursor, has(FORM_IPV6), "client")?;
        let client_port = cursor.number("client port")?;
        let origin = origins.origin(cursor)?;
        let rcode = has(FORM_RCODE).then(|| rcode(cursor)).transpose()?;
        let name = Name::parse(cursor, floor)?;
        let question = question(form & FORM_QUESTION, cursor)?;
        let class = class_of_answers(question.map(|question| question.class));
        let answers = Answers::parse(cursor, floor, name, class)?;
        let transport = if has(FORM_TCP) {
            Transport::Tcp
        } else {
            Transport::Udp
        };
        Ok(Self {
            time: Duration::from_micros(base.saturating_add_signed(offset)),
            client,
            client_port,
            transport,
            origin,
            flags: Flags(flags),
            rcode: rcode.unwrap_or(0),
            name,
            question,
            is_incomplete: has(FORM_INCOMPLETE),
            continues: has(FORM_CONTINUES),
            has_more: has(FORM_MORE),
            subnet: subnet(cursor)?,
            answers,
        })
    }

    /// The answers, in the order of the message.
    #[must_use]
    pub fn answers(&self) -> Answers<'a> {
        self.answers.clone()
    }

    /// The name asked for, then the CNAME targets: what a set of version 4 has.
    pub fn names(&self) -> impl Iterator<Item = Name<'a>> + Clone + use<'a> {
        let targets = self.answers().filter_map(|answer| match answer.data {
            Data::Name(target) => Some(target),
            _ => None,
        });
        core::iter::once(self.name).chain(targets)
    }

    /// Addresses of the A records, likewise.
    pub fn ipv4(&self) -> impl Iterator<Item = Ipv4Addr> + Clone + use<'a> {
        self.answers().filter_map(|answer| match answer.data {
            Data::Ipv4(address) => Some(address),
            _ => None,
        })
    }

    /// Addresses of the AAAA records, likewise.
    pub fn ipv6(&self) -> impl Iterator<Item = Ipv6Addr> + Clone + use<'a> {
        self.answers().filter_map(|answer| match answer.data {
            Data::Ipv6(address) => Some(address),
            _ => None,
        })
    }
}

/// The class that addresses and aliases have for a question of class `asked`.
pub(super) fn class_of_answers(asked: Option<u16>) -> u16 {
    match asked.map(|class| class & CLASS_BITS) {
        None | Some(CLASS_ANY) => CLASS_IN,
        Some(class) => class,
    }
}

fn rcode(cursor: &mut Cursor<'_>) -> Result<u16, DecodeError> {
    let (at, field) = (cursor.at, "rcode");
    let rcode = cursor.varint(MAX_RCODE, field)?;
    u16::try_from(rcode).map_err(|_| DecodeError::Value { at, field })
}

fn question(told: u8, cursor: &mut Cursor<'_>) -> Result<Option<Question>, DecodeError> {
    let (record_type, class) = match told {
        QUESTION_A => (TYPE_A, CLASS_IN),
        QUESTION_AAAA => (TYPE_AAAA, CLASS_IN),
        QUESTION_TOLD => (cursor.number("type")?, cursor.number("class")?),
        _ => return Ok(None),
    };
    Ok(Some(Question { record_type, class }))
}

/// Reads the parts up to the end of the record. Of two client subnets, the first one counts.
///
/// ```text
/// part | type 1 | length | value
/// ```
fn subnet<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Subnet<'a>>, DecodeError> {
    let mut subnet = None;
    while !cursor.is_at_end() {
        let (at, field) = (cursor.at, "client subnet");
        let [kind] = cursor.field("part")?;
        if kind == PADDING {
            break;
        }
        let length = cursor.length("length of a part")?;
        let value = cursor.bytes(length, "part")?;
        if kind == PART_SUBNET {
            let found = Subnet::parse(value).ok_or(DecodeError::Value { at, field })?;
            subnet = subnet.or(Some(found));
        }
    }
    Ok(subnet)
}
