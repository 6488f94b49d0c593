//! The options of AF_PACKET sockets (linux/if_packet.h).

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use dnsflow_filters::Program;
use socket2::{Domain, SockFilter, Socket, Type};

use crate::host::checked;

/// How a fanout group picks the socket of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FanoutMode {
    /// The kernel's symmetric hash of the flow.
    Hash,
    /// The CPU that received it.
    Cpu,
    /// A classic BPF program, its value modulo the number of sockets.
    Program,
}

/// The shape of a TPACKET_V3 ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingShape {
    /// Bytes of a block: a power of two times the page size.
    pub block_bytes: u32,
    /// Blocks of the ring.
    pub blocks: u32,
    /// Milliseconds after which the kernel hands over a block that is not full.
    pub retire_ms: u32,
}

/// What PACKET_STATISTICS counted since it was last read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelCounts {
    /// Packets that passed the filter, dropped ones included.
    pub packets: u64,
    /// Packets for which the ring had no room.
    pub drops: u64,
    /// Times the ring was full.
    pub freezes: u64,
}

impl KernelCounts {
    /// Adds what was counted for another socket, or later.
    pub fn add(&mut self, other: &KernelCounts) {
        self.packets += other.packets;
        self.drops += other.drops;
        self.freezes += other.freezes;
    }
}

/// A raw AF_PACKET socket that listens to nothing until it is bound.
#[derive(Debug)]
pub struct PacketSocket(Socket);

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for PacketSocket {
    fn as_raw_fd(&self) -> i32 {
        self.0.as_raw_fd()
    }
}

impl PacketSocket {
    /// socket(AF_PACKET, SOCK_RAW, 0): protocol 0 takes no packet.
    ///
    /// # Errors
    /// EPERM without CAP_NET_RAW.
    pub fn open() -> io::Result<Self> {
        Socket::new(Domain::PACKET, Type::RAW, None).map(PacketSocket)
    }

    /// One that somebody else has opened; nothing if it is another kind of descriptor.
    pub fn adopt(descriptor: OwnedFd) -> Option<Self> {
        let socket = Socket::from(descriptor);
        let is_packet = socket.domain().is_ok_and(|domain| domain == Domain::PACKET);
        let is_raw = socket.r#type().is_ok_and(|found| found == Type::RAW);
        (is_packet && is_raw).then_some(PacketSocket(socket))
    }

    /// Attaches a capture filter, or swaps it for the one that is there.
    pub fn set_filter(&self, program: &Program) -> io::Result<()> {
        self.0.attach_filter(&sock_filters(program))
    }

    /// Asks for TPACKET_V3 and a receive ring.
    pub fn set_ring(&self, shape: RingShape) -> io::Result<()> {
        /// Bytes of a frame slot, which version 3 checks and does not use.
        const FRAME_BYTES: u32 = 2048;
        self.set(
            libc::PACKET_VERSION,
            &(libc::tpacket_versions::TPACKET_V3 as libc::c_int),
        )?;
        self.set(
            libc::PACKET_RX_RING,
            &libc::tpacket_req3 {
                tp_block_size: shape.block_bytes,
                tp_block_nr: shape.blocks,
                tp_frame_size: FRAME_BYTES,
                tp_frame_nr: shape.block_bytes / FRAME_BYTES * shape.blocks,
                tp_retire_blk_tov: shape.retire_ms,
                tp_sizeof_priv: 0,
                tp_feature_req_word: 0,
            },
        )
    }

    /// Gives the ring back, which must not be mapped any more.
    pub fn remove_ring(&self) -> io::Result<()> {
        self.set(
            libc::PACKET_RX_RING,
            &libc::tpacket_req3 {
                tp_block_size: 0,
                tp_block_nr: 0,
                tp_frame_size: 0,
                tp_frame_nr: 0,
                tp_retire_blk_tov: 0,
                tp_sizeof_priv: 0,
                tp_feature_req_word: 0,
            },
        )
    }

    /// Starts taking the packets of all protocols on an interface, or on all for index 0.
    pub fn bind(&self, interface_index: i32) -> io::Result<()> {
        let family = u16::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
        let all = u16::try_from(libc::ETH_P_ALL).map_err(io::Error::other)?;
        let address = libc::sockaddr_ll {
            sll_family: family,
            sll_protocol: all.to_be(),
            sll_ifindex: interface_index,
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        let length = libc::socklen_t::try_from(size_of_val(&address)).map_err(io::Error::other)?;
        // SAFETY: a pointer to a live sockaddr_ll and its size, which the call reads.
        let bound = unsafe {
            libc::bind(
                self.as_raw_fd(),
                (&raw const address).cast::<libc::sockaddr>(),
                length,
            )
        };
        checked(bound)
    }

    /// A second descriptor of the same socket.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(PacketSocket)
    }

    /// The index of the interface that it is bound to; -1 once that has been removed.
    pub fn bound_to(&self) -> io::Result<i32> {
        self.address().map(|address| address.sll_ifindex)
    }

