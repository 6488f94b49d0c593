//! Addresses out of the pseudonyms that a sensor gives them, for those who have its key.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use dnsflow_privacy::{Choice, Disguise, Key, KeyError, Mode, Rotation};
use dnsflow_wire::{v4, v5};

/// The key, and what the sensor was told to do.
#[derive(Args, Debug)]
pub(crate) struct DecryptOptions {
    /// Print addresses in place of their pseudonyms, which a sensor gave them under the key in FILE.
    ///
    /// The modes have to be those of the sensor, and so has --key-rotation. Client subnets stay
    /// pseudonyms. Another key, or another mode, gives other addresses and no error.
    #[arg(long, value_name = "FILE")]
    decrypt: Option<PathBuf>,

    /// What the sensor makes of the addresses of clients: ipcrypt, ipcrypt-pfx, crypto-pan, or keep.
    #[arg(
        long,
        value_name = "MODE",
        default_value = "ipcrypt",
        requires = "decrypt"
    )]
    client_addresses: Mode,

    /// What it makes of the addresses of resolvers.
    #[arg(
        long,
        value_name = "MODE",
        default_value = "keep",
        requires = "decrypt"
    )]
    resolver_addresses: Mode,

    /// How often its pseudonyms change: daily, weekly or never.
    #[arg(
        long,
        value_name = "PERIOD",
        default_value = "never",
        requires = "decrypt"
    )]
    key_rotation: Rotation,
}

impl DecryptOptions {
    /// What finds the addresses; `None` if they are not asked for.
    pub(crate) fn read(&self) -> Result<Option<Decrypt>, KeyError> {
        let Some(path) = &self.decrypt else {
            return Ok(None);
        };
        let choice = Choice {
            clients: self.client_addresses,
            resolvers: self.resolver_addresses,
            key: Some(Key::read(path)?),
            rotation: self.key_rotation,
            ..Choice::default()
        };
        Ok(Some(Decrypt {
            clients: choice.disguise(choice.clients),
            resolvers: choice.disguise(choice.resolvers),
        }))
    }
}

/// Finds the addresses of pseudonyms.
#[derive(Debug)]
pub(crate) struct Decrypt {
    clients: Disguise,
    resolvers: Disguise,
}

impl Decrypt {
    /// A record of version 5 with its addresses.
    pub(crate) fn record<'a>(&mut self, record: &v5::Record<'a>) -> v5::Record<'a> {
        let mut record = record.clone();
        let seconds = record.time.as_secs();
        record.client = undone(&mut self.clients, record.client, seconds);
        record.origin.address = undone(&mut self.resolvers, record.origin.address, seconds);
        record
    }

    /// A record of versions 0 to 4, which has no time, with its addresses: of the time at which its datagram came.
    pub(crate) fn set<'a>(&mut self, came: Duration, set: &v4::Set<'a>) -> v4::Set<'a> {
        let seconds = came.as_secs();
        let client = undone(&mut self.clients, set.client(), seconds);
        let resolver = set.resolver();
        let resolver = resolver.map(|address| undone(&mut self.resolvers, address, seconds));
        set.with_ends(client, resolver)
    }
}

/// An address that stood beside a pseudonym of IPv6 was mapped to IPv6.
fn undone(disguise: &mut Disguise, address: IpAddr, seconds: u64) -> IpAddr {
    let found = disguise.undo(address, seconds);
    found.unwrap_or_else(|| address.to_canonical())
}
