//! The answers of a record, which are in groups.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::{DecodeError, Name, TYPE_A, TYPE_AAAA, TYPE_CNAME};
use crate::cursor::Cursor;

/// Bits of a group's first byte: an owner follows, and how many records there are.
pub(super) const HAS_OWNER: u8 = 1 << 4;
const COUNT: u8 = 0x0f;
pub(super) const MAX_COUNT: u8 = COUNT;

/// The first byte that ends the answers.
pub(super) const END: u8 = 0;

/// Kinds of groups.
pub(super) const KIND_A: u8 = 1;
pub(super) const KIND_AAAA: u8 = 2;
pub(super) const KIND_CNAME: u8 = 3;
pub(super) const KIND_RDATA: u8 = 4;
pub(super) const KIND_LEFT_OUT: u8 = 5;
pub(super) const KIND_SKIPPED: u8 = 6;

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The name that it is about.
    pub owner: Name<'a>,
    /// TYPE (RFC 1035, section 3.2.2).
    pub record_type: u16,
    /// CLASS (RFC 1035, section 3.2.4). Of addresses and aliases it is nearly always that of the
    /// question without bit 15, and IN (1) if there was none or it was for any class.
    pub class: u16,
    /// Time to live in seconds.
    pub ttl: u32,
    /// What is said.
    pub data: Data<'a>,
}

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data<'a> {
    /// The address of an A record.
    Ipv4(Ipv4Addr),
    /// The address of an AAAA record.
    Ipv6(Ipv6Addr),
    /// The target of a CNAME record.
    Name(Name<'a>),
    /// RDATA of any other record, without compression; at most 65,535 bytes.
    Rdata(&'a [u8]),
    /// RDATA that had no room in a datagram: its length in bytes, at most 65,535.
    LeftOut(usize),
}

/// What a group says about its owner.
#[derive(Clone, Debug)]
enum Group<'a> {
    Ipv4 {
        ttl: u32,
        all: &'a [[u8; 4]],
    },
    Ipv6 {
        ttl: u32,
        /// The next one, if there is one.
        address: Option<[u8; 16]>,
        /// Those behind it.
        behind: Cursor<'a>,
        count: u8,
    },
    /// One record.
    Other {
        ttl: u32,
        record_type: u16,
        /// That of the question if it is not told.
        class: Option<u16>,
        data: Data<'a>,
    },
    /// One that is not known.
    Skipped,
}

/// The answers of a record, in the order of the message; an iterator.
///
/// ```text
///   7  6  5  4  3  2  1  0
/// +--+--+--+--+--+--+--+--+
/// |  kind  | O|   count   |   then the owner, if O is set
/// +--+--+--+--+--+--+--+--+
///
/// kind 1 | TTL | count addresses of A records, 4 bytes each
/// kind 2 | TTL | address of an AAAA record 16 | count - 1 more
///        |     | shared 1 (0 to 15) | the other 16 - shared bytes: one more address
/// kind 3 | TTL | target of a CNAME record
/// kind 4 | TTL | type 2 | class 2 | length | RDATA
/// kind 5 | TTL | type 2 | class 2 | length of what is left out
/// kind 6, 7 | length | bytes that are skipped
/// ```
#[derive(Clone, Debug)]
pub struct Answers<'a> {
    /// The datagram up to the end of the record.
    bytes: &'a [u8],
    at: usize,
    /// Where records start.
    floor: usize,
    /// Class of addresses and aliases.
    class: u16,
    owner: Name<'a>,
    /// Owner of groups from here on that have none.
    next_owner: Name<'a>,
    group: Group<'a>,
}

impl<'a> Answers<'a> {
    /// Those at the cursor, which is moved behind their last group; they are checked.
    pub(super) fn parse(
        cursor: &mut Cursor<'a>,
        floor: usize,
        question: Name<'a>,
        class: u16,
    ) -> Result<Self, DecodeError> {
        let answers = Self {
            bytes: cursor.bytes,
            at: cursor.at,
            floor,
            class,
            owner: question,
            next_owner: question,
            group: Group::Skipped,
        };
        while Self::group(cursor, floor)?.is_some() {}
        Ok(answers)
    }

