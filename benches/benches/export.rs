//! Export: from the sets of responses to datagrams, without sending. Times are per set, including
//! its copy.
//!
//! "in order" is the order for a file. "to one size" is the way for collectors, through the pool,
//! which fills datagrams to equal sizes. The latter needs a collector: a loopback socket that is
//! never read. The time of sending is not included; `bench-offline` measures it.

use std::hint::black_box;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use dnsflow::export::collector::Collector;
use dnsflow::export::{Export, Sinks};
use dnsflow_benches::cases::{Case, frame_of};
use dnsflow_benches::counting::allocations_of;
use dnsflow_benches::parts::{DATAGRAM_BYTES, discarding_export, scaled, send};
use dnsflow_packet::Sets;
use dnsflow_wire::v4::Encoder;

/// Number of different sets; more of them would measure the caches.
const SETS: usize = 256;

/// The sets of a case's responses.
fn sets(case: &Case) -> Vec<Vec<u8>> {
    let mut decoder = case.decoder();
    let mut sets = Vec::new();
    let mut sink = Sets::new(Encoder::default(), DATAGRAM_BYTES, |set: &[u8], _| {
        sets.push(set.to_vec());
    });
    for frame in case.frames.iter().take(SETS) {
        decoder.decode(&frame_of(frame), &mut sink);
    }
    sets
}

/// Adds each set once, and sends the finished datagrams; returns the time without the sends.
fn push(export: &mut Export, sets: &[Vec<u8>]) -> Duration {
    let mut spent = Duration::ZERO;
    let mut left = sets.iter();
    while !left.as_slice().is_empty() {
        let start = Instant::now();
        for set in left.by_ref() {
            if let Some(draft) = export.draft() {
                draft[..set.len()].copy_from_slice(black_box(set));
                export.commit(set.len());
            }
            if export.is_full() {
                break;
            }
        }
        spent += start.elapsed();
        if export.is_full() {
            send(export);
        }
    }
    spent
}

fn measure(criterion: &mut Criterion, name: &str, export: &mut Export) {
    let mut group = criterion.benchmark_group(name);
    for case in ["A over IPv4", "AAAA over IPv6", "CNAME chain", "mix"] {
        let case = Case::all()
            .into_iter()
            .find(|known| known.name == case)
            .expect("a case of that name");
        let sets = sets(&case);
        assert_eq!(sets.len(), SETS, "{}", case.name);
        push(export, &sets);
        let allocated = allocations_of(|| push(export, &sets));
        group.bench_function(case.name, |bencher| {
            bencher.iter_custom(|wanted| {
                let done = wanted.next_multiple_of(SETS as u64);
                let passes = done / SETS as u64;
                let spent = (0..passes).map(|_| push(export, &sets)).sum();
                scaled(spent, wanted, done)
            });
        });
        println!("{:24}allocations: {allocated} for {SETS} sets", "");
    }
    group.finish();
}

fn export(criterion: &mut Criterion) {
    measure(criterion, "export in order", &mut discarding_export());
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port on the loopback");
    let address = socket.local_addr().expect("a bound socket has an address");
    let sinks = Sinks {
        collectors: vec![Collector::new(address.into(), DATAGRAM_BYTES)],
        ..Sinks::default()
    };
    measure(
        criterion,
        "export to one size",
        &mut Export::new(Encoder::default(), DATAGRAM_BYTES, sinks),
    );
}

criterion_group!(benches, export);
criterion_main!(benches);
