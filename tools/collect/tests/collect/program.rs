//! The collector as a process: where it listens, what its metrics say, and how it ends.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use dnsflow_testkit::patience::until;
use dnsflow_testkit::process::{Ended, Process};

use crate::BUILT;

/// A collector that runs.
pub(crate) struct Collector {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) metrics: SocketAddr,
}

impl Collector {
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut command = Command::new(BUILT.path("dnsflow-collect"));
        command.args(["--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]);
        command.args(options);
        Self::started(&mut command)
    }

    /// One that `command` starts, with --listen and --metrics at port 0.
    pub(crate) fn started(command: &mut Command) -> Self {
        let process = Process::spawn("dnsflow-collect", command);
        let found = |mark: &str| {
            until(mark, || {
                let said = process.said();
                let (_, behind) = said.split_once(mark)?;
                let (address, _) = behind.split_once(['\n', '/'])?;
                address.parse::<SocketAddr>().ok()
            })
        };
        let address = found("listening on ");
        let metrics = found("metrics on http://");
        Self {
            process,
            address,
            metrics,
        }
    }

    pub(crate) fn page(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.metrics).expect("it serves metrics");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it answers");
        text
    }

    /// The sum of a metric over all labels that have `label`.
    pub(crate) fn metric(&self, name: &str, label: &str) -> u64 {
        let page = self.page("/metrics");
        let lines = page.lines().filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']) && rest.contains(label))
        });
        let value = |line: &str| {
            line.rsplit(' ')
                .next()
                .and_then(|value| value.parse::<f64>().ok())
        };
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counts, which are small"
        )]
        let sum = lines.filter_map(value).sum::<f64>() as u64;
        sum
    }

    /// Waits until a metric has reached `value`.
    pub(crate) fn wait_for(&self, name: &str, label: &str, value: u64) {
        until(name, || (self.metric(name, label) >= value).then_some(()));
        assert_eq!(self.metric(name, label), value, "{name} {label}");
    }

    /// Ends it as a service manager does.
    pub(crate) fn stop(mut self) -> Ended {
        self.process.signal("TERM");
        self.process.wait()
    }

    pub(crate) fn kill(mut self) {
        self.process.signal("KILL");
        let _ = self.process.wait();
    }
}

/// All lines of the files in a folder that are whole, in the order of their names.
pub(crate) fn lines(folder: &Path) -> Vec<String> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| !name.starts_with('.'))
        })
        .collect();
    paths.sort();
    let texts = paths
        .iter()
        .map(|path| std::fs::read_to_string(path).expect("text"));
    texts
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// The numbers of the names `nNUMBER.example` in lines of JSON.
pub(crate) fn numbers(lines: &[String]) -> Vec<u64> {
    let number = |line: &String| {
        let (_, behind) = line.split_once("[\"n")?;
        let (number, _) = behind.split_once('.')?;
        number.parse().ok()
    };
    lines.iter().filter_map(number).collect()
}
