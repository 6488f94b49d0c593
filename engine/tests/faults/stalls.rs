//! A sensor that does not run for a while (SIGSTOP): packets come, and nobody takes them out of the rings.

use std::thread;
use std::time::Duration;

use dnsflow_testkit::collector::Collector;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{OUT, TAP, Wire};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::requirements::{alone, requirements, two_cpus};

use crate::{BUILT, assert_exact, frames_sent};

/// As much as the machine gives, until it is told to stop.
const FULL: &str = "--rate 300000 --frames 100000 --noise 0";
const MODERATE: &str = "--rate 50000 --frames 100000 --noise 0";

/// Time for which the sensor is frozen.
const FROZEN: Duration = Duration::from_secs(3);

/// MiB of each ring.
const RING: &str = "8";

/// Frames that two rings have no room for: a packet takes more than 128 bytes of them.
const OVERFLOW: u64 = 2 * (8 << 20) / 128;

/// How often it is frozen for a moment.
const MOMENTS: usize = 100;

#[test]
fn one_core_frozen_at_a_high_rate() {
    if requirements("one_core_frozen_at_a_high_rate", &[]) {
        frozen("1");
    }
}

#[test]
fn two_cores_frozen_at_a_high_rate() {
    let test = "two_cores_frozen_at_a_high_rate";
    if requirements(test, &[]) && two_cpus(test) {
        frozen("2");
    }
}

/// The rings become full. What the kernel drops is counted, and what it kept comes out.
fn frozen(cores: &str) {
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let collector = Collector::listen(&wire.sensor, "127.0.0.1:0");
    let address = collector.address();
    let options = ["--cores", cores, "--ring", RING, "-u", &address];
    let mut sensor = BUILT.capture(&wire.sensor, TAP, &options);
    let generator = BUILT.generate(&wire.sender, OUT, &folder, FULL);
    until("first datagrams", || (collector.count() > 10).then_some(()));

    sensor.signal("STOP");
    let before = frames_sent(&wire.sender);
    thread::sleep(FROZEN);
    until("more frames than the rings hold", || {
        (frames_sent(&wire.sender) > before + OVERFLOW).then_some(())
    });
    let taken = collector.count();
    sensor.signal("CONT");
    until("it to go on", || (collector.count() > taken).then_some(()));

    let sent = generator.stop();
    let account = sensor.end();
    let kernel = account.kernel.expect("a sensor that captures");
    assert!(kernel.dropped > 0, "{account:?}");
    assert_exact(&sent, &account, &collector.finish());
}

/// Many times in a row, for as long as rings have room: nothing is lost by it, nor is a wake-up.
#[test]
fn frozen_for_moments() {
    if !requirements("frozen_for_moments", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let collector = Collector::listen(&wire.sensor, "127.0.0.1:0");
    let address = collector.address();
    let options = ["--cores", "all", "--flush", "0.01", "-u", &address];
    let mut sensor = BUILT.capture(&wire.sensor, TAP, &options);
    let generator = BUILT.generate(&wire.sender, OUT, &folder, MODERATE);
    until("first datagrams", || (collector.count() > 10).then_some(()));
    for moment in 0..MOMENTS {
        let long = Duration::from_millis(u64::try_from(moment % 12).expect("a few"));
        sensor.signal("STOP");
        thread::sleep(long);
        sensor.signal("CONT");
        thread::sleep(long);
    }
    let taken = collector.count();
    until("it to go on", || (collector.count() > taken).then_some(()));
    let sent = generator.stop();
    let account = sensor.end();
    assert_exact(&sent, &account, &collector.finish());
}
