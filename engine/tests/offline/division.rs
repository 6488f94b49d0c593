//! Cores, shares and samples: each packet is somebody's, and nobody's twice.

use dnsflow_testkit::export::{assert_same_of, assert_within};
use dnsflow_testkit::requirements::{core_counts, two_cpus};

use crate::BUILT;

#[test]
fn every_set_comes_out_once_whatever_the_cores_and_the_balance() {
    let traffic = BUILT.traffic(
        20_000,
        "--noise 20 --vlan 20 --odd-names 5 --zero-checksum 10",
    );
    for cores in core_counts() {
        for balance in [
            "",
            "--fanout hash",
            "--fanout cpu",
            "--fanout client",
            "--fanout checksum",
            "-c",
        ] {
            let options = format!("--cores {cores} {balance}");
            let (export, account) = BUILT.reading(&traffic.capture).with(&options).export();
            assert_same_of(&options, &traffic.sets, &export.sets());
            assert_eq!(account.total.received, traffic.packets, "{options}");
            assert_eq!(export.streams.len().to_string(), **cores, "{options}");
            let fewest = export
                .streams
                .values()
                .map(|stream| stream.sets.len())
                .min();
            assert!(
                fewest.is_some_and(|sets| sets > traffic.sets.len() / 5),
                "{options}: {fewest:?} sets of one core"
            );
        }
    }
}

#[test]
fn a_balance_is_what_its_name_says() {
    if !two_cpus("a_balance_is_what_its_name_says") {
        return;
    }
    let traffic = BUILT.traffic(4000, "--clients 50 --ipv6 0");
    let clients = |options: &str| {
        let (export, _) = BUILT
            .reading(&traffic.capture)
            .with("--cores 2")
            .with(options)
            .export();
        let of = |stream: u16| -> std::collections::BTreeSet<String> {
            let lines = export.streams[&stream].sets.iter();
            lines
                .map(|line| line.split('\t').next().unwrap_or_default().to_owned())
                .collect()
        };
        let (first, second) = (of(0), of(1));
        assert!(first.len() > 10 && second.len() > 10, "{options}");
        first.intersection(&second).count()
    };
    assert_eq!(clients("--fanout client"), 0, "a client has one core");
    assert!(
        clients("--fanout checksum") > 25,
        "checksums divide clients"
    );
}

#[test]
fn the_kernel_s_and_our_own_shares_are_all_of_it() {
    let traffic = BUILT.traffic(9000, "--noise 20");
    for balance in ["", "-c"] {
        for cores in core_counts() {
            let mut sets = Vec::new();
            let mut others = 0;
            for share in 0..3 {
                let options = format!("-m {share}/3 --cores {cores} {balance}");
                let (export, account) = BUILT.reading(&traffic.capture).with(&options).export();
                assert_eq!(account.total.received, traffic.packets, "{options}");
                others += account.total.count("other_share");
                let own = export.sets();
                assert!(
                    own.len() > traffic.sets.len() / 5,
                    "{options}: {}",
                    own.len()
                );
                sets.extend(own);
            }
            sets.sort_unstable();
            assert_same_of(balance, &traffic.sets, &sets);
            assert_eq!(others, 2 * traffic.packets, "each is another's share twice");
        }
    }
}

#[test]
fn a_sample_keeps_about_one_of_n_and_counts_the_rest() {
    let traffic = BUILT.traffic(20_000, "--noise 0");
    for cores in core_counts() {
        for rate in [1, 4, 10] {
            let options = format!("-s {rate} --cores {cores}");
            let (export, account) = BUILT.reading(&traffic.capture).with(&options).export();
            let kept = account.total.exported;
            let about = traffic.packets / rate;
            assert!(
                (about * 4 / 5..=about * 6 / 5).contains(&kept),
                "{options}: {kept}"
            );
            assert_eq!(kept + account.total.count("sampled_out"), traffic.packets);
            for stream in export.streams.values() {
                let rates: Vec<_> = stream
                    .stats
                    .iter()
                    .map(|(_, stats)| stats.sample_rate)
                    .collect();
                assert_eq!(rates, [u32::try_from(rate).expect("it is small")]);
            }
        }
    }
}

#[test]
fn samples_are_of_what_is_there() {
    let traffic = BUILT.traffic(3000, "");
    let (export, _) = BUILT.reading(&traffic.capture).with("-s 3").export();
    let sets = export.sets();
    let about = traffic.sets.len() / 3;
    let kept = sets.len();
    assert!(
        (about * 4 / 5..=about * 6 / 5).contains(&kept),
        "{kept} of {}",
        traffic.sets.len()
    );
    assert_within(&traffic.sets, &sets);
}
