//! System calls under load: their number does not grow with that of the collectors.

use std::net::UdpSocket;

use dnsflow::capture::socket::BLOCK_BYTES;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{OUT, TAP, Wire};
use dnsflow_testkit::requirements::{alone, requirements};
use dnsflow_testkit::sensor::Counting;

use crate::BUILT;

const STEADY: &str = "--rate 100000 --noise 0";

/// One, which sends what came of a block and waits for the next, and what is done less often than once a block.
const MOST_A_BLOCK: f64 = 1.2;

/// Blocks of a count. The kernel hands over one every 10 ms.
const BLOCKS: u64 = 50;

/// Most counts, of which one has to be within [`MOST_A_BLOCK`]. On a machine that does other work too, traffic has gaps, after
/// which a shard sleeps in another way.
const COUNTS: usize = 40;

#[test]
fn with_1_collector() {
    assert_few_system_calls("with_1_collector", 1);
}

#[test]
fn with_8_collectors() {
    assert_few_system_calls("with_8_collectors", 8);
}

#[test]
fn with_64_collectors() {
    assert_few_system_calls("with_64_collectors", 64);
}

fn assert_few_system_calls(test: &str, collectors: u64) {
    if !requirements(test, &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    // Nobody reads: their sockets drop what they have no room for, and the sensor does not notice.
    let bind = || UdpSocket::bind("127.0.0.1:0").expect("an address to listen on");
    let sockets = wire
        .sensor
        .enter(|| (0..collectors).map(|_| bind()).collect::<Vec<_>>());
    let addresses: Vec<String> = sockets
        .iter()
        .map(|socket| socket.local_addr().expect("a bound socket").to_string())
        .collect();
    let mut options = vec!["--cores", "1", "--ring", "16"];
    for address in &addresses {
        options.extend(["-u", address]);
    }
    let sensor = BUILT.capture(&wire.sensor, TAP, &options);
    let generator = BUILT.generate(&wire.sender, OUT, &folder, STEADY);
    let mut counting = Counting::of(sensor.id(), BLOCK_BYTES.into());
    let mut least = counting.over(BLOCKS);
    for _ in 1..COUNTS {
        if least.a_block() <= MOST_A_BLOCK {
            break;
        }
        let calls = counting.over(BLOCKS);
        if calls.a_block() < least.a_block() {
            least = calls;
        }
    }
    drop(counting);
    drop(generator);
    let account = sensor.end();
    assert_eq!(account.taken, collectors * account.datagrams, "{account:?}");
    assert!(account.datagrams > BLOCKS, "{account:?}");
    assert!(
        least.a_block() <= MOST_A_BLOCK,
        "{collectors} collectors, {:.2} system calls a block: {least:?}",
        least.a_block()
    );
}
