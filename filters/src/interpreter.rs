//! Runs a program over a packet in user space, with the kernel's semantics.
//!
//! The engine filters files with it, and the tests of this crate run all programs over a table of
//! frames with it. Everything that does not depend on a packet is checked when the interpreter is
//! made, so that a run allocates nothing and can't fail: it ends with a value.
//!
//! It refuses, when it is made, programs that read what only a kernel knows: the interface, the
//! receive queue, the processor, marks, hashes, netlink attributes and the payload offset.

use crate::instruction::{ANCILLARY_OFFSET, LINK_OFFSET, MEMORY_WORDS, NETWORK_OFFSET};
use crate::operation::{Ancillary, Arithmetic, Operand, Operation, Size, Test};
use crate::{FilterError, Program};

/// A packet as the kernel shows it to a program.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// Bytes that were captured, from the link layer header on.
    pub frame: &'a [u8],
    /// Length on the wire, in bytes; `frame` is shorter where the capture was cut.
    pub wire_length: u32,
    /// Where in `frame` plain loads count from: 0 in a capture filter; the network header in a
    /// fanout program, for received packets.
    pub data_offset: usize,
    /// Where in `frame` the network header is, which `SKF_NET_OFF` loads count from.
    pub network_offset: usize,
    /// Ethertype of what is at the network header (`SKF_AD_PROTOCOL`).
    pub protocol: u16,
    /// VLAN tag that the kernel has stripped.
    pub vlan: Option<VlanTag>,
}

/// A VLAN tag outside the frame, in the ring header's or the `sk_buff`'s own fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VlanTag {
    /// Priority, drop eligibility and VLAN number (IEEE 802.1Q, section 9.6).
    pub tci: u16,
    /// Ethertype of the tag, usually 0x8100 or 0x88a8.
    pub tpid: u16,
}

impl<'a> Packet<'a> {
    /// An Ethernet frame captured whole and as it is, for a capture filter.
    ///
    /// Tags in the frame stay there: the network header is right behind the first ethertype. A
    /// frame that is too short for an ethertype has protocol 0.
    #[must_use]
    pub fn ethernet(frame: &'a [u8]) -> Self {
        const ETHERNET_HEADER_BYTES: usize = 14;
        let protocol = match frame.get(12..ETHERNET_HEADER_BYTES) {
            Some(&[high, low]) => u16::from_be_bytes([high, low]),
            _ => 0,
        };
        Self {
            frame,
            wire_length: u32::try_from(frame.len()).unwrap_or(u32::MAX),
            data_offset: 0,
            network_offset: ETHERNET_HEADER_BYTES,
            protocol,
            vlan: None,
        }
    }

    /// The same packet as a fanout program sees it on receive: data starts at the network header.
    #[must_use]
    pub fn for_fanout(self) -> Self {
        Self {
            data_offset: self.network_offset,
            ..self
        }
    }

    /// What `len` loads.
    fn length(&self) -> u32 {
        self.wire_length
            .saturating_sub(u32::try_from(self.data_offset).unwrap_or(u32::MAX))
    }

    /// Loads by an offset of any kind; `None` past either end.
    ///
    /// Offsets are signed for the kernel: the negative ones count from a header.
    #[inline]
    fn load(&self, size: Size, offset: u32) -> Option<u32> {
        let (base, offset) = match offset {
            ..=0x7fff_ffff => (self.data_offset, offset),
            NETWORK_OFFSET.. => (self.network_offset, offset - NETWORK_OFFSET),
            LINK_OFFSET.. => (0, offset - LINK_OFFSET),
            _ => return None,
        };
        let start = base.checked_add(usize::try_from(offset).ok()?)?;
        let bytes = self.frame.get(start..)?;
        match size {
            Size::Word => bytes.first_chunk().map(|&word| u32::from_be_bytes(word)),
            Size::Half => bytes
                .first_chunk()
                .map(|&half| u32::from(u16::from_be_bytes(half))),
            Size::Byte => bytes.first().map(|&byte| u32::from(byte)),
        }
    }
}

const _: () = assert!(ANCILLARY_OFFSET > NETWORK_OFFSET && NETWORK_OFFSET > LINK_OFFSET);

