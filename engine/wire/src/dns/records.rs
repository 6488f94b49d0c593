//! The records of an answer section, all of them, with their owners, TTLs and data.
//!
//! Names within RDATA are written without compression, so that RDATA means the same without the
//! message. Where RDATA is not what its type calls for, or is too much, it is left out, and the
//! record stays.

use super::NameText;
use super::names::Names;

/// Most bytes of RDATA that are kept of one message. More can't be said in a message, but by
/// pointers to long names.
const MAX_RDATA_BYTES: usize = 65_535;

/// Types of DNSSEC that answer no question but one for them (RFC 4034; RFC 5155, section 3).
const RRSIG: u16 = 46;
const NSEC: u16 = 47;
const NSEC3: u16 = 50;

/// The EDNS pseudo-record, which belongs into another section (RFC 6891, section 6.1.1).
const OPT: u16 = 41;

/// HTTPS and SVCB (RFC 9460, section 14.1), and their keys of address hints (section 14.3.2).
const SVCB: u16 = 64;
const HTTPS: u16 = 65;
const IPV4_HINT: u16 = 4;
const IPV6_HINT: u16 = 6;

/// One record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) owner: NameText,
    pub(crate) kind: u16,
    pub(crate) class: u16,
    pub(crate) ttl: u32,
    pub(crate) data: Data,
}

/// What a record says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Data {
    Ipv4([u8; 4]),
    Ipv6([u8; 16]),
    /// The target of a CNAME record.
    Alias(NameText),
    /// Any other RDATA: its offset among those that were kept, and its bytes.
    Other(u32, u16),
    /// RDATA of so many bytes in the message.
    LeftOut(u16),
}

/// All records of a message.
#[derive(Debug, Default)]
pub(crate) struct Records {
    list: Vec<Record>,
    rdata: Vec<u8>,
}

impl Records {
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.rdata.clear();
    }

    pub(super) fn push(&mut self, record: Record) {
        self.list.push(record);
    }

    /// The records, in the order of the message.
    pub(crate) fn list(&self) -> &[Record] {
        &self.list
    }

    /// RDATA that was kept.
    pub(crate) fn rdata(&self, offset: u32, bytes: u16) -> &[u8] {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = self.rdata.get(start..).unwrap_or_default();
        rest.get(..usize::from(bytes)).unwrap_or_default()
    }

    /// Whether there is a record of this type.
    pub(super) fn has(&self, kind: u16) -> bool {
        self.list.iter().any(|record| record.kind == kind)
    }

    /// Whether an HTTPS or SVCB record has an address hint.
    pub(super) fn has_hint(&self) -> bool {
        self.list.iter().any(|record| match record.data {
            Data::Other(offset, bytes) if matches!(record.kind, HTTPS | SVCB) => {
                has_hint(self.rdata(offset, bytes)).unwrap_or(false)
            }
            _ => false,
        })
    }

    /// Keeps the RDATA of a record, other than an address or alias, that is `message[range]`.
    pub(super) fn keep(
        &mut self,
        kind: u16,
        message: &[u8],
        range: core::ops::Range<usize>,
        names: &mut Names,
    ) -> Data {
        let before = self.rdata.len();
        let bytes = u16::try_from(range.len()).unwrap_or(u16::MAX);
        let expanded = self.expand(kind, message, range, names);
        let kept = u16::try_from(self.rdata.len() - before).ok();
        match (expanded, kept, u32::try_from(before)) {
            (Some(()), Some(kept), Ok(offset)) if self.rdata.len() <= MAX_RDATA_BYTES => {
                Data::Other(offset, kept)
            }
            _ => {
                self.rdata.truncate(before);
                Data::LeftOut(bytes)
            }
        }
    }

    fn expand(
        &mut self,
        kind: u16,
        message: &[u8],
        range: core::ops::Range<usize>,
        names: &mut Names,
    ) -> Option<()> {
        let rdata = message.get(range.clone())?;
        let (fixed, count) = layout(kind, rdata)?;
        self.rdata.extend_from_slice(rdata.get(..fixed)?);
        let mut at = range.start + fixed;
        for _ in 0..count {
            let (name, behind) = names.read(message, at).ok()?;
            if behind > range.end {
                return None;
            }
            self.rdata.extend_from_slice(name.within(names.text()));
            at = behind;
        }
        self.rdata.extend_from_slice(message.get(at..range.end)?);
        Some(())
    }
}

/// Whether records of this type are left out of a response to a question for `asked`: signatures
/// and proofs say nothing of what a name stands for.
pub(crate) fn is_left_out(kind: u16, asked: u16) -> bool {
    kind == OPT || matches!(kind, RRSIG | NSEC | NSEC3) && kind != asked
}

/// The bytes before the first name in RDATA, and how many names follow each other there. Types
/// without a name, or that must not have a compressed one (RFC 3597, section 4), have no names.
fn layout(kind: u16, rdata: &[u8]) -> Option<(usize, usize)> {
    Some(match kind {
        // NS, MD, MF, MB, MG, MR, PTR (RFC 1035, section 3.3), DNAME (RFC 6672).
        2..=4 | 7..=9 | 12 | 39 => (0, 1),
        // SOA, MINFO; RP (RFC 1183).
        6 | 14 | 17 => (0, 2),
        // MX; AFSDB, RT (RFC 1183); KX (RFC 2230).
        15 | 18 | 21 | 36 => (2, 1),
        // PX (RFC 2163).
        26 => (2, 2),
        // SRV (RFC 2782).
        33 => (6, 1),
        // NAPTR (RFC 3403): two numbers, then three strings.
        35 => {
            let mut at = 4;
            for _ in 0..3 {
                at += 1 + usize::from(*rdata.get(at)?);
            }
            (at, 1)
        }
        _ => (rdata.len(), 0),
    })
}

/// Whether there is an address hint in the RDATA of an HTTPS or SVCB record; `None` if it is
/// damaged.
///
/// ```text
/// priority 2 | target name | key 2 | length 2 | value | key 2 | ..
/// ```
///
/// (RFC 9460, section 2.2; the target has no pointers.)
fn has_hint(rdata: &[u8]) -> Option<bool> {
    let mut at = 2;
    loop {
        match usize::from(*rdata.get(at)?) {
            0 => break,
            label @ 1..64 => at += 1 + label,
            _ => return None,
        }
    }
    let mut params = rdata.get(at + 1..)?;
    while let Some((head, rest)) = params.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = rest.get(..length)?;
        let key = u16::from_be_bytes([head[0], head[1]]);
        if matches!(key, IPV4_HINT | IPV6_HINT) && !value.is_empty() {
            return Some(true);
        }
        params = rest.get(length..)?;
    }
    Some(false)
}
