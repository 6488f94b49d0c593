//! Prologues: the part of a program that runs before a filter and drops some of the packets.
//!
//! A prologue falls through to the filter, or drops the packet by a `ret #0` of its own. It needs
//! its own: a conditional jump skips at most 255 instructions, and the filter may be longer.

use crate::instruction::Instruction;
use crate::{FilterError, Program};

/// Instructions that either drop a packet or fall through to the program that follows.
///
/// Made by [`Balance::share`](crate::Balance::share), [`sample`](crate::sample),
/// [`sample_clients`](crate::sample_clients) and
/// [`without_loopback_echo`](crate::without_loopback_echo).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prologue {
    name: String,
    instructions: Vec<Instruction>,
}

impl Prologue {
    pub(crate) fn new(name: String, instructions: Vec<Instruction>) -> Self {
        Self { name, instructions }
    }

    /// What the prologue keeps, as text for errors and logs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// This prologue with `body` behind it: a packet must pass both.
    ///
    /// All jumps are relative, so neither part changes. `A`, `X` and scratch memory hold anything
    /// when the body starts; what libpcap compiles never reads them before it sets them.
    ///
    /// # Errors
    ///
    /// [`FilterError::TooLong`] when both together pass the kernel's limit.
    pub fn then(self, body: Program) -> Result<Program, FilterError> {
        let (body_name, body) = body.into_parts();
        let mut instructions = self.instructions;
        instructions.extend(body);
        Program::new(format!("{}, then {body_name}", self.name), instructions)
    }
}