/// A program that can run in user space.
#[derive(Debug, Clone)]
pub struct Interpreter {
    operations: Box<[Operation]>,
}

impl Interpreter {
    /// Prepares a program.
    ///
    /// # Errors
    ///
    /// [`FilterError::KernelOnly`] for a program that reads what only a kernel knows.
    pub fn new(program: &Program) -> Result<Self, FilterError> {
        for (index, operation) in program.operations().iter().enumerate() {
            match operation {
                Operation::LoadAncillary(_, ancillary) if !is_known(*ancillary) => {
                    return Err(FilterError::KernelOnly {
                        name: program.name().to_owned(),
                        index,
                        ancillary: ancillary.name(),
                    });
                }
                _ => {}
            }
        }
        Ok(Self {
            operations: program.operations().into(),
        })
    }

    /// Runs the program over a packet and returns its value: for a capture filter the bytes to
    /// keep, 0 to drop; for a fanout program the number that picks the socket.
    ///
    /// As in the kernel, a load past the packet and a division by an `X` of 0 end the program with
    /// 0. `random` gives the words of `SKF_AD_RANDOM`, one a load, and is not called otherwise.
    pub fn run(&self, packet: &Packet<'_>, random: impl FnMut() -> u32) -> u32 {
        self.value(packet, random, || {}).unwrap_or(0)
    }

    /// Instructions that a run over a packet executes, the one that ends it included.
    pub fn executed(&self, packet: &Packet<'_>, random: impl FnMut() -> u32) -> usize {
        let mut count = 0;
        self.value(packet, random, || count += 1);
        count
    }

    /// The program's value; `None` where it ends early. `step` is called for every instruction.
    #[inline(always)]
    fn value(
        &self,
        packet: &Packet<'_>,
        mut random: impl FnMut() -> u32,
        mut step: impl FnMut(),
    ) -> Option<u32> {
        let mut a: u32 = 0;
        let mut x: u32 = 0;
        let mut memory = [0u32; MEMORY_WORDS];
        let mut next = 0;
        loop {
            // The last operation returns and jumps stay inside, so there always is a next one.
            let operation = *self.operations.get(next)?;
            next += 1;
            step();
            match operation {
                Operation::LoadAbsolute(size, k) => a = packet.load(size, k)?,
                Operation::LoadIndirect(size, k) => a = packet.load(size, x.wrapping_add(k))?,
                Operation::LoadAncillary(_, ancillary) => {
                    a = match ancillary {
                        Ancillary::Random => random(),
                        Ancillary::XorX => a ^ x,
                        _ => known(ancillary, packet)?,
                    }
                }
                Operation::LoadLength => a = packet.length(),
                Operation::LoadConstant(k) => a = k,
                Operation::LoadMemory(slot) => a = memory[slot.index()],
                Operation::LoadXHeaderLength(k) => x = (packet.load(Size::Byte, k)? & 0x0f) << 2,
                Operation::LoadXLength => x = packet.length(),
                Operation::LoadXConstant(k) => x = k,
                Operation::LoadXMemory(slot) => x = memory[slot.index()],
                Operation::Store(slot) => memory[slot.index()] = a,
                Operation::StoreX(slot) => memory[slot.index()] = x,
                Operation::Arithmetic(arithmetic, operand) => {
                    a = compute(arithmetic, a, value_of(operand, x))?;
                }
                Operation::Negate => a = a.wrapping_neg(),
                Operation::Jump(distance) => next += usize::try_from(distance).ok()?,
                Operation::Branch(test, operand, jt, jf) => {
                    let holds = holds(test, a, value_of(operand, x));
                    next += usize::from(if holds { jt } else { jf });
                }
                Operation::Return(k) => return Some(k),
                Operation::ReturnA => return Some(a),
                Operation::CopyAToX => x = a,
                Operation::CopyXToA => a = x,
            }
        }
    }
}

fn is_known(ancillary: Ancillary) -> bool {
    matches!(
        ancillary,
        Ancillary::Protocol
            | Ancillary::XorX
            | Ancillary::VlanTag
            | Ancillary::VlanTagPresent
            | Ancillary::Random
            | Ancillary::VlanProtocol
    )
}

