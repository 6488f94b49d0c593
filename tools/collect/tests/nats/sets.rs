//! Batches of version 4, made by hand: a datagram for each set.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dnsflow_collect::batch::{Batch, BatchId, Builder, Stream};

/// A batch of sets, each of `LABEL.example` with so many addresses, up to 255.
pub(crate) fn of_sets(number: u64, sets: &[(Vec<u8>, u8)]) -> Arc<Batch> {
    let mut builder = Builder::default();
    for (sequence, (label, addresses)) in (1_u32..).zip(sets) {
        let mut names = vec![u8::try_from(label.len()).expect("a short label")];
        names.extend(label);
        names.extend(b"\x07example\0");
        while names.len() % 4 != 0 {
            names.push(0);
        }
        let mut datagram = vec![4, 1, 0, 0];
        datagram.extend(sequence.to_be_bytes());
        datagram.extend([4, 1, *addresses, 0, 0]);
        datagram.extend([u8::try_from(names.len()).expect("short"), 0, 0]);
        datagram.extend([198, 51, 100, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        datagram.extend([192, 0, 2, 53, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        datagram.extend(names);
        for last in 0..*addresses {
            datagram.extend([203, 100, 113, last]);
        }
        let stream = || Stream {
            sensor: "tap1".to_owned(),
            source: SocketAddr::from(([192, 0, 2, 1], 5300)),
            core: None,
            boot: 9,
        };
        let received = Duration::from_secs(1_700_000_000);
        builder.push(0, stream, received, sequence.into(), 1, &datagram);
    }
    let id = BatchId {
        collector: 7,
        number,
    };
    Arc::new(Batch::new(id, builder.take()))
}
