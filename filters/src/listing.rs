//! Programs as text, in the way of `tcpdump -d`.
//!
//! Two things differ: ancillary loads carry the names of the kernel's own assembler
//! (`Documentation/networking/filter.rst`), and loads relative to a header say which one:
//! `[net + 16]`, `[x + net + 16]`, `[mac + 12]`.

use std::fmt;

use crate::Program;
use crate::instruction::{ANCILLARY_OFFSET, LINK_OFFSET, NETWORK_OFFSET};
use crate::operation::{Arithmetic, Operand, Operation, Size, Test};

impl fmt::Display for Program {
    /// One line an instruction, without a newline after the last.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, &operation) in self.operations().iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            line(f, index, operation)?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, index: usize, operation: Operation) -> fmt::Result {
    let mnemonic = mnemonic(operation);
    let operand = operand(index, operation);
    if let Operation::Branch(_, _, jt, jf) = operation {
        let next = index + 1;
        let (holds, fails) = (next + usize::from(jt), next + usize::from(jf));
        write!(
            f,
            "({index:03}) {mnemonic:<8} {operand:<16} jt {holds}\tjf {fails}"
        )
    } else if operand.is_empty() {
        write!(f, "({index:03}) {mnemonic}")
    } else {
        write!(f, "({index:03}) {mnemonic:<8} {operand}")
    }
}

fn mnemonic(operation: Operation) -> &'static str {
    match operation {
        Operation::LoadAbsolute(size, _)
        | Operation::LoadIndirect(size, _)
        | Operation::LoadAncillary(size, _) => match size {
            Size::Word => "ld",
            Size::Half => "ldh",
            Size::Byte => "ldb",
        },
        Operation::LoadLength | Operation::LoadConstant(_) | Operation::LoadMemory(_) => "ld",
        Operation::LoadXHeaderLength(_) => "ldxb",
        Operation::LoadXLength | Operation::LoadXConstant(_) | Operation::LoadXMemory(_) => "ldx",
        Operation::Store(_) => "st",
        Operation::StoreX(_) => "stx",
        Operation::Arithmetic(arithmetic, _) => match arithmetic {
            Arithmetic::Add => "add",
            Arithmetic::Subtract => "sub",
            Arithmetic::Multiply => "mul",
            Arithmetic::Divide => "div",
            Arithmetic::Modulo => "mod",
            Arithmetic::And => "and",
            Arithmetic::Or => "or",
            Arithmetic::Xor => "xor",
            Arithmetic::ShiftLeft => "lsh",
            Arithmetic::ShiftRight => "rsh",
        },
        Operation::Negate => "neg",
        Operation::Jump(_) => "ja",
        Operation::Branch(test, ..) => match test {
            Test::Equal => "jeq",
            Test::Greater => "jgt",
            Test::GreaterOrEqual => "jge",
            Test::AnyBit => "jset",
        },
        Operation::Return(_) | Operation::ReturnA => "ret",
        Operation::CopyAToX => "tax",
        Operation::CopyXToA => "txa",
    }
}

fn operand(index: usize, operation: Operation) -> String {
    match operation {
        Operation::LoadAbsolute(_, k) => format!("[{}]", offset(k)),
        Operation::LoadIndirect(_, k) => format!("[x + {}]", offset(k)),
        Operation::LoadAncillary(_, ancillary) => format!("[{}]", ancillary.name()),
        Operation::LoadXHeaderLength(k) => format!("4*([{}]&0xf)", offset(k)),
        Operation::LoadLength | Operation::LoadXLength => "#pktlen".to_owned(),
        Operation::LoadConstant(k) | Operation::LoadXConstant(k) => format!("#{k:#x}"),
        Operation::LoadMemory(slot)
        | Operation::LoadXMemory(slot)
        | Operation::Store(slot)
        | Operation::StoreX(slot) => format!("M[{}]", slot.index()),
        Operation::Arithmetic(_, Operand::X) | Operation::Branch(_, Operand::X, ..) => {
            "x".to_owned()
        }
        Operation::Arithmetic(
            Arithmetic::And | Arithmetic::Or | Arithmetic::Xor,
            Operand::Constant(k),
        )
        | Operation::Branch(_, Operand::Constant(k), ..) => format!("#{k:#x}"),
        Operation::Arithmetic(_, Operand::Constant(k)) | Operation::Return(k) => format!("#{k}"),
        Operation::Jump(k) => (index as u64 + 1 + u64::from(k)).to_string(),
        Operation::ReturnA => "a".to_owned(),
        Operation::Negate | Operation::CopyAToX | Operation::CopyXToA => String::new(),
    }
}

/// A packet offset, with the header that it counts from.
fn offset(k: u32) -> String {
    match k {
        NETWORK_OFFSET..ANCILLARY_OFFSET => format!("net + {}", k - NETWORK_OFFSET),
        LINK_OFFSET..NETWORK_OFFSET => format!("mac + {}", k - LINK_OFFSET),
        _ => k.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Instruction, Program};

    fn listing(instructions: &[(u16, u8, u8, u32)]) -> String {
        let instructions = instructions
            .iter()
            .map(|&(code, jt, jf, k)| Instruction { code, jt, jf, k })
            .collect();
        Program::new("listed", instructions)
            .expect("a program that the kernel takes")
            .to_string()
    }

    /// The numbers of `tcpdump -dd`, and what `tcpdump -d` prints for them.
    #[test]
    fn reads_like_tcpdump() {
        let instructions = [
            (0x28, 0, 0, 12),
            (0x15, 0, 6, 0x800),
            (0x28, 0, 0, 20),
            (0x45, 4, 0, 0x1fff),
            (0xb1, 0, 0, 14),
            (0x48, 0, 0, 14),
            (0x15, 0, 1, 0x35),
            (0x06, 0, 0, 262_144),
            (0x06, 0, 0, 0),
        ];
        let expected = "\
            (000) ldh      [12]\n\
            (001) jeq      #0x800           jt 2\tjf 8\n\
            (002) ldh      [20]\n\
            (003) jset     #0x1fff          jt 8\tjf 4\n\
            (004) ldxb     4*([14]&0xf)\n\
            (005) ldh      [x + 14]\n\
            (006) jeq      #0x35            jt 7\tjf 8\n\
            (007) ret      #262144\n\
            (008) ret      #0";
        assert_eq!(listing(&instructions), expected);
    }

    #[test]
    fn names_what_is_not_in_the_packet() {
        let instructions = [
            (0x20, 0, 0, 0xffff_f038),
            (0x94, 0, 0, 10),
            (0x07, 0, 0, 0),
            (0x40, 0, 0, 0xfff0_0010),
            (0x30, 0, 0, 0xffe0_000c),
            (0xac, 0, 0, 0),
            (0x54, 0, 0, 0xff),
            (0x02, 0, 0, 3),
            (0x80, 0, 0, 0),
            (0x05, 0, 0, 1),
            (0x84, 0, 0, 0),
            (0x16, 0, 0, 0),
        ];
        let expected = "\
            (000) ld       [rand]\n\
            (001) mod      #10\n\
            (002) tax\n\
            (003) ld       [x + net + 16]\n\
            (004) ldb      [mac + 12]\n\
            (005) xor      x\n\
            (006) and      #0xff\n\
            (007) st       M[3]\n\
            (008) ld       #pktlen\n\
            (009) ja       11\n\
            (010) neg\n\
            (011) ret      a";
        assert_eq!(listing(&instructions), expected);
    }
}
