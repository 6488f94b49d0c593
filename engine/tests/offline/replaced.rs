//! What was in the file of `-w` is lost only when the run really starts, and never if it is the input.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use dnsflow_testkit::capture::{empty, pcap};
use dnsflow_testkit::export::Export;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::packets::response;
use dnsflow_testkit::process::Ended;
use dnsflow_testkit::requirements::core_counts;

use crate::BUILT;

const PRECIOUS: &[u8] = b"precious";

fn capture() -> Vec<u8> {
    pcap([&response(1).ethernet(), &response(2).ethernet()])
}

fn assert_refused(ended: &Ended, path: &Path) {
    ended.assert_failure(2, &["one file", "write to another"]);
    assert!(fs::read(path).ok() == Some(capture()), "{}", ended.stderr);
}

#[test]
fn a_file_is_not_written_to_itself_whatever_its_names() {
    let folder = Folder::new();
    let path = folder.file("capture.pcap", &capture());
    let (soft, hard) = (folder.path("soft.pcap"), folder.path("hard.pcap"));
    symlink(&path, &soft).expect("a symbolic link");
    fs::hard_link(&path, &hard).expect("a link");
    let folder_name = path.parent().and_then(Path::file_name).expect("a folder");
    let roundabout = folder.path("..").join(folder_name).join("capture.pcap");
    for cores in core_counts() {
        for name in [&path, &soft, &hard, &roundabout] {
            for (read, written) in [(&path, name), (name, &path)] {
                let sensor = BUILT.reading(read).option("-w", written);
                assert_refused(&sensor.option("--cores", cores).run(), &path);
            }
        }
    }
    let relative = "cd \"$1\" && exec \"$0\" -r capture.pcap -w ./capture.pcap";
    let program = BUILT.argument("dnsflow");
    let words = ["sh", "-c", relative, &program, &folder.argument(".")];
    let none: [&str; 0] = [];
    assert_refused(&BUILT.sensor_behind(&words, none).run(), &path);
}

#[test]
fn nor_where_input_or_output_were_redirected() {
    let folder = Folder::new();
    let path = folder.file("capture.pcap", &capture());
    let name = path.display().to_string();
    let redirected = |redirection: &str, options: &[&str]| {
        let script = format!("exec \"$0\" \"$@\" {redirection} '{name}'");
        BUILT.sensor_behind(&["sh", "-c", &script], options).run()
    };
    for input in ["-", "/dev/stdin", "/proc/self/fd/0"] {
        assert_refused(&redirected("<", &["-r", input, "-w", &name]), &path);
    }
    for output in ["-", "/dev/stdout"] {
        assert_refused(&redirected("1<>", &["-r", &name, "-w", output]), &path);
        assert_refused(&redirected(">>", &["-r", &name, "-w", output]), &path);
    }
    assert_refused(&redirected(">>", &["-r", &name, "--print"]), &path);
}

#[test]
fn a_device_or_another_file_is_written() {
    let folder = Folder::new();
    let path = folder.file("capture.pcap", &capture());
    let same_content = folder.file("copy.pcap", &capture());
    let ended = BUILT.reading(&path).option("-w", &same_content).run();
    ended.assert_success();
    assert_eq!(Export::of(&same_content).sets().len(), 2);
    // An empty input, which is no capture, and is read to its end.
    let ended = BUILT.sensor(["-r", "/dev/null", "-w", "/dev/null"]).run();
    ended.assert_failure(1, &["empty"]);
}

#[test]
fn a_shorter_export_leaves_nothing_of_a_longer_one() {
    let folder = Folder::new();
    let path = folder.file("capture.pcap", &capture());
    let written = folder.file("export.pcap", &[0xff; 100_000]);
    for cores in core_counts() {
        let sensor = BUILT.reading(&path).option("-w", &written);
        sensor.option("--cores", cores).run().assert_success();
        assert_eq!(Export::of(&written).sets().len(), 2);
    }
}

/// A section with two interfaces and no packet yet: Ethernet, then 802.11.
fn two_interfaces() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut block = |kind: u32, body: &[u8]| {
        let length = u32::try_from(12 + body.len()).expect("short");
        for part in [
            &kind.to_le_bytes(),
            &length.to_le_bytes(),
            body,
            &length.to_le_bytes(),
        ] {
            bytes.extend_from_slice(part);
        }
    };
    let section = [
        &0x1a2b_3c4d_u32.to_le_bytes()[..],
        &[1, 0, 0, 0],
        &[0xff; 8],
    ]
    .concat();
    block(0x0a0d_0d0a, &section);
    for link in [1, 127] {
        block(1, &[link, 0, 0, 0, 0, 0, 4, 0]);
    }
    bytes
}

#[test]
fn an_expression_is_compiled_for_what_the_head_declares() {
    let folder = Folder::new();
    let written = folder.file("export.pcap", PRECIOUS);
    let (only_head, several) = (
        folder.file("empty.pcap", &empty()),
        folder.file("several.pcapng", &two_interfaces()),
    );
    for cores in core_counts() {
        for (capture, expression) in [(&only_head, "wlan type mgt"), (&several, "wlan type mgt")] {
            let sensor = BUILT.reading(capture).option("--cores", cores);
            let ended = sensor.option("-f", expression).option("-w", &written).run();
            ended.assert_failure(1, &[expression]);
            assert_eq!(fs::read(&written).ok().as_deref(), Some(PRECIOUS));
        }
        // Of a pipe nothing is known before it is read.
        let ended = BUILT
            .sensor(["-r", "-", "-f", "wlan type mgt", "--cores", cores])
            .option("-w", &written)
            .fed(&capture())
            .run();
        ended.assert_failure(1, &["wlan type mgt"]);
        assert_eq!(fs::read(&written).ok().as_deref(), Some(PRECIOUS));
    }
}

#[test]
fn input_that_is_no_capture_empties_no_file() {
    let folder = Folder::new();
    let written = folder.file("export.pcap", PRECIOUS);
    for cores in core_counts() {
        let ended = BUILT
            .sensor(["-r", "-", "--cores", cores])
            .option("-w", &written)
            .fed(b"this is no capture file, and long enough to tell")
            .run();
        ended.assert_failure(1, &["not a capture"]);
        assert_eq!(fs::read(&written).ok().as_deref(), Some(PRECIOUS));
    }
}
