//! A TPACKET_V3 receive ring: memory that the kernel and one shard share.
//!
//! A block belongs to one side at a time, which its status word says. That word is the only one
//! that both sides access: it is read with Acquire, so that everything that the kernel wrote before
//! is visible, and written with Release, so that all reads are over before the kernel writes again.

use std::io;
use std::marker::PhantomData;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::packet::{PacketSocket, RingShape};

/// Bytes of a block's descriptor, before its first packet (struct tpacket_block_desc).
const BLOCK_DESCRIPTOR_BYTES: usize = size_of::<libc::tpacket_block_desc>();

const _: () = assert!(BLOCK_DESCRIPTOR_BYTES == 48);
const _: () = assert!(size_of::<libc::tpacket3_hdr>() == 48);

/// Indices of the words of the descriptor.
///
/// ```text
/// version 4 | offset_to_priv 4 | block_status 4 | num_pkts 4
/// offset_to_first_pkt 4 | blk_len 4 | ..
/// ```
mod word {
    pub(crate) const STATUS: usize = 2;
    pub(crate) const PACKETS: usize = 3;
    pub(crate) const FIRST_PACKET: usize = 4;
}

/// A mapped ring. It is unmapped when dropped; the socket may be closed before that.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
    block_bytes: usize,
}

// SAFETY: the mapping belongs to this value alone and is not bound to the thread that made it.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps the ring of a socket, which [`PacketSocket::set_ring`] has given this shape.
    ///
    /// # Errors
    /// Those of mmap(2); InvalidInput for a shape without room for packets.
    pub fn new(socket: &PacketSocket, shape: RingShape) -> io::Result<Self> {
        let block_bytes = usize::try_from(shape.block_bytes).map_err(io::Error::other)?;
        let blocks = usize::try_from(shape.blocks).map_err(io::Error::other)?;
        let bytes = block_bytes
            .checked_mul(blocks)
            .filter(|_| block_bytes > BLOCK_DESCRIPTOR_BYTES)
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                socket.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(io::Error::last_os_error)?;
        Ok(Self {
            start,
            bytes,
            block_bytes,
        })
    }

    /// Number of blocks.
    pub fn blocks(&self) -> usize {
        self.bytes / self.block_bytes
    }

    /// Whether the kernel has handed over block `index`; false if there is no such block.
    pub fn is_ours(&self, index: usize) -> bool {
        self.word(index, word::STATUS)
            .is_some_and(|status| status.load(Ordering::Acquire) & libc::TP_STATUS_USER != 0)
    }

    /// Block `index`, if the kernel has handed it over. The guard borrows the mapping mutably, so
    /// that there is at most one; dropping it returns the block to the kernel.
    pub fn block(&mut self, index: usize) -> Option<BlockBytes<'_>> {
        if !self.is_ours(index) {
            return None;
        }
        Some(BlockBytes {
            mapping: self,
            index,
            exclusive: PhantomData,
        })
    }

    fn word(&self, index: usize, word: usize) -> Option<&AtomicU32> {
        let at = index.checked_mul(self.block_bytes)? + word * size_of::<u32>();
        if at + size_of::<u32>() > self.bytes {
            return None;
        }
        // SAFETY: the offset lies within the mapping, which was just checked.
        let pointer = unsafe { self.start.add(at) };
        // SAFETY: the word is inside the mapping, which outlives the reference; blocks start at
        // page boundaries, so it is aligned; nobody makes a reference of another type to a
        // descriptor.
        Some(unsafe { AtomicU32::from_ptr(pointer.as_ptr().cast()) })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: start and length are those of the mapping, and no borrow of it is left.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

/// A block, which the kernel does not write to until this guard is dropped.
#[derive(Debug)]
pub struct BlockBytes<'r> {
    mapping: &'r Mapping,
    index: usize,
    exclusive: PhantomData<&'r mut Mapping>,
}

impl BlockBytes<'_> {
    /// Number of blocks of the ring.
    pub fn ring_blocks(&self) -> usize {
        self.mapping.blocks()
    }

    /// Number of packets in the block, as the kernel says it.
    pub fn packets(&self) -> u32 {
        self.descriptor(word::PACKETS)
    }

    /// Offset of the first packet's header in [`BlockBytes::bytes`], as the kernel says it: not
    /// checked.
    pub fn first_packet(&self) -> usize {
        let from_start = usize::try_from(self.descriptor(word::FIRST_PACKET)).unwrap_or(usize::MAX);
        from_start.saturating_sub(BLOCK_DESCRIPTOR_BYTES)
    }

    /// The block without its descriptor: packets, each behind a header.
    pub fn bytes(&self) -> &[u8] {
        let length = self.mapping.block_bytes - BLOCK_DESCRIPTOR_BYTES;
        let at = self.index * self.mapping.block_bytes + BLOCK_DESCRIPTOR_BYTES;
        // SAFETY: `word` found a status word at this index, so the whole block is inside the
        // mapping.
        let start = unsafe { self.mapping.start.add(at) };
        // SAFETY: the bytes are inside the mapping, which outlives the borrow of self; the kernel
        // does not write to a block that is ours, and it stays ours until self is dropped.
        unsafe { slice::from_raw_parts(start.as_ptr(), length) }
    }

    fn descriptor(&self, word: usize) -> u32 {
        self.mapping
            .word(self.index, word)
            .map_or(0, |found| found.load(Ordering::Relaxed))
    }
}

impl Drop for BlockBytes<'_> {
    fn drop(&mut self) {
        if let Some(status) = self.mapping.word(self.index, word::STATUS) {
            status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
        }
    }
}
