//! The options that say what becomes of addresses in records, and the key that they take.

use std::path::PathBuf;

use clap::Args;
use dnsflow_privacy::{Choice, Key, Mode, Rotation};

use crate::start::error::StartError;

/// What becomes of addresses in records.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct PrivacyOptions {
    /// What becomes of the addresses of clients in records: keep, drop, prefix:24,56 (bits of IPv4
    /// and IPv6 addresses that are kept), or pseudonyms under --address-key: ipcrypt, ipcrypt-pfx
    /// (which keeps common prefixes), crypto-pan
    #[arg(
        long,
        value_name = "MODE",
        default_value = "keep",
        help_heading = "Privacy"
    )]
    pub client_addresses: Mode,

    /// The same for the addresses of resolvers
    #[arg(
        long,
        value_name = "MODE",
        default_value = "keep",
        help_heading = "Privacy"
    )]
    pub resolver_addresses: Mode,

    /// The same for EDNS client subnets, which records of version 5 have
    #[arg(
        long,
        value_name = "MODE",
        default_value = "keep",
        help_heading = "Privacy"
    )]
    pub subnet_addresses: Mode,

    /// The key of pseudonyms: a file of 64 hexadecimal digits that nobody else can read, or
    /// credential:NAME for a credential of systemd
    #[arg(long, value_name = "FILE", help_heading = "Privacy")]
    pub address_key: Option<PathBuf>,

    /// How often pseudonyms change: daily, weekly (on Monday) or never; by the time of each
    /// response, in UTC
    #[arg(
        long,
        value_name = "PERIOD",
        default_value = "never",
        help_heading = "Privacy"
    )]
    pub key_rotation: Rotation,
}

impl PrivacyOptions {
    /// The choice that they make. A process that has read a key leaves no core dump from then on.
    ///
    /// # Errors
    /// If the key can't be read, or a mode takes one and there is none.
    pub fn choice(&self) -> Result<Choice, StartError> {
        let choice = Choice {
            clients: self.client_addresses,
            resolvers: self.resolver_addresses,
            subnets: self.subnet_addresses,
            key: self.address_key.as_deref().map(Key::read).transpose()?,
            rotation: self.key_rotation,
        };
        if choice.needs_key() && choice.key.is_none() {
            let modes = [
                ("client-addresses", choice.clients),
                ("resolver-addresses", choice.resolvers),
                ("subnet-addresses", choice.subnets),
            ];
            let first = modes.into_iter().find(|(_, mode)| mode.needs_key());
            let (option, mode) = first.unwrap_or_default();
            let message = format!(
                "--{option} {mode} takes a key: --address-key FILE ('openssl rand -hex 32' makes one)"
            );
            return Err(StartError::Usage(message));
        }
        Ok(choice)
    }
}
