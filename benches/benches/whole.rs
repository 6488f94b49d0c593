//! A packet of a file from record to datagram: read, decode, export. Times are per packet.

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use dnsflow_benches::cases::Case;
use dnsflow_benches::counting::allocations_of;
use dnsflow_benches::parts::{discarding_export, scaled, shard, whole};

fn path(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("whole");
    for case in Case::all() {
        let capture = case.capture();
        let mut shard = shard(case.decoder(), discarding_export());
        let mut pass = || whole(&capture, &mut shard).received;
        let packets = pass();
        // The allocations of opening the capture do not depend on its length.
        let allocated = allocations_of(&mut pass);
        group.bench_function(case.name, |bencher| {
            bencher.iter_custom(|wanted| {
                let passes = wanted.div_ceil(packets);
                let start = Instant::now();
                (0..passes).for_each(|_| {
                    black_box(pass());
                });
                scaled(start.elapsed(), wanted, passes * packets)
            });
        });
        println!(
            "{:24}allocations: {allocated} for {packets} packets and a file",
            ""
        );
    }
    group.finish();
}

criterion_group!(benches, path);
criterion_main!(benches);
