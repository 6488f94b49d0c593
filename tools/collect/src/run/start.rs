//! From options to what a run is made of.

use std::num::NonZeroU32;
use std::sync::Arc;

use dnsflow_privacy::{Disguise, Key, KeyError, Mode};
use log::{info, warn};

use super::error::RunError;
use crate::backlog::{Backlog, Limits, OpenError, Spool};
use crate::options::Options;
use crate::receive::{Admission, Listener, SocketError, bind};
use crate::serve::Naming;
use crate::serve::access::{Access, Token, TokenError};
use crate::serve::live::Live;

/// MiB of a spool, unless it is told.
const SPOOL_MAX_MIB: u32 = 10_240;

/// What the sink of the naming service is called in messages, metrics and the spool; no store can be called so.
pub(super) const SERVE: &str = "serve";

/// What has to be given and can't be demanded by the parser, since the configuration file may have it.
pub(super) fn validate(options: &Options) -> Result<(), RunError> {
    if options.listen.is_empty() && options.read.is_empty() {
        return Err(RunError::Options(
            "there is nothing to receive: give --listen ADDRESS:PORT, or --read FILE",
        ));
    }
    if options.to.is_empty() && options.serve.is_none() {
        return Err(RunError::Options(
            "there is nowhere to store: give --to URL, as in --to jsonl:-, or --serve ADDRESS:PORT",
        ));
    }
    validate_serve(options).map_err(RunError::Options)?;
    if options.spool_max.is_some() && options.spool.is_none() {
        return Err(RunError::Options(
            "--spool-max is the size of a spool, and there is none: give --spool FOLDER",
        ));
    }
    let mut names: Vec<&str> = options.to.iter().map(|to| to.name()).collect();
    names.sort_unstable();
    if names
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a == b))
    {
        return Err(RunError::Options(
            "two --to are the same place: each store is given once",
        ));
    }
    Ok(())
}

/// What is wrong with the options of the naming service.
pub(crate) fn validate_serve(options: &Options) -> Result<(), &'static str> {
    let Some(address) = options.serve else {
        if options.map_snapshot.is_some()
            || options.token_file.is_some()
            || options.page
            || options.client_addresses != Mode::Keep
            || options.address_key.is_some()
            || !options.serve_hosts.is_empty()
        {
            return Err(
                "--page, --map-snapshot, --token-file, --serve-host, --client-addresses and --address-key are about the naming service, and there is none: give --serve ADDRESS:PORT",
            );
        }
        return Ok(());
    };
    if !address.ip().is_loopback() && options.token_file.is_none() {
        return Err(
            "--serve on an address that others can reach needs --token-file FILE: it knows what people looked up",
        );
    }
    if options.client_addresses.needs_key() && options.address_key.is_none() {
        return Err("--client-addresses with pseudonyms takes their key: --address-key FILE");
    }
    Ok(())
}

/// What sensors make of clients.
pub(crate) fn disguise(options: &Options) -> Result<Disguise, KeyError> {
    let key = options.address_key.as_deref().map(Key::read).transpose()?;
    let (mode, rotation) = (options.client_addresses, options.key_rotation);
    Ok(Disguise::new(mode, key.as_ref(), rotation))
}

/// The map of the naming service, if there is one.
pub(super) fn naming(options: &Options, clients: Disguise) -> Option<Arc<Naming>> {
    options.serve?;
    let naming = Naming::new(dnsflow_names::Limits {
        bytes: (options.map_max.get() as usize) << 20,
        grace: options.grace,
        ..dnsflow_names::Limits::default()
    });
    let naming = naming.with_disguise(clients);
    let naming = match (options.page, options.read.is_empty()) {
        (false, _) => naming,
        (true, true) => naming.with_page(Live::of_network()),
        (true, false) => naming.with_page(Live::of_files()),
    };
    Some(Arc::new(naming))
}

/// Who may ask the naming service.
pub(crate) fn access(options: &Options) -> Result<Access, TokenError> {
    let token = options.token_file.as_deref().map(Token::read).transpose()?;
    Ok(Access {
        token,
        hosts: options.serve_hosts.clone(),
    })
}

impl Admission {
    /// That of the options.
    #[must_use]
    pub fn of(options: &Options) -> Self {
        Self {
            allowed: options.allow.clone(),
            sensors: options.sensors.clone(),
        }
    }
}

/// The backlog, with its spool.
pub(super) fn backlog(options: &Options) -> Result<Backlog, OpenError> {
    let spool = options.spool.as_ref().map(|folder| Spool {
        folder: folder.clone(),
        max: u64::from(options.spool_max.map_or(SPOOL_MAX_MIB, NonZeroU32::get)) << 20,
    });
    let limits = Limits {
        memory: (options.memory.get() as usize) << 20,
        spool,
    };
    let mut names: Vec<String> = options.to.iter().map(|to| to.file_name()).collect();
    names.extend(options.serve.map(|_| SERVE.to_owned()));
    Backlog::open(&limits, &names, &mut |note| warn!("{note}"))
}

/// The sockets of each thread.
pub(super) fn listeners(options: &Options) -> Result<Vec<Vec<Listener>>, SocketError> {
    let count = usize::from(options.threads.get());
    let buffer = (options.receive_buffer as usize) << 20;
    let mut threads: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
    for &address in &options.listen {
        let sockets = bind(address, count, buffer)?;
        if let Some(socket) = sockets.first() {
            info!("listening on {}", socket.address());
            if socket.receive_buffer() < buffer {
                warn!(
                    "the receive buffer is {} KiB and not {} MiB: raise net.core.rmem_max, or bursts may be lost",
                    socket.receive_buffer() >> 10,
                    options.receive_buffer
                );
            }
        }
        for (thread, socket) in threads.iter_mut().zip(sockets) {
            thread.push(socket);
        }
    }
    Ok(threads)
}