/// Ancillary data that the packet carries.
fn known(ancillary: Ancillary, packet: &Packet<'_>) -> Option<u32> {
    match ancillary {
        Ancillary::Protocol => Some(u32::from(packet.protocol)),
        Ancillary::VlanTag => Some(packet.vlan.map_or(0, |tag| u32::from(tag.tci))),
        Ancillary::VlanProtocol => Some(packet.vlan.map_or(0, |tag| u32::from(tag.tpid))),
        Ancillary::VlanTagPresent => Some(u32::from(packet.vlan.is_some())),
        _ => None,
    }
}

fn value_of(operand: Operand, x: u32) -> u32 {
    match operand {
        Operand::Constant(k) => k,
        Operand::X => x,
    }
}

/// `None` for a division by 0, which ends the program. Shifts take the low five bits of the right
/// hand side, as the kernel's do.
fn compute(arithmetic: Arithmetic, a: u32, operand: u32) -> Option<u32> {
    Some(match arithmetic {
        Arithmetic::Add => a.wrapping_add(operand),
        Arithmetic::Subtract => a.wrapping_sub(operand),
        Arithmetic::Multiply => a.wrapping_mul(operand),
        Arithmetic::Divide => a.checked_div(operand)?,
        Arithmetic::Modulo => a.checked_rem(operand)?,
        Arithmetic::And => a & operand,
        Arithmetic::Or => a | operand,
        Arithmetic::Xor => a ^ operand,
        Arithmetic::ShiftLeft => a.wrapping_shl(operand),
        Arithmetic::ShiftRight => a.wrapping_shr(operand),
    })
}

