//! A capture file of one link type, and what the sensor finds in it.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use dnsflow_wire::dns::Name;
use dnsflow_wire::v4::{Content, Datagram, Set};

use crate::frames::{Answer, Ends};
use crate::tshark;

/// Link types by their numbers.
pub(crate) const ETHERNET: u32 = 1;
pub(crate) const RAW: u32 = 101;

/// Frames, and the responses in them.
#[derive(Debug)]
pub(crate) struct Capture {
    link: u32,
    frames: Vec<Vec<u8>>,
    answers: Vec<Answer>,
    /// Besides `--decap all`.
    options: Vec<String>,
    dissect: Vec<String>,
}

impl Capture {
    pub(crate) fn new(link: u32) -> Self {
        Capture {
            link,
            frames: Vec::new(),
            answers: Vec::new(),
            options: Vec::new(),
            dissect: Vec::new(),
        }
    }

    /// Two more frames, with a response over IPv4 and one over IPv6.
    pub(crate) fn both(self, frame: impl Fn(&Answer) -> Vec<u8>) -> Self {
        self.one(false, &frame).one(true, &frame)
    }

    /// One more frame.
    pub(crate) fn one(mut self, v6: bool, frame: impl Fn(&Answer) -> Vec<u8>) -> Self {
        let number = u8::try_from(self.answers.len() + 1).expect("few frames");
        let answer = Answer {
            number,
            ends: Ends::inner(v6),
        };
        self.frames.push(frame(&answer));
        self.answers.push(answer);
        self
    }

    /// An option for the sensor, with its value.
    pub(crate) fn option(mut self, option: &str, value: &str) -> Self {
        self.options.extend([option.to_owned(), value.to_owned()]);
        self
    }

    /// What tshark has to be told.
    pub(crate) fn dissect(mut self, option: &str, value: &str) -> Self {
        self.dissect.extend([option.to_owned(), value.to_owned()]);
        self
    }

    /// Has both programs read it.
    #[track_caller]
    pub(crate) fn check(&self, name: &str) {
        let path = self.write(name);
        self.check_sensor(&path);
        assert_eq!(
            self.dissected(&path),
            self.expected(),
            "{} by tshark",
            path.display()
        );
    }

    /// What tshark finds in a file with these responses.
    pub(crate) fn dissected(&self, path: &Path) -> Vec<String> {
        tshark::answers(path, &self.dissect, &self.answers).unwrap_or_else(|| self.expected())
    }

    /// Has the sensor read it.
    #[track_caller]
    pub(crate) fn check_sensor(&self, path: &Path) {
        let (sets, said) = self.sensor(path);
        let mut expected = self.expected();
        expected.sort();
        assert_eq!(sets, expected, "{}: {said}", path.display());
    }

    /// A line for each response: resolver, client, name and address.
    pub(crate) fn expected(&self) -> Vec<String> {
        let line = |answer: &Answer| {
            let Ends { from, to } = answer.ends;
            format!("{from} {to} {} {}", answer.name(), answer.address())
        };
        self.answers.iter().map(line).collect()
    }

    /// Writes it as a file of that name.
    pub(crate) fn write(&self, name: &str) -> PathBuf {
        let records = self
            .frames
            .iter()
            .map(|frame| record(frame))
            .collect::<Vec<_>>();
        write_file(name, self.link, &records.concat())
    }

    /// The sets that the sensor exports, sorted, and what it says at the end.
    pub(crate) fn sensor(&self, path: &Path) -> (Vec<String>, String) {
        self.sensor_with(path, "all")
    }

    /// The same, looking only into tunnels of `kinds`.
    pub(crate) fn sensor_with(&self, path: &Path, kinds: &str) -> (Vec<String>, String) {
        let export = path.with_extension("export");
        let ended = Command::new(env!("CARGO_BIN_EXE_dnsflow"))
            .args(["--decap", kinds])
            .args(&self.options)
            .arg("-r")
            .arg(path)
            .arg("-w")
            .arg(&export)
            .output()
            .expect("the sensor can be run");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success(), "{}: {said}", path.display());
        (
            exported(&fs::read(&export).expect("the sensor has written")),
            said,
        )
    }
}

/// A capture file with these records.
pub(crate) fn write_file(name: &str, link: u32, records: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("layers-{name}.pcap"));
    let header = [0xa1b2_c3d4, 2 | 4 << 16, 0, 0, 262_144, link];
    let header = header.map(u32::to_le_bytes).concat();
    fs::write(&path, [&header, records].concat()).expect("the folder can be written to");
    path
}

/// A record of a capture file.
pub(crate) fn record(frame: &[u8]) -> Vec<u8> {
    let length = u32::try_from(frame.len()).expect("short").to_le_bytes();
    [
        &1_700_000_000_u32.to_le_bytes(),
        &[0; 4],
        &length,
        &length,
        frame,
    ]
    .concat()
}

/// The sets in a file of `-w`, sorted.
///
/// ```text
/// file header 24 | (record header 16, captured length at 8 | family 4 | IPv4 20 | UDP 8 | datagram ..) ..
/// ```
fn exported(file: &[u8]) -> Vec<String> {
    const DATAGRAM: usize = 16 + 4 + 20 + 8;
    let mut sets = Vec::new();
    let mut rest = &file[24..];
    while let Some(length) = rest.get(8..).and_then(<[u8]>::first_chunk) {
        let length = usize::try_from(u32::from_le_bytes(*length)).expect("short");
        let (record, behind) = rest.split_at(16 + length);
        let datagram = Datagram::parse(&record[DATAGRAM..]).expect("the sensor sends datagrams");
        if let Content::Sets(found) = datagram.content().expect("with content") {
            sets.extend(found.map(|set| line(&set.expect("with whole sets"))));
        }
        rest = behind;
    }
    sets.sort();
    sets
}

fn line(set: &Set<'_>) -> String {
    let name = |name: Name<'_>| {
        let labels = name.labels().map(String::from_utf8_lossy);
        labels.collect::<Vec<_>>().join(".")
    };
    let names = set.names().map(name).collect::<Vec<_>>().join(",");
    let addresses = set
        .ipv4()
        .map(IpAddr::from)
        .chain(set.ipv6().map(IpAddr::from));
    let addresses = addresses
        .map(|address| address.to_string())
        .collect::<Vec<_>>()
        .join(",");
    let resolver = set.resolver().expect("version 4 has it");
    format!("{resolver} {} {names} {addresses}", set.client())
}
