//! Sends that may take long: they own their bytes until they are over.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use io_uring::opcode;
use io_uring::types::Fd;

use super::{Kind, Tag, Uring};

/// Times that the end of all kept sends is waited for when a ring is dropped, and how long each.
const LAST_WAITS: (usize, Duration) = (10, Duration::from_millis(100));

/// Names a kept send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

/// A kept send that is over.
#[derive(Debug)]
pub struct KeptSend {
    /// Which one.
    pub ticket: Ticket,
    /// What was to be sent.
    pub bytes: Vec<u8>,
    /// How many bytes were sent; ECANCELED after [`Uring::give_up`].
    pub result: io::Result<usize>,
}

/// The kept sends of a ring, each in a slot.
#[derive(Default)]
pub(super) struct KeptSends {
    slots: Vec<Option<Slot>>,
    /// Number of sends so far.
    tickets: u64,
}

struct Slot {
    ticket: Ticket,
    /// Open as long as the operation may be yet to be submitted.
    _socket: Box<dyn AsFd>,
    bytes: Vec<u8>,
    result: Option<i32>,
}

impl KeptSends {
    pub(super) fn complete(&mut self, slot: usize, result: i32) {
        if let Some(Some(slot)) = self.slots.get_mut(slot) {
            slot.result = Some(result);
        }
    }

    fn in_flight(&self, slot: usize) -> bool {
        let slot = self.slots.get(slot).and_then(Option::as_ref);
        slot.is_some_and(|slot| slot.result.is_none())
    }

    fn are_over(&self) -> bool {
        !(0..self.slots.len()).any(|slot| self.in_flight(slot))
    }
}

impl Uring {
    /// Sends `bytes` on a connected socket as soon as it has room: with the next
    /// [`Uring::turn`], or while later ones wait.
    ///
    /// # Errors
    /// Those of io_uring_enter(2).
    pub fn keep_sending(
        &mut self,
        socket: impl AsFd + 'static,
        bytes: Vec<u8>,
    ) -> io::Result<Ticket> {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        let kept = &mut self.kept;
        let free = kept.slots.iter().position(Option::is_none);
        let index = free.unwrap_or(kept.slots.len());
        kept.tickets += 1;
        let ticket = Ticket(kept.tickets);
        let entry = opcode::Send::new(Fd(socket.as_fd().as_raw_fd()), bytes.as_ptr(), length)
            .flags(libc::MSG_NOSIGNAL)
            .build()
            .user_data(Tag::new(Kind::Kept, index).bits());
        let slot = Slot {
            ticket,
            _socket: Box::new(socket),
            bytes,
            result: None,
        };
        match kept.slots.get_mut(index) {
            Some(place) => *place = Some(slot),
            None => kept.slots.push(Some(slot)),
        }
        let pushed = self.push(&entry);
        if pushed.is_err() {
            self.kept.slots[index] = None;
        }
        pushed.map(|()| ticket)
    }

    /// Ends a kept send, which then has ECANCELED, unless it is over before.
    ///
    /// # Errors
    /// Those of io_uring_enter(2).
    pub fn give_up(&mut self, ticket: Ticket) -> io::Result<()> {
        let of = |slot: &Option<Slot>| slot.as_ref().is_some_and(|slot| slot.ticket == ticket);
        let Some(index) = self.kept.slots.iter().position(of) else {
            return Ok(());
        };
        self.cancel(Tag::new(Kind::Kept, index))
    }

    /// A kept send that is over; each is said once.
    pub fn next_kept(&mut self) -> Option<KeptSend> {
        let is_over = |slot: &&mut Option<Slot>| {
            let slot = slot.as_ref();
            slot.is_some_and(|slot| slot.result.is_some())
        };
        let slot = self.kept.slots.iter_mut().find(is_over)?.take()?;
        let result = slot.result.unwrap_or_default();
        Some(KeptSend {
            ticket: slot.ticket,
            bytes: slot.bytes,
            result: usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result)),
        })
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        for index in 0..self.kept.slots.len() {
            if self.kept.in_flight(index) {
                // An error marks the ring as failed.
                let _ = self.cancel(Tag::new(Kind::Kept, index));
            }
        }
        let (waits, wait) = LAST_WAITS;
        for _ in 0..waits {
            if self.kept.are_over() || self.enter(1, Some(wait)).is_err() {
                break;
            }
        }
        if !self.kept.are_over() {
            // The kernel may read the bytes until the operation is over: they are left to it.
            for slot in self.kept.slots.drain(..).flatten() {
                std::mem::forget(slot.bytes);
            }
        }
    }
}
