//! Screens of one snapshot, compared with those in `expected`.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent};
use dnsflow_names::Time;
use dnsflow_tally::{Counts, Item, Kind, List, Second, SensorRow, Snapshot};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::{Shown, Theme, View, draw};
use crate::feed::State;

fn time(seconds: u64) -> Time {
    Time(Duration::from_secs(1_700_000_000 + seconds))
}

fn counts(datagrams: u64, records: u64, lost: i64) -> Counts {
    Counts {
        datagrams,
        records,
        lost,
        late: 2,
        doubled: 1,
        restarts: 1,
        ..Counts::default()
    }
}

fn sensor(name: &str, recent: Counts) -> SensorRow {
    SensorRow {
        sensor: name.to_owned(),
        last: time(600),
        total: recent,
        recent,
    }
}

fn snapshot() -> Snapshot {
    let seconds = (0..300).map(|second: u64| Second {
        records: 1000 + second * 40,
        datagrams: 50,
    });
    let items = |keys: &[(&str, u64, u64)]| {
        let items = keys.iter().map(|&(key, count, error)| Item {
            key: key.to_owned(),
            count,
            error,
        });
        List {
            total: 650_000,
            left_out: 0,
            items: items.collect(),
        }
    };
    let long = format!("{}.example.net", "x".repeat(60));
    let names = [
        ("www.example.org", 123_456, 0),
        (long.as_str(), 4000, 120),
        ("hostile\u{1b}[2J.example", 700, 600),
    ];
    let domains = [("example.org", 200_000, 0), ("example.net", 5000, 80)];
    Snapshot {
        at: time(600),
        since: time(0),
        window: Some(60.0),
        from: time(550),
        total: counts(30_000, 7_000_000, 12),
        recent: counts(2500, 650_000, 5),
        seconds: seconds.collect(),
        sensors: vec![
            sensor("edge-1", counts(1500, 400_000, 0)),
            sensor(
                "edge-2.a-name-that-is-long.example",
                counts(1000, 250_000, 5),
            ),
        ],
        other_sensors: Counts::default(),
        lists: [
            (Kind::Names, items(&names)),
            (Kind::Domains, items(&domains)),
        ]
        .into(),
    }
}

/// The screen after some keys, as text and a line end each.
fn screen(columns: u16, rows: u16, state: &State, keys: &[KeyCode]) -> String {
    let snapshot = snapshot();
    let shown = Shown {
        title: "[::]:5300",
        snapshot: &snapshot,
        state,
    };
    let mut view = View::default();
    keys.iter().for_each(|key| view.key(KeyEvent::from(*key)));
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    let drawn = terminal.draw(|frame| draw(frame, &shown, &mut view, &Theme::plain()));
    let buffer = drawn.unwrap().buffer.clone();
    let lines = buffer.content.chunks(columns.into()).map(|line| {
        let line: String = line.iter().map(|cell| cell.symbol()).collect();
        format!("{}\n", line.trim_end())
    });
    lines.collect()
}

fn hold(found: &str, expected: &str) {
    assert!(found == expected, "found:\n{found}\nexpected:\n{expected}");
}

#[test]
fn a_usual_terminal() {
    let state = State::default();
    hold(
        &screen(80, 24, &state, &[]),
        include_str!("expected/usual.txt"),
    );
}

#[test]
fn sensors_and_notes() {
    let state = State {
        records: 7_000_123,
        has_ended: false,
        notes: vec!["17 datagrams dropped by the kernel".to_owned()],
    };
    let keys = [KeyCode::Char('8'), KeyCode::Char(' ')];
    hold(
        &screen(80, 24, &state, &keys),
        include_str!("expected/sensors.txt"),
    );
}

#[test]
fn a_wide_terminal() {
    let state = State {
        has_ended: true,
        ..State::default()
    };
    let keys = [KeyCode::Char('/'), KeyCode::Char('e'), KeyCode::Char('x')];
    hold(
        &screen(150, 40, &state, &keys),
        include_str!("expected/wide.txt"),
    );
}

#[test]
fn a_small_terminal() {
    let keys = [KeyCode::Down];
    hold(
        &screen(60, 10, &State::default(), &keys),
        include_str!("expected/small.txt"),
    );
}

#[test]
fn no_size_is_too_small_and_no_control_byte_is_drawn() {
    let state = State {
        notes: vec!["x\u{1b}[2J".repeat(30)],
        ..State::default()
    };
    for columns in (1..30).chain([79, 80, 81, 139, 140, 141, 300]) {
        for rows in 1..40 {
            for keys in [&[][..], &[KeyCode::Char('8')], &[KeyCode::Char('?')]] {
                let screen = screen(columns, rows, &state, keys);
                let is_control = |c: char| c.is_control() && c != '\n';
                assert!(!screen.contains(is_control), "{columns}x{rows}");
            }
        }
    }
}
