//! A complete program: instructions that the kernel will accept.

use crate::error::{FilterError, Problem};
use crate::instruction::{Instruction, MAX_INSTRUCTIONS, code};
use crate::operation::{Operation, Slot};

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
    /// [`FilterError::Empty`], [`FilterError::TooLong`], and [`FilterError::Invalid`] with the
    /// first instruction that the kernel would refuse.
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

#[cfg(test)]
mod tests {
    use super::*;

    const RETURN_A: (u16, u8, u8, u32) = (code::RET | code::A, 0, 0, 0);

    fn program(instructions: &[(u16, u8, u8, u32)]) -> Result<Program, FilterError> {
        let instructions = instructions
            .iter()
            .map(|&(code, jt, jf, k)| Instruction { code, jt, jf, k })
            .collect();
        Program::new("tried", instructions)
    }

    fn problem(instructions: &[(u16, u8, u8, u32)]) -> Option<(usize, Problem)> {
        match program(instructions) {
            Err(FilterError::Invalid { index, problem, .. }) => Some((index, problem)),
            _ => None,
        }
    }

    #[test]
    fn dropping_all_is_a_program_like_any_other() {
        let drop_all = Program::drop_all();
        let again = Program::new("drop all", drop_all.instructions().to_vec());
        assert_eq!(again, Ok(drop_all));
    }

    #[test]
    fn length_is_limited_as_in_the_kernel() {
        let load = (code::LD | code::IMM, 0, 0, 7);
        let of_length = |length| {
            let mut instructions = vec![load; length - 1];
            instructions.push(RETURN_A);
            program(&instructions)
        };
        assert!(of_length(MAX_INSTRUCTIONS).is_ok());
        assert_eq!(
            of_length(MAX_INSTRUCTIONS + 1),
            Err(FilterError::TooLong {
                name: "tried".to_owned(),
                instructions: MAX_INSTRUCTIONS + 1
            })
        );
        assert_eq!(
            program(&[]),
            Err(FilterError::Empty {
                name: "tried".to_owned()
            })
        );
    }

    #[test]
    fn instructions_are_checked_one_by_one() {
        let cases = [
            ((0xffff, 0, 0, 0), Problem::UnknownCode(0xffff)),
            // `ret x`, which libpcap knows and the kernel does not.
            ((code::RET | code::X, 0, 0, 0), Problem::UnknownCode(0x0e)),
            (
                (code::LD | code::B | code::MEM, 0, 0, 0),
                Problem::UnknownCode(0x70),
            ),
            (
                (code::LD | code::ABS, 0, 0, 0xffff_f002),
                Problem::UnknownAncillary(0xffff_f002),
            ),
            (
                (code::LD | code::ABS, 0, 0, 0xffff_f040),
                Problem::UnknownAncillary(0xffff_f040),
            ),
            ((code::ST, 0, 0, 16), Problem::UnknownSlot(16)),
            ((code::ALU | code::DIV, 0, 0, 0), Problem::DivisionByZero),
            ((code::ALU | code::MOD, 0, 0, 0), Problem::DivisionByZero),
            ((code::ALU | code::LSH, 0, 0, 32), Problem::ShiftTooFar(32)),
        ];
        for (instruction, expected) in cases {
            assert_eq!(problem(&[instruction, RETURN_A]), Some((0, expected)));
        }
    }

    #[test]
    fn jumps_stay_inside() {
        let branch = |jt, jf| (code::JMP | code::JEQ, jt, jf, 0);
        let jump = |k| (code::JMP | code::JA, 0, 0, k);
        assert_eq!(problem(&[branch(0, 0), RETURN_A]), None);
        assert_eq!(
            problem(&[branch(1, 0), RETURN_A]),
            Some((0, Problem::JumpPastEnd))
        );
        assert_eq!(
            problem(&[branch(0, 1), RETURN_A]),
            Some((0, Problem::JumpPastEnd))
        );
        assert_eq!(problem(&[jump(0), RETURN_A]), None);
        assert_eq!(
            problem(&[jump(1), RETURN_A]),
            Some((0, Problem::JumpPastEnd))
        );
        assert_eq!(
            problem(&[jump(u32::MAX), RETURN_A]),
            Some((0, Problem::JumpPastEnd))
        );
        assert_eq!(
            problem(&[RETURN_A, (code::LDX, 0, 0, 0)]),
            Some((1, Problem::NoReturn))
        );
    }

    #[test]
    fn scratch_words_are_written_before_they_are_read() {
        let store = (code::ST, 0, 0, 2);
        let load = (code::LD | code::MEM, 0, 0, 2);
        let skip_one_or_none = (code::JMP | code::JEQ, 0, 1, 0);
        assert_eq!(
            problem(&[load, RETURN_A]),
            Some((0, Problem::UnwrittenSlot))
        );
        assert_eq!(problem(&[store, load, RETURN_A]), None);
        // Written on one of two ways only.
        let sometimes = [skip_one_or_none, store, load, RETURN_A];
        assert_eq!(problem(&sometimes), Some((2, Problem::UnwrittenSlot)));
        let always = [store, skip_one_or_none, store, load, RETURN_A];
        assert_eq!(problem(&always), None);
        // The jump at 3 passes over the load at 4, which is only reached by way of the store at 1.
        let jump_one = (code::JMP | code::JA, 0, 0, 1);
        let to_next_or_2_on = (code::JMP | code::JEQ, 0, 2, 0);
        let passed_over = [to_next_or_2_on, store, jump_one, jump_one, load, RETURN_A];
        assert_eq!(problem(&passed_over), None);
    }
}
