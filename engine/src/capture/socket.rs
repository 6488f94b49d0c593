//! Opening the sockets of all shards so that nothing unfiltered, doubled or unbalanced is taken.
//!
//! The order matters. A socket that is opened for all protocols takes packets from that moment on, before
//! a filter can be attached; one that joins the fanout group later than it is bound gets what the group
//! gets as well. So every socket is opened for no protocol, refuses everything, gets its ring, is bound,
//! joins the group, and only when all have joined does the real filter replace the one that refuses.

use std::io;

use dnsflow_filters::{FilterError, Program, without_loopback_echo};

use super::interface::{ANY, ask};
use super::ring::Ring;
use super::stock::Stock;
use crate::start::error::StartError;
use dnsflow_packet::LinkType;
use dnsflow_sys::{FanoutMode, Mapping, PacketSocket, RingShape};

/// Bytes of a ring block. A wake-up costs tens of microseconds, so large blocks cost least.
pub const BLOCK_BYTES: u32 = 1 << 20;

/// Milliseconds until the kernel hands over a block that is not full: the most that capture adds to the
/// age of a record.
pub const RETIRE_MS: u32 = 10;

/// The index that stands for all interfaces (packet(7)).
const ALL_INTERFACES: i32 = 0;

/// The index of the loopback, in every network namespace (LOOPBACK_IFINDEX, net/net_namespace.h).
const LOOPBACK: u32 = 1;

/// How the kernel spreads packets over the sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spread {
    /// By the hash of the flow.
    Hash,
    /// By the CPU that received.
    Cpu,
    /// By the value of a program, modulo the number of sockets.
    Program(Program),
}

/// An interface to capture on.
#[derive(Clone, Debug)]
pub struct Tap {
    /// Its name, or [`ANY`] for all that there are and will be. A packet that passes several is then seen on
    /// each, but for the loopback, where it comes in again at once.
    pub interface: String,
    /// Whether to take what is addressed to others too; of no effect on [`ANY`].
    pub promiscuous: bool,
    /// Sockets to open, one a shard.
    pub shards: usize,
    /// Bytes of each shard's ring; rounded up to whole blocks.
    pub ring_bytes: u64,
    /// How the shards divide the packets.
    pub spread: Spread,
}

/// The sockets of all shards, which still refuse every packet.
#[derive(Debug)]
pub struct Armed {
    /// One ring a shard.
    pub rings: Vec<Ring>,
    /// What they are bound to.
    pub source: Source,
}

/// What the name of an interface stands for.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// For bind(2).
    pub index: i32,
    /// What the interface's packets start with.
    pub link: LinkType,
    /// The loopback, where it is among the interfaces.
    loopback: Option<u32>,
}

impl Source {
    /// Packets from their network header on, each with an EtherType of its own.
    const NETWORK: LinkType = LinkType::Network(0);

    const EVERY_INTERFACE: Source = Source {
        index: ALL_INTERFACES,
        link: Self::NETWORK,
        loopback: Some(LOOPBACK),
    };

    fn look_up(name: &str) -> Result<Self, StartError> {
        if name == ANY {
            return Ok(Self::EVERY_INTERFACE);
        }
        let found = ask(name).map_err(|source| StartError::interface(name, source))?;
        let link = LinkType::from_hardware(found.hardware).ok_or_else(|| StartError::Hardware {
            interface: name.to_owned(),
            hardware: found.hardware,
        })?;
        if !found.has(libc::IFF_UP) {
            return Err(StartError::InterfaceDown {
                interface: name.to_owned(),
            });
        }
        let is_loopback = found.has(libc::IFF_LOOPBACK);
        Ok(Source {
            index: found.index,
            // Some of those drivers leave the header that they have taken off in front of what comes in.
            link: match link {
                LinkType::Ip => Self::NETWORK,
                link => link,
            },
            loopback: u32::try_from(found.index).ok().filter(|_| is_loopback),
        })
    }

