//! Which packets of a file a shard takes: what the kernel decides in live capture, decided here by the same
//! programs.

use dnsflow_filters::{FilterError, Interpreter, MAX_SNAP_LENGTH, Packet, Program, compile};

use dnsflow_packet::{Frame, LinkType};
use dnsflow_packet::{Reject, link};

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This shard decodes it.
    Ours,
    /// This shard counts it.
    Reject(Reject),
    /// Another shard of this process sees to it.
    OtherShard,
}

/// Which of `count` parts is wanted, and the program that says which part a packet is in.
#[derive(Clone, Debug)]
pub struct Part {
    /// A fanout program.
    pub program: Program,
    /// 0 to `count` - 1.
    pub index: u32,
    /// Number of parts.
    pub count: u32,
}

/// The tests that a packet of a file has to pass.
#[derive(Debug)]
pub struct Admission {
    /// This shard's part, where there are several.
    shard: Option<Division>,
    /// This process's part, by `-m`.
    member: Option<Division>,
    /// The expression of `-f`, compiled for each link type that was seen.
    expression: Option<String>,
    compiled: Vec<(LinkType, Interpreter)>,
    /// 1 of how many is kept; 0 for all.
    sample: u32,
    random: u32,
}

#[derive(Debug)]
struct Division {
    program: Interpreter,
    index: u32,
    count: u32,
}

impl Admission {
    /// # Errors
    /// If a program can't be run.
    pub fn new(
        shard: Option<Part>,
        member: Option<Part>,
        expression: Option<String>,
        sample: u32,
    ) -> Result<Self, FilterError> {
        let division = |part: Option<Part>| {
            part.map(
                |Part {
                     program,
                     index,
                     count,
                 }| {
                    Interpreter::new(&program).map(|program| Division {
                        program,
                        index,
                        count,
                    })
                },
            )
            .transpose()
        };
        let shard = division(shard)?;
        // Each shard draws its own numbers; any seed but 0 will do.
        let random = 0x9e37_79b9 ^ shard.as_ref().map_or(0, |division| division.index);
        Ok(Admission {
            shard,
            member: division(member)?,
            expression,
            compiled: Vec::new(),
            sample,
            random,
        })
    }

    /// Whether every packet is this shard's to decode.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.shard.is_none()
            && self.member.is_none()
            && self.expression.is_none()
            && self.sample == 0
    }

    /// # Errors
    /// If the expression of `-f` does not compile for a link type that turns up in the file.
    pub fn verdict(&mut self, frame: &Frame<'_>) -> Result<Verdict, FilterError> {
        if self.is_open() {
            return Ok(Verdict::Ours);
        }
        self.decide(frame)
    }

    fn decide(&mut self, frame: &Frame<'_>) -> Result<Verdict, FilterError> {
        let packet = as_program_sees(frame);
        if self
            .shard
            .as_ref()
            .is_some_and(|division| !division.holds(&packet))
        {
            return Ok(Verdict::OtherShard);
        }
        if self
            .member
            .as_ref()
            .is_some_and(|division| !division.holds(&packet))
        {
            return Ok(Verdict::Reject(Reject::Share));
        }
        if self.sample > 1 && !self.draw().is_multiple_of(self.sample) {
            return Ok(Verdict::Reject(Reject::Sampled));
        }
        if let LinkType::Unsupported(_) = frame.link {
            // No expression compiles for what decode can't read and will count.
            return Ok(Verdict::Ours);
        }
        match self.filter(frame.link)? {
            Some(filter) if filter.run(&packet, || 0) == 0 => Ok(Verdict::Reject(Reject::Filtered)),
            _ => Ok(Verdict::Ours),
        }
    }

    fn filter(&mut self, link: LinkType) -> Result<Option<&Interpreter>, FilterError> {
        let Some(expression) = &self.expression else {
            return Ok(None);
        };
        let known = self.compiled.iter().position(|(known, _)| *known == link);
        let index = match known {
            Some(index) => index,
            None => {
                let program = compile(expression, link, MAX_SNAP_LENGTH)?;
                self.compiled.push((link, Interpreter::new(&program)?));
                self.compiled.len() - 1
            }
        };
        Ok(self.compiled.get(index).map(|(_, filter)| filter))
    }

    /// A 32-bit xorshift (Marsaglia 2003): a sample has to be fair, not secret.
    fn draw(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random
    }
}

impl Division {
    fn holds(&self, packet: &Packet<'_>) -> bool {
        self.program.run(&packet.for_fanout(), || 0) % self.count == self.index
    }
}

/// A frame of a file as a socket filter would see it, had it come in over an interface.
pub(super) fn as_program_sees<'a>(frame: &Frame<'a>) -> Packet<'a> {
    let (network_offset, protocol) = link::network(frame)
        .map_or((frame.bytes.len(), 0), |network| {
            (network.offset_in(frame), network.protocol)
        });
    Packet {
        frame: frame.bytes,
        wire_length: frame.wire_bytes,
        data_offset: 0,
        network_offset,
        protocol,
        vlan: None,
    }
}
