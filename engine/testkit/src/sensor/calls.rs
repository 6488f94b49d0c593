//! System calls of a core's thread, counted by ptrace(2), and the blocks of its ring that it reads meanwhile.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::time::Instant;

use nix::libc::{PTRACE_SYSCALL_INFO_ENTRY, TP_STATUS_USER};
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

use super::stopped::{Stopped, first_shard};
use crate::patience::PATIENCE;

/// Counts the system calls of a thread, which is held between two counts. Dropped, it lets the thread go on.
#[derive(Debug)]
pub struct Counting {
    held: Stopped,
    /// What says which call the thread is in.
    call: File,
    ring: RingOf,
}

/// What a thread did from one block to another.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// System calls, by their numbers, which differ from one architecture to another.
    pub by_number: BTreeMap<String, u64>,
    /// Blocks that were returned to the kernel.
    pub blocks: u64,
}

impl Calls {
    /// System calls a block.
    ///
    /// # Panics
    /// If there are 2^32 of either.
    #[must_use]
    pub fn a_block(&self) -> f64 {
        let float = |count| f64::from(u32::try_from(count).expect("few"));
        float(self.by_number.values().sum::<u64>()) / float(self.blocks.max(1))
    }
}

impl Counting {
    /// Holds the thread of the only core of a sensor on one interface, which has blocks of `block_bytes`. To be used and
    /// dropped on the thread that called this.
    ///
    /// # Panics
    /// If there is no such sensor, or without CAP_SYS_PTRACE.
    #[must_use]
    pub fn of(process: u32, block_bytes: u64) -> Self {
        let thread = first_shard(process);
        let call = File::open(format!("/proc/{process}/task/{thread}/syscall"));
        let held = Stopped::hold(thread);
        ptrace::setoptions(thread, ptrace::Options::PTRACE_O_TRACESYSGOOD)
            .expect("a thread that is held");
        Self {
            held,
            call: call.expect("a running thread, and CAP_SYS_PTRACE"),
            ring: RingOf::new(process, block_bytes),
        }
    }

    /// Lets the thread go on until it has read so many blocks, and counts its system calls. The ring has to be fed.
    ///
    /// # Panics
    /// If the thread ends, or there are never as many blocks.
    pub fn over(&mut self, blocks: u64) -> Calls {
        let (start, thread) = (Instant::now(), self.held.thread());
        let mut calls = Calls::default();
        let mut signal = None;
        while calls.blocks < blocks {
            // A shard sends stats every few seconds, so this is reached with an empty ring too.
            assert!(start.elapsed() < PATIENCE, "too few blocks: {calls:?}");
            ptrace::syscall(thread, signal).expect("a thread that is held");
            signal = None;
            match waitpid(thread, Some(WaitPidFlag::__WALL)).expect("a thread that was seized") {
                WaitStatus::PtraceSyscall(_) => self.count(&mut calls),
                WaitStatus::Stopped(_, sent) => signal = Some(sent),
                WaitStatus::PtraceEvent(..) => {}
                ended => panic!("the thread of the shard: {ended:?}"),
            }
        }
        calls
    }

    /// Counts the call that the thread enters, if it does not leave one.
    fn count(&mut self, calls: &mut Calls) {
        let info = ptrace::syscall_info(self.held.thread()).expect("a thread that is held");
        if info.op != PTRACE_SYSCALL_INFO_ENTRY {
            return;
        }
        // A number and arguments (proc_pid_syscall(5)).
        let mut text = [0; 256];
        let length = self.call.read_at(&mut text, 0).expect("a thread");
        let number = text[..length].split(|byte| *byte == b' ').next();
        let number = String::from_utf8_lossy(number.unwrap_or_default());
        let count = calls.by_number.entry(number.into_owned()).or_default();
        *count += 1;
        calls.blocks += self.ring.returned();
    }
}

/// The ring of a sensor, seen from outside.
#[derive(Debug)]
struct RingOf {
    memory: File,
    /// Addresses of its blocks.
    blocks: Vec<u64>,
    /// Index of the first block that was not read.
    next: usize,
}

/// What the kernel writes about a block at its start (struct tpacket_block_desc of linux/if_packet.h):
///
/// ```text
///  0 version               4 offset_to_priv   8 block_status   12 num_pkts
/// 16 offset_to_first_pkt  20 blk_len         24 seq_num, of 8 bytes
/// ```
#[derive(Clone, Copy, Debug)]
struct Descriptor {
    /// Whether it was handed over, and not returned.
    is_waiting: bool,
    /// The number of blocks that were opened until it was.
    sequence: u64,
}

impl RingOf {
    /// The only mapping of a socket (proc_pid_maps(5)).
    fn new(process: u32, block_bytes: u64) -> Self {
        let maps = fs::read_to_string(format!("/proc/{process}/maps")).expect("a running process");
        let mut rings = maps.lines().filter(|line| line.contains(" socket:["));
        let range = rings.next().and_then(|line| line.split(' ').next());
        let (from, to) = range
            .and_then(|range| range.split_once('-'))
            .expect("a sensor has a ring");
        assert_eq!(rings.next(), None, "one ring: {maps}");
        let address = |text| u64::from_str_radix(text, 16).expect("addresses are hexadecimal");
        let step = usize::try_from(block_bytes).expect("a block fits into memory");
        let mut ring = Self {
            memory: File::open(format!("/proc/{process}/mem")).expect("CAP_SYS_PTRACE"),
            blocks: (address(from)..address(to)).step_by(step).collect(),
            next: 0,
        };
        // The last one that was opened, and before it those that wait.
        let all = 0..ring.blocks.len();
        let last = all.max_by_key(|index| ring.descriptor(*index).sequence);
        ring.next = last.expect("a ring has blocks");
        for _ in 1..ring.blocks.len() {
            let before = (ring.next + ring.blocks.len() - 1) % ring.blocks.len();
            if !ring.descriptor(before).is_waiting {
                break;
            }
            ring.next = before;
        }
        ring
    }

    /// How many blocks were returned since the last call. The thread that does so is held meanwhile; the kernel goes on.
    fn returned(&mut self) -> u64 {
        let mut count = 0;
        loop {
            let behind = (self.next + 1) % self.blocks.len();
            // In this order: a block that does not wait after the one behind it was opened is not one that is still open.
            let opened = self.descriptor(behind).sequence;
            let block = self.descriptor(self.next);
            if block.is_waiting || opened < block.sequence {
                return count;
            }
            self.next = behind;
            count += 1;
        }
    }

    fn descriptor(&self, index: usize) -> Descriptor {
        const STATUS: usize = 8;
        let mut bytes = [0; 32];
        let read = self.memory.read_exact_at(&mut bytes, self.blocks[index]);
        read.expect("a ring can be read");
        let status = bytes[STATUS..].first_chunk().expect("four bytes");
        let sequence = bytes.last_chunk().expect("eight bytes");
        Descriptor {
            is_waiting: u32::from_ne_bytes(*status) & TP_STATUS_USER != 0,
            sequence: u64::from_ne_bytes(*sequence),
        }
    }
}
