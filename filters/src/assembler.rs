//! Assembles programs with labels as jump targets, in place of counted distances.

use crate::instruction::{Instruction, code};
use crate::operation::Ancillary;

/// A jump target, bound once, after all jumps to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Label(usize);

/// The target of a jump: the next instruction, or a label.
#[derive(Debug, Clone, Copy)]
pub(crate) enum To {
    Next,
    Label(Label),
}

/// The program so far: its instructions, labels and jumps.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    pieces: Vec<Piece>,
    /// Index of the piece behind each label, once that is bound.
    places: Vec<Option<usize>>,
}

/// One instruction, its jump targets still labels.
#[derive(Debug)]
struct Piece {
    instruction: Instruction,
    jump: Jump,
}

#[derive(Debug, Clone, Copy)]
enum Jump {
    None,
    Always(Label),
    /// Targets, and which of them are too far for the 8 bits of `jt` and `jf`.
    Branch {
        holds: To,
        fails: To,
        far: [bool; 2],
    },
}

impl Assembler {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn label(&mut self) -> Label {
        self.places.push(None);
        Label(self.places.len() - 1)
    }

    /// An instruction that is not a jump.
    pub(crate) fn emit(&mut self, code: u16, k: u32) {
        self.push(code, k, Jump::None);
    }

    /// `A <-` ancillary data.
    pub(crate) fn load_ancillary(&mut self, ancillary: Ancillary) {
        self.emit(code::LD | code::W | code::ABS, ancillary.offset());
    }

    /// A conditional jump against a constant; `test` is one of `JEQ`, `JGT`, `JGE`, `JSET`, or one
    /// of them with `X`, against that.
    pub(crate) fn branch(&mut self, test: u16, k: u32, holds: To, fails: To) {
        let far = [false; 2];
        self.push(code::JMP | test, k, Jump::Branch { holds, fails, far });
    }

    pub(crate) fn jump(&mut self, label: Label) {
        self.push(code::JMP | code::JA, 0, Jump::Always(label));
    }

    /// Makes the next instruction the target of every jump to `label`.
    pub(crate) fn bind(&mut self, label: Label) {
        self.places[label.0] = Some(self.pieces.len());
    }

    /// Appends a complete program: all its jumps are inside, and its last instruction returns.
    pub(crate) fn append(&mut self, instructions: Vec<Instruction>) {
        let pieces = instructions.into_iter().map(|instruction| Piece {
            instruction,
            jump: Jump::None,
        });
        self.pieces.extend(pieces);
    }

    fn push(&mut self, code: u16, k: u32, jump: Jump) {
        let instruction = Instruction {
            code,
            jt: 0,
            jf: 0,
            k,
        };
        self.pieces.push(Piece { instruction, jump });
    }

