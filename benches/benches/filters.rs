//! Classic BPF programs in the interpreter, as run over packets of a file. Times are per packet.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use dnsflow_benches::cases::Case;
use dnsflow_benches::counting::allocations_of;
use dnsflow_benches::programs::ORIGINAL_EXPRESSION;
use dnsflow_filters::{
    Balance, FilterError, Interpreter, MAX_SNAP_LENGTH, Packet, Program, capture_filter, compile,
    sample,
};
use dnsflow_packet::{LinkType, Selection};

/// Name and program, and whether it is a fanout program.
fn programs() -> Result<[(&'static str, Program, bool); 4], FilterError> {
    let selection = capture_filter(&Selection::default(), LinkType::Ethernet, MAX_SNAP_LENGTH)?;
    let original = compile(ORIGINAL_EXPRESSION, LinkType::Ethernet, MAX_SNAP_LENGTH)?;
    Ok([
        ("selection", selection.clone(), false),
        ("original's expression", original, false),
        ("sample and selection", sample(4)?.then(selection)?, false),
        ("fanout by client", Balance::client().fanout()?, true),
    ])
}

fn filters(criterion: &mut Criterion) {
    for (name, program, fanout) in programs().expect("the programs compile") {
        let interpreter = Interpreter::new(&program).expect("no instruction that needs a kernel");
        let mut group = criterion.benchmark_group(name);
        for case in Case::all() {
            let run = |bytes: &[u8]| {
                let packet = Packet::ethernet(black_box(bytes));
                let packet = if fanout { packet.for_fanout() } else { packet };
                black_box(interpreter.run(&packet, || 4));
            };
            let allocated = allocations_of(|| case.frames.iter().for_each(|bytes| run(bytes)));
            let mut frames = case.frames.iter().cycle();
            group.bench_function(case.name, |bencher| {
                bencher.iter(|| frames.next().map(|bytes| run(bytes)));
            });
            println!(
                "{:24}allocations: {allocated} for {} packets",
                "",
                case.frames.len()
            );
        }
        group.finish();
    }
}

criterion_group!(benches, filters);
criterion_main!(benches);
