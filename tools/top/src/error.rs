//! Errors, each of which says what to do.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the program stopped, or never started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TopError {
    /// Standard output is not for people.
    #[error("standard output is no terminal; --once prints a table, --once --json an object")]
    NoTerminal,
    /// The terminal can't be used.
    #[error("the terminal: {0}; --once needs none")]
    Terminal(io::Error),
    /// A file can't be opened.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A file is no capture, or is damaged, or cut.
    #[error("{}: {error}; {packets} packets before that were read", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How many packets were read.
        packets: u64,
        /// What is wrong.
        error: dnsflow_capfile::FileError,
    },
    /// A socket can't be bound or read.
    #[error(
        "can't listen on {address}: {error}; if something else listens there, choose another port, or give --read what dnsflow -w or tcpdump -w writes"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The URL or the token of the service can't be used.
    #[error("{0}")]
    Place(#[from] dnsflow_ask::PlaceError),
    /// The service is away, or refuses.
    #[error(
        "{url}: {reason}; it is to be dnsflow-collect with --serve and --page, and --token-file if that demands a token"
    )]
    Service {
        /// The URL.
        url: String,
        /// What it or the system said.
        reason: String,
    },
    /// The reading thread is gone.
    #[error("the thread that reads ended unexpectedly")]
    Reader,
    /// Signals can't be handled, or threads not be started.
    #[error("can't start: {0}")]
    Start(io::Error),
    /// Standard output can't be written.
    #[error("standard output: {0}")]
    Output(io::Error),
}
