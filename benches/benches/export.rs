//! From a response to datagrams, without sending them. Times are for one response.
//!
//! "in order" is how a file gets them; "to one size" is how collectors do, by way of the pool that lets one send
//! take many. For the latter there has to be a collector, which is a socket on the loopback that nobody reads; what
//! sending costs is not in the time, but in that of `bench-offline`.

use std::hint::black_box;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use dnsflow::export::collector::Collector;
use dnsflow::export::{Export, Sinks};
use dnsflow::frame::Timestamp;
use dnsflow_benches::cases::{Case, message};
use dnsflow_benches::counting::allocations_of;
use dnsflow_benches::parts::{DATAGRAM_BYTES, nowhere, scaled, send};
use dnsflow_wire::message::{Answers, Dialect, Extent, Marks};
use dnsflow_wire::response::{Endpoints, Response};
use glommio::LocalExecutorBuilder;

/// Responses in turn. Each borrows from marks of its own; more of them would measure the caches.
const RESPONSES: usize = 256;

fn responses<'a>(case: &'a Case, marks: &'a mut [Marks]) -> Vec<Response<'a>> {
    let parse = |(bytes, marks): (&'a Vec<u8>, &'a mut Marks)| Response {
        endpoints: Endpoints::V4 {
            client: [10, 0, 0, 1],
            resolver: [172, 16, 0, 1],
        },
        answers: Answers::parse(message(bytes), Dialect::Unicast, Extent::Whole, marks)
            .expect("the case is all responses"),
    };
    case.frames.iter().zip(marks).map(parse).collect()
}

/// Pushes each response once, and sends what is full; returns the time for pushing alone.
fn push(export: &mut Export, responses: &[Response<'_>]) -> Duration {
    let mut spent = Duration::ZERO;
    let mut left = responses.iter();
    while !left.as_slice().is_empty() {
        let start = Instant::now();
        for response in left.by_ref() {
            export.push(black_box(response), Timestamp::default());
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
    let mut marks: Vec<_> = std::iter::repeat_with(Marks::default)
        .take(RESPONSES)
        .collect();
    let mut group = criterion.benchmark_group(name);
    for case in ["A over IPv4", "AAAA over IPv6", "CNAME chain", "mix"] {
        let case = Case::all()
            .into_iter()
            .find(|known| known.name == case)
            .expect("a case of that name");
        let responses = responses(&case, &mut marks);
        push(export, &responses);
        let allocated = allocations_of(|| push(export, &responses));
        group.bench_function(case.name, |bencher| {
            bencher.iter_custom(|wanted| {
                let done = wanted.next_multiple_of(RESPONSES as u64);
                let passes = done / RESPONSES as u64;
                let spent = (0..passes).map(|_| push(export, &responses)).sum();
                scaled(spent, wanted, done)
            });
        });
        println!(
            "{:24}allocations: {allocated} for {RESPONSES} responses",
            ""
        );
    }
    group.finish();
}

fn export(criterion: &mut Criterion) {
    measure(criterion, "export in order", &mut nowhere());
    let executor = LocalExecutorBuilder::default()
        .make()
        .expect("an io_uring for the collector's socket");
    executor.run(async {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port on the loopback");
        let address = socket.local_addr().expect("a bound socket has an address");
        let sinks = Sinks {
            collectors: vec![Collector::new(address.into(), DATAGRAM_BYTES)],
            ..Sinks::default()
        };
        measure(
            criterion,
            "export to one size",
            &mut Export::new(DATAGRAM_BYTES, sinks),
        );
    });
}

criterion_group!(benches, export);
criterion_main!(benches);
