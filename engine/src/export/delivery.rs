//! Delivery of a batch to all collectors: a round.
//!
//! All sends of a round, to every collector, leave with one system call, which may also wait
//! ([`Uring::turn`]). The sends of one collector are a chain: after one that fails, those that
//! follow it are not sent, so that datagrams keep their order. What failed is the cold path:
//! it sends what is left itself, one call each, with the error's meaning taken into account.
//! Where there is no room, runs are held, and the first is in flight while packets go on being
//! read.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dnsflow_sys::{KeptSend, Outgoing, Uring};
use dnsflow_wire::encode::Encode;
use socket2::SockRef;

use super::batch::{Batch, datagram_count};
use super::collector::Collector;

/// Sends a batch to all collectors, and waits for at most `wait` ([`Uring::turn`]).
///
/// # Errors
/// If the ring is of no more use. A collector that fails is counted, and no error.
pub(super) fn round<E: Encode>(
    collectors: &mut [Collector],
    batch: &Batch<E>,
    uring: &mut Uring,
    wait: Option<Duration>,
) -> io::Result<()> {
    for collector in collectors.iter_mut() {
        collector.prepare(batch);
    }
    let sends = collectors.iter().flat_map(|it| it.sends(batch));
    let mut results = uring.turn(sends, wait)?;
    for collector in collectors.iter_mut() {
        let (own, others) = results.split_at(collector.sends(batch).count());
        collector.settle(batch, own);
        results = others;
    }
    while let Some(kept) = uring.next_kept() {
        let of = |it: &&mut Collector| it.held.in_flight() == Some(kept.ticket);
        if let Some(collector) = collectors.iter_mut().find(of) {
            collector.landed(kept);
        }
    }
    collectors.iter_mut().try_for_each(|it| it.advance(uring))
}

impl Collector {
    /// Opens the socket if need be, and decides whether the batch is sent with this round.
    fn prepare<E: Encode>(&mut self, batch: &Batch<E>) {
        self.takes_part = false;
        if batch.count() == 0 {
            return;
        }
        if !self.held.is_empty() {
            for (run, size) in batch.runs() {
                self.hold(run, size);
            }
        } else if self.socket.is_none()
            && let Err(error) = self.open()
        {
            self.fail(batch.count(), &error);
        } else {
            self.takes_part = true;
        }
    }

    /// The sends of this round, as a chain.
    fn sends<'a, E: Encode>(&'a self, batch: &'a Batch<E>) -> impl Iterator<Item = Outgoing<'a>> {
        let socket = self.socket.as_deref().filter(|_| self.takes_part);
        socket.into_iter().flat_map(move |socket: &UdpSocket| {
            let runs = batch.runs();
            let pieces = runs.flat_map(|(run, size)| run.chunks(self.piece_bytes(run, size)));
            let mut pieces = pieces.peekable();
            std::iter::from_fn(move || {
                Some(Outgoing {
                    socket: socket.as_fd(),
                    bytes: pieces.next()?,
                    has_next: pieces.peek().is_some(),
                })
            })
        })
    }

    /// Bytes of each send of a run, but for the last: of the run, or of a datagram.
    fn piece_bytes(&self, run: &[u8], size: usize) -> usize {
        let bytes = if self.takes_run(run, size) {
            run.len()
        } else {
            size
        };
        bytes.max(1)
    }

    /// Counts what was sent, and sends what is left after a failure. `results` has one for each
    /// of [`Collector::sends`].
    fn settle<E: Encode>(&mut self, batch: &Batch<E>, results: &[i32]) {
        let mut results = results.iter();
        let mut runs = batch.runs();
        while self.takes_part
            && let Some((run, size)) = runs.next()
        {
            let mut left = run;
            for piece in run.chunks(self.piece_bytes(run, size)) {
                let Some(result) = results.next() else { break };
                match usize::try_from(*result) {
                    Ok(sent) if sent == piece.len() => self.delivered(piece, size),
                    Ok(_) => {
                        let datagrams = datagram_count(piece.len(), size);
                        self.fail(datagrams, &io::ErrorKind::WriteZero.into());
                    }
                    Err(_) => {
                        let error = io::Error::from_raw_os_error(-*result);
                        self.recover(left, piece.len(), size, &error);
                        runs.for_each(|(run, size)| self.send_now(run, size));
                        return;
                    }
                }
                left = &left[piece.len()..];
            }
        }
    }

    /// Counts a piece that the network took.
    fn delivered(&mut self, piece: &[u8], size: usize) {
        let datagrams = datagram_count(piece.len(), size);
        self.counts.delivered += datagrams;
        self.is_congested = false;
        if datagrams > 1 {
            self.runs.remember(piece, datagrams);
        }
    }

    /// Sends `left`, whose first `piece` bytes failed with `error`.
    #[cold]
    fn recover(&mut self, left: &[u8], piece: usize, size: usize, error: &io::Error) {
        if error.kind() == io::ErrorKind::WouldBlock {
            self.hold(left, size);
        } else if self.count_reported(error) {
            // It was about an earlier datagram.
            self.send_now(left, size);
        } else if self.refuses_segmentation(error) {
            self.send_datagrams(left, size);
        } else if piece > size {
            // It may concern only some of the datagrams.
            self.socket = None;
            self.send_datagrams(left, size);
        } else {
            self.socket = None;
            self.fail(1, error);
            self.send_now(&left[piece..], size);
        }
    }

