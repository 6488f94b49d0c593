//! A TPACKET_V3 receive ring, read block by block and packet by packet.
//!
//! The kernel writes the offsets and lengths in a block. They are checked all the same: a wrong one
//! ends the block, and the packets behind it are counted as damaged. Nothing in a block can end the
//! process.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use dnsflow_filters::Program;
use socket2::SockRef;

use dnsflow_packet::{Frame, LinkType, Timestamp};
use dnsflow_sys::{BlockBytes, KernelCounts, Mapping, PacketSocket};

/// Bytes of struct tpacket3_hdr (linux/if_packet.h).
const HEADER_BYTES: usize = 48;

/// Bytes from a packet's header to its address: TPACKET_ALIGN(sizeof(struct tpacket3_hdr)).
const ADDRESS_OFFSET: usize = 48;

/// The socket and the ring of one shard, and the index of the block that comes next.
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
        Self {
            socket,
            mapping,
            next: 0,
            link,
            counts: KernelCounts::default(),
        }
    }

    /// Whether [`Ring::block`] would return a block.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.mapping.is_ours(self.next)
    }

    /// Number of blocks that the kernel has handed over and that were not read, and number of all
    /// blocks of the ring.
    #[must_use]
    pub fn filling(&self) -> (usize, usize) {
        let blocks = self.blocks();
        // Blocks that were handed over follow each other from the next one on.
        let (mut handed_over, mut end) = (0, blocks);
        while handed_over < end {
            let middle = handed_over + (end - handed_over) / 2;
            if self.mapping.is_ours((self.next + middle) % blocks) {
                handed_over = middle + 1;
            } else {
                end = middle;
            }
        }
        (handed_over, blocks)
    }

    /// The next block that the kernel has handed over; `None` if there is none yet. Dropping it
    /// returns it to the kernel.
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
            unread: Cell::new(0),
            damaged: &mut self.counts.damaged,
        })
    }

    /// Replaces the capture filter; packets that are in the ring stay there.
    ///
    /// # Errors
    /// Those of setsockopt(2) with SO_ATTACH_FILTER: ENOMEM if the program exceeds
    /// net.core.optmem_max, EINVAL if the kernel rejects it.
    pub fn set_filter(&self, program: &Program) -> io::Result<()> {
        self.socket.set_filter(program)
    }

    /// Counts of this socket since it was opened. If the kernel refuses to give its own, those are
    /// as they were at the last call.
    pub fn kernel_counts(&mut self) -> KernelCounts {
        if let Ok(new) = self.socket.statistics() {
            self.counts.add(&new);
        }
        self.counts
    }

    /// The error of the socket, such as ENETDOWN, if it has one; said once.
    #[must_use]
    pub fn take_error(&self) -> Option<io::Error> {
        SockRef::from(&self.socket).take_error().ok().flatten()
    }

    /// Number of all blocks.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.mapping.blocks()
    }

    /// A second handle of the socket, for queries.
    ///
    /// # Errors
    /// Those of dup(2).
    pub fn socket(&self) -> io::Result<PacketSocket> {
        self.socket.try_clone()
    }

    /// A second descriptor of the socket, to wait on.
    ///
    /// # Errors
    /// Those of dup(2).
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        self.socket.as_fd().try_clone_to_owned()
    }
}

/// A block of packets, which belongs to the reader until it is dropped.
#[derive(Debug)]
pub struct Block<'r> {
    bytes: BlockBytes<'r>,
    link: LinkType,
    /// Packets behind a damaged header. Set, not added to: every iterator over the block finds the
    /// same.
    unread: Cell<u32>,
    /// Where they are counted.
    damaged: &'r mut u64,
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
            unread: &self.unread,
        }
    }
}

impl Drop for Block<'_> {
    fn drop(&mut self) {
        *self.damaged += u64::from(self.unread.get());
    }
}

/// An iterator over the packets of a block. It ends early at a damaged header.
#[derive(Clone, Debug)]
pub struct Frames<'b> {
    bytes: &'b [u8],
    at: usize,
    left: u32,
    link: LinkType,
    unread: &'b Cell<u32>,
}

impl<'b> Iterator for Frames<'b> {
    type Item = Frame<'b>;

    fn next(&mut self) -> Option<Frame<'b>> {
        if self.left == 0 {
            return None;
        }
        let frame = self.frame();
        if frame.is_none() {
            self.give_up();
        }
        frame
    }
}

