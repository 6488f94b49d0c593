//! More packets than a ring has room for: what is lost is counted to the packet, and `--overload sample` leaves out as many as
//! it has to.
//!
//! A sensor that is stopped for a while has a full ring, however fast the machine is.

use dnsflow_testkit::collector::Collector;
use dnsflow_testkit::export::{Export, assert_within};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::generator::Generated;
use dnsflow_testkit::network::{OUT, TAP, Wire};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::requirements::{alone, requirements};
use dnsflow_testkit::scrape::Samples;
use dnsflow_testkit::sensor::Account;

use crate::{BUILT, METRICS, samples};

/// Several times what two rings of 2 MiB hold.
const FRAMES: usize = 60_000;

/// The same, until told to stop.
const STEADY: &str = "--rate 50000 --frames 60000 --noise 0 --clients 1000000";

/// Frames that the sender has sent.
fn sent(wire: &Wire) -> u64 {
    let count = wire.sender.attribute(OUT, "statistics/tx_packets");
    count.parse().expect("a count")
}

/// Stats, summed over the streams as they were at the end: packets read, packets that passed the filter, dropped.
fn last_stats(export: &Export) -> [u64; 3] {
    let last = export.streams.values().filter_map(|it| it.stats.last());
    last.fold([0; 3], |sum, (_, stats)| {
        [
            sum[0] + u64::from(stats.captured),
            sum[1] + u64::from(stats.received),
            sum[2] + u64::from(stats.dropped),
        ]
    })
}

/// What came out is right, though not all is there.
fn assert_right(account: &Account, export: &Export, expected: Vec<Generated>) {
    let mut expected = expected
        .into_iter()
        .flat_map(|sent| sent.sets)
        .collect::<Vec<_>>();
    expected.sort_unstable();
    let sets = export.sets();
    assert_eq!(sets.len() as u64, account.total.exported);
    assert_within(&expected, &sets);
    export.assert_no_gap();
    export.assert_final_stats();
}

#[test]
fn loss_is_counted_to_the_packet() {
    if !requirements("loss_is_counted_to_the_packet", &[]) {
        return;
    }
    let _alone = alone();
    for cores in ["1", "2"] {
        let (wire, folder) = (Wire::new(), Folder::new());
        let collector = Collector::listen(&wire.sensor, "127.0.0.1:0");
        let address = collector.address();
        let options = [
            "--ring",
            "2",
            "--cores",
            cores,
            "--metrics",
            METRICS,
            "-u",
            &address,
        ];
        let mut sensor = BUILT.capture(&wire.sensor, TAP, &options);
        let send = |seed: u32, more: &str| {
            let options =
                format!("--count {FRAMES} --frames {FRAMES} --noise 0 --seed {seed} {more}");
            BUILT.send(&wire.sender, OUT, &folder, &options)
        };
        sensor.signal("STOP");
        let stopped = send(1, "--rate 100000");
        sensor.signal("CONT");
        // As fast as can be: whether that is too much is the machine's affair.
        let running = send(2, "--threads 1");

        let all = stopped.number("packets") + running.number("packets");
        let samples = until("the sensor to have read its rings", || {
            let samples = samples(&wire.sensor);
            let read = samples.sum("dnsflow_received_total", "");
            let dropped = samples.sum("dnsflow_kernel_drops_total", "");
            (read + dropped == all as f64).then_some(samples)
        });
        assert_eq!(
            samples.sum("dnsflow_kernel_packets_total", ""),
            all as f64,
            "cores: {cores}"
        );
        assert!(samples.sum("dnsflow_kernel_ring_freezes_total", "") > 0.0);
        assert_eq!(
            samples.sum("dnsflow_sample_rate", "core=\"0\""),
            1.0,
            "nothing is left out unless asked for"
        );

        let account = sensor.stop_overloaded();
        let kernel = account.kernel.expect("a sensor that captures");
        assert_eq!(kernel.passed, all as u64);
        assert!(kernel.dropped > 0, "{account:?}");
        assert_eq!(
            samples.sum("dnsflow_kernel_drops_total", ""),
            kernel.dropped as f64
        );
        assert_eq!(account.total.exported, account.total.received);
        let export = collector.finish();
        assert_eq!(
            last_stats(&export),
            [account.total.received, kernel.passed, kernel.dropped]
        );
        assert_right(&account, &export, vec![stopped, running]);
    }
}

/// Sampling rates as stats said them, each change once.
fn rates(export: &Export) -> Vec<u32> {
    let mut rates: Vec<u32> = export
        .streams
        .values()
        .flat_map(|stream| stream.stats.iter().map(|(_, stats)| stats.sample_rate))
        .collect();
    rates.dedup();
    rates
}

