//! What a kill and a restart cost.

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::patience::until;

use crate::datagrams::Sender;
use crate::program::Collector;
use crate::service::{LOOKUPS, expected, feed, names, questions, served_at};

const SNAPSHOTS: &str = "dnsflow_collect_map_snapshots_total";

/// With a spool, a kill loses nothing: what no snapshot has is learned again, and nothing twice.
#[test]
fn killed_with_a_spool_it_answers_everything() {
    let folder = Folder::new();
    let (spool, snapshot) = (folder.argument("spool"), folder.argument("names.map"));
    let start = |interval: &str| {
        Collector::start(&[
            "--serve",
            "127.0.0.1:0",
            "--spool",
            &spool,
            "--map-snapshot",
            &snapshot,
            "--map-interval",
            interval,
        ])
    };
    let collector = start("1s");
    let sender = Sender::from("127.0.0.1", collector.address);
    feed(&collector, &sender, 1..=50, 50);
    until("a snapshot", || {
        (collector.metric(SNAPSHOTS, "") > 0).then_some(())
    });
    collector.kill();

    // The second one writes no snapshot before it is killed.
    let collector = start("1h");
    let service = served_at(&collector.process);
    until("the first ones", || {
        (names(service, &questions(1..=50)) == expected(1..=50)).then_some(())
    });
    let before = collector.metric(LOOKUPS, "");
    let sender = Sender::from("127.0.0.1", collector.address);
    feed(&collector, &sender, 51..=100, before + 50);
    assert_eq!(collector.metric(SNAPSHOTS, ""), 0);
    collector.kill();

    let collector = start("1h");
    let service = served_at(&collector.process);
    until("all of them", || {
        (names(service, &questions(1..=100)) == expected(1..=100)).then_some(())
    });
    assert_eq!(collector.metric("dnsflow_collect_map_entries", ""), 100);
    assert!(
        collector.metric(LOOKUPS, "") < 100,
        "the snapshot had the first ones"
    );
    collector.stop().assert_success();
}

/// Without a spool, what was there at the end comes back, and after a kill what the last snapshot has.
#[test]
fn without_a_spool_the_snapshot_comes_back() {
    let folder = Folder::new();
    let snapshot = folder.argument("names.map");
    let start = || {
        let options = ["--serve", "127.0.0.1:0", "--map-snapshot", &snapshot];
        Collector::start(&options)
    };
    let collector = start();
    let sender = Sender::from("127.0.0.1", collector.address);
    feed(&collector, &sender, 1..=50, 50);
    collector.stop().assert_success();

    let collector = start();
    let service = served_at(&collector.process);
    // It is there before the first question is.
    assert_eq!(names(service, &questions(1..=50)), expected(1..=50));
    let sender = Sender::from("127.0.0.1", collector.address);
    feed(&collector, &sender, 51..=60, 10);
    collector.kill();

    let collector = start();
    let service = served_at(&collector.process);
    assert_eq!(names(service, &questions(1..=50)), expected(1..=50));
    assert_eq!(names(service, &questions(51..=60)), vec![""; 10]);
    collector.stop().assert_success();
}

/// A snapshot that is torn is said, and the map begins empty. A file of somebody else's is left alone.
#[test]
fn a_torn_snapshot_is_not_taken() {
    let folder = Folder::new();
    let snapshot = folder.path("names.map");
    let options = [
        "--serve",
        "127.0.0.1:0",
        "--map-snapshot",
        snapshot.to_str().expect("text"),
    ];
    let collector = Collector::start(&options);
    let sender = Sender::from("127.0.0.1", collector.address);
    feed(&collector, &sender, 1..=50, 50);
    collector.stop().assert_success();

    let bytes = std::fs::read(&snapshot).expect("a snapshot");
    std::fs::write(&snapshot, &bytes[..bytes.len() - 9]).expect("room");
    let collector = Collector::start(&options);
    let service = served_at(&collector.process);
    assert!(
        collector
            .process
            .said()
            .contains("it is cut or damaged: the map begins empty")
    );
    assert_eq!(names(service, &questions(1..=1)), [""]);
    collector.stop().assert_success();

    std::fs::write(
        &snapshot,
        "somebody's shopping list, which is longer than a head",
    )
    .expect("room");
    let mut command = std::process::Command::new(crate::BUILT.path("dnsflow-collect"));
    command.args(["--listen", "127.0.0.1:0"]).args(options);
    let ended = dnsflow_testkit::process::Process::spawn("dnsflow-collect", &mut command).wait();
    ended.assert_failure(1, &["it is no map of names", "--map-snapshot"]);
    assert!(
        std::fs::read_to_string(&snapshot)
            .expect("text")
            .starts_with("somebody")
    );
}
