//! What is lost, late, doubled and refused, and what a sensor's restart is.

use dnsflow_testkit::folder::Folder;

use crate::datagrams::{Sender, v4, v5};
use crate::program::{Collector, lines, numbers};

const DATAGRAMS: &str = "dnsflow_collect_datagrams_total";
const LOST: &str = "dnsflow_collect_lost_datagrams";
const LATE: &str = "dnsflow_collect_late_datagrams_total";
const DOUBLED: &str = "dnsflow_collect_doubled_datagrams_total";
const RESTARTS: &str = "dnsflow_collect_sensor_restarts_total";
const REFUSED: &str = "dnsflow_collect_refused_datagrams_total";

/// Three sensors: one of version 4, one of version 5 with two cores, and one that starts over. In each
/// stream numbers are missing, out of order, and twice.
#[test]
fn every_stream_has_an_exact_account() {
    let folder = Folder::new();
    let to = format!("jsonl:{}", folder.path("out").display());
    let collector = Collector::start(&[
        "--to",
        &to,
        "--sensor",
        "old=127.0.0.1",
        "--sensor",
        "new=127.0.0.2",
        "--sensor",
        "again=127.0.0.3",
    ]);
    // 3 and 4 are missing, 8 is late, 9 comes twice.
    let order = [1, 2, 5, 6, 7, 9, 8, 9, 10];
    let old = Sender::from("127.0.0.1", collector.address);
    for number in order {
        old.send(&v4(number));
    }
    let new = Sender::from("127.0.0.2", collector.address);
    for core in [0, 1] {
        for number in order {
            new.send(&v5(number.into(), 77, core));
        }
    }
    let again = Sender::from("127.0.0.3", collector.address);
    for boot in [5, 6] {
        for number in 1..=4 {
            again.send(&v5(number, boot, 0));
        }
    }
    let account = |sensor: &str, [datagrams, lost, late, doubled, restarts]: [u64; 5]| {
        let label = format!("sensor=\"{sensor}\"");
        collector.wait_for(DATAGRAMS, &label, datagrams);
        for (name, value) in [
            (LOST, lost),
            (LATE, late),
            (DOUBLED, doubled),
            (RESTARTS, restarts),
        ] {
            assert_eq!(collector.metric(name, &label), value, "{sensor}: {name}");
        }
    };
    account("again", [8, 0, 0, 0, 1]);
    account("new", [16, 4, 2, 2, 0]);
    account("old", [8, 2, 1, 1, 0]);
    collector.stop().assert_success();
    let lines = lines(&folder.path("out"));
    let mut numbers = numbers(&lines);
    numbers.sort_unstable();
    let mut expected = [1, 2, 5, 6, 7, 8, 9, 10].repeat(3);
    expected.extend([1, 2, 3, 4].repeat(2));
    expected.sort_unstable();
    assert_eq!(numbers, expected);
    let of_old = lines
        .iter()
        .filter(|line| line.contains("\"sensor\":\"127.0.0.1\""));
    assert_eq!(of_old.count(), 8);
    for (name, count) in [("old", 8), ("new", 16), ("again", 8)] {
        let mark = format!("\"sensor_name\":\"{name}\"");
        let of_name = lines.iter().filter(|line| line.contains(&mark));
        assert_eq!(of_name.count(), count, "{name}");
    }
}

#[test]
fn what_is_refused_is_counted_by_its_reason_and_stored_nowhere() {
    let folder = Folder::new();
    let to = format!("jsonl:{}", folder.path("out").display());
    let collector = Collector::start(&["--to", &to, "--allow", "127.0.0.1/32"]);
    let sender = Sender::from("127.0.0.1", collector.address);
    let whole = v4(1);
    let mut lies = v4(2);
    lies[1] = 2;
    sender.send(&whole);
    sender.send(&lies);
    sender.send(&whole[..whole.len() - 1]);
    sender.send(&v5(2, 1, 0)[..40]);
    sender.send(b"");
    sender.send(b"abc");
    sender.send(&[4, 0, 0, 0, 0, 0, 0, 1]);
    sender.send(&[6; 40]);
    Sender::from("127.0.0.9", collector.address).send(&v4(3));
    for (reason, count) in [("sender", 1), ("version", 1), ("header", 3), ("content", 3)] {
        collector.wait_for(REFUSED, &format!("reason=\"{reason}\""), count);
    }
    collector.wait_for(DATAGRAMS, "", 1);
    collector.stop().assert_success();
    assert_eq!(numbers(&lines(&folder.path("out"))), [1]);
}

/// After a reload other senders are heard; a file that is wrong changes nothing.
#[test]
fn a_reload_says_who_is_heard() {
    let folder = Folder::new();
    let config = folder.path("collect.toml");
    let write = |text: &str| std::fs::write(&config, text).expect("room");
    write("allow = [\"127.0.0.1\"]\n");
    let to = format!("jsonl:{}", folder.path("out").display());
    let path = config.to_str().expect("text");
    let mut collector = Collector::start(&["--to", &to, "--config", path]);
    let [first, second] =
        ["127.0.0.1", "127.0.0.2"].map(|from| Sender::from(from, collector.address));
    first.send(&v4(1));
    second.send(&v4(2));
    collector.wait_for(REFUSED, "sender", 1);
    collector.wait_for(DATAGRAMS, "", 1);
    write("allow = [\"127.0.0.300\"]\n");
    collector.process.signal("HUP");
    collector
        .process
        .wait_until_it_says("not reloaded, all is as before");
    assert!(collector.process.said().contains("collect.toml"));
    write("allow = [\"127.0.0.2\"]\n");
    collector.process.signal("HUP");
    collector.process.wait_until_it_says("reloaded: ");
    // A receiver looks at least ten times a second.
    dnsflow_testkit::patience::until("the second sender to be heard", || {
        second.send(&v4(3));
        (collector.metric(DATAGRAMS, "") > 1).then_some(())
    });
    collector.stop().assert_success();
    // Streams have batches of their own, and whose is stored first is not promised; the last
    // datagram may have been heard more than once.
    let mut numbers = numbers(&lines(&folder.path("out")));
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers, [1, 3]);
}

#[test]
fn pages_tell_what_is_away() {
    let folder = Folder::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let to = format!("jsonl:tcp://{}", free.local_addr().expect("bound"));
    drop(free);
    let spool = folder.path("spool");
    let spool = spool.to_str().expect("text");
    let collector = Collector::start(&["--to", &to, "--spool", spool, "--drain-time", "0"]);
    assert!(collector.page("/healthz").ends_with("\r\n\r\nok\n"));
    let ready = collector.page("/readyz");
    assert!(ready.starts_with("HTTP/1.1 503 "), "{ready}");
    assert!(ready.contains("takes no batches"), "{ready}");
    assert!(collector.page("/").contains("/metrics"));
    let page = collector.page("/metrics");
    assert!(
        page.contains("dnsflow_collect_store_up{store=\"jsonl:tcp://"),
        "{page}"
    );
    collector.stop().assert_success();
}
