//! What Prometheus says beside what was sent.

use dnsflow_testkit::collector::Collector;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{OUT, TAP, Wire};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::requirements::{alone, requirements};

use crate::{BUILT, METRICS, samples, watched};

/// Nobody listens there.
const DEAD: &str = "127.0.0.1:9";

#[test]
fn prometheus_counts_what_was_sent() {
    if !requirements("prometheus_counts_what_was_sent", &["prometheus"]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let collector = Collector::listen(&wire.sensor, "127.0.0.1:0");
    let address = collector.address();
    let options = [
        "--cores",
        "2",
        "--flush",
        "0.05",
        "--metrics",
        METRICS,
        "-u",
        &address,
        "-u",
        DEAD,
    ];
    let sensor = BUILT.capture(&wire.sensor, TAP, &options);
    let prometheus = watched(&wire.sensor, &folder);
    let load = "--count 20000 --frames 20000 --rate 50000 --noise 30";
    let sent = BUILT.send(&wire.sender, OUT, &folder, load);
    let sent = |key: &str| sent.number(key) as f64;

    let exported = "sum(dnsflow_exported_total)";
    until("Prometheus to know of all responses", || {
        (prometheus.number(exported)? >= sent("responses")).then_some(())
    });
    for (expression, expected) in [
        (exported, sent("responses")),
        (
            "sum(dnsflow_rejected_total{reason=\"error_code\"})",
            sent("nxdomain") + sent("server_failure"),
        ),
        (
            "sum(dnsflow_rejected_total{reason=\"question_type\"})",
            sent("other_type"),
        ),
        (
            "sum(dnsflow_rejected_total{reason=\"not_recursive\"})",
            sent("no_recursion_available") + sent("no_recursion_desired"),
        ),
        (
            "sum(dnsflow_rejected_total{reason=\"no_address\"})",
            sent("no_address") + sent("truncated"),
        ),
        // Queries and other traffic do not pass the filter.
        (
            "sum(dnsflow_received_total)",
            sent("packets") - sent("query") - sent("other_traffic"),
        ),
        (
            "sum(dnsflow_kernel_packets_total) - sum(dnsflow_received_total)",
            0.0,
        ),
        (
            "sum(dnsflow_received_total) + sum(dnsflow_rebuilt_total) - sum(dnsflow_exported_total) - sum(dnsflow_rejected_total)",
            0.0,
        ),
        ("sum(dnsflow_sent_sets_total)", sent("responses")),
        ("sum(dnsflow_kernel_drops_total)", 0.0),
        ("sum(dnsflow_lost_total)", 0.0),
        ("sum(dnsflow_core_up)", 2.0),
        ("dnsflow_interface_up{interface=\"tap\"}", 1.0),
        ("count(dnsflow_received_total{interface=\"tap\"} > 0)", 2.0),
        ("sum(dnsflow_record_age_seconds_count) > bool 0", 1.0),
        // Flushed after 50 ms, so none is as old as a second.
        (
            "sum(dnsflow_record_age_seconds_bucket{le=\"1\"}) - sum(dnsflow_record_age_seconds_count)",
            0.0,
        ),
        ("dnsflow_last_reload_successful", 1.0),
        ("up", 1.0),
    ] {
        assert_eq!(
            prometheus.number(expression),
            Some(expected),
            "{expression}"
        );
    }
    let target = prometheus.target();
    assert_eq!(target["health"], "up", "{target}");
    assert_eq!(target["lastError"], "", "{target}");

    let label = format!("collector=\"{address}\"");
    until("the collector and its metric to agree", || {
        let samples = samples(&wire.sensor);
        let told = samples.sum("dnsflow_collector_datagrams_total", &label);
        (told == collector.count() as f64).then_some(())
    });
    let samples = samples(&wire.sensor);
    assert_eq!(
        samples.sum("dnsflow_collector_failed_datagrams_total", &label),
        0.0
    );
    let dead = format!("collector=\"{DEAD}\"");
    assert!(samples.sum("dnsflow_collector_failed_datagrams_total", &dead) > 0.0);
    let account = sensor.stop();
    assert_eq!(account.total.exported as f64, sent("responses"));
}
