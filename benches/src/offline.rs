//! Programs that read one capture file, run in turn over several rounds, so that disturbances
//! affect all of them alike.

use std::error::Error;
use std::path::Path;

use serde::Serialize;

use crate::programs::{ORIGINAL_EXPRESSION, Usage, is_installed, measure, ours};
use crate::report::{Machine, Spread, table};

/// A program that is measured.
#[derive(Clone, Debug, Serialize)]
pub struct Contender {
    /// Name in tables.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Number of cores of the sensor; `None` for other programs.
    pub cores: Option<usize>,
    /// Version of the records that the sensor writes.
    pub version: Version,
    /// Number of processes that read the file at the same time.
    pub copies: u32,
    /// Usage of each run.
    pub runs: Vec<Usage>,
}

/// A version of the records, as `--format` names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Version {
    /// Version 4, the default.
    #[default]
    V4,
    /// Version 5.
    V5,
}

impl Version {
    /// Value of `--format`.
    #[must_use]
    pub fn format(self) -> &'static str {
        match self {
            Self::V4 => "v4",
            Self::V5 => "v5",
        }
    }

    /// What follows the name of a sensor in tables.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::V4 => "",
            Self::V5 => ", v5",
        }
    }
}

impl Contender {
    fn new(name: impl Into<String>, command: &[&str], cores: Option<usize>) -> Self {
        Self {
            name: name.into(),
            command: command.iter().map(|&word| word.to_owned()).collect(),
            cores,
            version: Version::V4,
            copies: 1,
            runs: Vec::new(),
        }
    }

    /// The sensor on so many cores, which writes records of `version` to nowhere.
    fn sensor(sensor: &str, file: &str, cores: usize, version: Version) -> Self {
        let count = cores.to_string();
        let format = version.format();
        let mut command = vec![sensor, "--cores", &count, "-r", file, "-w", "/dev/null"];
        if version != Version::V4 {
            command.extend(["--format", format]);
        }
        let plural = if cores == 1 { "" } else { "s" };
        let name = format!("dnsflow, {cores} core{plural}{}", version.suffix());
        Self {
            version,
            ..Self::new(name, &command, Some(cores))
        }
    }

    /// Whether it is the sensor on so many cores, with this version.
    #[must_use]
    pub fn is_sensor(&self, cores: usize, version: Version) -> bool {
        self.cores == Some(cores) && self.version == version
    }

    /// Independent processes of the sensor on one core each, one for each CPU that this process may
    /// use. They share nothing, so they show the best possible speed-up. `None` on a single CPU.
    fn independent(sensor: &str, file: &str) -> Result<Option<Self>, Box<dyn Error>> {
        let cpus: Vec<_> = dnsflow_sys::allowed_cpus()?
            .iter()
            .map(usize::to_string)
            .collect();
        let copies = u32::try_from(cpus.len())?;
        let command = [
            "sh",
            "-c",
            r#"sensor=$1 file=$2 runs=; shift 2
            for cpu; do taskset -c $cpu "$sensor" --cores 1 -r "$file" -w /dev/null & runs="$runs $!"; done
            for run in $runs; do wait $run || exit; done"#,
            "sh",
            sensor,
            file,
        ];
        let words: Vec<&str> = command
            .into_iter()
            .chain(cpus.iter().map(String::as_str))
            .collect();
        let contender = Self::new(format!("dnsflow, 1 core, {copies} at once"), &words, None);
        Ok((copies > 1).then_some(Self {
            copies,
            ..contender
        }))
    }

    /// The spread of a figure over all runs.
    #[must_use]
    pub fn spread(&self, figure: fn(&Usage) -> f64) -> Spread {
        Spread::of(self.runs.iter().map(figure))
    }

    /// CPU time per packet in nanoseconds, where the file has `packets` packets.
    #[must_use]
    pub fn cpu_ns(&self, packets: f64) -> Spread {
        let taken = packets * f64::from(self.copies);
        Spread::of(self.runs.iter().map(|run| run.cpu() * 1e9 / taken))
    }

    /// Ratio of a figure to that of `other`, over the rounds.
    #[must_use]
    pub fn ratio(&self, other: &Self, figure: fn(&Usage) -> f64) -> Spread {
        Spread::of(
            self.runs
                .iter()
                .zip(&other.runs)
                .map(|(mine, theirs)| figure(mine) / figure(theirs)),
        )
    }
}

