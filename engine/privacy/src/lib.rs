//! Addresses as they leave the sensor: as they are, dropped, cut to a prefix, or as pseudonyms under
//! a key.
//!
//! - [`Mode`]: what becomes of an address, as an option says it;
//! - [`Key`] and [`Rotation`]: the key from a file, and the keys of days or weeks that are derived from it;
//! - [`Choice`]: a mode for each kind of address, and the key;
//! - [`Disguise`]: what applies a mode, with the key of the time that a record is about.
//!
//! Pure but for [`Key::read`]: no clock and no socket. The time is that of the record, so that all sensors with
//! one key give an address the same pseudonym, and whoever has the key can tell from a record's time
//! which one it was.
//!
//! It refuses to read a key that others can read, and none of its types shows a key in its debug output. Keys are
//! zeroed when they are dropped.

mod choice;
mod cipher;
mod crypto_pan;
mod disguise;
mod key;
mod mode;

pub use choice::Choice;
pub use disguise::Disguise;
pub use key::{KEY_BYTES, Key, KeyError, ParseRotationError, Rotation, forbid_core_dumps};
pub use mode::{Mode, ParseModeError};