    /// Reads the group at the cursor, and its owner if it has one; `None` at the end.
    fn group(
        cursor: &mut Cursor<'a>,
        floor: usize,
    ) -> Result<Option<(Option<Name<'a>>, Group<'a>)>, DecodeError> {
        let at = cursor.at;
        let Some([found]) = cursor.array() else {
            return Ok(None);
        };
        if found == END {
            return Ok(None);
        }
        let (kind, count) = (found >> 5, found & COUNT);
        if match kind {
            KIND_A | KIND_AAAA => count == 0,
            KIND_CNAME..=KIND_LEFT_OUT => count != 1,
            KIND_SKIPPED.. => false,
            _ => true,
        } {
            return Err(DecodeError::Group { at, found });
        }
        let owner = (found & HAS_OWNER != 0).then(|| Name::parse(cursor, floor));
        let owner = owner.transpose()?;
        if kind >= KIND_SKIPPED {
            let length = cursor.length("length")?;
            cursor.bytes(length, "group of answers")?;
            return Ok(Some((owner, Group::Skipped)));
        }
        let ttl = ttl(cursor)?;
        let group = match kind {
            KIND_A => Group::Ipv4 {
                ttl,
                all: cursor
                    .bytes(4 * usize::from(count), "addresses")?
                    .as_chunks()
                    .0,
            },
            KIND_AAAA => {
                let first = cursor.field("addresses")?;
                let (behind, mut address) = (cursor.clone(), first);
                for _ in 1..count {
                    address = ipv6_after(address, cursor)?;
                }
                Group::Ipv6 {
                    ttl,
                    address: Some(first),
                    behind,
                    count,
                }
            }
            KIND_CNAME => Group::Other {
                ttl,
                record_type: TYPE_CNAME,
                class: None,
                data: Data::Name(Name::parse(cursor, floor)?),
            },
            _ => {
                let record_type = cursor.number("type")?;
                let class = Some(cursor.number("class")?);
                let length = cursor.length("length")?;
                let data = match kind {
                    KIND_RDATA => rdata(record_type, length, cursor, floor)?,
                    _ => Data::LeftOut(length),
                };
                Group::Other {
                    ttl,
                    record_type,
                    class,
                    data,
                }
            }
        };
        Ok(Some((owner, group)))
    }

    /// The next answer of the group.
    fn of_group(&mut self) -> Option<Answer<'a>> {
        let answer = |ttl, record_type, data| Answer {
            owner: self.owner,
            record_type,
            class: self.class,
            ttl,
            data,
        };
        match &mut self.group {
            Group::Ipv4 { ttl, all } => {
                let (octets, rest) = all.split_first()?;
                *all = rest;
                Some(answer(*ttl, TYPE_A, Data::Ipv4((*octets).into())))
            }
            Group::Ipv6 {
                ttl,
                address,
                behind,
                count,
            } => {
                let octets = address.take()?;
                *count -= 1;
                if *count > 0 {
                    *address = ipv6_after(octets, behind).ok();
                }
                Some(answer(*ttl, TYPE_AAAA, Data::Ipv6(octets.into())))
            }
            &mut Group::Other {
                ttl,
                record_type,
                class,
                data,
            } => {
                let mut answer = answer(ttl, record_type, data);
                answer.class = class.unwrap_or(self.class);
                self.group = Group::Skipped;
                Some(answer)
            }
            Group::Skipped => None,
        }
    }
}

/// Reads RDATA. That of an address or an alias, which is of another class here, is what it is in the
/// other groups.
fn rdata<'a>(
    record_type: u16,
    length: usize,
    cursor: &mut Cursor<'a>,
    floor: usize,
) -> Result<Data<'a>, DecodeError> {
    let mut name = cursor.clone();
    let rdata = cursor.bytes(length, "RDATA")?;
    let known = match record_type {
        TYPE_A => rdata
            .try_into()
            .ok()
            .map(|it: [u8; 4]| Data::Ipv4(it.into())),
        TYPE_AAAA => rdata
            .try_into()
            .ok()
            .map(|it: [u8; 16]| Data::Ipv6(it.into())),
        TYPE_CNAME => {
            let name = Name::parse(&mut name, floor).ok();
            // It has no pointers, and ends where the RDATA does.
            let name = name.filter(|it| it.wire_len() == length && rdata.last() == Some(&0));
            name.map(Data::Name)
        }
        _ => None,
    };
    Ok(known.unwrap_or(Data::Rdata(rdata)))
}

/// Reads an address of a group but for the first.
///
/// ```text
/// shared 1, 0 to 15: bytes at its front that are those of `before` | the other 16 - shared
/// ```
fn ipv6_after(before: [u8; 16], cursor: &mut Cursor<'_>) -> Result<[u8; 16], DecodeError> {
    let (at, field) = (cursor.at, "addresses");
    let [shared] = cursor.field(field)?;
    let mut address = before;
    let rest = address.get_mut(usize::from(shared)..);
    let rest = rest.filter(|rest| !rest.is_empty());
    let rest = rest.ok_or(DecodeError::Value { at, field })?;
    rest.copy_from_slice(cursor.bytes(rest.len(), field)?);
    Ok(address)
}

fn ttl(cursor: &mut Cursor<'_>) -> Result<u32, DecodeError> {
    let (at, field) = (cursor.at, "TTL");
    let ttl = cursor.varint(u32::MAX.into(), field)?;
    u32::try_from(ttl).map_err(|_| DecodeError::Value { at, field })
}

impl<'a> Iterator for Answers<'a> {
    type Item = Answer<'a>;

    fn next(&mut self) -> Option<Answer<'a>> {
        loop {
            if let Some(answer) = self.of_group() {
                return Some(answer);
            }
            let mut cursor = Cursor {
                bytes: self.bytes,
                at: self.at,
            };
            let (owner, group) = Self::group(&mut cursor, self.floor).ok()??;
            self.at = cursor.at;
            self.owner = owner.unwrap_or(self.next_owner);
            self.next_owner = match group {
                Group::Other {
                    data: Data::Name(target),
                    class: None,
                    ..
                } => target,
                _ => self.owner,
            };
            self.group = group;
        }
    }
}
