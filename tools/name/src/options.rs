//! The command line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use dnsflow_names::map::Limits;

use crate::format::preset::{FieldMap, Preset};
use crate::labels::Labels;
use crate::namer::{Namer, Records};
use crate::signals::Stop;
use crate::source::{Captured, Service, Source, SourceError, Stored};
use crate::time::Clock;

/// Other names of a flow that can be asked for.
const CANDIDATES: u8 = 8;

/// Runs of look-ups that are kept of one client and address: flows of all the time that a file is about are asked for.
pub(crate) const RUNS: usize = 256;

/// Add to flow records the names that were looked up.
///
/// Reads flow records from FILEs or standard input, and writes them with the name by which the
/// client of each flow had looked up the server's address when the flow began. Records of either
/// direction are named. Order, fields and spelling of what is there stay as they are; what can't be
/// understood passes unchanged and is counted.
///
/// Objects of JSON get members, tables get columns. Events of the Elastic Common Schema get
/// source.domain or destination.domain, and the others in an object dnsflow. Names are lower case, in presentation format (RFC 1035, section 5.1), and can be
/// what anyone likes: they come from whoever answers.
#[derive(Debug, Parser)]
#[command(name = "dnsflow-name", version, after_long_help = EXAMPLES)]
pub struct Options {
    /// Where names come from: the naming service as http://HOST:PORT, a capture FILE, or a FOLDER
    /// of Parquet.
    ///
    /// A file is a capture of what sensors send, or what dnsflow -w has written, compressed or not;
    /// it is read into memory first. A folder is that of dnsflow-collect --to parquet:FOLDER.
    #[arg(long, value_name = "SOURCE")]
    from: String,

    /// What the flow records are; auto looks at the first lines.
    #[arg(
        long,
        value_name = "PRESET",
        default_value = "auto",
        conflicts_with = "map",
        value_parser = formats()
    )]
    format: String,

    /// The fields of the flow records, of JSON lines or of a table with a header.
    ///
    /// WORD=FIELD, divided by commas: client, server, and time or start are wanted; client-port and
    /// server-port tell which side is the server. start is preferred to time. FIELD is the name of
    /// a column, or the path of a member, as flow.start. Times are RFC 3339, or numbers since 1970
    /// whose size tells the unit, from seconds to nanoseconds; times without a zone are local (TZ).
    #[arg(long, value_name = "MAP")]
    map: Option<FieldMap>,

    /// Add so many other names that come into question.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        value_parser = clap::value_parser!(u8).range(0..=i64::from(CANDIDATES))
    )]
    candidates: u8,

    /// How the added members and columns begin.
    #[arg(long, value_name = "PREFIX", default_value = "dnsflow_")]
    prefix: Labels,

    /// Write to FILE instead of standard output.
    #[arg(short = 'w', long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,

    /// The naming service's token, in a file.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// How long the naming service may be away before flows are written without names, and this
    /// ends.
    #[arg(long, value_name = "DURATION", default_value = "1min", value_parser = humantime::parse_duration)]
    retry_for: Duration,

    /// How long after its TTL an address is used, with a file or a folder.
    #[arg(long, value_name = "DURATION", default_value = "5min", value_parser = humantime::parse_duration)]
    grace: Duration,

    /// MiB of memory for the names of a capture file, at most.
    #[arg(
        long,
        value_name = "MIB",
        default_value_t = 1024,
        value_parser = clap::value_parser!(u32).range(1..=1 << 20)
    )]
    map_max: u32,

    /// Don't say at the end what was done.
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Flow records; standard input if there is none, or `-`.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

fn formats() -> PossibleValuesParser {
    let presets = Preset::ALL.map(Preset::name);
    PossibleValuesParser::new(["auto"].into_iter().chain(presets))
}

impl Options {
    /// The flows to read.
    pub(crate) fn inputs(&self) -> Vec<&Path> {
        if self.files.is_empty() {
            return vec![Path::new("-")];
        }
        self.files.iter().map(PathBuf::as_path).collect()
    }

