//! Why a program could not be had.

use dnsflow_packet::LinkType;
use thiserror::Error;

use crate::instruction::MAX_INSTRUCTIONS;

/// Why a filter could not be compiled, built, joined or run.
///
/// Everything here happens at start or reload, never for a packet.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FilterError {
    /// libpcap does not accept the expression for this link type.
    #[error(
        "filter expression `{expression}` does not compile for link type {link_type}: {reason}"
    )]
    Expression {
        /// The expression as it was given.
        expression: String,
        /// What it was compiled for; printed as its DLT_ number.
        link_type: LinkType,
        /// libpcap's own words.
        reason: String,
    },
    /// More instructions than the kernel takes.
    #[error(
        "filter program `{name}` has {instructions} instructions, the kernel takes at most \
         {MAX_INSTRUCTIONS}; shorten the expression"
    )]
    TooLong {
        /// Name of the program.
        name: String,
        /// Instructions in it.
        instructions: usize,
    },
    /// A program without any instruction.
    #[error("filter program `{name}` is empty")]
    Empty {
        /// Name of the program.
        name: String,
    },
    /// The kernel would turn the program down.
    #[error("filter program `{name}`, instruction {index}: {problem}")]
    Invalid {
        /// Name of the program.
        name: String,
        /// Position of the instruction, from 0.
        index: usize,
        /// What is wrong with it.
        problem: Problem,
    },
    /// The program asks for something that only a kernel knows about a packet.
    #[error(
        "filter program `{name}`, instruction {index} reads `{ancillary}`, which only the kernel \
         knows; it can't be run over a file"
    )]
    KernelOnly {
        /// Name of the program.
        name: String,
        /// Position of the instruction, from 0.
        index: usize,
        /// The kernel's name for what it reads.
        ancillary: &'static str,
    },
    /// Share `index` of `count` does not exist.
    #[error(
        "there is no share {index} of {count}: shares are numbered from 0 to one below their count"
    )]
    NoSuchShare {
        /// Share asked for.
        index: u32,
        /// Shares in all.
        count: u32,
    },
    /// One of none can't be sampled.
    #[error("a sample of 1 in 0 packets can't be taken: give 1 or more")]
    SampleOfNone,
}

/// What the kernel would not accept in an instruction (`bpf_check_classic`, `net/core/filter.c`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// No instruction has this code.
    #[error("unknown code {0:#06x}")]
    UnknownCode(u16),
    /// An absolute load above `SKF_AD_OFF` that names no ancillary data.
    #[error("unknown ancillary load at {0:#010x}")]
    UnknownAncillary(u32),
    /// Scratch memory has 16 words.
    #[error("there is no scratch word M[{0}]")]
    UnknownSlot(u32),
    /// Division by, or remainder of, the constant 0.
    #[error("division by the constant 0")]
    DivisionByZero,
    /// A shift by a constant of 32 or more.
    #[error("shift by {0} bits, words have 32")]
    ShiftTooFar(u32),
    /// A jump beyond the last instruction.
    #[error("jumps past the end")]
    JumpPastEnd,
    /// A scratch word that some way through the program has not written yet.
    #[error("reads a scratch word that may not have been written")]
    UnwrittenSlot,
    /// The last instruction of a program must return.
    #[error("the last instruction does not return")]
    NoReturn,
}
