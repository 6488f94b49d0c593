//! The board, fed with records as sensors send them.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use dnsflow_records::record::records;
use dnsflow_tally::{Board, Counts, Kind, Limits, Snapshot};
use dnsflow_testkit::datagrams::{self, Told};
use dnsflow_wire::datagram::Datagram;

const SECOND: Duration = Duration::from_secs(1);

fn feed(board: &mut Board, time: Duration, sensor: &str, bytes: &[u8]) {
    let datagram = Datagram::parse(bytes).unwrap();
    let counts = Counts {
        datagrams: 1,
        ..Counts::default()
    };
    board.datagram(time, sensor, counts);
    for record in records(&datagram) {
        board.record(time, sensor, &record);
    }
}

fn told(board: &mut Board, time: Duration, told: &[Told]) {
    feed(board, time, "edge", &datagrams::v5(None, 0, 1, 1, told));
}

fn list(snapshot: &Snapshot, kind: Kind) -> Vec<(&str, u64, u64)> {
    let items = snapshot.list(kind).items.iter();
    items
        .map(|item| (item.key.as_str(), item.count, item.error))
        .collect()
}

#[test]
fn every_list_has_what_records_say() {
    let mut board = Board::new(Duration::ZERO, Limits::default());
    let response = Told {
        addresses: vec![Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)],
        ..Told::of("WWW.example.co.uk")
    };
    let rest = Told {
        addresses: vec![Ipv4Addr::new(192, 0, 2, 3)],
        continues: true,
        ..response.clone()
    };
    let missing = Told {
        rcode: 3,
        record_type: 28,
        addresses: Vec::new(),
        ..Told::of("nowhere").to("2001:db8::7")
    };
    told(&mut board, SECOND, &[response, rest, missing]);
    let old = datagrams::v4(1, &[Told::of("www.EXAMPLE.co.uk")]);
    feed(&mut board, 2 * SECOND, "192.0.2.9", &old);

    let snapshot = board.snapshot(4 * SECOND, 10);
    let names = [("www.example.co.uk", 2, 0), ("nowhere", 1, 0)];
    assert_eq!(list(&snapshot, Kind::Names), names);
    assert_eq!(list(&snapshot, Kind::Domains), [("example.co.uk", 2, 0)]);
    let clients = [("198.51.100.7", 2, 0), ("2001:db8::7", 1, 0)];
    assert_eq!(list(&snapshot, Kind::Clients), clients);
    assert_eq!(list(&snapshot, Kind::Resolvers), [("192.0.2.53", 3, 0)]);
    let addresses = [
        ("192.0.2.1", 2, 0),
        ("192.0.2.2", 1, 0),
        ("192.0.2.3", 1, 0),
    ];
    assert_eq!(list(&snapshot, Kind::Addresses), addresses);
    assert_eq!(list(&snapshot, Kind::Types), [("A", 1, 0), ("AAAA", 1, 0)]);
    let rcodes = [("NOERROR", 1, 0), ("NXDOMAIN", 1, 0)];
    assert_eq!(list(&snapshot, Kind::Rcodes), rcodes);
    assert_eq!(snapshot.list(Kind::Names).total, 3);

    assert_eq!((snapshot.total.datagrams, snapshot.total.records), (2, 4));
    assert_eq!(snapshot.rate(snapshot.recent.records), Some(1.0));
    let seconds: Vec<_> = snapshot
        .seconds
        .iter()
        .map(|second| second.records)
        .collect();
    assert_eq!(seconds, [0, 3, 1, 0]);
    let sensors: Vec<_> = snapshot
        .sensors
        .iter()
        .map(|row| (row.sensor.as_str(), row.total.records))
        .collect();
    assert_eq!(sensors, [("192.0.2.9", 1), ("edge", 3)]);

    let json = serde_json::to_string(&snapshot).unwrap();
    assert!(
        json.contains(r#""names":{"total":3,"left_out":0,"items":[{"key":"www."#),
        "{json}"
    );
    assert_eq!(serde_json::from_str::<Snapshot>(&json).unwrap(), snapshot);
}

#[test]
fn the_window_slides() {
    let mut board = Board::new(Duration::ZERO, Limits::default());
    told(
        &mut board,
        5 * SECOND,
        &[Told::of("old.example"), Told::of("both.example")],
    );
    told(&mut board, 25 * SECOND, &[Told::of("both.example")]);
    let both = board.snapshot(59 * SECOND, 10);
    assert_eq!(
        list(&both, Kind::Names),
        [("both.example", 2, 0), ("old.example", 1, 0)]
    );
    let one = board.snapshot(61 * SECOND, 10);
    assert_eq!(list(&one, Kind::Names), [("both.example", 1, 0)]);
    assert_eq!(
        (one.from.0, one.recent.records, one.total.records),
        (10 * SECOND, 1, 3)
    );
    let none = board.snapshot(1000 * SECOND, 10);
    assert_eq!(
        (list(&none, Kind::Names).len(), none.recent.records),
        (0, 0)
    );
    assert_eq!((none.total.records, none.sensors[0].total.records), (3, 3));
}

#[test]
fn counts_are_within_their_errors() {
    let keys = 50;
    let limits = Limits {
        window: None,
        keys,
        ..Limits::default()
    };
    let mut board = Board::new(Duration::ZERO, limits);
    let mut exact: HashMap<String, u64> = HashMap::new();
    // Name n comes 2000 / n times, the rare ones between the frequent ones.
    let names =
        (1..=2000_u64).flat_map(|round| (1..=2000 / round).map(|n| format!("n{n}.example")));
    for name in names {
        told(&mut board, SECOND, &[Told::of(&name)]);
        *exact.entry(name).or_default() += 1;
    }
    let total: u64 = exact.values().sum();
    let snapshot = board.snapshot(2 * SECOND, usize::MAX);
    let found = list(&snapshot, Kind::Names);
    assert_eq!(
        (snapshot.list(Kind::Names).total, found.len()),
        (total, keys)
    );
    for &(name, count, error) in &found {
        let truth = exact[name];
        assert!(
            truth <= count && count - error <= truth,
            "{name}: {truth}, {count} +- {error}"
        );
    }
    for (name, truth) in &exact {
        let is_in = found.iter().any(|(key, ..)| key == name);
        assert!(is_in || *truth <= total / keys as u64, "{name}: {truth}");
    }
    assert_eq!(found[0].0, "n1.example");
}

#[test]
fn sensors_beyond_the_limit_are_counted_together() {
    let limits = Limits {
        sensors: 2,
        ..Limits::default()
    };
    let mut board = Board::new(Duration::ZERO, limits);
    let bytes = datagrams::v5(None, 0, 1, 1, &[Told::of("a.example")]);
    for (at, sensor) in [
        (1, "a"),
        (2, "b"),
        (3, "c"),
        (40, "b"),
        (70, "d"),
        (71, "e"),
    ] {
        feed(&mut board, at * SECOND, sensor, &bytes);
    }
    let snapshot = board.snapshot(72 * SECOND, 10);
    let sensors: Vec<_> = snapshot
        .sensors
        .iter()
        .map(|row| row.sensor.as_str())
        .collect();
    // `a` was silent for long enough to give way to `d`; `c` and `e` had no room.
    assert_eq!(sensors, ["b", "d"]);
    assert_eq!(
        (snapshot.other_sensors.records, snapshot.total.records),
        (3, 6)
    );
}
