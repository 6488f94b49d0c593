//! What a record costs a board, in time and memory.
//!
//! ```text
//! cargo bench --package dnsflow-tally
//! ```
//!
//! Names are of a Zipf distribution, whose rank n comes as often as 1 / n; each line says how many
//! there are. The time is that of the CPU, the median of [`ROUNDS`] rounds, reading the datagrams included; what a
//! snapshot costs stands beside it, with a thousand rows of each list.

#![allow(
    clippy::cast_possible_truncation,
    reason = "ranks are below the number of names"
)]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use dnsflow_records::record::records;
use dnsflow_tally::{Board, Limits, SpaceSaving};
use dnsflow_testkit::datagrams::{self, Told};
use dnsflow_wire::datagram::Datagram;
use nix::time::{ClockId, clock_gettime};

/// Rounds of each measurement.
const ROUNDS: usize = 5;

/// Datagrams of a round, and records of each.
const DATAGRAMS: usize = 20_000;
const RECORDS: usize = 20;

fn main() {
    println!(
        "| names | keys | decode, ns a record | decode and count, ns a record | snapshot, ms |"
    );
    println!("|---|---|---|---|---|");
    for names in [1_000, 1_000_000] {
        let datagrams = made(names);
        for keys in [100, 1000, 10_000] {
            line(names, keys, &datagrams);
        }
    }
    println!();
    println!("| distinct keys | room | one count, ns |");
    println!("|---|---|---|");
    for distinct in [500_u32, 1_000_000] {
        let mut random = Random(7);
        let keys: Vec<_> = (0..1_000_000)
            .map(|_| (random.next() % distinct).to_be_bytes())
            .collect();
        let time = median(|| {
            let mut summary = SpaceSaving::new(1000);
            keys.iter().for_each(|key| summary.record(key));
            black_box(summary.total());
        });
        println!(
            "| {distinct} | 1000 | {:.0} |",
            nanoseconds(time, keys.len())
        );
    }
}

fn line(names: u32, keys: usize, datagrams: &[Vec<u8>]) {
    let count = DATAGRAMS * RECORDS;
    let decoded = median(|| {
        for bytes in datagrams {
            let datagram = Datagram::parse(bytes).expect("well made");
            black_box(
                records(&datagram)
                    .map(|record| record.addresses().count())
                    .sum::<usize>(),
            );
        }
    });
    let limits = Limits {
        keys,
        ..Limits::default()
    };
    let mut board = Board::new(Duration::ZERO, limits);
    let mut time = Duration::ZERO;
    let counted = median(|| {
        for bytes in datagrams {
            time += Duration::from_micros(500);
            let datagram = Datagram::parse(bytes).expect("well made");
            for record in records(&datagram) {
                board.record(time, "edge-1", &record);
            }
        }
    });
    let shown = median(|| {
        black_box(board.snapshot(time, 1000));
    });
    println!(
        "| {names} | {keys} | {:.0} | {:.0} | {:.2} |",
        nanoseconds(decoded, count),
        nanoseconds(counted, count),
        shown.as_secs_f64() * 1e3
    );
}

fn made(names: u32) -> Vec<Vec<u8>> {
    let mut random = Random(1);
    let datagram = |number| {
        let mut told = || {
            // The inverse of the sum of 1 / n, which is about the logarithm.
            let at = f64::from(random.next()) / f64::from(u32::MAX);
            let rank = f64::from(names).powf(at) as u32;
            let client = Ipv4Addr::from(0x0a00_0000 | random.next() & 0xfff);
            Told {
                client: IpAddr::from(client),
                addresses: vec![Ipv4Addr::from(0xc000_0000 | rank), Ipv4Addr::from(!rank)],
                ..Told::of(&format!("www.host-{rank}.example-{}.org", rank % 10_007))
            }
        };
        let told: Vec<_> = (0..RECORDS).map(|_| told()).collect();
        datagrams::v5(None, 0, 1, number, &told)
    };
    (1..=DATAGRAMS as u64).map(datagram).collect()
}

fn median(mut run: impl FnMut()) -> Duration {
    let mut times: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let start = used();
            run();
            used() - start
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}

/// CPU time of this thread: other work on the machine is none of its.
fn used() -> Duration {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
    Duration::from(time.expect("a clock of every Linux"))
}

fn nanoseconds(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e9 / count as f64
}

/// Xorshift of Marsaglia, 2003.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32
    }
}