    /// Whether it has never been bound, so that it can be bound to whatever is wanted.
    pub fn is_unused(&self) -> io::Result<bool> {
        self.address().map(|address| address.sll_protocol == 0)
    }

    fn address(&self) -> io::Result<libc::sockaddr_ll> {
        // SAFETY: sockaddr_ll is integers, for which zero is a value.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        let mut length =
            libc::socklen_t::try_from(size_of_val(&address)).map_err(io::Error::other)?;
        // SAFETY: a pointer to a live sockaddr_ll and its size; the call writes at most that.
        let got = unsafe {
            libc::getsockname(
                self.as_raw_fd(),
                (&raw mut address).cast::<libc::sockaddr>(),
                &raw mut length,
            )
        };
        checked(got).map(|()| address)
    }

    /// Makes the interface promiscuous for as long as this socket is open.
    pub fn promiscuous(&self, interface_index: i32) -> io::Result<()> {
        let kind = u16::try_from(libc::PACKET_MR_PROMISC).map_err(io::Error::other)?;
        self.set(
            libc::PACKET_ADD_MEMBERSHIP,
            &libc::packet_mreq {
                mr_ifindex: interface_index,
                mr_type: kind,
                mr_alen: 0,
                mr_address: [0; 8],
            },
        )
    }

    /// Joins the fanout group `id`, or makes one of an unused id where it is `None`; returns its id.
    pub fn join_fanout(&self, mode: FanoutMode, id: Option<u16>) -> io::Result<u16> {
        let mode = match mode {
            FanoutMode::Hash => libc::PACKET_FANOUT_HASH,
            FanoutMode::Cpu => libc::PACKET_FANOUT_CPU,
            FanoutMode::Program => libc::PACKET_FANOUT_CBPF,
        };
        let flags = if id.is_none() {
            libc::PACKET_FANOUT_FLAG_UNIQUEID
        } else {
            0
        };
        // Low half the id, high half mode and flags.
        let request: u32 = u32::from(id.unwrap_or(0)) | (mode | flags) << 16;
        self.set(libc::PACKET_FANOUT, &request)?;
        let joined: u32 = self.get(libc::PACKET_FANOUT)?;
        u16::try_from(joined & 0xffff).map_err(io::Error::other)
    }

    /// Gives the fanout group its program.
    pub fn set_fanout_program(&self, program: &Program) -> io::Result<()> {
        let mut filters: Vec<libc::sock_filter> = program
            .instructions()
            .iter()
            .map(|one| libc::sock_filter {
                code: one.code,
                jt: one.jt,
                jf: one.jf,
                k: one.k,
            })
            .collect();
        let count = u16::try_from(filters.len()).map_err(io::Error::other)?;
        self.set(
            libc::PACKET_FANOUT_DATA,
            &libc::sock_fprog {
                len: count,
                filter: filters.as_mut_ptr(),
            },
        )
    }

    /// Reads the kernel's counts, which starts them from zero.
    pub fn statistics(&self) -> io::Result<KernelCounts> {
        let counts: libc::tpacket_stats_v3 = self.get(libc::PACKET_STATISTICS)?;
        Ok(KernelCounts {
            packets: counts.tp_packets.into(),
            drops: counts.tp_drops.into(),
            freezes: counts.tp_freeze_q_cnt.into(),
        })
    }

    fn set<T>(&self, option: libc::c_int, value: &T) -> io::Result<()> {
        let length = libc::socklen_t::try_from(size_of::<T>()).map_err(io::Error::other)?;
        // SAFETY: a pointer to a live value and its size, which the call reads; what the value points
        // to in turn (the instructions of a program) lives as long as the caller's borrow.
        let done = unsafe {
            libc::setsockopt(
                self.as_raw_fd(),
                libc::SOL_PACKET,
                option,
                std::ptr::from_ref(value).cast(),
                length,
            )
        };
        checked(done)
    }

    fn get<T: Plain>(&self, option: libc::c_int) -> io::Result<T> {
        let mut value = T::ZERO;
        let mut length = libc::socklen_t::try_from(size_of::<T>()).map_err(io::Error::other)?;
        // SAFETY: a pointer to a live value of plain integers and its size; the call writes at most that.
        let done = unsafe {
            libc::getsockopt(
                self.as_raw_fd(),
                libc::SOL_PACKET,
                option,
                (&raw mut value).cast(),
                &raw mut length,
            )
        };
        checked(done).map(|()| value)
    }
}

/// Values of integers alone, which the kernel may fill with any bytes.
trait Plain {
    const ZERO: Self;
}

impl Plain for u32 {
    const ZERO: u32 = 0;
}

impl Plain for libc::tpacket_stats_v3 {
    const ZERO: Self = libc::tpacket_stats_v3 {
        tp_packets: 0,
        tp_drops: 0,
        tp_freeze_q_cnt: 0,
    };
}

fn sock_filters(program: &Program) -> Vec<SockFilter> {
    program
        .instructions()
        .iter()
        .map(|one| SockFilter::new(one.code, one.jt, one.jf, one.k))
        .collect()
}
