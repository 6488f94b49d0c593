//! What becomes of reloads is counted.

use std::fs;

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{TAP, Wire};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::requirements::{alone, requirements};

use crate::{BUILT, METRICS, samples};

#[test]
fn reloads_that_are_applied_and_refused() {
    if !requirements("reloads_that_are_applied_and_refused", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let file = folder.argument("dnsflow.toml");
    let write = |text: &str| fs::write(&file, text).expect("a file in a folder of our own");
    write("");
    let options = ["--config", &file, "--metrics", METRICS];
    let mut sensor = BUILT.capture(&wire.sensor, TAP, &options);
    let assert_counted = |expected: [f64; 3]| {
        until("the reload to be counted", || {
            let samples = samples(&wire.sensor);
            let counted = [
                samples.sum("dnsflow_reloads_total", "ok"),
                samples.sum("dnsflow_reloads_total", "failed"),
                samples.sum("dnsflow_last_reload_successful", ""),
            ];
            (counted == expected).then_some(())
        });
    };
    assert_counted([0.0, 0.0, 1.0]);
    write("flush = 0.5");
    sensor.reload();
    assert_counted([1.0, 0.0, 1.0]);
    write("flush = 'soon'");
    sensor.reload_in_vain("the settings stay as they were");
    assert_counted([1.0, 1.0, 0.0]);
    write("flush = 0.25");
    sensor.reload();
    assert_counted([2.0, 1.0, 1.0]);
    sensor.stop();
}
