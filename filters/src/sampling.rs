//! A prologue for random sampling, in the kernel or in the interpreter.

use crate::assembler::{Assembler, To};
use crate::instruction::code;
use crate::operation::Ancillary;
use crate::{FilterError, Prologue};

/// A prologue that keeps one of `n` packets, at random and independently of all others.
///
/// Packets are drawn, not flows or clients, and every fragment of a datagram is drawn by itself.
/// The kernel's random word is uniform over 32 bits, so that the share kept is off by at most
/// `n / 2^32`.
///
/// ```text
///       A = random word
///       if A mod n == 0: go on
///       drop
/// ```
///
/// # Errors
///
/// [`FilterError::SampleOfNone`] for `n == 0`. `n == 1` keeps everything.
pub fn sample(n: u32) -> Result<Prologue, FilterError> {
    if n == 0 {
        return Err(FilterError::SampleOfNone);
    }
    let mut program = Assembler::new();
    let keep = program.label();
    program.load_ancillary(Ancillary::Random);
    program.emit(code::ALU | code::MOD | code::K, n);
    program.branch(code::JEQ, 0, To::Label(keep), To::Next);
    program.emit(code::RET | code::K, 0);
    program.bind(keep);
    Ok(Prologue::new(format!("sample 1 of {n}"), program.finish()))
}
