//! The sockets of all shards, opened so that no packet is captured unfiltered, twice, or by the
//! wrong shard.
//!
//! The order matters. A socket that is opened for all protocols receives packets from that moment
//! on, before a filter can be attached; a socket that is bound, but not yet in the fanout group,
//! receives the packets of the group as well. Therefore each socket is opened without a protocol,
//! gets a filter that rejects everything, gets its ring, is bound, and joins the group. When all
//! have joined, the capture filter replaces the one that rejects.

use std::io;

use dnsflow_filters::{FilterError, Program, without_loopback_echo};

use super::inherited::InheritedSockets;
use super::interface::{ANY, ask};
use super::ring::Ring;
use crate::capture::error::CaptureError;
use dnsflow_packet::LinkType;
use dnsflow_sys::{FanoutMode, Mapping, PacketSocket, RingShape};

/// Bytes of a ring block. A wake-up costs tens of microseconds, so that large blocks cost least.
pub const BLOCK_BYTES: u32 = 1 << 20;

/// Milliseconds after which the kernel hands over a block that is not full: the most that capture
/// adds to the age of a record.
pub const RETIRE_MS: u32 = 10;

/// The interface index that stands for all interfaces (packet(7)).
const ALL_INTERFACES: i32 = 0;

/// The index of the loopback, in every network namespace (LOOPBACK_IFINDEX, net/net_namespace.h).
const LOOPBACK: u32 = 1;

/// How the kernel divides packets among sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spread {
    /// By the hash of the flow.
    Hash,
    /// By the CPU that received the packet.
    Cpu,
    /// By the value of a program, modulo the number of sockets.
    Program(Program),
}

/// An interface to capture on.
#[derive(Clone, Debug)]
pub struct Tap {
    /// Its name, or [`ANY`] for all interfaces, including later ones. A packet that passes several
    /// interfaces is then captured on each; on the loopback, only once.
    pub interface: String,
    /// Whether to put the interface into promiscuous mode; without effect for [`ANY`].
    pub promiscuous: bool,
    /// Number of sockets, one for each shard.
    pub shards: usize,
    /// Bytes of the ring of each shard; rounded up to whole blocks, at least two.
    pub ring_bytes: u64,
    /// How packets are divided among the shards.
    pub spread: Spread,
}

/// The sockets of all shards, whose filters still reject every packet.
#[derive(Debug)]
pub struct Armed {
    /// One ring for each shard.
    pub rings: Vec<Ring>,
    /// What the sockets are bound to.
    pub source: Source,
}

/// What the name of an interface stands for at present.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// The interface index, for bind(2); 0 for all interfaces.
    pub index: i32,
    /// The link layer of the packets.
    pub link: LinkType,
    /// The index of the loopback, if that is among the interfaces.
    loopback: Option<u32>,
}

impl Source {
    /// Packets without a link layer, each with an EtherType.
    const NETWORK: LinkType = LinkType::Network(0);

    pub(crate) const EVERY_INTERFACE: Self = Self {
        index: ALL_INTERFACES,
        link: Self::NETWORK,
        loopback: Some(LOOPBACK),
    };

    fn look_up(name: &str) -> Result<Self, CaptureError> {
        if name == ANY {
            return Ok(Self::EVERY_INTERFACE);
        }
        let found = ask(name).map_err(|source| CaptureError::interface(name, source))?;
        let link =
            LinkType::from_hardware(found.hardware).ok_or_else(|| CaptureError::Hardware {
                interface: name.to_owned(),
                hardware: found.hardware,
            })?;
        if !found.has(libc::IFF_UP) {
            return Err(CaptureError::InterfaceDown {
                interface: name.to_owned(),
            });
        }
        let is_loopback = found.has(libc::IFF_LOOPBACK);
        Ok(Self {
            index: found.index,
            // Some of these drivers leave a header that they have removed in front of the packet;
            // with the offset of the network layer it is skipped.
            link: match link {
                LinkType::Ip => Self::NETWORK,
                link => link,
            },
            loopback: u32::try_from(found.index).ok().filter(|_| is_loopback),
        })
    }

    /// The program to attach so that each packet reaches `program` once, also on the loopback.
    ///
    /// # Errors
    /// If the whole is too long for the kernel.
    pub fn filter(&self, program: Program) -> Result<Program, FilterError> {
        match self.loopback {
            // PACKET_IGNORE_OUTGOING has no effect on the sockets of a fanout group.
            Some(index) => without_loopback_echo(index).then(program),
            None => Ok(program),
        }
    }
}

impl Tap {
    /// Looks up the interface.
    ///
    /// # Errors
    /// If there is no such interface, it is down, or its link layer is not supported.
    pub fn source(&self) -> Result<Source, CaptureError> {
        Source::look_up(&self.interface)
    }

    /// Prepares sockets of `inherited` for `source`. [`Armed::start`] then lets packets in.
    ///
    /// # Errors
    /// The step that failed, and how to fix it. Sockets that can still be used are given back to
    /// `inherited`.
    pub fn open(
        &self,
        source: Source,
        inherited: &mut InheritedSockets,
    ) -> Result<Armed, CaptureError> {
        let sockets = inherited.take(self.shards)?;
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
                inherited.give_back(sockets);
                Err(error)
            }
        }
    }

    fn arm(&self, sockets: &[PacketSocket], source: &Source) -> Result<Vec<Mapping>, CaptureError> {
        let mappings = sockets.iter().map(|socket| self.map(socket));
        // All rings are allocated before the first socket is bound: memory is what may be missing,
        // and a socket that was bound can't be used again.
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

    /// Attaches a filter that rejects everything, and maps the ring.
    fn map(&self, socket: &PacketSocket) -> Result<Mapping, CaptureError> {
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

    fn ring_error(&self, source: io::Error) -> CaptureError {
        CaptureError::Ring {
            mebibytes: self.ring_bytes >> 20,
            source,
        }
    }
}

fn step(what: &'static str) -> impl Fn(io::Error) -> CaptureError {
    move |source| CaptureError::SocketOption { what, source }
}

impl Armed {
    /// Attaches the capture filter, which [`Source::filter`] has made. From here on, packets are
    /// captured.
    ///
    /// # Errors
    /// If the kernel rejects the program.
    pub fn start(&self, filter: &Program) -> Result<(), CaptureError> {
        for ring in &self.rings {
            ring.set_filter(filter)
                .map_err(step("attach the capture filter"))?;
        }
        Ok(())
    }
}
