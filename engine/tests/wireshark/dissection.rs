//! What the dissector makes of datagrams.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dnsflow_testkit::capture::Pcap;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::packets::{Ends, RAW_IP};
use dnsflow_testkit::requirements;
use serde_json::Value;

/// The user and the group of nobody.
const NOBODY: &str = "65534";

/// The port of collectors.
const PORT: u16 = 5300;

/// When the captures of these tests were made, in seconds: 2023-11-14 22:13:20 UTC.
pub(crate) const START: u64 = 1_700_000_000;

/// Whether there is a tshark for `test`.
#[must_use]
pub(crate) fn is_possible(test: &str) -> bool {
    requirements::programs(test, &["tshark"])
}

/// Writes datagrams to a capture file, each in a packet to the collectors' port.
pub(crate) fn capture(folder: &Folder, datagrams: &[impl AsRef<[u8]>]) -> PathBuf {
    capture_to(folder, PORT, datagrams)
}

/// The same to another port.
pub(crate) fn capture_to(folder: &Folder, port: u16, datagrams: &[impl AsRef<[u8]>]) -> PathBuf {
    let ends = Ends::of("192.0.2.1", "192.0.2.2");
    let packet = |datagram: &[u8]| ends.udp(40_000, port, datagram);
    let at = Duration::from_secs(START);
    let packets = datagrams
        .iter()
        .map(|datagram| (at, packet(datagram.as_ref())));
    folder.file("datagrams.pcap", &Pcap::of(RAW_IP).file(packets))
}

/// What tshark prints of a capture with the dissector and these options.
pub(crate) fn print(capture: &Path, options: &[&str]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/wireshark/dnsflow.lua");
    let script = fs::read_to_string(path).expect("the dissector is there");
    print_with(&script, capture, options)
}

/// The same with another script. It is put beside the capture, whose folder tshark takes for its user's home.
///
/// Wireshark 4.4 runs no scripts as root, so that root runs it as nobody.
pub(crate) fn print_with(script: &str, capture: &Path, options: &[&str]) -> String {
    let home = capture.parent().expect("a capture is in a folder");
    let path = home.join("script.lua");
    fs::write(&path, script).expect("the folder of a test can be written to");
    let mut command = if requirements::is_root() {
        let mut setpriv = Command::new("setpriv");
        setpriv.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
        setpriv.arg("tshark");
        setpriv
    } else {
        Command::new("tshark")
    };
    command.env("HOME", home).arg("-n").arg("-r").arg(capture);
    command.args(["-X", &format!("lua_script:{}", path.display())]);
    let output = command.args(options).output().expect("tshark runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    assert!(!complaint.contains("Lua: Error"), "{complaint}");
    String::from_utf8(output.stdout).expect("tshark prints UTF-8")
}

/// All datagrams of a capture, in order. This is what tests of a sensor's datagrams start from, whatever version it
/// sends.
pub(crate) fn dissected(capture: &Path) -> Vec<Tree> {
    let text = print(capture, &["-T", "json", "--no-duplicate-keys"]);
    let packets: Vec<Value> = serde_json::from_str(&text).expect("tshark prints JSON");
    let tree = |packet: &Value| Tree(packet["_source"]["layers"]["dnsflow"].clone());
    packets.iter().map(tree).collect()
}

/// The only datagram, which is built here.
#[track_caller]
pub(crate) fn dissect(datagram: &[u8]) -> Tree {
    let folder = Folder::new();
    let mut trees = dissected(&capture(&folder, &[datagram]));
    assert_eq!(trees.len(), 1);
    trees.remove(0)
}

/// A datagram or a part of one: fields, and trees below them.
#[derive(Clone, Debug)]
pub(crate) struct Tree(Value);

impl Tree {
    /// The values of a field, by its filter name without `dnsflow.`, wherever they are below. Booleans are `1` and `0`.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        gather(&self.0, &format!("dnsflow.{name}"), &mut found);
        let texts = found.into_iter().filter_map(Value::as_str);
        texts
            .map(|text| match text {
                "True" => "1".to_owned(),
                "False" => "0".to_owned(),
                _ => text.to_owned(),
            })
            .collect()
    }

    /// The values of a field, with commas between them.
    pub(crate) fn list(&self, name: &str) -> String {
        self.all(name).join(",")
    }

    /// Values of fields, each with its name, for a comparison with what is wanted.
    pub(crate) fn values<'n>(&self, wanted: &[(&'n str, &str)]) -> Vec<(&'n str, String)> {
        let names = wanted.iter().map(|(name, _)| *name);
        names.map(|name| (name, self.list(name))).collect()
    }

    /// Holds fields, by their names, against values.
    #[track_caller]
    pub(crate) fn assert(&self, wanted: &[(&str, &str)]) {
        let found = self.values(wanted);
        let wanted = wanted
            .iter()
            .map(|&(name, value)| (name, value.to_owned()))
            .collect::<Vec<_>>();
        assert_eq!(found, wanted);
    }

    /// The trees below a field, such as the records of a datagram.
    pub(crate) fn each(&self, name: &str) -> Vec<Self> {
        let mut found = Vec::new();
        gather(&self.0, &format!("dnsflow.{name}"), &mut found);
        let trees = found.into_iter().filter(|value| value.is_object());
        trees.cloned().map(Self).collect()
    }

    /// What the dissector complains of.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let mut found = Vec::new();
        gather(&self.0, "_ws.expert.message", &mut found);
        let texts = found.into_iter().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    }
}

/// The values of a key wherever it is, one by one.
fn gather<'v>(value: &'v Value, key: &str, found: &mut Vec<&'v Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == key {
                    match value {
                        Value::Array(values) => found.extend(values),
                        value => found.push(value),
                    }
                }
                gather(value, key, found);
            }
        }
        Value::Array(values) => {
            for value in values {
                gather(value, key, found);
            }
        }
        _ => {}
    }
}
