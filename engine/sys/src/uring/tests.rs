use std::io::{Read as _, Write as _};
use std::iter::empty;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixDatagram, UnixStream};

use super::*;

/// A timeout that a test never waits for.
const LONG: Option<Duration> = Some(Duration::from_secs(3600));

/// A wait after which a test goes on.
const SHORT: Option<Duration> = Some(Duration::from_millis(1));

/// A ring with all that this kernel has, and one with what Linux 5.8 has.
fn rings() -> [Uring; 2] {
    let abilities = Abilities {
        timed_wait: false,
        deferred: false,
    };
    [
        Uring::new().expect("an io_uring"),
        Uring::with(setup::plain(ENTRIES).expect("an io_uring"), abilities),
    ]
}

fn pair() -> (UnixDatagram, UnixDatagram) {
    let (sender, receiver) = UnixDatagram::pair().expect("a socket pair");
    receiver.set_nonblocking(true).expect("a socket");
    (sender, receiver)
}

fn received(receiver: &UnixDatagram) -> Vec<Vec<u8>> {
    let mut buffer = [0; 2048];
    std::iter::from_fn(|| {
        let length = receiver.recv(&mut buffer).ok()?;
        Some(buffer[..length].to_vec())
    })
    .collect()
}

/// Sends until there is no room; returns the number of datagrams.
fn fill(sender: &UnixDatagram) -> usize {
    sender.set_nonblocking(true).expect("a socket");
    let count = (0..100_000).take_while(|_| sender.send(&[7; 64]).is_ok());
    count.count()
}

#[test]
fn sends_to_several_sockets_leave_in_order() {
    for mut uring in rings() {
        let pairs = [pair(), pair()];
        // More than the queue has entries.
        let bytes: Vec<[u8; 4]> = (0..600_u32).map(u32::to_be_bytes).collect();
        let of = |number: usize| &pairs[number / 300];
        for (sender, _) in &pairs {
            let room = socket2::SockRef::from(sender).set_send_buffer_size(1 << 20);
            room.expect("a socket");
        }
        // The receiver's queue is short (net.unix.max_dgram_qlen): ten at a time.
        for from in (0..600).step_by(10) {
            let sends = (from..from + 10).map(|number| Outgoing {
                socket: of(number).0.as_fd(),
                bytes: &bytes[number],
                has_next: number % 300 != 299,
            });
            let results = uring.turn(sends, None).expect("a ring");
            assert_eq!(results, [4; 10]);
            let got = received(&of(from).1);
            assert!(
                got.iter()
                    .map(Vec::as_slice)
                    .eq(bytes[from..from + 10].iter().map(<[u8; 4]>::as_slice))
            );
        }
    }
}

#[test]
fn more_sends_than_the_queue_has_entries() {
    for mut uring in rings() {
        let (_closed, sender) = {
            let receiver = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
            let sender = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
            let address = receiver.local_addr().expect("it is bound");
            sender.connect(address).expect("an address of this machine");
            (receiver, sender)
        };
        let sends = (0..1000).map(|_| Outgoing {
            socket: sender.as_fd(),
            bytes: b"four",
            has_next: true,
        });
        assert_eq!(uring.turn(sends, None).expect("a ring"), [4; 1000]);
    }
}

#[test]
fn what_follows_a_failure_is_cancelled_and_other_chains_are_not() {
    for mut uring in rings() {
        let ((full, _kept), (free, receiver)) = (pair(), pair());
        fill(&full);
        // The first chain is longer than the queue, so that it needs two calls.
        let chained = |number| Outgoing {
            socket: if number < 300 {
                full.as_fd()
            } else {
                free.as_fd()
            },
            bytes: b"four",
            has_next: number != 299 && number != 301,
        };
        let results = uring.turn((0..302).map(chained), None).expect("a ring");
        assert_eq!(results[0], -libc::EAGAIN);
        assert!(
            results[1..300]
                .iter()
                .all(|result| *result == -libc::ECANCELED)
        );
        assert_eq!(results[300..], [4, 4]);
        assert_eq!(received(&receiver).len(), 2);
    }
}

#[test]
fn a_wait_ends_with_the_first_descriptor_that_is_ready() {
    for mut uring in rings() {
        let pairs: Vec<_> = (0..2)
            .map(|_| UnixStream::pair().expect("a socket pair"))
            .collect();
        for (reader, _) in &pairs {
            uring.watch(reader.try_clone().expect("a descriptor").into());
        }
        for (index, (reader, writer)) in pairs.iter().enumerate() {
            uring.arm(0).expect("a ring");
            uring.arm(1).expect("a ring");
            uring.turn(empty(), SHORT).expect("a ring");
            assert_eq!(uring.take_ready(index), None, "nothing was written");
            let (mut reader, mut writer) = (reader, writer);
            writer.write_all(&[1]).expect("room for a byte");
            uring.turn(empty(), LONG).expect("a ring");
            assert_eq!(uring.take_ready(index), Some(Ready::Readable));
            assert_eq!(uring.take_ready(1 - index), None);
            reader.read_exact(&mut [0]).expect("that byte");
        }
    }
}

#[test]
fn a_wait_lasts_whatever_was_waited_for_before() {
    for mut uring in rings() {
        let (mut reader, mut writer) = UnixStream::pair().expect("a socket pair");
        let index = uring.watch(reader.try_clone().expect("a descriptor").into());
        for _ in 0..3 {
            uring.arm(index).expect("a ring");
            writer.write_all(&[1]).expect("room for a byte");
            uring.turn(empty(), LONG).expect("a ring");
            assert_eq!(uring.take_ready(index), Some(Ready::Readable));
            reader.read_exact(&mut [0]).expect("that byte");
            let wait = Duration::from_millis(20);
            let start = std::time::Instant::now();
            uring.turn(empty(), Some(wait)).expect("a ring");
            assert!(start.elapsed() >= wait);
        }
    }
}