/// One sensor samples by itself, another more than it was told to. Both are stopped until their rings are full, and then go
/// on.
#[test]
fn a_core_under_load_samples() {
    if !requirements("a_core_under_load_samples", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let mut sensors: Vec<_> = [
        ("127.0.0.1:9530", "", "1 of 2", "all", 0),
        ("127.0.0.1:9531", "--sample 3", "1 of 6", "1 of 3", 3),
    ]
    .into_iter()
    .map(|(metrics, more, first, last, base)| {
        let collector = Collector::listen(&wire.sensor, "127.0.0.1:0");
        let options = format!(
            "--ring 2 --overload sample --metrics {metrics} -u {} {more}",
            collector.address()
        );
        let options: Vec<&str> = options.split_whitespace().collect();
        let sensor = BUILT.capture(&wire.sensor, TAP, &options);
        (sensor, collector, metrics, first, last, base)
    })
    .collect();
    let rate = |metrics| Samples::at(&wire.sensor, metrics).sum("dnsflow_sample_rate", "");

    for (_, _, metrics, _, _, base) in &sensors {
        assert_eq!(rate(metrics), f64::from((*base).max(1)));
    }
    for (sensor, ..) in &mut sensors {
        sensor.signal("STOP");
    }
    let generator = BUILT.generate(&wire.sender, OUT, &folder, STEADY);
    until("rings to be full", || {
        (sent(&wire) > 2 * FRAMES as u64).then_some(())
    });
    for (sensor, _, _, first, _, _) in &mut sensors {
        sensor.signal("CONT");
        let text = format!("core 0 is overloaded: keeping {first} packets from now on");
        sensor.wait_until_it_has_said(&text, 1);
    }
    let sent = vec![generator.stop()];
    for (sensor, _, metrics, _, last, base) in &mut sensors {
        let text = format!("core 0 has room again: keeping {last} packets from now on");
        sensor.wait_until_it_has_said(&text, 1);
        until("all packets to be kept", || {
            (rate(metrics) == f64::from((*base).max(1))).then_some(())
        });
    }
    let mut expected = Some(sent);
    for (sensor, collector, _, _, _, base) in sensors {
        let account = sensor.stop_overloaded();
        let kernel = account.kernel.expect("a sensor that captures");
        assert!(kernel.dropped > 0, "{account:?}");
        assert_eq!(account.total.exported, account.total.received);
        let export = collector.finish();
        let rates = rates(&export);
        let changes = account.lines_with("packets from now on");
        // Statistics may not have been due before the first change.
        let said = match rates.first() {
            Some(first) if *first == base => &rates[1..],
            _ => &rates[..],
        };
        assert_eq!(said.len(), changes, "{rates:?} in {account:?}");
        assert_eq!(said.first(), Some(&(2 * base.max(1))), "{rates:?}");
        assert_eq!(said.last(), Some(&base), "{rates:?}");
        for pair in said.windows(2) {
            let [low, high] = [pair[0].min(pair[1]).max(1), pair[0].max(pair[1])];
            assert_eq!(2 * low, high, "{rates:?}");
        }
        let summary = format!("core 0: overload changed the sample rate {changes} times");
        assert_eq!(account.lines_with(&summary), 1, "{account:?}");
        if base == 0 {
            assert_right(&account, &export, expected.take().unwrap_or_default());
        }
    }
}

/// A reload without `overload` ends what overload has begun, and one with it allows it again.
#[test]
fn a_reload_while_a_core_samples() {
    if !requirements("a_reload_while_a_core_samples", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let path = folder.argument("dnsflow.toml");
    let write = |text: &str| std::fs::write(&path, text).expect("a file in a folder of ours");
    let options = ["--config", &path, "--metrics", METRICS, "--ring", "2"];
    let rate = || samples(&wire.sensor).sum("dnsflow_sample_rate", "");
    write("overload = \"drop\"\nudp = \"127.0.0.1:9\"\n");
    let mut sensor = BUILT.capture(&wire.sensor, TAP, &options);
    for time in 1..=2 {
        write("overload = \"sample\"\nudp = \"127.0.0.1:9\"\n");
        sensor.reload();
        sensor.signal("STOP");
        let before = sent(&wire);
        let generator = BUILT.generate(&wire.sender, OUT, &folder, STEADY);
        until("the ring to be full", || {
            (sent(&wire) > before + FRAMES as u64).then_some(())
        });
        sensor.signal("CONT");
        sensor.wait_until_it_has_said("core 0 is overloaded: keeping 1 of 2 packets", time);
        let _ = generator.stop();
        write("overload = \"drop\"\nudp = \"127.0.0.1:9\"\n");
        sensor.reload();
        assert_eq!(rate(), 1.0, "after reload {time}");
    }
    sensor.stop_overloaded();
}

/// The ring of an interface that is made anew gets the filter that is in force, not the first one.
#[test]
fn a_new_ring_while_a_core_samples() {
    if !requirements("a_new_ring_while_a_core_samples", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let options = "--overload sample --ring 2 -u 127.0.0.1:9 --metrics";
    let options: Vec<&str> = options.split(' ').chain([METRICS]).collect();
    let mut sensor = BUILT.capture(&wire.sensor, TAP, &options);
    let sum = |metric| samples(&wire.sensor).sum(metric, "");
    let rate = || sum("dnsflow_sample_rate");
    let mut times = 0;
    until("a rate that stays while packets are sent", || {
        sensor.signal("STOP");
        let before = sent(&wire);
        let generator = BUILT.generate(&wire.sender, OUT, &folder, STEADY);
        until("the ring to be full", || {
            (sent(&wire) > before + FRAMES as u64).then_some(())
        });
        sensor.signal("CONT");
        until("the core to sample", || (rate() > 1.0).then_some(()));
        let _ = generator.stop();
        wire.sensor.ip("link del dev tap");
        wire.connect("");
        times += 1;
        sensor.wait_until_it_has_said("interface tap is back; capturing", times);
        // The core answers after it has taken the ring.
        let (rate_before, passed) = (rate(), sum("dnsflow_kernel_packets_total"));
        let more = BUILT.send(&wire.sender, OUT, &folder, "--count 4000 --noise 0");
        let (kept, rate_after) = (sum("dnsflow_kernel_packets_total") - passed, rate());
        // On a slow machine it may have room again by now.
        let stayed = rate_before > 1.0 && (rate_before - rate_after).abs() < 0.5;
        stayed.then(|| {
            let all = more.number("packets") as f64;
            // Half of 4,000 is 2,000; seven standard deviations are 222.
            assert!(kept < 0.56 * all, "{kept} of {all} at 1 of {rate_after}");
        })
    });
    sensor.stop_overloaded();
}
