//! A complete program: instructions that the kernel will accept.

use crate::FilterError;
use crate::error::Problem;
use crate::instruction::{Instruction, code};
use crate::operation::{Operation, Slot};

/// Instructions that the kernel takes in one program (`BPF_MAXINSNS`, `linux/bpf_common.h`).
pub const MAX_INSTRUCTIONS: usize = 4096;

/// A classic BPF program that the kernel will accept.
///
/// It is checked when it is made, by the rules of `bpf_check_classic` in `net/core/filter.c`: known
/// instructions, jumps forward and inside, no scratch word read before it is written, a return at
/// the end, at most [`MAX_INSTRUCTIONS`]. So whoever attaches it, or runs it, has nothing to check.
///
/// It prints as a listing in the way of `tcpdump -d`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    name: String,
    instructions: Vec<Instruction>,
    /// The same instructions, parsed.
    operations: Vec<Operation>,
}

impl Program {
    /// Checks instructions and gives them a name, which stands in errors and logs.
    ///
    /// # Errors
    ///
    /// [`FilterError::Empty`], [`FilterError::TooLong`], and [`FilterError::Invalid`] with the first
    /// instruction that the kernel would refuse.
    pub fn new(
        name: impl Into<String>,
        instructions: Vec<Instruction>,
    ) -> Result<Self, FilterError> {
        let name = name.into();
        if instructions.is_empty() {
            return Err(FilterError::Empty { name });
        }
        if instructions.len() > MAX_INSTRUCTIONS {
            return Err(FilterError::TooLong {
                name,
                instructions: instructions.len(),
            });
        }
        match check(&instructions) {
            Ok(operations) => Ok(Self {
                name,
                instructions,
                operations,
            }),
            Err((index, problem)) => Err(FilterError::Invalid {
                name,
                index,
                problem,
            }),
        }
    }

    /// The program that keeps no packet: `ret #0`.
    ///
    /// A capture socket carries it from before it is bound until all of its group have joined, so
    /// that no unfiltered packet gets in between.
    #[must_use]
    pub fn drop_all() -> Self {
        Self {
            name: "drop all".to_owned(),
            instructions: vec![Instruction {
                code: code::RET | code::K,
                jt: 0,
                jf: 0,
                k: 0,
            }],
            operations: vec![Operation::Return(0)],
        }
    }

    /// What the program is for, as text for errors and logs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The instructions, 1 to [`MAX_INSTRUCTIONS`], in the layout of `struct sock_filter`.
    #[must_use]
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    pub(crate) fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Name and instructions, to build another program from.
    pub(crate) fn into_parts(self) -> (String, Vec<Instruction>) {
        (self.name, self.instructions)
    }
}

/// Parses all instructions and checks what they do to each other.
fn check(instructions: &[Instruction]) -> Result<Vec<Operation>, (usize, Problem)> {
    let mut operations = Vec::with_capacity(instructions.len());
    let mut written = WrittenSlots::new(instructions.len());
    for (index, &instruction) in instructions.iter().enumerate() {
        let operation = Operation::parse(instruction).map_err(|problem| (index, problem))?;
        written
            .visit(index, operation)
            .map_err(|problem| (index, problem))?;
        operations.push(operation);
    }
    match operations.last() {
        Some(Operation::Return(_) | Operation::ReturnA) => Ok(operations),
        _ => Err((instructions.len().saturating_sub(1), Problem::NoReturn)),
    }
}

/// Which scratch words are sure to be written, on every way to an instruction.
///
/// One bit a word. Jumps only go forward, so one pass sees every way to an instruction before the
/// instruction itself.
struct WrittenSlots {
    /// Words written on all jumps that lead to an instruction, by its index.
    at: Vec<u16>,
    /// Words written where the instruction before falls through.
    here: u16,
}

impl WrittenSlots {
    const ALL: u16 = u16::MAX;

    fn new(instructions: usize) -> Self {
        Self {
            at: vec![Self::ALL; instructions],
            here: 0,
        }
    }

    fn visit(&mut self, index: usize, operation: Operation) -> Result<(), Problem> {
        if let Some(by_jump) = self.at.get(index) {
            self.here &= by_jump;
        }
        match operation {
            Operation::Store(slot) | Operation::StoreX(slot) => self.here |= bit(slot),
            Operation::LoadMemory(slot) | Operation::LoadXMemory(slot)
                if self.here & bit(slot) == 0 =>
            {
                return Err(Problem::UnwrittenSlot);
            }
            Operation::Jump(distance) => {
                let distance = usize::try_from(distance).map_err(|_| Problem::JumpPastEnd)?;
                self.jump(index, distance)?;
                self.here = Self::ALL;
            }
            Operation::Branch(_, _, jt, jf) => {
                self.jump(index, usize::from(jt))?;
                self.jump(index, usize::from(jf))?;
                self.here = Self::ALL;
            }
            _ => {}
        }
        Ok(())
    }

    fn jump(&mut self, index: usize, distance: usize) -> Result<(), Problem> {
        let target = index
            .checked_add(1)
            .and_then(|next| next.checked_add(distance));
        let at = target
            .and_then(|target| self.at.get_mut(target))
            .ok_or(Problem::JumpPastEnd)?;
        *at &= self.here;
        Ok(())
    }
}

fn bit(slot: Slot) -> u16 {
    1 << slot.index()
}
