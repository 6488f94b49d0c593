//! What ships for those who watch the collector: rules that Prometheus's own tool finds sound, and a
//! dashboard whose every panel has something to show.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::Namespace;
use dnsflow_testkit::patience::until;
use dnsflow_testkit::prometheus::{Prometheus, expressions, filled_in, metrics};
use dnsflow_testkit::requirements::programs;
use dnsflow_testkit::scrape::Samples;
use dnsflow_testkit::vectors::vectors;
use serde_json::Value;

use crate::datagrams::{Sender, v4};
use crate::program::Collector;

const MONITORING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../monitoring");
const RULES: &str = include_str!("../../../../monitoring/dnsflow-collect.rules.yml");
const DASHBOARD: &str = include_str!("../../../../monitoring/dnsflow-collect.json");

#[test]
fn rules_are_sound() {
    if !programs("rules_are_sound", &["promtool"]) {
        return;
    }
    for (what, file) in [
        ("check", "dnsflow-collect.rules.yml"),
        ("test", "dnsflow-collect.rules.test.yml"),
    ] {
        let mut command = Command::new("promtool");
        let command = command.args([what, "rules", file]).current_dir(MONITORING);
        let output = command.output().expect("a program that was looked for");
        let said = [output.stdout.as_slice(), &output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(output.status.success(), "promtool {what} {file}: {said}");
    }
}

/// Every expression is asked of a real Prometheus that scrapes a collector with all that it can
/// have: a spool, a store, names with snapshots, and sensors that send records and statistics of
/// every version.
#[test]
fn every_panel_shows_something() {
    if !programs("every_panel_shows_something", &["prometheus"]) {
        return;
    }
    let folder = Folder::new();
    let to = format!("jsonl:{}", folder.argument("out"));
    let collector = Collector::start(&[
        "--to",
        &to,
        "--spool",
        &folder.argument("spool"),
        "--serve",
        "127.0.0.1:0",
        "--map-snapshot",
        &folder.argument("names.map"),
    ]);
    let sensor = Sender::from("127.0.0.2", collector.address);
    for vector in vectors() {
        sensor.send(&vector.bytes);
    }
    let address = collector.metrics.to_string();
    let rules = Path::new(MONITORING).join("dnsflow-collect.rules.yml");
    let target = ("dnsflow-collect", address.as_str());
    let prometheus = Prometheus::start(None::<&Namespace>, &folder, &rules, target);

    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("the dashboard is JSON");
    let texts = expressions(&dashboard);
    assert!(texts.len() > 40, "the dashboard has expressions: {texts:?}");
    let samples = until("statistics of a sensor", || {
        let samples = Samples::at(None::<&Namespace>, &address);
        let has = samples
            .names()
            .any(|name| name == "dnsflow_collect_sensor_counter");
        has.then_some(samples)
    });
    let served: BTreeSet<&str> = samples.names().collect();
    // Rates are of what comes meanwhile.
    let another = Sender::from("127.0.0.3", collector.address);
    let mut numbers = 1..;
    for text in &texts {
        let names = metrics(text);
        assert!(!names.is_empty(), "no metric in {text}");
        let gone: Vec<_> = names.difference(&served).collect();
        assert!(gone.is_empty(), "{text} asks for {gone:?}");
        // Names for Grafana, not for Prometheus; and what marks starts, of which there is one.
        if text.starts_with("label_values(") || text.starts_with("changes(") {
            continue;
        }
        let text = filled_in(text, &["instance", "sensor"]);
        until(&text, || {
            another.send(&v4(numbers.next()?));
            let results = prometheus.query(&text);
            let mut values = results.iter().map(|result| &result["value"][1]);
            values.any(|value| value != "NaN").then_some(())
        });
    }
    // What to do may be to look at a sensor's metric.
    let is_gone = |name: &&str| !served.contains(name) && !name.starts_with("dnsflow_collector_");
    let gone: Vec<_> = metrics(RULES).into_iter().filter(is_gone).collect();
    assert!(gone.is_empty(), "rules ask for {gone:?}");
    let asked: BTreeSet<&str> = texts.iter().flat_map(|text| metrics(text)).collect();
    let unseen: Vec<_> = served.difference(&asked).collect();
    assert!(unseen.is_empty(), "on no panel: {unseen:?}");
    drop(prometheus);
    collector.stop().assert_success();
}
