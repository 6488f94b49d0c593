//! Selects the packets of a file that a shard decodes. In live capture the kernel runs the fanout,
//! share, sample and filter programs; for files this module runs the same programs.

use dnsflow_filters::{FilterError, Interpreter, MAX_SNAP_LENGTH, Packet, Program, compile};
use dnsflow_packet::{Frame, LinkType, Reject, link};

/// The decision about a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This shard decodes it.
    Ours,
    /// This shard counts it under this reason, and does not decode it.
    Reject(Reject),
    /// Another shard of this process decodes or counts it; this one does neither.
    OtherShard,
}

/// One of `count` parts of a file. A packet is in the part `program value % count`.
#[derive(Clone, Debug)]
pub struct Part {
    /// A fanout program: [`Balance::fanout`](dnsflow_filters::Balance::fanout).
    pub program: Program,
    /// 0 to `count` - 1.
    pub index: u32,
    /// Number of parts, at least 1.
    pub count: u32,
}

/// The tests that a packet of a file has to pass.
#[derive(Debug)]
pub struct Admission {
    /// This shard's part, if there are several.
    shard: Option<Division>,
    /// This process's part, by `-m`.
    member: Option<Division>,
    /// The expression of `-f`.
    expression: Option<String>,
    /// The expression compiled, for each link type seen so far.
    compiled: Vec<(LinkType, Interpreter)>,
    /// 1 of how many packets is kept; 0 and 1 keep all.
    sample: u32,
    /// State of the random number generator, never 0.
    random: u32,
}

#[derive(Debug)]
struct Division {
    program: Interpreter,
    index: u32,
    count: u32,
}

impl Admission {
    /// The tests of one shard.
    ///
    /// - `shard`: the shard's part of the file, `None` if there is one shard;
    /// - `member`: this process's share (`-m`), `None` for all packets;
    /// - `expression`: a pcap expression (`-f`), compiled when a packet of a new link type arrives,
    ///   `None` to filter nothing;
    /// - `sample`: 1 of how many packets is kept (`-s`), at random; 0 and 1 keep all.
    ///
    /// # Errors
    /// [`FilterError::KernelOnly`] if the program of a part reads what only a kernel knows;
    /// [`FilterError::NoSuchShare`] unless a part's `index < count`.
    pub fn new(
        shard: Option<Part>,
        member: Option<Part>,
        expression: Option<String>,
        sample: u32,
    ) -> Result<Self, FilterError> {
        let shard = shard.map(Division::new).transpose()?;
        // Each shard has its own random sequence; any seed except 0 is valid.
        let random = 0x9e37_79b9 ^ shard.as_ref().map_or(0, |division| division.index);
        Ok(Self {
            shard,
            member: member.map(Division::new).transpose()?,
            expression,
            compiled: Vec::new(),
            sample,
            random,
        })
    }

    /// Whether there are no tests: every verdict is [`Verdict::Ours`].
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.shard.is_none()
            && self.member.is_none()
            && self.expression.is_none()
            && self.sample == 0
    }

    /// Decides about the next packet of the file. The tests are, in this order: the shard's part,
    /// the process's share ([`Reject::Share`]), the sample ([`Reject::Sampled`]), the expression
    /// ([`Reject::Filtered`]). A packet of an unsupported link type passes the expression: decode
    /// counts it.
    ///
    /// # Errors
    /// [`FilterError`] if the expression does not compile for the packet's link type, or can't be
    /// run over a file.
    pub fn verdict(&mut self, frame: &Frame<'_>) -> Result<Verdict, FilterError> {
        if self.is_open() {
            return Ok(Verdict::Ours);
        }
        self.decide(frame)
    }

    fn decide(&mut self, frame: &Frame<'_>) -> Result<Verdict, FilterError> {
        let packet = program_input(frame);
        if self
            .shard
            .as_ref()
            .is_some_and(|division| !division.contains(&packet))
        {
            return Ok(Verdict::OtherShard);
        }
        if self
            .member
            .as_ref()
            .is_some_and(|division| !division.contains(&packet))
        {
            return Ok(Verdict::Reject(Reject::Share));
        }
        if self.sample > 1 && !self.next_random().is_multiple_of(self.sample) {
            return Ok(Verdict::Reject(Reject::Sampled));
        }
        if let LinkType::Unsupported(_) = frame.link {
            // No expression compiles for it, and decode counts it.
            return Ok(Verdict::Ours);
        }
        match self.filter(frame.link)? {
            Some(filter) if filter.run(&packet, || 0) == 0 => Ok(Verdict::Reject(Reject::Filtered)),
            _ => Ok(Verdict::Ours),
        }
    }

    /// Compiles the expression for packets of a link type.
    ///
    /// # Errors
    /// As [`Admission::verdict`].
    pub fn prepare(&mut self, link: LinkType) -> Result<(), FilterError> {
        match link {
            LinkType::Unsupported(_) => Ok(()),
            _ => self.filter(link).map(drop),
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

    /// The next number of a 32-bit xorshift (Marsaglia 2003): a sample has to be fair, not
    /// unpredictable.
    fn next_random(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random
    }
}

impl Division {
    fn new(part: Part) -> Result<Self, FilterError> {
        let Part {
            program,
            index,
            count,
        } = part;
        if index >= count {
            return Err(FilterError::NoSuchShare { index, count });
        }
        Ok(Self {
            program: Interpreter::new(&program)?,
            index,
            count,
        })
    }

    fn contains(&self, packet: &Packet<'_>) -> bool {
        self.program.run(&packet.for_fanout(), || 0) % self.count == self.index
    }
}

/// A frame of a file as input of a socket filter program, as if an interface had received it. If
/// the link layer can't be skipped, the network header is at the end of the frame and the protocol
/// is 0.
pub(super) fn program_input<'a>(frame: &Frame<'a>) -> Packet<'a> {
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
