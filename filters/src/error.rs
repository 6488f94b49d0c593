//! Errors of making, joining and running programs.

use dnsflow_packet::LinkType;
use thiserror::Error;

use crate::compile::MAX_EXPRESSION_BYTES;
use crate::instruction::MAX_INSTRUCTIONS;

/// Why a filter could not be compiled, built, joined or run.
///
/// Errors occur at start or reload, or when a file's first packet of a link type is read: running
/// a program can't fail.
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
        /// Link type that it was compiled for, printed as its DLT_ number.
        link_type: LinkType,
        /// libpcap's own words.
        reason: String,
    },
    /// The expression is longer than [`MAX_EXPRESSION_BYTES`](crate::MAX_EXPRESSION_BYTES).
    #[error(
        "the filter expression has {bytes} bytes, and at most {MAX_EXPRESSION_BYTES} are compiled: lists of addresses \
         do not belong into it. Match networks, or select records where they are read"
    )]
    LongExpression {
        /// Its length.
        bytes: usize,
    },
    /// More instructions than the kernel takes.
    #[error(
        "filter program `{name}` has {instructions} instructions, the kernel takes at most \
         {MAX_INSTRUCTIONS}; shorten the expression"
    )]
    TooLong {
        /// Name of the program.
        name: String,
        /// Number of its instructions.
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
    /// The program reads ancillary data that only a kernel has.
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
    /// A sample of 1 in 0 packets.
    #[error("a sample of 1 in 0 packets can't be taken: give 1 or more")]
    SampleOfNone,
}

/// Why the kernel would refuse an instruction (`bpf_check_classic`, `net/core/filter.c`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// No instruction has this code.
    #[error("unknown code {0:#06x}")]
    UnknownCode(u16),
    /// An absolute load above `SKF_AD_OFF` that names no ancillary data.
    #[error("unknown ancillary load at {0:#010x}")]
    UnknownAncillary(u32),
    /// A scratch word beyond `M[15]`.
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
    /// A read of a scratch word that not all paths have written.
    #[error("reads a scratch word that may not have been written")]
    UnwrittenSlot,
    /// The last instruction of a program must return.
    #[error("the last instruction does not return")]
    NoReturn,
}
