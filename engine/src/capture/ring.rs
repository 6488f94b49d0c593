//! A receive ring, block by block and packet by packet.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use dnsflow_filters::Program;

use dnsflow_packet::{Frame, LinkType, Timestamp};
use dnsflow_sys::{BlockBytes, KernelCounts, Mapping, PacketSocket};

/// Bytes from a packet's header to its address: TPACKET_ALIGN(sizeof(struct tpacket3_hdr)).
const ADDRESS_OFFSET: usize = 48;

/// The socket, ring and place in the ring of one shard.
#[derive(Debug)]
pub struct Ring {
    socket: PacketSocket,
    mapping: Mapping,
    next: usize,
    link: LinkType,
    counts: KernelCounts,
}

impl Ring {
    pub(super) fn new(socket: PacketSocket, mapping: Mapping, link: LinkType) -> Self {
        Ring {
            socket,
            mapping,
            next: 0,
            link,
            counts: KernelCounts::default(),
        }
    }

    /// Whether [`Ring::block`] has a block to give.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.mapping.is_ours(self.next)
    }

    /// The next block that the kernel has handed over. It goes back when it is dropped.
    pub fn block(&mut self) -> Option<Block<'_>> {
        let bytes = self.mapping.block(self.next)?;
        self.next = if self.next + 1 == bytes.ring_blocks() {
            0
        } else {
            self.next + 1
        };
        Some(Block {
            bytes,
            link: self.link,
        })
    }

    /// Swaps the capture filter; packets that are in the ring stay there.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_filter(&self, program: &Program) -> io::Result<()> {
        self.socket.set_filter(program)
    }

    /// What the kernel counted for this socket since it was opened; where it won't say, what it said last.
    pub fn kernel_counts(&mut self) -> KernelCounts {
        if let Ok(new) = self.socket.statistics() {
            self.counts.add(&new);
        }
        self.counts
    }

    /// The socket once more, for those who have to ask it something.
    ///
    /// # Errors
    /// What dup(2) says.
    pub fn socket(&self) -> io::Result<PacketSocket> {
        self.socket.try_clone()
    }

    /// A second descriptor of the socket, to wait on.
    ///
    /// # Errors
    /// What dup(2) says.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        self.socket.as_fd().try_clone_to_owned()
    }
}

/// A block of packets, ours until it is dropped.
#[derive(Debug)]
pub struct Block<'r> {
    bytes: BlockBytes<'r>,
    link: LinkType,
}

impl Block<'_> {
    /// The packets of the block, in the order of arrival.
    #[must_use]
    pub fn frames(&self) -> Frames<'_> {
        Frames {
            bytes: self.bytes.bytes(),
            at: self.bytes.first_packet(),
            left: self.bytes.packets(),
            link: self.link,
        }
    }
}

/// The packets of a block.
#[derive(Clone, Debug)]
pub struct Frames<'b> {
    bytes: &'b [u8],
    at: usize,
    left: u32,
    link: LinkType,
}

impl<'b> Iterator for Frames<'b> {
    type Item = Frame<'b>;

    /// ```text
    /// struct tpacket3_hdr:
    ///  0 tp_next_offset 4 | tp_sec 4 | tp_nsec 4 | tp_snaplen 4
    /// 16 tp_len 4 | tp_status 4 | tp_mac 2 | tp_net 2 | tp_rxhash 4
    /// 32 tp_vlan_tci 4 | tp_vlan_tpid 2 | padding 10
    /// ```
    /// `tp_mac` is where the link layer starts and `tp_net` where the network layer does, counted from the
    /// header, as `tp_next_offset` is. A tag that the kernel took out of the frame is in `tp_vlan_tci`; no record says it, so it stays there.
    fn next(&mut self) -> Option<Frame<'b>> {
        if self.left == 0 {
            return None;
        }
        let rest = self.bytes.get(self.at..)?;
        let header: &[u8; 48] = rest.first_chunk()?;
        let word = |at: usize| {
            u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let captured = usize::try_from(word(12)).ok()?;
        let mac = usize::from(u16::from_ne_bytes([header[24], header[25]]));
        let net = usize::from(u16::from_ne_bytes([header[26], header[27]]));
        // The kernel wrote these offsets; a wrong one ends the block, never the process.
        let bytes = rest.get(mac..)?.get(..captured)?;
        let (link, before) = match self.link {
            LinkType::Network(_) => (LinkType::Network(protocol(rest)?), net.checked_sub(mac)?),
            link => (link, 0),
        };
        let wire_bytes = word(16).saturating_sub(u32::try_from(before).ok()?);
        self.at += usize::try_from(word(0)).ok()?;
        self.left -= 1;
        Some(Frame {
            bytes: bytes.get(before..).unwrap_or_default(),
            wire_bytes,
            at: Timestamp {
                seconds: word(4).into(),
                nanoseconds: word(8),
            },
            link,
        })
    }
}

/// The EtherType of a packet, out of the address that the kernel puts behind its header:
///
/// ```text
/// struct sockaddr_ll: sll_family 2 | sll_protocol 2, network byte order | ..
/// ```
fn protocol(packet: &[u8]) -> Option<u16> {
    let address = packet.get(ADDRESS_OFFSET..)?;
    let [_, _, high, low] = *address.first_chunk()?;
    Some(u16::from_be_bytes([high, low]))
}
