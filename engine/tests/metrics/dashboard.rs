//! What the dashboard and the alert rules ask for is there.

use std::collections::BTreeSet;

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{TAP, Wire};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::prometheus::{expressions, filled_in, metrics};
use dnsflow_testkit::requirements::{alone, requirements};
use serde_json::Value;

use crate::{BUILT, METRICS, samples, watched};

const DASHBOARD: &str = include_str!("../../../monitoring/dnsflow.dashboard.json");
const RULES: &str = include_str!("../../../monitoring/dnsflow.rules.yml");

#[test]
fn every_expression_has_its_metrics() {
    if !requirements("every_expression_has_its_metrics", &["prometheus"]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let options = ["--metrics", METRICS, "-u", "127.0.0.1:9", "-w", "/dev/null"];
    let sensor = BUILT.capture(&wire.sensor, TAP, &options);
    let prometheus = watched(&wire.sensor, &folder);
    until("a first scrape", || prometheus.number("dnsflow_cores"));
    let samples = samples(&wire.sensor);
    let served: BTreeSet<&str> = samples.names().collect();

    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("the dashboard is JSON");
    let texts = expressions(&dashboard);
    assert!(texts.len() > 30, "the dashboard has expressions: {texts:?}");
    for text in &texts {
        let names = metrics(text);
        assert!(!names.is_empty(), "no metric in {text}");
        let gone: Vec<_> = names.difference(&served).collect();
        assert!(gone.is_empty(), "{text} asks for {gone:?}");
        // Names for Grafana, not for Prometheus.
        if !text.starts_with("label_values(") {
            let _ = prometheus.query(&filled_in(text, &["instance", "interface"]));
        }
    }
    let gone: Vec<_> = metrics(RULES).difference(&served).copied().collect();
    assert!(gone.is_empty(), "rules ask for {gone:?}");

    let asked: BTreeSet<&str> = texts.iter().flat_map(|text| metrics(text)).collect();
    let unseen: Vec<_> = served.difference(&asked).collect();
    assert!(unseen.is_empty(), "on no panel: {unseen:?}");
    sensor.stop();
}
