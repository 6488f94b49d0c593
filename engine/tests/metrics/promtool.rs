//! Prometheus's own tool judges what is served and what ships.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use dnsflow_testkit::network::{TAP, Wire};
use dnsflow_testkit::requirements::{alone, requirements};
use dnsflow_testkit::scrape::get;

use crate::BUILT;

const MONITORING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../monitoring");

/// Over IPv6, and with a reason for each metric to be there.
#[test]
fn metrics_are_clean() {
    if !requirements("metrics_are_clean", &["promtool"]) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new();
    let options = ["--metrics", "[::1]:9530", "-u", "127.0.0.1:9"];
    let sensor = BUILT.capture(&wire.sensor, TAP, &options);
    let (status, text) = get(&wire.sensor, "[::1]:9530", "/metrics");
    assert_eq!(status, 200, "{text}");
    sensor.stop();
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a program that was looked for");
    let mut input = promtool.stdin.take().expect("stdin is piped");
    input.write_all(text.as_bytes()).expect("promtool reads");
    drop(input);
    clean(&promtool.wait_with_output().expect("promtool ends"));
}

#[test]
fn rules_are_sound() {
    if !requirements("rules_are_sound", &["promtool"]) {
        return;
    }
    for (what, file) in [
        ("check", "dnsflow.rules.yml"),
        ("test", "dnsflow.rules.test.yml"),
    ] {
        let output = Command::new("promtool")
            .args([what, "rules", file])
            .current_dir(MONITORING)
            .output()
            .expect("a program that was looked for");
        assert!(
            output.status.success(),
            "promtool {what} rules {file}: {}",
            said(&output)
        );
    }
}

fn clean(output: &Output) {
    let nothing = output.stdout.is_empty() && output.stderr.is_empty();
    assert!(
        output.status.success() && nothing,
        "promtool check metrics: {}",
        said(output)
    );
}

fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}