    /// The instructions, with all distances counted. A conditional jump over more than 255
    /// instructions goes through a `ja` behind it, which reaches any distance.
    ///
    /// # Panics
    /// If a label that is jumped to was not bound: a bug in this crate.
    pub(crate) fn finish(mut self) -> Vec<Instruction> {
        // Each round marks at least one more side far, and never unmarks one.
        let starts = loop {
            let starts = self.starts();
            if !self.mark_far(&starts) {
                break starts;
            }
        };
        let target = |label| starts[self.place(label)];
        let mut instructions = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            let next = instructions.len() + 1;
            let mut instruction = piece.instruction;
            let (holds, fails, far) = match piece.jump {
                Jump::None => {
                    instructions.push(instruction);
                    continue;
                }
                Jump::Always(label) => {
                    instructions.push(always(target(label) - next));
                    continue;
                }
                Jump::Branch { holds, fails, far } => (holds, fails, far),
            };
            let behind: Vec<Label> = [(holds, far[0]), (fails, far[1])]
                .into_iter()
                .filter_map(|(to, far)| match to {
                    To::Label(label) if far => Some(label),
                    _ => None,
                })
                .collect();
            let distance = |to, far, its_jump| match to {
                To::Label(_) if far => its_jump,
                To::Label(label) => near(target(label) - next),
                To::Next => near(behind.len()),
            };
            instruction.jt = distance(holds, far[0], 0);
            instruction.jf = distance(fails, far[1], u8::from(far[0]));
            instructions.push(instruction);
            for label in behind {
                let next = instructions.len() + 1;
                instructions.push(always(target(label) - next));
            }
        }
        instructions
    }

    /// Index of the first instruction of each piece, and behind the last.
    fn starts(&self) -> Vec<usize> {
        let mut at = 0;
        let mut starts = Vec::with_capacity(self.pieces.len() + 1);
        for piece in &self.pieces {
            starts.push(at);
            at += 1;
            if let Jump::Branch { far, .. } = piece.jump {
                at += far.into_iter().filter(|&far| far).count();
            }
        }
        starts.push(at);
        starts
    }

    /// Marks branches whose distance exceeds 8 bits. Whether any was marked that was not before.
    fn mark_far(&mut self, starts: &[usize]) -> bool {
        let mut any = false;
        for index in 0..self.pieces.len() {
            let Jump::Branch { holds, fails, far } = self.pieces[index].jump else {
                continue;
            };
            let is_far = |to| match to {
                To::Label(label) => {
                    starts[self.place(label)] - starts[index] - 1 > usize::from(u8::MAX)
                }
                To::Next => false,
            };
            let now = [far[0] || is_far(holds), far[1] || is_far(fails)];
            any |= now != far;
            self.pieces[index].jump = Jump::Branch {
                holds,
                fails,
                far: now,
            };
        }
        any
    }

    fn place(&self, label: Label) -> usize {
        self.places[label.0].expect("every label that is jumped to is bound, or tests fail")
    }
}

fn always(distance: usize) -> Instruction {
    Instruction {
        code: code::JMP | code::JA,
        jt: 0,
        jf: 0,
        k: u32::try_from(distance).expect("programs of thousands of instructions, not billions"),
    }
}

fn near(distance: usize) -> u8 {
    u8::try_from(distance).expect("longer distances have been marked far")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Interpreter, Packet, Program};

    /// A branch, with the targets of its sides behind `fill` instructions that would spoil `A`.
    fn branching_over(fill: usize, holds_far: bool, fails_far: bool) -> Program {
        let mut program = Assembler::new();
        let [holds, fails] = std::array::from_fn(|_| program.label());
        let to = |label, far| if far { To::Label(label) } else { To::Next };
        program.emit(code::LD | code::LEN, 0);
        program.branch(code::JEQ, 1, to(holds, holds_far), to(fails, fails_far));
        program.emit(code::RET | code::K, 3);
        for _ in 0..fill {
            program.emit(code::LD | code::IMM, 9);
        }
        program.bind(holds);
        program.emit(code::RET | code::K, 1);
        program.bind(fails);
        program.emit(code::RET | code::K, 2);
        Program::new("branching", program.finish()).expect("all jumps go forward and inside")
    }

    #[test]
    fn branches_go_any_distance() {
        for fill in [0, 200, 252, 253, 254, 255, 256, 300, 3000] {
            for (holds_far, fails_far) in [(true, true), (true, false), (false, true)] {
                let program = branching_over(fill, holds_far, fails_far);
                let interpreter = Interpreter::new(&program).expect("reads the length only");
                let run = |bytes: &[u8]| interpreter.run(&Packet::ethernet(bytes), || 0);
                let (holds, fails) = (run(&[0]), run(&[0, 0]));
                assert_eq!(holds, if holds_far { 1 } else { 3 }, "over {fill}");
                assert_eq!(fails, if fails_far { 2 } else { 3 }, "over {fill}");
            }
        }
    }

    #[test]
    fn near_branches_take_one_instruction() {
        assert_eq!(branching_over(252, true, true).instructions().len(), 257);
        // Both sides pass 255 then, and each gets a jump of its own.
        assert_eq!(branching_over(255, true, true).instructions().len(), 262);
    }
}
