//! CPUs that the sensor may not use, and CPUs that are taken away while it runs.

use std::fs;
use std::path::PathBuf;
use std::process;

use dnsflow_testkit::collector::Collector;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{OUT, TAP, Wire};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::requirements::{alone, programs, requirements, say, two_cpus};

use crate::{BUILT, assert_exact};

/// `taskset` lets it use one CPU, as a cpuset does, or a machine whose other CPUs are offline.
#[test]
fn cores_outside_of_the_cpus_that_may_be_used() {
    let test = "cores_outside_of_the_cpus_that_may_be_used";
    if !programs(test, &["taskset"]) || !two_cpus(test) {
        return;
    }
    let traffic = BUILT.traffic(1000, "--noise 0");
    let allowed = dnsflow_sys::allowed_cpus().expect("a process may ask that");
    let (first, second) = (allowed[0].to_string(), allowed[1].to_string());
    let sensor = |cores: &str| {
        let words = ["taskset", "--cpu-list", &first];
        let sensor = BUILT.sensor_behind(&words, ["--cores", cores]);
        sensor.option("-r", &traffic.capture)
    };
    for cores in ["auto", "all", "1"] {
        let (export, _) = sensor(cores).export();
        assert_eq!(export.streams.len(), 1, "--cores {cores}");
        assert_eq!(export.sets(), traffic.sets, "--cores {cores}");
    }
    let list = format!("{first},{second}");
    let only = format!("this process may use ({first})");
    for (cores, complaint) in [
        (
            list.as_str(),
            format!("--cores: CPU {second} is not among those {only}"),
        ),
        ("0-1023", format!("is not among those {only}")),
        ("2", "--cores 2: this process may use 1 CPUs".to_owned()),
    ] {
        let ended = sensor(cores).run();
        ended.assert_failure(2, &[&complaint]);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }
}

/// All threads are moved to the first CPU, as the kernel does it when it takes the others offline. The cores go on there.
#[test]
fn cpus_that_are_taken_away() {
    let test = "cpus_that_are_taken_away";
    if !requirements(test, &[]) || !two_cpus(test) {
        return;
    }
    let Some(cpuset) = Cpuset::new() else {
        say(&format!(
            "SKIPPED {test}: no hierarchy of control groups with cpuset can be written to here"
        ));
        return;
    };
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let collector = Collector::listen(&wire.sensor, "127.0.0.1:0");
    let address = collector.address();
    let options = ["--cores", "2", "--flush", "0.01", "-u", &address];
    let sensor = BUILT.capture(&wire.sensor, TAP, &options);
    let load = "--rate 50000 --frames 100000 --noise 0";
    let generator = BUILT.generate(&wire.sender, OUT, &folder, load);
    until("first datagrams", || (collector.count() > 10).then_some(()));
    cpuset.take(sensor.id());
    let before = collector.count();
    until("it to go on", || {
        (collector.count() > before + 100).then_some(())
    });
    let sent = generator.stop();
    let account = sensor.end();
    let export = collector.finish();
    export.assert_spread(2);
    assert_exact(&sent, &account, &export);
}

/// A control group with the first CPU. Dropped, it is removed.
struct Cpuset(PathBuf);

impl Cpuset {
    /// None where the kernel, or a container, does not let us make one.
    fn new() -> Option<Self> {
        // Version 1 and version 2 (cgroups(7)).
        [
            ("/sys/fs/cgroup/cpuset", "cpuset.mems"),
            ("/sys/fs/cgroup", "cgroup.procs"),
        ]
        .iter()
        .find_map(|(root, file)| {
            let group = Self(PathBuf::from(root).join(format!("dnsflow-test-{}", process::id())));
            fs::metadata(PathBuf::from(root).join(file)).ok()?;
            fs::create_dir(&group.0).ok()?;
            // Version 2 has memory nodes by itself.
            let _ = fs::write(group.0.join("cpuset.mems"), "0");
            fs::write(group.0.join("cpuset.cpus"), "0").ok()?;
            Some(group)
        })
    }

    fn take(&self, process: u32) {
        let moved = fs::write(self.0.join("cgroup.procs"), process.to_string());
        moved.expect("a process can be moved to a group of ours");
    }
}

impl Drop for Cpuset {
    fn drop(&mut self) {
        // Its processes may just have ended.
        let removed = (0..100).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            fs::remove_dir(&self.0).is_ok()
        });
        assert!(removed || std::thread::panicking(), "{}", self.0.display());
    }
}
