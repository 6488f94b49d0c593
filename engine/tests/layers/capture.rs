//! A capture file of one link type, and what the sensor and tshark find in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dnsflow_testkit::capture::Pcap;
use dnsflow_testkit::export::Export;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::packets::{ETHERNET, Ends, Response};
use dnsflow_testkit::{requirements, tshark};

use crate::BUILT;

/// Frames, and the responses in them.
#[derive(Debug)]
pub(crate) struct Capture {
    link: u16,
    frames: Vec<Vec<u8>>,
    responses: Vec<Response>,
    /// Besides `--decap all`.
    options: Vec<String>,
    dissect: Vec<String>,
    folder: Folder,
}

impl Capture {
    pub(crate) fn new(link: u16) -> Self {
        Capture {
            link,
            frames: Vec::new(),
            responses: Vec::new(),
            options: Vec::new(),
            dissect: Vec::new(),
            folder: Folder::new(),
        }
    }

    /// Two more frames, with a response over IPv4 and one over IPv6.
    pub(crate) fn both(self, frame: impl Fn(&Response) -> Vec<u8>) -> Self {
        self.one(false, &frame).one(true, &frame)
    }

    /// One more frame.
    pub(crate) fn one(mut self, ipv6: bool, frame: impl Fn(&Response) -> Vec<u8>) -> Self {
        let number = u8::try_from(self.responses.len() + 1).expect("few frames");
        let name = format!("n{number}.layers.example");
        let response = Response::new(Ends::new(ipv6, 7), &name, 1).numbered(number);
        self.frames.push(frame(&response));
        self.responses.push(response);
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

    /// The sets that tshark finds in a file with these responses, in their order; what is expected where there is no
    /// tshark.
    ///
    /// Of a tunnel it lists the innermost addresses of each version: which version those of the response are of is
    /// taken from that.
    pub(crate) fn dissected(&self, path: &Path) -> Vec<String> {
        if !requirements::programs("the comparison with tshark", &["tshark"]) {
            return self.expected();
        }
        let responses = ["-Y", "dns.flags.response == 1", "-E", "occurrence=l"];
        let options: Vec<&str> = self.dissect.iter().map(String::as_str).collect();
        let rows = tshark::fields(path, &[&responses[..], &options].concat(), tshark::SET);
        let is_ipv6 = |index: usize| {
            let response = self.responses.get(index);
            response.is_some_and(|response| response.ends.is_ipv6())
        };
        let rows = rows.into_iter().enumerate();
        rows.map(|(index, row)| {
            let [dst, dst6, src, src6, name, alias, a, aaaa] = row;
            let none = String::new;
            let row = if is_ipv6(index) {
                [none(), dst6, none(), src6, name, alias, a, aaaa]
            } else {
                [dst, none(), src, none(), name, alias, a, aaaa]
            };
            tshark::set(&row).join("\t")
        })
        .collect()
    }

    /// Has the sensor read it.
    #[track_caller]
    pub(crate) fn check_sensor(&self, path: &Path) {
        let (sets, said) = self.sensor(path);
        let mut expected = self.expected();
        expected.sort();
        assert_eq!(sets, expected, "{}: {said}", path.display());
    }

    /// The set of each response.
    pub(crate) fn expected(&self) -> Vec<String> {
        self.responses.iter().map(Response::set).collect()
    }

    /// Writes it as a file of that name.
    pub(crate) fn write(&self, name: &str) -> PathBuf {
        let records: Vec<Vec<u8>> = self.frames.iter().map(|frame| record(frame)).collect();
        self.write_records(name, self.link, &records)
    }

    /// Writes a file of another link type.
    pub(crate) fn write_records(&self, name: &str, link: u16, records: &[Vec<u8>]) -> PathBuf {
        let file = [Pcap::of(link).empty(), records.concat()].concat();
        self.folder.file(&format!("{name}.pcap"), &file)
    }

    /// The sets that the sensor exports, sorted, and what it says at the end.
    pub(crate) fn sensor(&self, path: &Path) -> (Vec<String>, String) {
        self.sensor_with(path, "all")
    }

    /// The same, looking only into tunnels of `kinds`.
    pub(crate) fn sensor_with(&self, path: &Path, kinds: &str) -> (Vec<String>, String) {
        let export = self.folder.path("export.pcap");
        let ended = BUILT
            .reading(path)
            .option("--decap", kinds)
            .with(&self.options.join(" "))
            .option("-w", &export)
            .run();
        ended.assert_success();
        let bytes = fs::read(&export).expect("the sensor has written");
        let export = Export::parse(&bytes).unwrap_or_else(|wrong| panic!("{wrong}"));
        (export.sets(), ended.stderr)
    }
}

/// A record of a capture file.
pub(crate) fn record(frame: &[u8]) -> Vec<u8> {
    Pcap::of(ETHERNET).record(Duration::from_secs(1_700_000_000), frame)
}
