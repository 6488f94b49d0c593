//! The classic BPF programs of dnsflow as values.
//!
//! Three decisions about a packet are taken in the kernel, before any of its bytes are copied:
//! which shard gets it, whether it is kept at all, and whether it is in the sample. Each is a
//! classic BPF program. They are a crate of their own so that a program can be read as a listing,
//! checked, and run over frames that are named for what they are, without a socket, a privilege or
//! a network interface.
//!
//! - [`Program`]: instructions that the kernel will accept, checked once, when the value is made;
//! - [`Selection`]: what to capture, as a pcap expression over IP packets, and the program that finds
//!   those on a link type;
//! - [`compile`]: the program for an expression of the operator's own;
//! - [`Balance`]: which socket of a fanout group gets a packet, or which of several processes;
//! - [`sample`] and [`Balance::share`]: a [`Prologue`] that stands before a capture filter and thins
//!   it out;
//! - [`without_loopback_echo`]: another, for a socket of all interfaces;
//! - [`Interpreter`]: runs a program over a packet, with the kernel's semantics.
//!
//! ```
//! use dnsflow_filters::{Balance, DLT_EN10MB, Selection, Tunnels, sample};
//!
//! let selection = Selection::new([53], true).tunnels(Tunnels::ALL);
//! let filter = selection.program(DLT_EN10MB, 0)?;
//! let filter = Balance::client().share(0, 4)?.then(filter)?;
//! let filter = sample(10)?.then(filter)?;
//! println!("{}\n{filter}", selection.ip_expression());
//! # Ok::<(), dnsflow_filters::FilterError>(())
//! ```
//!
//! What it refuses to do: attach anything to a socket (that is the engine's, with its `unsafe`),
//! emit eBPF, or accept a program that the kernel would turn down.

mod assembler;
mod balance;
mod compile;
mod error;
mod expression;
mod instruction;
mod interpreter;
mod link;
mod listing;
mod loopback;
mod operation;
mod ports;
mod program;
mod prologue;
mod relocation;
mod sampling;
mod selection;
mod tunnel;

pub use balance::Balance;
pub use compile::{MAX_SNAP_LENGTH, compile};
pub use error::{FilterError, Problem};
pub use instruction::Instruction;
pub use interpreter::{Interpreter, Packet, VlanTag};
pub use link::{MAX_MPLS_LABELS, MAX_VLAN_TAGS};
pub use loopback::without_loopback_echo;
pub use program::{MAX_INSTRUCTIONS, Program};
pub use prologue::Prologue;
pub use sampling::sample;
pub use selection::{DLT_EN10MB, DNS_PORT, MDNS_PORT, NETWORK_HEADER, Selection};
pub use tunnel::Tunnels;
