//! The interface as it was, until its one caller has moved: to be removed with that.
#![doc(hidden)]
#![allow(missing_docs, reason = "to be removed with its one caller")]

use crate::{Balance, DLT_EN10MB, FilterError, Program, Prologue, Selection};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BalanceKey {
    Client,
    Checksum,
}

#[must_use]
pub fn fanout_client() -> Program {
    Balance::client().fanout().expect("a short program")
}

#[must_use]
pub fn fanout_checksum() -> Program {
    let balance = Balance::checksum([53]);
    balance.fanout().expect("a short program")
}

pub fn share(index: u32, count: u32, key: BalanceKey) -> Result<Prologue, FilterError> {
    match key {
        BalanceKey::Client => Balance::client().share(index, count),
        BalanceKey::Checksum => Balance::checksum([53]).share(index, count),
    }
}

impl Selection {
    #[must_use]
    pub fn expression(&self, link_type: i32) -> String {
        let ip = self.ip_expression();
        match link_type {
            DLT_EN10MB => format!("({ip}) or (vlan and (({ip}) or (vlan and ({ip}))))"),
            _ => ip,
        }
    }
}
