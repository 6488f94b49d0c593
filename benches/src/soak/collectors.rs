//! Two collectors of the same streams: one that listens all the time, and one that is restarted.
//!
//! Both number what they get by stream. The one that stays has to get everything; the other misses
//! what was sent while it was away, and nothing else.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use serde::Serialize;

use crate::network::{COLLECTOR, Namespace};

/// Room for what arrives while the process is not scheduled, in bytes.
const BUFFER_BYTES: usize = 256 << 20;

/// Time between two looks at whether to end.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What a collector got.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Arrived {
    /// Datagrams, with sets or stats.
    pub datagrams: u64,
    /// Data sets.
    pub sets: u64,
    /// Datagrams that are missing by their numbers, before the last one that arrived.
    pub missing: u64,
    /// Datagrams that are missing between two that arrived at the same socket: lost on the way, not
    /// with a restart.
    pub lost_on_the_way: u64,
    /// The last number of each stream, by its source port.
    pub last: BTreeMap<u16, u32>,
}

/// Shared with the thread of a collector.
#[derive(Debug, Default)]
pub(super) struct Control {
    /// To end, once nothing more arrives.
    pub(super) stop: AtomicBool,
    /// To close the socket while it is set.
    pub(super) away: AtomicBool,
}

/// The address of collector number `index`.
pub(super) fn address(index: u16) -> String {
    format!("{}:{}", COLLECTOR.0, COLLECTOR.1 + index)
}

/// A socket at that address.
pub(super) fn open(namespace: &Namespace, index: u16) -> Result<UdpSocket, Box<dyn Error>> {
    let socket = namespace.enter(|| UdpSocket::bind(address(index)))??;
    setsockopt(&socket, sockopt::RcvBufForce, &BUFFER_BYTES)?;
    socket.set_read_timeout(Some(LOOK_AGAIN))?;
    Ok(socket)
}

/// Receives as collector number `index` until it is told to stop.
pub(super) fn collect(
    namespace: &Namespace,
    index: u16,
    socket: UdpSocket,
    control: &Control,
) -> Result<Arrived, String> {
    let failed = |error: &dyn std::fmt::Display| format!("collector {}: {error}", address(index));
    let mut arrived = Arrived::default();
    let mut socket = Some(socket);
    // The streams that this socket has seen.
    let mut seen = BTreeMap::new();
    let mut memory = vec![0; 1 << 16];
    loop {
        let ending = control.stop.load(Ordering::Acquire);
        if control.away.load(Ordering::Acquire) && !ending {
            // What is in its buffer is lost, as with a process that ends.
            socket = None;
            seen.clear();
            std::thread::sleep(LOOK_AGAIN);
            continue;
        }
        let receiver = match socket.take() {
            Some(receiver) => receiver,
            None => open(namespace, index).map_err(|error| failed(&error))?,
        };
        match receiver.recv_from(&mut memory) {
            Ok((bytes, source)) => {
                arrived.take(&memory[..bytes], source.port(), &mut seen);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if ending {
                    return Ok(arrived);
                }
            }
            Err(error) => return Err(failed(&error)),
        }
        socket = Some(receiver);
    }
}

impl Arrived {
    /// Counts a datagram of a stream.
    ///
    /// ```text
    /// version 1 | sets 1 | flags 2: none for sets | sequence 4 | ..
    /// ```
    fn take(&mut self, datagram: &[u8], stream: u16, seen: &mut BTreeMap<u16, u32>) {
        let Some([4, sets, high, low, number @ ..]) = datagram.first_chunk::<8>() else {
            return;
        };
        self.datagrams += 1;
        if [*high, *low] == [0, 0] {
            self.sets += u64::from(*sets);
        }
        let number = u32::from_be_bytes(*number);
        let gap = |before: u32| u64::from(number.saturating_sub(before).saturating_sub(1));
        let before = self.last.insert(stream, number);
        self.missing += gap(before.unwrap_or(0));
        if let Some(before) = seen.insert(stream, number) {
            self.lost_on_the_way += gap(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(sets: u8, flags: u16, number: u32) -> Vec<u8> {
        let mut bytes = vec![4, sets];
        bytes.extend(flags.to_be_bytes());
        bytes.extend(number.to_be_bytes());
        bytes
    }

    #[test]
    fn gaps_are_told_apart() {
        let (mut arrived, mut seen) = (Arrived::default(), BTreeMap::new());
        arrived.take(&datagram(7, 0, 1), 9, &mut seen);
        arrived.take(&datagram(0, 1, 2), 9, &mut seen);
        arrived.take(&datagram(5, 0, 5), 9, &mut seen);
        assert_eq!((arrived.missing, arrived.lost_on_the_way), (2, 2));
        seen.clear();
        arrived.take(&datagram(5, 0, 9), 9, &mut seen);
        // A stream that was not seen before the restart.
        arrived.take(&datagram(5, 0, 3), 10, &mut seen);
        assert_eq!((arrived.missing, arrived.lost_on_the_way), (7, 2));
        assert_eq!((arrived.datagrams, arrived.sets), (5, 22));
        assert_eq!(arrived.last, BTreeMap::from([(9, 9), (10, 3)]));
    }
}
