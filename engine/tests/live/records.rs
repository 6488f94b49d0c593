//! Records of version 5 say what the generator has put into the packets, also of tags that the kernel took off.

use std::path::Path;

use dnsflow_testkit::export::assert_same;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{OUT, TAP, Wire};
use dnsflow_testkit::requirements::{alone, requirements};

use crate::BUILT;

#[test]
fn of_version_5() {
    if !requirements("of_version_5", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let file = folder.argument("export.pcap");
    let selection = ["--format", "v5", "--select", "all", "--types", "any"];
    let options = [&selection[..], &["--cores", "2", "-w", &file]].concat();
    let sensor = BUILT.capture(&wire.sensor, TAP, &options);
    let load = "--rate 20000 --count 40000 --frames 40000 --noise 30 --vlan 30 --vlan-tags 2";
    let load = format!("{load} {}", selection.join(" "));
    let sent = BUILT.send(&wire.sender, OUT, &folder, &load);
    sensor.stop();
    assert_same(&sent.sets, &BUILT.records(Path::new(&file)));
}