/// The programs to measure: the sensor on 1, 2, 4 and so on up to all CPUs, independent processes
/// of the sensor, `tcpdump`, `dnscap` if it is installed, and `peers`: shell commands in which
/// `{file}` stands for the capture.
///
/// # Errors
/// If the sensor or `tcpdump` is missing.
pub fn contenders(
    file: &Path,
    peers: &[String],
    machine: &Machine,
) -> Result<Vec<Contender>, Box<dyn Error>> {
    let sensor = ours("dnsflow")?.display().to_string();
    let file = file.display().to_string();
    let mut found = Vec::new();
    let mut cores: Vec<_> = (0..)
        .map(|power| 1 << power)
        .take_while(|cores| *cores < machine.cpus)
        .collect();
    cores.push(machine.cpus);
    for cores in cores {
        for version in [Version::V4, Version::V5] {
            // Of version 5, those that targets are about.
            if version == Version::V4 || cores <= 2 {
                found.push(Contender::sensor(&sensor, &file, cores, version));
            }
        }
    }
    found.extend(Contender::independent(&sensor, &file)?);
    if !is_installed("tcpdump") {
        return Err(
            "tcpdump is not installed, and all figures are compared with it: apt-get install tcpdump"
                .into(),
        );
    }
    let command = [
        "tcpdump",
        "-r",
        &file,
        "-w",
        "/dev/null",
        ORIGINAL_EXPRESSION,
    ];
    found.push(Contender::new(TCPDUMP, &command, None));
    if is_installed("dnscap") {
        // Responses only, written as a capture to standard output, which is discarded.
        let command = ["dnscap", "-r", &file, "-s", "r", "-w", "-"];
        found.push(Contender::new("dnscap", &command, None));
    }
    for peer in peers {
        let command = peer.replace("{file}", &file);
        let name = peer.split_whitespace().next().unwrap_or("peer");
        let name = name.rsplit('/').next().unwrap_or(name);
        found.push(Contender::new(name, &["sh", "-c", &command], None));
    }
    Ok(found)
}

/// The sensor on one core and on two, with each version, on a file that is larger than what is usual.
///
/// # Errors
/// If the sensor is missing.
pub fn divided(file: &Path) -> Result<Vec<Contender>, Box<dyn Error>> {
    let sensor = ours("dnsflow")?.display().to_string();
    let file = file.display().to_string();
    let versions = [Version::V4, Version::V5].into_iter();
    let all = versions.flat_map(|version| [1, 2].map(|cores| (cores, version)));
    Ok(all
        .map(|(cores, version)| Contender::sensor(&sensor, &file, cores, version))
        .collect())
}

/// Name of `tcpdump` in tables.
pub const TCPDUMP: &str = "tcpdump";

/// Runs all programs in turn, `rounds` times, after a warm-up round. Calls `progress` before each
/// run, with the round (0 for the warm-up) and the name.
///
/// # Errors
/// If a program fails.
pub fn run(
    contenders: &mut [Contender],
    rounds: usize,
    progress: &mut dyn FnMut(usize, &str),
) -> Result<(), Box<dyn Error>> {
    for round in 0..=rounds {
        for contender in &mut *contenders {
            progress(round, &contender.name);
            let usage = measure(&contender.command)?;
            if round > 0 {
                contender.runs.push(usage);
            }
        }
    }
    Ok(())
}

/// The results as a table, where the file has `packets` packets.
///
/// # Panics
/// If a program has no run.
#[must_use]
pub fn text(contenders: &[Contender], packets: f64) -> String {
    let find = |wanted: &dyn Fn(&Contender) -> bool| contenders.iter().find(|known| wanted(known));
    let tcpdump = find(&|known| known.name == TCPDUMP);
    let one = find(&|known| known.is_sensor(1, Version::V4));
    let rows: Vec<_> = contenders
        .iter()
        .map(|contender| {
            let copies = f64::from(contender.copies);
            let beside = tcpdump.map_or("-".to_owned(), |tcpdump| {
                let ratio = contender.ratio(tcpdump, Usage::cpu).median;
                format!("{:.2}", ratio / copies)
            });
            // With version 5, against 1 core with version 5.
            let same = |known: &Contender| known.is_sensor(1, contender.version);
            let one = contender.cores.map_or(one, |_| find(&same));
            let faster = one.map_or("-".to_owned(), |one| {
                let ratio = one.ratio(contender, |usage| usage.wall).median;
                format!("{:.2}", ratio * copies)
            });
            let own = contender.spread(|usage| mebibytes(usage.own_bytes)).max;
            vec![
                contender.name.clone(),
                contender.cpu_ns(packets).text(0),
                beside,
                contender.spread(|usage| usage.wall).text(2),
                faster,
                if contender.copies > 1 {
                    // The measured process is the shell that starts them.
                    "-".to_owned()
                } else {
                    format!("{own:.0}")
                },
            ]
        })
        .collect();
    let head = [
        "program",
        "CPU ns a packet",
        "of tcpdump's",
        "seconds",
        "speed-up against 1 core",
        "MiB of its own",
    ];
    table(&head, &rows)
}

/// Converts bytes to MiB.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "no memory has 2^53 bytes")]
pub fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
