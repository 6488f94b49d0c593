//! Results as text: tables, targets, and the machine.

use std::fmt::Write as _;
use std::fs;
use std::thread;
use std::time::Duration;

use serde::Serialize;

/// Median and range of repeated measurements.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spread {
    /// The median; of an even number of values, the mean of the two in the middle.
    pub median: f64,
    /// The minimum.
    pub min: f64,
    /// The maximum.
    pub max: f64,
}

impl Spread {
    /// The spread of `values`.
    ///
    /// # Panics
    /// If there is no value.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        } else {
            sorted[middle]
        };
        Self {
            median,
            min: sorted[0],
            max: sorted[sorted.len() - 1],
        }
    }

    /// `median (min to max)`, with `digits` decimals.
    #[must_use]
    pub fn text(&self, digits: usize) -> String {
        format!(
            "{:.digits$} ({:.digits$} to {:.digits$})",
            self.median, self.min, self.max
        )
    }
}

/// A target, and the measured value.
#[derive(Clone, Debug, Serialize)]
pub struct Target {
    /// The measured quantity.
    pub what: String,
    /// Upper limit.
    pub at_most: f64,
    /// The measured value, if there is one.
    pub measured: Option<f64>,
    /// Unit of both.
    pub unit: &'static str,
}

impl Target {
    /// A target, and the value that was measured.
    pub fn new(
        what: impl Into<String>,
        at_most: f64,
        unit: &'static str,
        measured: Option<f64>,
    ) -> Self {
        Self {
            what: what.into(),
            at_most,
            measured,
            unit,
        }
    }

    fn verdict(&self) -> &'static str {
        match self.measured {
            None => "not measured",
            Some(measured) if measured <= self.at_most => "met",
            Some(_) => "NOT MET",
        }
    }
}

/// All targets as a table.
#[must_use]
pub fn targets(targets: &[Target]) -> String {
    let rows: Vec<_> = targets
        .iter()
        .map(|target| {
            let measured = target
                .measured
                .map_or("-".to_owned(), |value| number(value, target.unit));
            vec![
                target.what.clone(),
                number(target.at_most, target.unit),
                measured,
                target.verdict().to_owned(),
            ]
        })
        .collect();
    table(&["target", "at most", "measured", ""], &rows)
}

fn number(value: f64, unit: &str) -> String {
    let digits = if value == 0.0 || value.abs() >= 20.0 {
        0
    } else {
        2
    };
    format!("{value:.digits$} {unit}").trim_end().to_owned()
}

/// A Markdown table with aligned columns.
#[must_use]
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count());
        cells.chain([head[column].len(), 3]).max().unwrap_or(3)
    };
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    let mut out = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        for (cell, width) in cells.zip(&widths) {
            // Writing to a String does not fail.
            let _ = write!(out, "| {cell:width$} ");
        }
        out.push_str("|\n");
    };
    line(&mut head.iter().copied());
    let rules: Vec<_> = widths.iter().map(|width| "-".repeat(*width)).collect();
    line(&mut rules.iter().map(String::as_str));
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
    out
}

/// The machine on which figures were measured.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Number of CPUs that a program may use.
    pub cpus: usize,
    /// Model name of the CPU.
    pub model: String,
    /// Release of the kernel.
    pub kernel: String,
    /// Number of CPUs kept busy by other programs: the larger of the values before and after the
    /// bench.
    pub busy: f64,
}

impl Machine {
    /// The present machine and its load. Takes two seconds.
    #[must_use]
    pub fn this() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let model = cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix("model name"));
        Self {
            cpus: thread::available_parallelism().map_or(1, std::num::NonZero::get),
            model: model
                .unwrap_or("unknown CPU")
                .trim_start_matches(['\t', ' ', ':'])
                .to_owned(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            busy: busy(),
        }
    }

    /// Measures the load again. Takes two seconds.
    pub fn update_busy(&mut self) {
        self.busy = self.busy.max(busy());
    }

    /// A line about the machine, with a warning if it was too busy for reliable figures.
    #[must_use]
    pub fn text(&self) -> String {
        let Self {
            cpus,
            model,
            kernel,
            busy,
        } = self;
        let release = kernel.split('-').next().unwrap_or_default();
        let short: Vec<_> = release.split('.').take(2).collect();
        let busy = if *busy > BUSY_CPUS {
            format!(" PRELIMINARY: others kept {busy:.1} CPUs busy.")
        } else {
            String::new()
        };
        format!(
            "{cpus} virtual CPUs ({model}), Linux {}.{busy}",
            short.join(".")
        )
    }
}

/// Number of busy CPUs above which figures are unreliable.
const BUSY_CPUS: f64 = 0.1;

/// Time over which the load is measured.
const BUSY_TIME: Duration = Duration::from_secs(2);

/// Number of CPUs that are busy while this program is idle (proc_stat(5)).
fn busy() -> f64 {
    const TICKS_A_SECOND: f64 = 100.0;
    const COUNTED: [usize; 6] = [1, 2, 3, 6, 7, 8];
    let worked = || {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let fields: Vec<f64> = stat
            .lines()
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .map(|field| field.parse().unwrap_or(0.0))
            .collect();
        // user, nice, system; irq, softirq, steal: all but idle and iowait.
        COUNTED
            .iter()
            .filter_map(|index| fields.get(*index))
            .sum::<f64>()
    };
    let before = worked();
    thread::sleep(BUSY_TIME);
    (worked() - before) / TICKS_A_SECOND / BUSY_TIME.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        let spread = Spread::of([3.0, 1.0, 2.0]);
        assert_eq!(spread.text(1), "2.0 (1.0 to 3.0)");
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]).text(1), "2.5 (1.0 to 4.0)");
    }

    #[test]
    fn verdicts() {
        let verdict = |measured| Target::new("", 0.45, "", measured).verdict();
        assert_eq!(verdict(Some(0.45)), "met");
        assert_eq!(verdict(Some(0.46)), "NOT MET");
        assert_eq!(verdict(None), "not measured");
    }
}
