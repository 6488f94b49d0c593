//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser};

/// Show live what dnsflow sensors export: rates, loss, and who asks for what most often.
///
/// Rates and lists are of a sliding window. Lists are kept in bounded memory (space-saving): a count
/// is at most ERROR too high and never too low, and with K keys (--keys) whatever makes up more than
/// 1/K of the window is in the list. Datagrams that come twice count once in them. Names of domains
/// are those of the public suffix list that the program was built with.
///
/// Keys: Tab and arrows choose list and row, s sorts, / filters, space pauses, ? explains, q quits.
#[derive(Debug, Parser)]
#[command(name = "dnsflow-top", version, after_long_help = EXAMPLES)]
pub struct Options {
    #[command(flatten)]
    pub(crate) input: Input,

    /// How long the window is, such as `30s` or `5min`; `all` keeps everything.
    ///
    /// The window moves by a sixth of its length at a time, so that five to six sixths of it are
    /// covered. [default: 1min; all with --read and with --once]
    #[arg(long, value_name = "DURATION", value_parser = window, conflicts_with = "from")]
    window: Option<Window>,

    /// Keys of each list that are kept; errors are at most 1/N of what was counted.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1000,
        conflicts_with = "from",
        value_parser = clap::value_parser!(u32).range(10..=100_000)
    )]
    pub(crate) keys: u32,

    /// Print a table once, after SECONDS, and end.
    ///
    /// Without SECONDS it is 5, or the end of the file; with --from it is at once. A signal ends it earlier, and what came is
    /// printed.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, value_parser = seconds)]
    pub(crate) once: Option<Option<Duration>>,

    /// Rows of each list that --once prints.
    #[arg(long, value_name = "N", default_value_t = 10, requires = "once")]
    pub(crate) rows: u32,

    /// File with the token of --from in its first line.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["listen", "read"])]
    pub(crate) token_file: Option<PathBuf>,

    /// Print one JSON object instead of a table.
    #[arg(long, requires = "once")]
    pub(crate) json: bool,
}

/// Where datagrams come from: exactly one of these.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Input {
    /// Be the collector: receive on this address and UDP port.
    ///
    /// `[::]:5300` takes IPv4 and IPv6.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<SocketAddr>,

    /// Read a capture file, or standard input if FILE is `-`, as fast as it can.
    ///
    /// pcap and pcapng, plain or compressed with gzip or zstd; `dnsflow -w` writes such a file.
    /// Every UDP packet in it is taken for a datagram. Times are those of the file.
    #[arg(short = 'r', long, value_name = "FILE")]
    pub(crate) read: Option<PathBuf>,

    /// Show what a collector counts: http://HOST:PORT of dnsflow-collect with --serve and --page.
    ///
    /// Window and errors are those of the collector, and 200 rows of each list are there.
    #[arg(long, value_name = "URL")]
    pub(crate) from: Option<String>,
}

impl Options {
    /// What lists and rates cover; `None` is everything.
    pub(crate) fn window(&self) -> Option<Duration> {
        match self.window {
            Some(Window(window)) => window,
            None if self.once.is_some() || self.input.read.is_some() => None,
            None => dnsflow_tally::Limits::default().window,
        }
    }
}

/// A length of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window(Option<Duration>);

fn window(text: &str) -> Result<Window, String> {
    if text == "all" {
        return Ok(Window(None));
    }
    let range = Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);
    let window = humantime::parse_duration(text).ok();
    let window = window.filter(|window| range.contains(window));
    window
        .map(|window| Window(Some(window)))
        .ok_or_else(|| "give 1s to 1day, such as 30s or 5min, or all".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: Option<f64> = text.parse().ok();
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration
        .filter(|duration| (1..=7 * 24 * 60 * 60 * 1000).contains(&duration.as_millis()))
        .ok_or_else(|| "give seconds, such as 10 or 0.5, at most a week".to_owned())
}

const EXAMPLES: &str = "\
Examples:
  dnsflow-top --listen '[::]:5300'            watch what sensors send here
  dnsflow-top --read export.pcap.gz           look into what dnsflow -w wrote
  dnsflow-top --from http://127.0.0.1:8053    look at what a collector receives
  dnsflow-top --listen '[::]:5300' --once 60  a table of one minute, for a script
  dnsflow-top -r export.pcap --once --json    the same of a file, as JSON
  ssh host tcpdump -U -w - udp port 5300 | dnsflow-top --read - --window 1min

Exit status: 0; 1 if the input can't be read, or not to its end; 2 for wrong usage.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(arguments: &str) -> Option<Options> {
        let arguments = ["dnsflow-top"].into_iter().chain(arguments.split(' '));
        Options::try_parse_from(arguments).ok()
    }

    #[test]
    fn options_are_sound() {
        Options::command().debug_assert();
        for wrong in [
            "--keys 10",
            "--listen localhost",
            "--read a --listen [::]:1",
            "--read a --rows 5",
            "--read a --json",
            "--read a --window 0s",
            "--read a --window never",
            "--read a --once -1",
            "--read a --once NaN",
            "--read a --keys 0",
            "--read a --from http://localhost",
            "--from http://localhost --window 30s",
            "--read a --token-file b",
        ] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn the_window_is_that_of_a_look_or_everything() {
        let window = |arguments| {
            parse(arguments)
                .unwrap()
                .window()
                .map(|window| window.as_secs())
        };
        assert_eq!(window("--listen [::]:1"), Some(60));
        assert_eq!(window("--listen [::]:1 --window 5min"), Some(300));
        assert_eq!(window("--listen [::]:1 --window all"), None);
        assert_eq!(window("--listen [::]:1 --once"), None);
        assert_eq!(window("--read a"), None);
        assert_eq!(window("--read a --window 30s"), Some(30));
        let once = parse("--read a --once 0.5 --json").unwrap().once;
        assert_eq!(once, Some(Some(Duration::from_millis(500))));
    }
}