impl<'b> Frames<'b> {
    /// The packet at `at`; `None` if its header is damaged.
    ///
    /// ```text
    /// struct tpacket3_hdr:
    ///  0 tp_next_offset 4 | tp_sec 4 | tp_nsec 4 | tp_snaplen 4
    /// 16 tp_len 4 | tp_status 4 | tp_mac 2 | tp_net 2 | tp_rxhash 4
    /// 32 tp_vlan_tci 4 | tp_vlan_tpid 2 | padding 10
    /// ```
    /// `tp_mac` and `tp_net` are the offsets of the link layer and of the network layer from the
    /// header, in bytes; `tp_next_offset` is that of the next header. `tp_vlan_tci` holds a VLAN
    /// tag that the kernel removed from the frame, if `tp_status` says so.
    #[inline(always)]
    fn frame(&mut self) -> Option<Frame<'b>> {
        let rest = self.bytes.get(self.at..)?;
        let header: &[u8; HEADER_BYTES] = rest.first_chunk()?;
        let word = |at: usize| {
            u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let captured = usize::try_from(word(12)).ok()?;
        let mac = usize::from(u16::from_ne_bytes([header[24], header[25]]));
        let net = usize::from(u16::from_ne_bytes([header[26], header[27]]));
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
            vlan: (word(20) & libc::TP_STATUS_VLAN_VALID != 0)
                .then(|| u16::try_from(word(32) & 0xffff).unwrap_or(0)),
        })
    }

    /// Without a header there is no way to the next: the rest of the block is counted and left out.
    #[cold]
    fn give_up(&mut self) {
        self.unread.set(self.left);
        self.left = 0;
    }
}

/// The EtherType of a packet, from the address that the kernel writes behind its header:
///
/// ```text
/// struct sockaddr_ll: sll_family 2 | sll_protocol 2, network byte order | ..
/// ```
fn protocol(packet: &[u8]) -> Option<u16> {
    let address = packet.get(ADDRESS_OFFSET..)?;
    let [_, _, high, low] = *address.first_chunk()?;
    Some(u16::from_be_bytes([high, low]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes from the header of one packet to that of the next.
    const STRIDE: usize = 128;

    /// Bytes from a header to the frame behind it.
    const MAC: u16 = 80;

    const FRAME: &[u8] = b"a frame of 24 bytes, say";

    /// A block of so many packets, as the kernel lays them out.
    fn block(packets: usize) -> Vec<u8> {
        let mut block = vec![0; packets * STRIDE];
        for packet in block.chunks_mut(STRIDE) {
            let size = u32::try_from(FRAME.len()).expect("a small frame");
            let stride = u32::try_from(STRIDE).expect("a small stride");
            for (at, word) in [
                (0, stride),
                (4, 1_700_000_000),
                (8, 5),
                (12, size),
                (16, size),
            ] {
                packet[at..at + 4].copy_from_slice(&word.to_ne_bytes());
            }
            packet[24..26].copy_from_slice(&MAC.to_ne_bytes());
            packet[26..28].copy_from_slice(&(MAC + 14).to_ne_bytes());
            packet[ADDRESS_OFFSET + 2..ADDRESS_OFFSET + 4].copy_from_slice(&[0x08, 0x00]);
            let start = usize::from(MAC);
            packet[start..start + FRAME.len()].copy_from_slice(FRAME);
        }
        block
    }

    /// How many packets of a block were read, and how many were given up.
    fn read(bytes: &[u8], packets: u32, link: LinkType) -> (usize, u32) {
        let unread = Cell::new(0);
        let mut frames = Frames {
            bytes,
            at: 0,
            left: packets,
            link,
            unread: &unread,
        };
        // A look at the first packet counts nothing twice.
        let _ = frames.clone().next();
        let count = frames.by_ref().count();
        assert!(frames.next().is_none(), "it goes on behind its end");
        (count, unread.get())
    }

    #[test]
    fn every_packet_of_a_whole_block() {
        let bytes = block(3);
        assert_eq!(read(&bytes, 3, LinkType::Ethernet), (3, 0));
        assert_eq!(read(&bytes, 0, LinkType::Ethernet), (0, 0));
        let unread = Cell::new(0);
        let mut frames = Frames {
            bytes: &bytes,
            at: STRIDE,
            left: 1,
            link: LinkType::Network(0),
            unread: &unread,
        };
        let frame = frames.next().expect("a packet");
        assert_eq!(frame.bytes, &FRAME[14..]);
        assert_eq!(frame.wire_bytes, 10);
        assert_eq!(frame.link, LinkType::Network(0x0800));
        assert_eq!(frame.at.nanoseconds, 5);
    }

    #[test]
    fn packets_behind_damage_are_counted() {
        // The fields at these offsets lead out of the block.
        for (field, value) in [(12, u32::MAX), (24, u32::MAX)] {
            for damaged in 0..3 {
                let mut bytes = block(3);
                let at = damaged * STRIDE + field;
                bytes[at..at + 4].copy_from_slice(&value.to_ne_bytes());
                let left = u32::try_from(3 - damaged).expect("three at most");
                let found = read(&bytes, 3, LinkType::Ethernet);
                assert_eq!(found, (damaged, left), "offset {field} of {damaged}");
            }
        }
    }

    #[test]
    fn a_wrong_offset_loses_what_comes_after_it() {
        let mut bytes = block(3);
        bytes[..4].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert_eq!(read(&bytes, 3, LinkType::Ethernet), (1, 2));
        // A number of packets that the block does not have.
        assert_eq!(read(&block(2), 5, LinkType::Ethernet), (2, 3));
    }

    #[test]
    fn a_network_layer_before_the_link_layer_is_damage() {
        let mut bytes = block(2);
        bytes[26..28].copy_from_slice(&(MAC - 1).to_ne_bytes());
        assert_eq!(read(&bytes, 2, LinkType::Network(0)), (0, 2));
        assert_eq!(read(&bytes, 2, LinkType::Ethernet), (2, 0));
    }
}
