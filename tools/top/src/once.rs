//! The table of `--once`: for scripts, and for whoever wants one look.
//!
//! Columns have fixed places, and what can be long stands last: a row has 80 columns, or more where a
//! name needs them. Nothing is cut. Numbers are plain digits.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use dnsflow_tally::{Counts, Kind, List, Snapshot};

use crate::Options;
use crate::feed::Watch;
use crate::stop::{PATIENCE, Stop};
use crate::text::{percent, printable, rate, share};

/// How long it counts if nothing else is said and the input does not end.
const DEFAULT: Duration = Duration::from_secs(5);

/// Waits for the time that was asked for, the end of the input, or a signal.
pub(crate) fn wait(feed: &dyn Watch, options: &Options, stop: &Stop) -> Snapshot {
    let default = match (&options.input.listen, &options.input.from) {
        (Some(_), _) => Some(DEFAULT),
        // It has counted before.
        (_, Some(_)) => Some(Duration::ZERO),
        _ => None,
    };
    let limit = options.once.flatten().or(default);
    let started = Instant::now();
    loop {
        let left = limit.map_or(PATIENCE, |limit| limit.saturating_sub(started.elapsed()));
        if left.is_zero() || stop.wanted() || feed.wait(left.min(PATIENCE)) {
            break;
        }
    }
    feed.snapshot(usize::try_from(options.rows).unwrap_or(usize::MAX))
}

/// Writes a snapshot as `options` ask for.
pub(crate) fn print(
    out: &mut impl Write,
    snapshot: &Snapshot,
    options: &Options,
) -> io::Result<()> {
    if options.json {
        serde_json::to_writer(&mut *out, snapshot)?;
        return writeln!(out);
    }
    head(out, snapshot)?;
    sensors(out, snapshot)?;
    for kind in Kind::ALL {
        list(out, snapshot, kind)?;
    }
    Ok(())
}

fn head(out: &mut impl Write, snapshot: &Snapshot) -> io::Result<()> {
    let Counts {
        datagrams,
        records,
        bad,
        lost,
        late,
        doubled,
        restarts,
    } = snapshot.recent;
    writeln!(out, "from        {}", snapshot.from)?;
    writeln!(out, "to          {}", snapshot.at)?;
    let each = |count| plain_rate(snapshot.rate(count));
    writeln!(out, "records     {records} ({}/s)", each(records))?;
    writeln!(out, "datagrams   {datagrams} ({}/s)", each(datagrams))?;
    writeln!(
        out,
        "lost        {lost} ({})",
        percent(snapshot.recent.loss())
    )?;
    writeln!(
        out,
        "late {late}, doubled {doubled}, bad {bad}, restarts {restarts}"
    )
}

fn sensors(out: &mut impl Write, snapshot: &Snapshot) -> io::Result<()> {
    writeln!(
        out,
        "\n{:>10} {:>9} {:>9} {:>7} {:>6} {:>6} {:>5} {:>6}  SENSOR",
        "RECORDS", "RECORDS/S", "DATAGRAMS", "LOST", "LATE", "DOUBLE", "BAD", "STARTS"
    )?;
    for row in &snapshot.sensors {
        let counts = &row.recent;
        writeln!(
            out,
            "{:>10} {:>9} {:>9} {:>7} {:>6} {:>6} {:>5} {:>6}  {}",
            counts.records,
            plain_rate(snapshot.rate(counts.records)),
            counts.datagrams,
            counts.lost,
            counts.late,
            counts.doubled,
            counts.bad,
            counts.restarts,
            printable(&row.sensor)
        )?;
    }
    Ok(())
}

fn list(out: &mut impl Write, snapshot: &Snapshot, kind: Kind) -> io::Result<()> {
    let List {
        total,
        left_out,
        items,
    } = snapshot.list(kind);
    let title = kind.name().to_ascii_uppercase();
    writeln!(
        out,
        "\n{:>10} {:>7} {:>9} {:>9}  {title} of {total}",
        "COUNT", "SHARE", "ERROR", "RATE/S"
    )?;
    for item in items {
        writeln!(
            out,
            "{:>10} {:>7} {:>9} {:>9}  {}",
            item.count,
            percent(share(item.count, *total)),
            item.error,
            plain_rate(snapshot.rate(item.count)),
            printable(&item.key)
        )?;
    }
    if *left_out > 0 {
        writeln!(out, "{left_out} longer than names of DNS are were left out")?;
    }
    Ok(())
}

/// A rate whose digits are in no groups.
fn plain_rate(value: Option<f64>) -> String {
    rate(value).replace(',', "")
}