    /// Where names come from, ready to be asked.
    pub(crate) fn source(&self, stop: &Stop) -> Result<Box<dyn Source>, SourceError> {
        let from = &self.from;
        if dnsflow_ask::is_service(from) {
            let token = self.token_file.as_deref();
            let service = Service::new(from, token, self.retry_for, stop.clone())?;
            return Ok(Box::new(service));
        }
        let path = Path::new(from);
        if path.is_dir() {
            return Ok(Box::new(Stored::open(path, self.grace)?));
        }
        let mebibytes = usize::try_from(self.map_max).unwrap_or(usize::MAX);
        let limits = Limits {
            bytes: mebibytes.saturating_mul(1 << 20),
            grace: self.grace,
            runs: RUNS,
            ..Limits::default()
        };
        Captured::read(path, limits).map(|source| Box::new(source) as Box<dyn Source>)
    }

    /// What names flows by that source.
    pub(crate) fn namer(&self, source: Box<dyn Source>) -> Namer {
        let preset = Preset::ALL
            .into_iter()
            .find(|preset| preset.name() == self.format);
        let records = match (&self.map, preset) {
            (Some(map), _) => Records::Map(map.clone()),
            (None, Some(preset)) => Records::Preset(preset),
            (None, None) => Records::Auto,
        };
        let candidates = usize::from(self.candidates);
        Namer::new(
            &records,
            source,
            self.prefix.clone(),
            candidates,
            Clock::local(),
        )
    }
}

const EXAMPLES: &str = "\
Members and columns:
  dnsflow_name        the name that the client asked for
  dnsflow_matched     client: this client was told the address, and it held; client-expired: it
                      was told before; others: other clients were told
  dnsflow_confidence  how likely it is the name that was meant, from 0 to 1
  dnsflow_of          which side of the flow has the name: source or destination
  dnsflow_names       other names that come into question, with --candidates

Formats: goflow2, zeek, suricata, nfdump-json, nfdump-csv, vpc, ecs; docs/flows.md has an example of each.

Examples:
  dnsflow-name --from http://127.0.0.1:5380 conn.log > named.log
  tail -F eve.json | dnsflow-name --from http://127.0.0.1:5380 --format suricata
  nfdump -r nfcapd.202311142210 -o csv | dnsflow-name --from export.pcap
  dnsflow-name --from export.pcap --map client=src,server=dst,time=ts flows.json

Exit status: 0; 1 if flows can't be read, named or written; 2 for wrong usage.";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn options_are_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let parse =
            |args: &[&str]| Options::try_parse_from([&["dnsflow-name"], args].concat()).is_ok();
        assert!(parse(&["--from", "x"]));
        assert!(parse(&[
            "--from",
            "x",
            "--map",
            "client=a,server=b.c,time=t"
        ]));
        assert!(parse(&[
            "--from",
            "x",
            "--format",
            "zeek",
            "--candidates",
            "8",
            "a",
            "b"
        ]));
        assert!(!parse(&[]));
        assert!(!parse(&["--from", "x", "--format", "pcap"]));
        assert!(!parse(&[
            "--from",
            "x",
            "--format",
            "zeek",
            "--map",
            "client=a,server=b,time=t"
        ]));
        assert!(!parse(&["--from", "x", "--map", "client=a,server=b"]));
        assert!(!parse(&[
            "--from",
            "x",
            "--map",
            "client=a,server=b,time=a.b.c.d.e.f.g.h.i"
        ]));
        assert!(!parse(&[
            "--from",
            "x",
            "--map",
            "client=a,server=b,time=t,when=x"
        ]));
        assert!(!parse(&["--from", "x", "--candidates", "9"]));
        assert!(!parse(&["--from", "x", "--prefix", "a\"b"]));
        assert!(!parse(&["--from", "x", "--prefix", "_"]));
    }
}
