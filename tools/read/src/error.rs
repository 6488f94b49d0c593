//! Errors of the reader, each of which says what to do.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the reader stopped, or never started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// A file can't be opened or read.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The key of `--decrypt` can't be read.
    #[error("--decrypt {0}")]
    Key(#[from] dnsflow_privacy::KeyError),
    /// A file is no capture.
    #[error("{}: not a pcap or pcapng capture ({reason})", path.display())]
    NotACapture {
        /// The file.
        path: PathBuf,
        /// What libpcap, or the decompression, said.
        reason: String,
    },
    /// A file ends in a packet, or goes on with something else.
    #[error("{}: cut or damaged after {packets} packets, which were read ({reason})", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How many packets passed the filter before.
        packets: u64,
        /// What libpcap, or the decompression, said.
        reason: String,
    },
    /// A link type that can't be read.
    #[error(
        "{input}: link type {number} ({name}) is not supported; Ethernet, Linux cooked, NULL, LOOP and raw IP are"
    )]
    LinkType {
        /// File or interface.
        input: String,
        /// libpcap's number.
        number: i32,
        /// libpcap's name.
        name: String,
    },
    /// A filter that doesn't compile.
    #[error("bad filter '{expression}': {reason}; see pcap-filter(7)")]
    Filter {
        /// The expression, as given to libpcap.
        expression: String,
        /// What libpcap said.
        reason: String,
    },
    /// No interface of that name.
    #[error("no interface '{name}'; there are: {known}")]
    NoInterface {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The system doesn't let this user capture.
    #[error(
        "no permission to capture on '{name}': CAP_NET_RAW is needed; run as root or give it to the program (setcap cap_net_raw+ep), or use --listen, which needs no privileges"
    )]
    Permission {
        /// The interface.
        name: String,
    },
    /// An interface can't be captured on, or no longer.
    #[error("interface '{name}': {reason}")]
    Interface {
        /// The interface.
        name: String,
        /// What libpcap said.
        reason: String,
    },
    /// A socket can't be bound or read.
    #[error("can't listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// Signal handlers can't be set.
    #[error("can't handle signals: {0}")]
    Signals(io::Error),
    /// Standard output can't be written.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

/// What libpcap said, without the `pcap` crate's introduction.
pub(crate) fn words(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(words) => words.clone(),
        other => other.to_string(),
    }
}