#[test]
fn sends_do_not_end_a_wait() {
    for mut uring in rings() {
        let (sender, receiver) = pair();
        let (watched, mut writer) = UnixStream::pair().expect("a socket pair");
        let index = uring.watch(watched.into());
        uring.arm(index).expect("a ring");
        let send = |bytes| Outgoing {
            socket: sender.as_fd(),
            bytes,
            has_next: false,
        };
        let waiting = std::thread::spawn(move || {
            // What was sent before the wait is there while it lasts.
            while received(&receiver).is_empty() {
                std::thread::yield_now();
            }
            writer.write_all(&[1]).expect("room for a byte");
            writer
        });
        let results = uring
            .turn([send(b"one")].into_iter(), LONG)
            .expect("a ring");
        assert_eq!(results, [3]);
        assert_eq!(uring.take_ready(index), Some(Ready::Readable));
        waiting.join().expect("the thread");
    }
}

#[test]
fn a_descriptor_that_was_replaced_is_not_reported() {
    for mut uring in rings() {
        let (old, mut to_old) = UnixStream::pair().expect("a socket pair");
        let (new, mut to_new) = UnixStream::pair().expect("a socket pair");
        let index = uring.watch(old.into());
        uring.arm(index).expect("a ring");
        uring.turn(empty(), SHORT).expect("a ring");
        uring.replace(index, new.into()).expect("a ring");
        uring.arm(index).expect("a ring");
        uring.turn(empty(), SHORT).expect("a ring");
        assert_eq!(uring.take_ready(index), None);
        let gone = to_old
            .write_all(&[1])
            .expect_err("nothing holds the old one");
        assert_eq!(gone.kind(), io::ErrorKind::BrokenPipe);
        to_new.write_all(&[1]).expect("room for a byte");
        uring.turn(empty(), LONG).expect("a ring");
        assert_eq!(uring.take_ready(index), Some(Ready::Readable));
    }
}

#[test]
fn a_kept_send_waits_for_room_and_others_do_not() {
    for mut uring in rings() {
        let ((full, reader), (free, receiver)) = (pair(), pair());
        let before = fill(&full);
        let full = std::sync::Arc::new(full);
        let send = |socket| Outgoing {
            socket,
            bytes: b"four",
            has_next: false,
        };
        let results = uring.turn([send(full.as_fd())].into_iter(), None);
        assert_eq!(results.expect("a ring"), [-libc::EAGAIN]);
        let ticket = uring.keep_sending(std::sync::Arc::clone(&full), b"later".to_vec());
        let ticket = ticket.expect("a ring");
        let results = uring.turn([send(free.as_fd())].into_iter(), SHORT);
        assert_eq!(results.expect("a ring"), [4]);
        assert_eq!(received(&receiver).len(), 1);
        assert!(uring.next_kept().is_none(), "there is no room yet");
        let mut got = received(&reader);
        uring.turn(empty(), LONG).expect("a ring");
        let kept = uring.next_kept().expect("it is over");
        assert_eq!((kept.ticket, kept.result.ok()), (ticket, Some(5)));
        assert_eq!(kept.bytes, b"later");
        got.extend(received(&reader));
        assert_eq!(got.len(), before + 1);
        assert_eq!(got.last().map(Vec::as_slice), Some(&b"later"[..]));
    }
}

#[test]
fn a_kept_send_that_is_given_up_was_not_sent() {
    for mut uring in rings() {
        let (full, reader) = pair();
        let before = fill(&full);
        let ticket = uring.keep_sending(full, b"never".to_vec()).expect("a ring");
        uring.turn(empty(), SHORT).expect("a ring");
        uring.give_up(ticket).expect("a ring");
        uring.turn(empty(), LONG).expect("a ring");
        let kept = uring.next_kept().expect("it is over");
        let code = kept.result.map_err(|error| error.raw_os_error());
        assert_eq!((kept.ticket, code), (ticket, Err(Some(libc::ECANCELED))));
        assert_eq!(received(&reader).len(), before);
    }
}

#[test]
fn a_ring_with_a_send_in_flight_can_be_dropped() {
    for mut uring in rings() {
        let (full, _reader) = pair();
        fill(&full);
        uring.keep_sending(full, b"never".to_vec()).expect("a ring");
        uring.turn(empty(), SHORT).expect("a ring");
    }
}

fn waker_is_readable(waker: &std::fs::File) -> bool {
    let mut waker = [nix::poll::PollFd::new(
        waker.as_fd(),
        nix::poll::PollFlags::POLLIN,
    )];
    nix::poll::poll(&mut waker, nix::poll::PollTimeout::ZERO) != Ok(0)
}

#[test]
fn the_waker_is_readable_once_something_completes() {
    for mut uring in rings() {
        let waker = uring.waker().expect("an eventfd");
        let (watched, mut writer) = UnixStream::pair().expect("a socket pair");
        let index = uring.watch(watched.into());
        uring.arm(index).expect("a ring");
        uring.turn(empty(), SHORT).expect("a ring");
        let mut waker = std::fs::File::from(waker);
        // What has completed so far, such as a timeout.
        let mut count = [0; 8];
        if waker_is_readable(&waker) {
            waker.read_exact(&mut count).expect("it is readable");
        }
        assert!(!waker_is_readable(&waker));
        writer.write_all(&[1]).expect("room for a byte");
        waker.read_exact(&mut count).expect("it was told");
        uring.turn(empty(), LONG).expect("a ring");
        assert_eq!(uring.take_ready(index), Some(Ready::Readable));
    }
}
