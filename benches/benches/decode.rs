//! Decoding, for each case: from a frame in memory to the fate of its packet and the set of its
//! response. Times are per packet.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use dnsflow_benches::cases::{Case, frame_of};
use dnsflow_benches::counting::allocations_of;
use dnsflow_benches::parts::discarding_sink;

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for case in Case::all() {
        let (mut decoder, mut sink) = (case.decoder(), discarding_sink());
        let mut decode = |bytes: &[u8]| {
            decoder.decode(&frame_of(black_box(bytes)), &mut sink);
        };
        let allocated = allocations_of(|| case.frames.iter().for_each(|bytes| decode(bytes)));
        let mut frames = case.frames.iter().cycle();
        group.bench_function(case.name, |bencher| {
            bencher.iter(|| frames.next().map(|bytes| decode(bytes)));
        });
        println!(
            "{:24}allocations: {allocated} for {} packets",
            "",
            case.frames.len()
        );
    }
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
