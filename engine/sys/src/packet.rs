//! The options of AF_PACKET sockets (linux/if_packet.h).

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use dnsflow_filters::Program;
use socket2::{Domain, SockFilter, Socket, Type};

use crate::host::checked;

/// How a fanout group chooses the socket of a packet (packet(7), PACKET_FANOUT).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FanoutMode {
    /// By the kernel's symmetric hash of the flow.
    Hash,
    /// By the CPU that received the packet.
    Cpu,
    /// By the value of a classic BPF program, modulo the number of sockets.
    Program,
}

/// The shape of a TPACKET_V3 ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingShape {
    /// Bytes of a block: a multiple of the page size.
    pub block_bytes: u32,
    /// Blocks of the ring.
    pub blocks: u32,
    /// Milliseconds after which the kernel hands over a block that is not full.
    pub retire_ms: u32,
}

/// Packets between the capture filter and the reader of the ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelCounts {
    /// Packets that passed the filter, including those in `drops` and `damaged`.
    pub packets: u64,
    /// Packets for which the ring had no room.
    pub drops: u64,
    /// Times the ring became full.
    pub freezes: u64,
    /// Packets that could not be read because a header in their block is wrong. The reader of the
    /// ring counts these; PACKET_STATISTICS does not have them.
    pub damaged: u64,
}

impl KernelCounts {
    /// Adds the counts of another socket or of a later time.
    pub fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.drops += other.drops;
        self.freezes += other.freezes;
        self.damaged += other.damaged;
    }
}

/// A raw AF_PACKET socket, which receives nothing until it is bound.
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
    /// socket(AF_PACKET, SOCK_RAW, 0): a socket of protocol 0 receives no packet.
    ///
    /// # Errors
    /// EPERM without CAP_NET_RAW.
    pub fn open() -> io::Result<Self> {
        Socket::new(Domain::PACKET, Type::RAW, None).map(Self)
    }

    /// A socket that another process has opened; `None`, and `descriptor` is closed, if that is not
    /// a raw packet socket.
    pub fn adopt(descriptor: OwnedFd) -> Option<Self> {
        let socket = Socket::from(descriptor);
        let is_packet = socket.domain().is_ok_and(|domain| domain == Domain::PACKET);
        let is_raw = socket.r#type().is_ok_and(|found| found == Type::RAW);
        (is_packet && is_raw).then_some(Self(socket))
    }

    /// Attaches a capture filter; it replaces the one that is attached, without a gap between the
    /// two.
    ///
    /// # Errors
    /// ENOMEM if the program exceeds net.core.optmem_max; EINVAL if the kernel rejects it.
    pub fn set_filter(&self, program: &Program) -> io::Result<()> {
        self.0.attach_filter(&sock_filters(program))
    }

    /// Gives the socket a TPACKET_V3 receive ring, to be mapped with [`Mapping`](crate::Mapping).
    ///
    /// # Errors
    /// EINVAL for a shape that the kernel does not take; ENOMEM if there is no memory for it; EBUSY
    /// if the socket has a ring that is mapped.
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

    /// Frees the ring.
    ///
    /// # Errors
    /// EBUSY while the ring is mapped.
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

    /// Starts to receive the packets of all protocols on an interface; index 0 stands for all
    /// interfaces.
    ///
    /// # Errors
    /// ENODEV if there is no interface of that index; ENETDOWN if it is down; EINVAL if the socket
    /// is in a fanout group.
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
    ///
    /// # Errors
    /// Those of dup(2): EMFILE.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// The index of the interface that the socket is bound to; -1 once that has been removed.
    ///
    /// # Errors
    /// Those of getsockname(2), where a sandbox forbids it.
    pub fn bound_to(&self) -> io::Result<i32> {
        self.address().map(|address| address.sll_ifindex)
    }

    /// Whether the socket was never bound, so that it can still be bound to any interface.
    ///
    /// # Errors
    /// As [`PacketSocket::bound_to`].
    pub fn is_unused(&self) -> io::Result<bool> {
        self.address().map(|address| address.sll_protocol == 0)
    }

    fn address(&self) -> io::Result<libc::sockaddr_ll> {
        // nix refuses the address, whose length is that of the interface's link address.
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
    ///
    /// # Errors
    /// ENODEV if there is no interface of that index; EINVAL if it has no such mode.
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

    /// Joins the fanout group `id`, or with `None` a new one, whose id the kernel chooses. Returns
    /// the id of the group.
    ///
    /// # Errors
    /// (fanout_add, net/packet/af_packet.c) EINVAL if the socket is not bound to an interface that
    /// is up, or the group has another mode or interface; EALREADY if the socket is in a group;
    /// ENOSPC if the group has 256 sockets; ENOMEM if no id is free.
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

    /// Sets the program of the fanout group that the socket has joined; it replaces the one before.
    ///
    /// # Errors
    /// EINVAL if the group is not of [`FanoutMode::Program`], or the kernel rejects the program.
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

    /// Reads PACKET_STATISTICS, which resets them to zero. `damaged` is always 0.
    ///
    /// # Errors
    /// Those of getsockopt(2), where a sandbox forbids it.
    pub fn statistics(&self) -> io::Result<KernelCounts> {
        let counts: libc::tpacket_stats_v3 = self.get(libc::PACKET_STATISTICS)?;
        Ok(KernelCounts {
            packets: counts.tp_packets.into(),
            drops: counts.tp_drops.into(),
            freezes: counts.tp_freeze_q_cnt.into(),
            damaged: 0,
        })
    }

    fn set<T>(&self, option: libc::c_int, value: &T) -> io::Result<()> {
        let length = libc::socklen_t::try_from(size_of::<T>()).map_err(io::Error::other)?;
        // SAFETY: a pointer to a live value and its size, which the call reads. What the value
        // points to in turn (the instructions of a program) lives as long as the caller's borrow.
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
        // SAFETY: a pointer to a live value of plain integers and its size; the call writes at most
        // that.
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

/// Types that consist of integers, for which the kernel may write any bytes.
trait Plain {
    /// All bytes zero.
    const ZERO: Self;
}

impl Plain for u32 {
    const ZERO: Self = 0;
}

impl Plain for libc::tpacket_stats_v3 {
    const ZERO: Self = Self {
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
