//! What becomes of the addresses of records, one choice for each kind.

use crate::disguise::Disguise;
use crate::key::{Key, Rotation};
use crate::mode::Mode;

/// What becomes of the addresses of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Of clients.
    pub clients: Mode,
    /// Of resolvers.
    pub resolvers: Mode,
    /// Of EDNS client subnets (RFC 7871).
    pub subnets: Mode,
    /// The key of modes that take one.
    pub key: Option<Key>,
    /// How often another key is derived from it.
    pub rotation: Rotation,
}

impl Choice {
    /// Whether all addresses stay as they are.
    #[must_use]
    pub fn keeps_all(&self) -> bool {
        self.modes().iter().all(|mode| *mode == Mode::Keep)
    }

    /// Whether one of the modes takes a key.
    #[must_use]
    pub fn needs_key(&self) -> bool {
        self.modes().iter().any(|mode| mode.needs_key())
    }

    /// What applies a mode with the key of this choice.
    #[must_use]
    pub fn disguise(&self, mode: Mode) -> Disguise {
        Disguise::new(mode, self.key.as_ref(), self.rotation)
    }

    fn modes(&self) -> [Mode; 3] {
        [self.clients, self.resolvers, self.subnets]
    }
}
