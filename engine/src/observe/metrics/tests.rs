use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::*;
use crate::export::Sent;
use crate::shard::snapshot::{CollectorSnapshot, LocalSnapshot, Snapshot, TapSnapshot};
use dnsflow_packet::Counters;
use dnsflow_packet::Reject;
use dnsflow_service::http::{Page, Status};
use dnsflow_service::monitoring::page;
use dnsflow_sys::KernelCounts;

fn tap(interface: &str, present: bool) -> TapSnapshot {
    let mut counters = Counters::default();
    counters.received = 3;
    counters.exported = 2;
    counters.reject(Reject::Query);
    TapSnapshot {
        interface: interface.into(),
        present,
        counters,
        kernel: KernelCounts {
            damaged: 6,
            ..KernelCounts::default()
        },
    }
}

fn core(core: usize) -> Snapshot {
    let collector = |name: &str, failed| CollectorSnapshot {
        name: name.into(),
        address: SocketAddr::from(([192, 0, 2, 1], 5300)),
        delivered: 10,
        failed,
    };
    Snapshot {
        core,
        taps: vec![tap("eth0", true), tap("eth1", core == 0)],
        sent: Sent {
            sets: 7,
            ..Sent::default()
        },
        // The same collector twice is allowed, and Prometheus refuses the same sample twice.
        collectors: vec![
            collector("a \"b\"", 1),
            collector("c", 0),
            collector("c", 4),
        ],
        // Both cores share it, and the second has seen more.
        local: vec![LocalSnapshot {
            name: "x.pcap".to_owned(),
            is_up: core == 0,
            dropped: 5 + u64::try_from(core).unwrap_or(0),
        }],
        ..Snapshot::default()
    }
}

fn view() -> View {
    let mut first = core(0);
    for milliseconds in [1, 1, 30, 9000] {
        first
            .ages
            .add(std::time::Duration::from_millis(milliseconds));
    }
    View {
        cores: 2,
        snapshots: vec![
            first,
            Snapshot {
                sample_rate: 8,
                ..core(1)
            },
        ],
        interface_drops: vec![("eth0".into(), 5)],
        ..View::default()
    }
}

/// The value of a sample, or nothing.
fn sample(text: &str, name: &str) -> Option<String> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .map(str::to_owned)
}

#[test]
fn samples() {
    let text = view().text();
    for (name, value) in [
        ("dnsflow_cores", "2"),
        (r#"dnsflow_core_up{core="1"}"#, "1"),
        (r#"dnsflow_received_total{core="0",interface="eth1"}"#, "3"),
        (
            r#"dnsflow_rejected_total{core="0",interface="eth0",reason="query"}"#,
            "1",
        ),
        (
            r#"dnsflow_rejected_total{core="0",interface="eth0",reason="cut"}"#,
            "0",
        ),
        (r#"dnsflow_output_up{output="x.pcap"}"#, "0"),
        (r#"dnsflow_output_dropped_total{output="x.pcap"}"#, "6"),
        (
            r#"dnsflow_lost_total{core="1",interface="eth0",reason="partial"}"#,
            "0",
        ),
        (
            r#"dnsflow_kernel_damaged_total{core="0",interface="eth1"}"#,
            "6",
        ),
        (r#"dnsflow_interface_up{interface="eth0"}"#, "1"),
        (r#"dnsflow_interface_up{interface="eth1"}"#, "0"),
        (r#"dnsflow_interface_drops_total{interface="eth0"}"#, "5"),
        (r#"dnsflow_sample_rate{core="0"}"#, "1"),
        (r#"dnsflow_sample_rate{core="1"}"#, "8"),
        (r#"dnsflow_sent_sets_total{core="1"}"#, "7"),
        (
            r#"dnsflow_collector_datagrams_total{core="0",collector="c"}"#,
            "24",
        ),
        (
            r#"dnsflow_collector_failed_datagrams_total{core="0",collector="c"}"#,
            "4",
        ),
        (
            r#"dnsflow_collector_info{collector="a \"b\"",address="192.0.2.1:5300"}"#,
            "1",
        ),
        (
            r#"dnsflow_record_age_seconds_bucket{core="0",le="0.001"}"#,
            "2",
        ),
        (
            r#"dnsflow_record_age_seconds_bucket{core="0",le="0.05"}"#,
            "3",
        ),
        (r#"dnsflow_record_age_seconds_bucket{core="0",le="5"}"#, "3"),
        (
            r#"dnsflow_record_age_seconds_bucket{core="0",le="+Inf"}"#,
            "4",
        ),
        (r#"dnsflow_record_age_seconds_count{core="0"}"#, "4"),
        (r#"dnsflow_reloads_total{result="failed"}"#, "0"),
        ("dnsflow_last_reload_successful", "1"),
    ] {
        assert_eq!(
            sample(&text, name).as_deref(),
            Some(value),
            "{name}\n{text}"
        );
    }
}

#[test]
fn every_family_is_on_the_page() {
    let text = view().text();
    let typed: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let known: BTreeSet<&str> = FAMILIES.iter().map(|family| family.name).collect();
    assert_eq!(typed, known);
}

#[test]
fn no_sample_twice() {
    let text = view().text();
    let samples: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.rsplit_once(' ')?.0))
        .collect();
    let different: BTreeSet<&str> = samples.iter().copied().collect();
    assert_eq!(samples.len(), different.len(), "{text}");
}

#[test]
fn a_core_that_does_not_answer() {
    let mut view = view();
    assert_eq!(
        page("/healthz", &|| view.clone()),
        Page::plain(Status::Ok, "ok\n")
    );
    let away = "interface eth1 is down or away\n";
    let unready = page("/readyz", &|| view.clone());
    assert_eq!(unready, Page::plain(Status::Unavailable, away));
    view.snapshots.remove(0);
    let stuck = "core 0 did not answer within a second\n";
    let unhealthy = page("/healthz", &|| view.clone());
    assert_eq!(unhealthy, Page::plain(Status::Unavailable, stuck));
    let text = view.text();
    assert_eq!(
        sample(&text, r#"dnsflow_core_up{core="0"}"#).as_deref(),
        Some("0")
    );
    assert_eq!(sample(&text, r#"dnsflow_sent_sets_total{core="0"}"#), None);
}