    /// Sends a run at once. With segmentation offload it is one send.
    fn send_now(&mut self, run: &[u8], size: usize) {
        if !self.held.is_empty() {
            self.hold(run, size);
        } else if self.takes_run(run, size) {
            match self.send_one(run) {
                Ok(()) => self.delivered(run, size),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.hold(run, size),
                Err(_) => self.send_datagrams(run, size),
            }
        } else {
            self.send_datagrams(run, size);
        }
    }

    /// Sends a run datagram by datagram.
    fn send_datagrams(&mut self, run: &[u8], size: usize) {
        let mut left = run;
        for datagram in run.chunks(size.max(1)) {
            match self.send_one(datagram) {
                Ok(()) => self.delivered(datagram, size),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return self.hold(left, size);
                }
                Err(error) => self.fail(1, &error),
            }
            left = &left[datagram.len()..];
        }
    }

    /// Performs one send, without waiting for room. An error may be about earlier datagrams, which
    /// were refused or did not arrive: these are counted, and the send is repeated. So it is if it
    /// is a single datagram, and the error is about segmentation.
    fn send_one(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.socket.is_none() {
            self.open()?;
        }
        let mut sent = self.try_send(bytes);
        if let Err(error) = &sent
            && (self.count_reported(error)
                || (self.refuses_segmentation(error) && bytes.len() <= self.datagram_bytes()))
        {
            sent = self.try_send(bytes);
        }
        match sent {
            Ok(length) if length == bytes.len() => Ok(()),
            Ok(_) => Err(io::ErrorKind::WriteZero.into()),
            Err(error) => {
                if !self.count_reported(&error) && error.kind() != io::ErrorKind::WouldBlock {
                    // The local address or the route may be gone: the next send opens a new socket.
                    self.socket = None;
                }
                Err(error)
            }
        }
    }

    /// Whether `error` is about segmentation, which is turned off then. The kernel refuses even a
    /// single datagram where it is on and does not work.
    fn refuses_segmentation(&mut self, error: &io::Error) -> bool {
        let refuses = self.has_segmentation() && is_segmentation_error(error);
        if refuses {
            self.disable_segmentation();
        }
        refuses
    }

    fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        let socket = self.socket.as_deref().ok_or(io::ErrorKind::NotConnected)?;
        SockRef::from(socket).send_with_flags(bytes, libc::MSG_DONTWAIT)
    }

    /// Has a run wait for room, unless waiting was in vain just now or too much waits already.
    fn hold(&mut self, run: &[u8], size: usize) {
        let now = Instant::now();
        for piece in run.chunks(self.piece_bytes(run, size)) {
            if self.is_congested || !self.held.push(piece, size, now) {
                let datagrams = datagram_count(piece.len(), size);
                self.fail(datagrams, &io::ErrorKind::WouldBlock.into());
            }
        }
    }

    /// Has the first run that waits sent as soon as there is room.
    fn advance(&mut self, uring: &mut Uring) -> io::Result<()> {
        while let Some(bytes) = self.held.next() {
            let open = match &self.socket {
                Some(_) => Ok(()),
                None => self.open(),
            };
            match (open, &self.socket) {
                (Ok(()), Some(socket)) => {
                    let ticket = uring.keep_sending(Arc::clone(socket), bytes)?;
                    self.held.sent_off(ticket);
                }
                (open, _) => {
                    let lost = self.held.landed(bytes).map_or(0, |run| run.datagrams());
                    let error = open.err().unwrap_or(io::ErrorKind::NotConnected.into());
                    self.fail(lost, &error);
                }
            }
        }
        Ok(())
    }

    /// Counts a run that was in flight, and has the next one follow.
    #[cold]
    fn landed(&mut self, kept: KeptSend) {
        let Some(run) = self.held.landed(kept.bytes) else {
            return;
        };
        match kept.result {
            Ok(length) if length == run.bytes.len() => {
                self.delivered(&run.bytes, run.size);
                self.held.moved_on(Instant::now());
            }
            Err(error) if error.raw_os_error() == Some(libc::ECANCELED) => {
                self.fail(run.datagrams(), &io::ErrorKind::WouldBlock.into());
            }
            Ok(_) => self.fail(run.datagrams(), &io::ErrorKind::WriteZero.into()),
            Err(error) => {
                if !self.count_reported(&error) {
                    self.refuses_segmentation(&error);
                }
                self.send_datagrams(&run.bytes, run.size);
            }
        }
    }

    /// Gives up what has waited too long.
    pub(super) fn expire(&mut self, now: Instant, uring: &mut Uring) -> io::Result<()> {
        if !self.held.is_overdue(now) {
            return Ok(());
        }
        self.is_congested = true;
        let given_up = self.held.give_up();
        if given_up > 0 {
            self.fail(given_up, &io::ErrorKind::WouldBlock.into());
        }
        self.held
            .in_flight()
            .map_or(Ok(()), |ticket| uring.give_up(ticket))
    }
}

/// Whether segmentation offload does not work on this path: the device computes no checksums, or
/// the MTU is too small.
fn is_segmentation_error(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    [
        libc::EIO,
        libc::EINVAL,
        libc::EMSGSIZE,
        libc::ENOPROTOOPT,
        libc::EOPNOTSUPP,
    ]
    .iter()
    .any(|known| code == Some(*known))
}