    /// The program to attach, so that `program` sees each packet once.
    ///
    /// # Errors
    /// If both are too long for the kernel.
    pub fn filter(&self, program: Program) -> Result<Program, FilterError> {
        match self.loopback {
            // The kernel's own way, PACKET_IGNORE_OUTGOING, has no effect on the sockets of a fanout group.
            Some(index) => without_loopback_echo(index).then(program),
            None => Ok(program),
        }
    }
}

impl Tap {
    /// What the name of the interface stands for now.
    ///
    /// # Errors
    /// If that can't be captured on.
    pub fn source(&self) -> Result<Source, StartError> {
        Source::look_up(&self.interface)
    }

    /// Makes the sockets ready on `source`, which come out of `stock`. [`Armed::start`] lets packets in.
    ///
    /// # Errors
    /// Which step failed and what would mend it. Sockets that can still be used are in `stock` again.
    pub fn open(&self, source: Source, stock: &mut Stock) -> Result<Armed, StartError> {
        let sockets = stock.take(self.shards)?;
        match self.arm(&sockets, &source) {
            Ok(mappings) => {
                let both = sockets.into_iter().zip(mappings);
                let rings = both.map(|(socket, mapping)| Ring::new(socket, mapping, source.link));
                Ok(Armed {
                    rings: rings.collect(),
                    source,
                })
            }
            Err(error) => {
                stock.give_back(sockets);
                Err(error)
            }
        }
    }

    fn arm(&self, sockets: &[PacketSocket], source: &Source) -> Result<Vec<Mapping>, StartError> {
        let mappings = sockets.iter().map(|socket| self.map(socket));
        // All rings come before the first socket is bound: memory is what may be missing, and what was bound
        // can't be used again.
        let mappings = mappings.collect::<Result<Vec<_>, _>>()?;
        let mut group = None;
        for socket in sockets {
            socket
                .bind(source.index)
                .map_err(step("bind to the interface"))?;
            if self.promiscuous && source.index != ALL_INTERFACES {
                socket
                    .promiscuous(source.index)
                    .map_err(step("make the interface promiscuous"))?;
            }
            if self.shards > 1 {
                group = Some(
                    self.join(socket, group)
                        .map_err(step("join the fanout group"))?,
                );
            }
        }
        Ok(mappings)
    }

    /// The ring of a socket that lets nothing in.
    fn map(&self, socket: &PacketSocket) -> Result<Mapping, StartError> {
        socket
            .set_filter(&Program::drop_all())
            .map_err(step("attach a filter"))?;
        let shape = self.ring_shape();
        socket
            .set_ring(shape)
            .and_then(|()| Mapping::new(socket, shape))
            .map_err(|source| self.ring_error(source))
    }

    fn join(&self, socket: &PacketSocket, group: Option<u16>) -> io::Result<u16> {
        let (mode, program) = match &self.spread {
            Spread::Hash => (FanoutMode::Hash, None),
            Spread::Cpu => (FanoutMode::Cpu, None),
            Spread::Program(program) => (FanoutMode::Program, Some(program)),
        };
        let id = socket.join_fanout(mode, group)?;
        if let Some(program) = program.filter(|_| group.is_none()) {
            socket.set_fanout_program(program)?;
        }
        Ok(id)
    }

    fn ring_shape(&self) -> RingShape {
        let blocks = self.ring_bytes.div_ceil(u64::from(BLOCK_BYTES)).max(2);
        RingShape {
            block_bytes: BLOCK_BYTES,
            blocks: u32::try_from(blocks).unwrap_or(u32::MAX),
            retire_ms: RETIRE_MS,
        }
    }

    fn ring_error(&self, source: io::Error) -> StartError {
        StartError::Ring {
            mebibytes: self.ring_bytes >> 20,
            source,
        }
    }
}

fn step(what: &'static str) -> impl Fn(io::Error) -> StartError {
    move |source| StartError::SocketOption { what, source }
}

impl Armed {
    /// Swaps in the capture filter, which [`Source::filter`] made: from here on packets come in.
    ///
    /// # Errors
    /// What the kernel says of the program.
    pub fn start(&self, filter: &Program) -> Result<(), StartError> {
        for ring in &self.rings {
            ring.set_filter(filter)
                .map_err(step("attach the capture filter"))?;
        }
        Ok(())
    }
}
