//! From when to when something was told: in 20 bytes.

/// Milliseconds in 7 days: what no TTL is longer than here. Resolvers limit them likewise (RFC 8767,
/// section 4).
pub(super) const MAX_HOLD_MS: u32 = 7 * 24 * 60 * 60 * 1000;

/// Microseconds in a millisecond.
const MS: u64 = 1000;

/// A number of 64 bits that needs no alignment to 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packed([u32; 2]);

impl Packed {
    #[allow(clippy::cast_possible_truncation, reason = "both halves are kept")]
    pub(super) fn of(number: u64) -> Self {
        Self([number as u32, (number >> 32) as u32])
    }

    pub(super) fn get(self) -> u64 {
        u64::from(self.0[1]) << 32 | u64::from(self.0[0])
    }
}

/// The first and the last look-up, and how long that holds. Times are microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    first: Packed,
    last: Packed,
    /// Milliseconds from `last` to the end of the longest TTL.
    hold_ms: u32,
}

impl Span {
    /// That of one look-up, which holds for so many milliseconds.
    pub(super) fn new(time: u64, hold_ms: u32) -> Self {
        Self {
            first: Packed::of(time),
            last: Packed::of(time),
            hold_ms: hold_ms.min(MAX_HOLD_MS),
        }
    }

    /// That of numbers that were written down.
    pub(super) fn of(first: u64, last: u64, hold_ms: u32) -> Self {
        Self {
            first: Packed::of(first),
            last: Packed::of(last.max(first)),
            hold_ms: hold_ms.min(MAX_HOLD_MS),
        }
    }

    pub(super) fn first(&self) -> u64 {
        self.first.get()
    }

    pub(super) fn last(&self) -> u64 {
        self.last.get()
    }

    pub(super) fn hold_ms(&self) -> u32 {
        self.hold_ms
    }

    /// When the longest TTL ends, up to a millisecond later.
    pub(super) fn expiry(&self) -> u64 {
        self.last().saturating_add(u64::from(self.hold_ms) * MS)
    }

    /// Adds what another one says.
    pub(super) fn extend(&mut self, other: Self) {
        let expiry = self.expiry().max(other.expiry());
        let last = self.last().max(other.last());
        let hold_ms = expiry.saturating_sub(last).div_ceil(MS);
        let hold_ms = u32::try_from(hold_ms).unwrap_or(MAX_HOLD_MS);
        *self = Self::of(self.first().min(other.first()), last, hold_ms);
    }
}
