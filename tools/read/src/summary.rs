//! The summary of each source, printed at the end.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use serde::Serialize;

use crate::output::{Format, Output};
use dnsflow_records::source::{Source, Sources, StatsDelta, Stream};

/// Writes the account of every source; `behind_lines` if other lines came before.
pub(crate) fn write(
    sources: &Sources,
    format: Format,
    behind_lines: bool,
    output: &mut Output<'_>,
) -> io::Result<()> {
    for (index, (stream, source)) in sources.iter().enumerate() {
        match format {
            Format::Json => output.json(&Line {
                summary: Summary::of(stream, source),
            })?,
            Format::Ecs => {}
            Format::Text { .. } => {
                if behind_lines || index > 0 {
                    output.text(&"\n")?;
                }
                output.text(&Summary::of(stream, source))?;
            }
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct Line {
    summary: Summary,
}

#[derive(Serialize)]
struct Summary {
    source: SocketAddr,
    /// Of version 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    core: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sensor_name: Option<String>,
    seconds: f64,
    data_datagrams: Counted,
    records: Counted,
    stats_datagrams: Counted,
    bad_datagrams: u64,
    stats_delta: Option<StatsDelta>,
    sequence: Account,
}

impl Summary {
    fn of(stream: &Stream, source: &Source) -> Self {
        let counted = |total| Counted {
            total,
            per_second: source.rate(total).map(|rate| rounded(rate, 1e3)),
        };
        let sequence = &source.sequence;
        Self {
            source: stream.address,
            core: stream.core,
            sensor_name: source.sensor_name().map(|name| name.to_string()),
            seconds: rounded(source.span().as_secs_f64(), 1e6),
            data_datagrams: counted(source.data_datagrams),
            records: counted(source.records),
            stats_datagrams: counted(source.stats_datagrams),
            bad_datagrams: source.bad_datagrams,
            stats_delta: source.stats_delta(),
            sequence: Account {
                total: sequence.total,
                lost: sequence.lost,
                out_of_order: sequence.out_of_order,
                duplicates: sequence.duplicates,
                restarts: sequence.restarts,
            },
        }
    }
}

/// Without the digits that floating point adds.
fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

/// How many, and how often.
#[derive(Serialize)]
struct Counted {
    total: u64,
    /// None if all came at once.
    per_second: Option<f64>,
}

#[derive(Serialize)]
struct Account {
    total: u64,
    lost: u64,
    out_of_order: u64,
    duplicates: u64,
    restarts: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)?;
        if let Some(core) = self.core {
            write!(f, " core {core}")?;
        }
        if let Some(name) = &self.sensor_name {
            write!(f, " {name}")?;
        }
        writeln!(f)?;
        writeln!(f, "  data datagrams   {}", self.data_datagrams)?;
        writeln!(f, "  records          {}", self.records)?;
        writeln!(f, "  stats datagrams  {}", self.stats_datagrams)?;
        writeln!(f, "  bad datagrams    {}", self.bad_datagrams)?;
        if let Some(delta) = &self.stats_delta {
            let StatsDelta {
                captured,
                received,
                dropped,
                ifdropped,
                sample_rate,
            } = delta;
            write!(
                f,
                "  stats deltas     captured:{captured} received:{received} dropped:{dropped} ifdropped:{ifdropped}"
            )?;
            if let Some(sample_rate) = sample_rate {
                write!(f, " sample_rate:{sample_rate}")?;
            }
            writeln!(f)?;
        }
        let Account {
            total,
            lost,
            out_of_order,
            duplicates,
            restarts,
        } = &self.sequence;
        writeln!(
            f,
            "  sequence         total:{total} lost:{lost} out_of_order:{out_of_order} duplicates:{duplicates} restarts:{restarts}"
        )
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.per_second {
            Some(per_second) => write!(f, "{} ({per_second:.2}/s)", self.total),
            None => write!(f, "{}", self.total),
        }
    }
}
