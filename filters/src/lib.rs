//! The classic BPF programs of dnsflow as values.
//!
//! Three decisions about a packet are taken in the kernel, before any of its bytes are copied:
//! which shard gets it, whether it is kept at all, and whether it is in the sample. Each is a
//! classic BPF program. They are a crate of their own so that a program can be read as a listing,
//! checked, and run over frames that are named for what they are, without a socket, a privilege or
//! a network interface.
//!
//! What is to be kept, and of which link type packets are, is said in the words of decode:
//! [`Selection`](dnsflow_packet::Selection) and [`LinkType`](dnsflow_packet::LinkType). So a filter
//! never drops what decode would have exported.
//!
//! # Making programs
//!
//! - [`capture_filter`]: the program that keeps what a selection takes, on a link type, and
//!   [`ip_expression`]: what it keeps of IP packets, as text for pcap-filter(7);
//! - [`compile`]: the program for an expression of the operator's own;
//! - [`Balance`]: which socket of a fanout group gets a packet, or which of several processes;
//! - [`sample`], [`sample_clients`] and [`Balance::share`]: a [`Prologue`] that stands before a capture filter and
//!   thins it out;
//! - [`without_loopback_echo`]: another, for a socket of all interfaces.
//!
//! ```
//! use dnsflow_filters::{Balance, capture_filter, ip_expression, sample};
//! use dnsflow_packet::tunnel::Tunnels;
//! use dnsflow_packet::{LinkType, Selection};
//!
//! let selection = Selection::new([53], true).tunnels(Tunnels::all());
//! let filter = capture_filter(&selection, LinkType::Ethernet, 0)?;
//! let filter = Balance::client().share(0, 4)?.then(filter)?;
//! let filter = sample(10)?.then(filter)?;
//! let (name, of) = (filter.name(), ip_expression(&selection));
//! assert!(name.starts_with("sample 1 of 10, then share 0 of 4 by client, then on Ethernet"));
//! assert!(name.ends_with(&of));
//! println!("{filter}");
//! # Ok::<(), dnsflow_filters::FilterError>(())
//! ```
//!
//! # Running programs
//!
//! A [`Program`] holds instructions that the kernel will accept, checked once, when the value is
//! made. The engine attaches its [`Instruction`]s to a socket. An [`Interpreter`] runs it over a
//! [`Packet`] instead, with the kernel's semantics: that is how files are filtered.
//!
//! ```
//! use dnsflow_filters::{Interpreter, Packet, compile};
//! use dnsflow_packet::LinkType;
//!
//! let arp = Interpreter::new(&compile("arp", LinkType::Ethernet, 96)?)?;
//! let frame = [&[0xff; 6][..], &[2, 0, 0, 0, 0, 1], &[0x08, 0x06], &[0; 46]].concat();
//! let no_random = || unreachable!("the program asks for no random word");
//! assert_eq!(arp.run(&Packet::ethernet(&frame), no_random), 96);
//! assert_eq!(arp.run(&Packet::ethernet(&frame[..12]), no_random), 0);
//! # Ok::<(), dnsflow_filters::FilterError>(())
//! ```
//!
//! # What it refuses to do
//!
//! It attaches nothing to a socket (that is the system-call crate's, with its `unsafe`), emits no
//! eBPF, and accepts no program that the kernel would turn down.

mod assembler;
mod balance;
mod capture_filter;
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
mod tunnel;

pub use balance::Balance;
pub use capture_filter::capture_filter;
pub use compile::{MAX_EXPRESSION_BYTES, MAX_SNAP_LENGTH, compile};
pub use error::{FilterError, Problem};
pub use expression::ip_expression;
pub use instruction::{Instruction, MAX_INSTRUCTIONS};
pub use interpreter::{Interpreter, Packet, VlanTag};
pub use link::{MAX_MPLS_LABELS, MAX_VLAN_TAGS};
pub use loopback::without_loopback_echo;
pub use program::Program;
pub use prologue::Prologue;
pub use sampling::{sample, sample_clients};
