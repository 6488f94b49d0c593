//! The columns of `names`, by their numbers.

/// The address, as text.
pub const ADDRESS: usize = 0;
/// Who asked, as text.
pub const CLIENT: usize = 1;
/// The owner of the address.
pub const NAME: usize = 2;
/// The name asked for; it may be absent.
pub const QUESTION: usize = 3;
/// The first time, in microseconds since 1970.
pub const FIRST: usize = 4;
/// The last time, in microseconds since 1970.
pub const LAST: usize = 5;
/// How many responses.
pub const COUNT: usize = 6;
/// The smallest TTL, in seconds; it may be absent.
pub const TTL: usize = 7;

/// How many columns, from the first one on, order the rows.
pub const NAMES_KEY_COLUMNS: usize = 4;