fn holds(test: Test, a: u32, operand: u32) -> bool {
    match test {
        Test::Equal => a == operand,
        Test::Greater => a > operand,
        Test::GreaterOrEqual => a >= operand,
        Test::AnyBit => a & operand != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Instruction;
    use crate::instruction::code::*;

    const FRAME: [u8; 20] = [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0x81, 0x00, 0x45, 15, 16, 17, 18, 19,
    ];

    fn run_on(packet: &Packet<'_>, instructions: &[(u16, u32)]) -> u32 {
        let ends = [(RET | A, 0)];
        let instructions = instructions.iter().chain(&ends);
        let instructions = instructions
            .map(|&(code, k)| Instruction {
                code,
                jt: 0,
                jf: 0,
                k,
            })
            .collect();
        let program = Program::new("tried", instructions).expect("a program that the kernel takes");
        let interpreter = Interpreter::new(&program).expect("nothing that only a kernel knows");
        interpreter.run(packet, || 0x5eed)
    }

    fn run(instructions: &[(u16, u32)]) -> u32 {
        run_on(&Packet::ethernet(&FRAME), instructions)
    }

    #[test]
    fn loads_count_from_where_they_say() {
        let fanout = Packet::ethernet(&FRAME).for_fanout();
        for (offset, received, in_filter) in [
            (1, 15, 1),
            (NETWORK_OFFSET + 1, 15, 15),
            (LINK_OFFSET + 1, 1, 1),
        ] {
            assert_eq!(
                run_on(&fanout, &[(LD | B | ABS, offset)]),
                received,
                "{offset:#x}"
            );
            assert_eq!(run(&[(LD | B | ABS, offset)]), in_filter, "{offset:#x}");
            let indirect = [(LDX | IMM, 1), (LD | B | IND, offset - 1)];
            assert_eq!(run(&indirect), in_filter, "{offset:#x}, by way of X");
        }
        assert_eq!(run(&[(LD | H | ABS, 2)]), 0x0203);
        assert_eq!(run(&[(LD | W | ABS, 2)]), 0x0203_0405);
        assert_eq!(run(&[(LDX | B | MSH, NETWORK_OFFSET), (MISC | TXA, 0)]), 20);
    }

    #[test]
    fn loads_past_either_end_return_0() {
        let kept = |load| run(&[load, (LD | IMM, 1)]) == 1;
        assert!(kept((LD | B | ABS, 19)) && !kept((LD | B | ABS, 20)));
        assert!(kept((LD | H | ABS, 18)) && !kept((LD | H | ABS, 19)));
        assert!(kept((LD | W | ABS, 16)) && !kept((LD | W | ABS, 17)));
        assert!(!kept((LD | B | ABS, 0x7fff_ffff)));
        assert!(!kept((LD | B | ABS, 0x8000_0000)));
        assert!(!kept((LD | B | ABS, LINK_OFFSET - 1)));
        assert!(!kept((LDX | B | MSH, NETWORK_OFFSET + 6)));
        let indirect = |x| run(&[(LDX | IMM, x), (LD | B | IND, 3), (LD | IMM, 1)]) == 1;
        assert!(indirect(16) && !indirect(17));
        // -2 is an offset far behind the network header.
        assert!(!indirect(0xffff_fffb));
        // Wraps around to 2.
        assert!(indirect(u32::MAX));
    }

    #[test]
    fn ancillary_data_is_the_packets() {
        let ancillary = |ancillary: Ancillary| (LD | W | ABS, ancillary.offset());
        let vlan = Some(VlanTag {
            tci: 0x2064,
            tpid: 0x88a8,
        });
        let packet = Packet {
            vlan,
            ..Packet::ethernet(&FRAME)
        };
        assert_eq!(run_on(&packet, &[ancillary(Ancillary::Protocol)]), 0x8100);
        assert_eq!(run_on(&packet, &[ancillary(Ancillary::VlanTag)]), 0x2064);
        assert_eq!(
            run_on(&packet, &[ancillary(Ancillary::VlanProtocol)]),
            0x88a8
        );
        assert_eq!(run_on(&packet, &[ancillary(Ancillary::VlanTagPresent)]), 1);
        assert_eq!(run(&[ancillary(Ancillary::VlanTagPresent)]), 0);
        assert_eq!(run(&[ancillary(Ancillary::Random)]), 0x5eed);
        assert_eq!(
            run(&[(LDX | IMM, 6), (LD | IMM, 3), ancillary(Ancillary::XorX)]),
            5
        );
    }

    #[test]
    fn length_is_on_the_wire_from_where_data_starts() {
        let packet = Packet {
            wire_length: 1500,
            ..Packet::ethernet(&FRAME)
        };
        assert_eq!(run_on(&packet, &[(LD | LEN, 0)]), 1500);
        assert_eq!(
            run_on(&packet.for_fanout(), &[(LDX | LEN, 0), (MISC | TXA, 0)]),
            1486
        );
    }

    #[test]
    fn arithmetic_is_the_kernels() {
        let by_x =
            |a, operation, x| run(&[(LD | IMM, a), (LDX | IMM, x), (ALU | operation | X, 0)]);
        assert_eq!(by_x(7, SUB, 8), u32::MAX);
        assert_eq!(by_x(u32::MAX, ADD, 2), 1);
        assert_eq!(by_x(0x8000_0001, MUL, 2), 2);
        assert_eq!(by_x(6, AND, 3), 2);
        assert_eq!(by_x(6, OR, 3), 7);
        assert_eq!(by_x(6, XOR, 3), 5);
        assert_eq!(by_x(17, MOD, 5), 2);
        assert_eq!(by_x(17, DIV, 5), 3);
        assert_eq!(by_x(1, LSH, 33), 2);
        assert_eq!(by_x(4, RSH, 34), 1);
        assert_eq!(run(&[(LD | IMM, 1), (ALU | NEG, 0)]), u32::MAX);
        // Division by 0 ends the program, whatever follows.
        for operation in [DIV, MOD] {
            let ended = [
                (LD | IMM, 1),
                (LDX | IMM, 0),
                (ALU | operation | X, 0),
                (LD | IMM, 9),
            ];
            assert_eq!(run(&ended), 0);
        }
    }

    #[test]
    fn what_only_a_kernel_knows_is_refused() {
        let processor = Instruction {
            code: LD | ABS,
            jt: 0,
            jf: 0,
            k: Ancillary::Cpu.offset(),
        };
        let returns = Instruction {
            code: RET | A,
            jt: 0,
            jf: 0,
            k: 0,
        };
        let program = Program::new("by processor", vec![processor, returns]);
        let error = Interpreter::new(&program.expect("the kernel takes it"))
            .expect_err("no processor in a file");
        let expected = FilterError::KernelOnly {
            name: "by processor".to_owned(),
            index: 0,
            ancillary: "cpu",
        };
        assert_eq!(error, expected);
    }
}
