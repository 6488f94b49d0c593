//! The front of a record whose owner is a pointer, as nearly all are: pointer and TYPE in one word,
//! so that one comparison tells that the owner is the same as before, and which type it is.
//!
//! ```text
//! pointer 2 | TYPE 2 | CLASS 2 | TTL 4 | RDLENGTH 2 | RDATA
//! ```
//!
//! (RFC 1035, sections 4.1.3 and 4.1.4.)

use super::rules;

/// Bytes of a record before its RDATA, if its owner is a pointer.
pub(crate) const POINTED_BYTES: usize = 12;

/// TYPE in the lower half of a word whose upper half is 0.
pub(crate) const A: u32 = rules::A as u32;
pub(crate) const AAAA: u32 = rules::AAAA as u32;
pub(crate) const CNAME: u32 = rules::CNAME as u32;
pub(crate) const MAX_TYPE: u32 = 0xffff;

/// A pointer to an offset, in the upper half of a word. `None` if it does not fit in 14 bits.
#[inline(always)]
pub(crate) fn pointer_to(offset: usize) -> Option<u32> {
    let offset = u32::try_from(offset).ok();
    let offset = offset.filter(|offset| *offset < 0x4000)?;
    Some((0xc000 | offset) << 16)
}

/// The offset in the upper half, if that is a pointer.
#[inline(always)]
pub(crate) fn pointed_to(owner_and_type: u32) -> Option<usize> {
    let pointer = usize::try_from(owner_and_type >> 16).ok()?;
    (pointer >= 0xc000).then_some(pointer & 0x3fff)
}
