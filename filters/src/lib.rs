//! The classic BPF programs of dnsflow as values.
//!
//! Three decisions about a packet are taken in the kernel, before any of its bytes are copied:
//! which shard gets it, whether it is kept at all, and whether it is in the sample. Each is a
//! classic BPF program. They are a crate of their own so that a program can be read as a listing,
//! checked, and run over frames that are named for what they are, without a socket, a privilege or
//! a network interface.
//!
//! - [`Program`]: instructions that the kernel will accept, checked once, when the value is made;
//! - [`Selection`] and [`compile`]: what to capture, as a pcap expression, and from there a program;
//! - [`fanout_client`] and [`fanout_checksum`]: which socket of a fanout group gets a packet;
//! - [`share`] and [`sample`]: a [`Prologue`] that stands before a capture filter and thins it out;
//! - [`Interpreter`]: runs a program over a packet, with the kernel's semantics.
//!
//! ```
//! use dnsflow_filters::{BalanceKey, DLT_EN10MB, Selection, compile, sample, share};
//!
//! let selection = Selection::new([53], true);
//! let filter = compile(&selection.expression(DLT_EN10MB), DLT_EN10MB, 0)?;
//! let filter = share(0, 4, BalanceKey::Client)?.then(filter)?;
//! let filter = sample(10)?.then(filter)?;
//! println!("{filter}");
//! # Ok::<(), dnsflow_filters::FilterError>(())
//! ```
//!
//! What it refuses to do: attach anything to a socket (that is the engine's, with its `unsafe`),
//! emit eBPF, or accept a program that the kernel would turn down.

mod assembler;
mod balance;
mod error;
mod expression;
mod instruction;
mod interpreter;
mod listing;
mod operation;
mod program;
mod prologue;
mod sampling;

pub use balance::{BalanceKey, fanout_checksum, fanout_client, share};
pub use error::{FilterError, Problem};
pub use expression::{DLT_EN10MB, DNS_PORT, MAX_SNAP_LENGTH, MDNS_PORT, Selection, compile};
pub use instruction::Instruction;
pub use interpreter::{Interpreter, Packet, VlanTag};
pub use program::{MAX_INSTRUCTIONS, Program};
pub use prologue::Prologue;
pub use sampling::sample;
