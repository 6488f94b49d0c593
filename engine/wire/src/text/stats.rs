//! Statistics as a line.

use core::fmt::{self, Write};
use core::time::Duration;

use super::{Clock, Sensor, write_known};
use crate::v4::Stats;
use crate::v5::{Counter, Counters};

/// The counters of versions 0 to 4 as they are in a line, and as version 5 names them.
const COUNTERS: [&str; 4] = ["captured", "received", "dropped", "ifdropped"];

/// Writes the line of statistics, line end included:
///
/// ```text
/// STATS|192.0.2.1|09:26:53|captured:5|received:6|dropped:1|ifdropped:0|sample_rate:0
/// ```
///
/// # Errors
///
/// Only those of `out`.
pub fn write_stats(
    out: &mut impl Write,
    sensor: Sensor<'_>,
    time: Duration,
    stats: &Stats,
) -> fmt::Result {
    let Stats {
        captured,
        received,
        dropped,
        if_dropped,
        sample_rate,
    } = *stats;
    let values = [captured, received, dropped, if_dropped].map(|value| Some(value.into()));
    write_columns(out, sensor, time, values, sample_rate)?;
    out.write_char('\n')
}

/// Writes the same line for counters of version 5, up to the first that can't be read. A counter
/// that is not there has no value; `sampling` is that of the datagram. With `all`, the counters
/// that have no column follow, in their order.
///
/// # Errors
///
/// Only those of `out`.
pub fn write_counters(
    out: &mut impl Write,
    sensor: Sensor<'_>,
    time: Duration,
    counters: &Counters<'_>,
    sampling: Option<u32>,
    all: bool,
) -> fmt::Result {
    let counters = || counters.clone().map_while(Result::ok);
    let value = |name| counters().find(|counter| counter.name == name);
    let values = COUNTERS.map(|name| value(name).map(|counter| counter.value));
    write_columns(out, sensor, time, values, Some(sampling.unwrap_or(0)))?;
    if all {
        for Counter { name, value } in counters() {
            if !COUNTERS.contains(&name) {
                write!(out, "|{name}:{value}")?;
            }
        }
    }
    out.write_char('\n')
}

fn write_columns(
    out: &mut impl Write,
    sensor: Sensor<'_>,
    time: Duration,
    values: [Option<u64>; 4],
    sample_rate: Option<u32>,
) -> fmt::Result {
    write!(out, "STATS|{sensor}|{}", Clock(time))?;
    for (name, value) in COUNTERS.iter().zip(values) {
        write!(out, "|{name}:")?;
        write_known(out, value)?;
    }
    out.write_str("|sample_rate:")?;
    write_known(out, sample_rate)
}
