//! Whatever a stranger sends, others are stored.

use std::net::UdpSocket;

use dnsflow_testkit::folder::Folder;

use crate::datagrams::{Sender, v4, v5};
use crate::program::{Collector, lines, numbers};

/// Datagrams that are sent in a round, and then waited for, so that none finds a full buffer.
const ROUND: u64 = 500;

/// Cut, with counts that lie, and with bytes changed, from many senders, as fast as they are read. A
/// sensor in between loses nothing.
#[test]
fn a_sensor_among_strangers_loses_nothing() {
    let folder = Folder::new();
    let to = format!("jsonl:{}", folder.path("out").display());
    let collector = Collector::start(&[
        "--to",
        &to,
        "--sensor",
        "mine=127.0.0.1",
        "--allow",
        "127.0.0.0/8",
    ]);
    let mine = Sender::from("127.0.0.1", collector.address);
    let mut random = 1_u64;
    let mut next = move || {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(random >> 40).expect("24 bits")
    };
    let strangers: Vec<UdpSocket> = (0..200)
        .map(|number| {
            let socket = UdpSocket::bind((format!("127.1.0.{number}"), 0)).expect("a free port");
            socket.connect(collector.address).expect("a route");
            socket
        })
        .collect();
    let seen = |collector: &Collector| {
        let of = |name| collector.metric(name, "");
        of("dnsflow_collect_datagrams_total")
            + of("dnsflow_collect_refused_datagrams_total")
            + of("dnsflow_collect_doubled_datagrams_total")
            + of("dnsflow_collect_dropped_datagrams_total")
    };
    let mut sent = 0;
    for round in 1..=40_u32 {
        for _ in 0..ROUND {
            let mut datagram = match next() % 2 {
                0 => v4(u32::try_from(next()).expect("24 bits")),
                _ => v5(next() as u64, next() as u64 % 3, 0),
            };
            match next() % 3 {
                0 => datagram.truncate(next() % datagram.len()),
                1 => {
                    for _ in 0..3 {
                        let at = next() % datagram.len();
                        datagram[at] = u8::try_from(next() % 256).expect("a byte");
                    }
                }
                _ => datagram.extend(vec![0xaa; next() % 1000]),
            }
            let stranger = &strangers[next() % strangers.len()];
            stranger.send(&datagram).expect("the loopback takes it");
            sent += 1;
        }
        mine.send(&v4(round));
        sent += 1;
        dnsflow_testkit::patience::until("a round to be read", || {
            (seen(&collector) >= sent).then_some(())
        });
    }
    assert_eq!(seen(&collector), sent);
    assert_eq!(
        collector.metric("dnsflow_collect_lost_datagrams", "\"mine\""),
        0
    );
    assert_eq!(
        collector.metric("dnsflow_collect_datagrams_total", "\"mine\""),
        40
    );
    collector.stop().assert_success();
    let stored: Vec<String> = lines(&folder.path("out"))
        .into_iter()
        .filter(|line| line.contains("\"sensor\":\"127.0.0.1\""))
        .collect();
    assert_eq!(numbers(&stored), (1..=40).collect::<Vec<_>>());
}
