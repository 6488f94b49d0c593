//! Memory an entry, look-ups learned and questions answered a second, and how long a snapshot takes.
//!
//! `cargo run --release -p dnsflow-names --example map [ENTRIES]`: clients look up names of which few are
//! asked for often; a fourth of the names are aliases; names have two addresses, of which
//! popular ones share some. Times are of one thread, records are read from the wire before.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use dnsflow_names::map::snapshot::{self, Mark};
use dnsflow_names::{Limits, Map, Time};
use dnsflow_records::record::{Record, records};
use dnsflow_wire::datagram::Datagram;

/// Look-ups for each client.
const LOOKUPS: u64 = 1000;

fn mixed(number: u64) -> u64 {
    let mixed = (number ^ number >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// A name of `names`: the smaller its number, the more often.
fn name_of(number: u64, names: u64) -> u64 {
    let random = mixed(number);
    let spread = random >> 32 & 0xffff_ffff;
    (((spread * spread) >> 32) * names) >> 32
}

fn octets(number: u64) -> [u8; 4] {
    let [.., b, c, d] = number.to_be_bytes();
    [10, b, c, d]
}

/// A datagram of version 5 with one record.
fn datagram(number: u64, clients: u64, names: u64) -> Vec<u8> {
    let name = name_of(number, names);
    let mut record = vec![0, 0, 0];
    record.extend(octets(mixed(number ^ 7) % clients));
    record.extend([0x80, 0, 0, 5, 0, 192, 0, 2, 53]);
    let label = |text: &str| {
        let mut label = vec![u8::try_from(text.len()).unwrap_or(0)];
        label.extend(text.bytes());
        label
    };
    record.extend(label("www"));
    record.extend(label(&format!("site{name}")));
    record.extend(label("example"));
    record.push(0);
    if name.is_multiple_of(4) {
        record.extend([0x61, 60]);
        record.extend(label(&format!("edge{}", name / 64)));
        record.extend(label("cdn"));
        record.extend(label("example"));
        record.push(0);
    }
    record.extend([0x22, 60]);
    for which in 0..2 {
        let mut address =
            octets(mixed(name / if name < 1000 { 8 } else { 1 } + which) % 16_000_000);
        address[0] = 203;
        record.extend(address);
    }
    record.push(0);
    let mut datagram = vec![5, 8, 0, 0, 0, 0, 0, 1];
    datagram.extend(number.to_be_bytes());
    datagram.extend(9_u64.to_be_bytes());
    datagram.extend((1_700_000_000_000_000 + number * 100).to_be_bytes());
    datagram.extend(u16::try_from(record.len()).unwrap_or(0).to_be_bytes());
    datagram.extend(record);
    datagram
}

fn rate(count: u64, since: Instant) -> u64 {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate"
    )]
    let rate = (count as f64 / since.elapsed().as_secs_f64()) as u64;
    rate
}

fn main() {
    let entries = std::env::args().nth(1).and_then(|count| count.parse().ok());
    let entries: u64 = entries.unwrap_or(10_000_000);
    let (clients, names) = ((entries / LOOKUPS).max(1), (entries / 50).max(1));
    let mut map = Map::new(Limits {
        bytes: usize::MAX / 2,
        ..Limits::default()
    });
    let mut learned = Duration::ZERO;
    let mut number = 0;
    while map.counts().entries < entries {
        let some: Vec<Vec<u8>> = (0..100_000)
            .map(|more| datagram(number + more, clients, names))
            .collect();
        let begun = Instant::now();
        for bytes in &some {
            let Ok(datagram) = Datagram::parse(bytes) else {
                continue;
            };
            for record in records(&datagram) {
                if let Record::V5(v5) = &record {
                    map.learn(v5.time, &record);
                }
            }
        }
        learned += begun.elapsed();
        number += 100_000;
    }
    let counts = map.counts();
    println!("{counts:?}");
    println!(
        "{:.1} bytes an entry; {:.0} records and {:.0} addresses learned a second",
        counts.bytes as f64 / counts.entries as f64,
        number as f64 / learned.as_secs_f64(),
        counts.lookups as f64 / learned.as_secs_f64()
    );
    let questions: Vec<(IpAddr, IpAddr)> = (0..2_000_000)
        .map(|which| {
            let which = mixed(which) % number;
            let name = name_of(which, names);
            let mut address = octets(mixed(name / if name < 1000 { 8 } else { 1 }) % 16_000_000);
            address[0] = 203;
            let client = octets(mixed(which ^ 7) % clients);
            (IpAddr::from(client), IpAddr::from(address))
        })
        .collect();
    let at = Time(Duration::from_micros(1_700_000_000_000_000 + number * 100));
    let begun = Instant::now();
    let mut found = 0;
    for (client, address) in &questions {
        found += u64::from(!map.best(Some(*client), *address, at).names().is_empty());
    }
    let best = rate(2_000_000, begun);
    let begun = Instant::now();
    for (client, address) in &questions {
        found += u64::from(!map.ask(Some(*client), *address, at).names.is_empty());
    }
    println!(
        "{best} answers a second borrowed, {} whole; {found} found",
        rate(2_000_000, begun)
    );
    let begun = Instant::now();
    let mut bytes = Vec::new();
    if snapshot::write(&map, Mark::default(), &mut bytes).is_ok() {
        println!(
            "snapshot of {} MiB written in {:?}",
            bytes.len() >> 20,
            begun.elapsed()
        );
    }
    drop(map);
    let begun = Instant::now();
    let read = snapshot::read(
        &bytes[..],
        Limits {
            bytes: usize::MAX / 2,
            ..Limits::default()
        },
    );
    println!(
        "read in {:?}: {:?}",
        begun.elapsed(),
        read.map(|(map, _)| map.counts().entries)
    );
}
