//! The picture of the page in the README, of records that the generator and the sensor have made. It is
//! made again by
//!
//! ```text
//! cargo build -p dnsflow -p dnsflow-generate -p dnsflow-collect
//! PICTURE=docs/page.png cargo test -p dnsflow-collect --test page -- --ignored picture
//! ```

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime};

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::process::Process;

use crate::{BUILT, Opened};

/// Sensors, and how many responses each sees in a second.
const SENSORS: [(&str, u32); 3] = [("ams-1", 500), ("fra-1", 1300), ("fra-2", 800)];

/// Seconds in which records are sent, and the seconds of the day that each stands for.
const SECONDS: u32 = 70;
const EACH: u32 = 45;

#[test]
#[ignore = "it makes a picture, and takes minutes"]
fn picture() {
    let folder = Folder::new();
    let Some(mut opened) = Opened::start("page::picture", &[]) else {
        return;
    };
    let to = opened.collector.address.to_string();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = u32::try_from(now.expect("it is later").as_secs()).expect("it is before 2106");
    for second in 0..SECONDS {
        // Other names than before, from a time on.
        let seed = if second * 5 < SECONDS * 2 { "11" } else { "12" };
        let time = now - (SECONDS - second) * EACH;
        for (number, (sensor, rate)) in (0_u32..).zip(SENSORS) {
            let swing = f64::from(second + 9 * number) / 7.0;
            let count = f64::from(rate) * (1.0 + 0.35 * swing.sin());
            // The first of a seed come most often, as everywhere.
            for count in [20.0, 120.0, count] {
                let packets = folder.path("packets.pcap");
                generate(&packets, seed, count);
                shift(&packets, time);
                let packets = packets.to_str().expect("a path of UTF-8");
                let name = format!("--sensor-name={sensor}");
                run(
                    "dnsflow",
                    &["-r", packets, "-u", &to, "--format", "v5", &name],
                );
            }
        }
        thread::sleep(Duration::from_millis(100));
    }
    let browser = &mut opened.browser;
    browser.wait("document.querySelectorAll('#list-clients ~ ol li').length === 10");
    // The client whose names fit best.
    browser.value(
        "(async () => {
            let best = { off: Infinity };
            for (const { textContent: client } of document.querySelectorAll('#list-clients ~ ol a')) {
                const found = await (await fetch(`search?client=${client}&limit=500`)).json();
                const names = new Set(found.rows.map((row) => row.question)).size;
                const off = Math.abs(names - 4);
                best = off < best.off ? { off, client } : best;
            }
            location.hash = `q=${best.client}`;
        })()",
    );
    browser.wait("document.querySelectorAll('#found .lane').length > 1");
    browser.value("document.activeElement.blur()");
    let path = std::env::var_os("PICTURE").map_or_else(|| folder.path("page.png"), PathBuf::from);
    browser.resize(1100, 1000);
    browser.picture(&path);
    opened.finish();
}

fn generate(packets: &Path, seed: &str, count: f64) {
    let packets = packets.to_str().expect("a path of UTF-8");
    let count = format!("{count:.0}");
    let options = [
        "--clients",
        "300",
        "--resolvers",
        "6",
        "--odd-names",
        "0",
        "--seed",
        seed,
    ];
    run(
        "dnsflow-gen",
        &[&options[..], &["-w", packets, "-n", &count]].concat(),
    );
}

/// Gives all packets of a capture file another time, in seconds since 1970.
fn shift(path: &Path, time: u32) {
    let mut bytes = std::fs::read(path).expect("a file");
    let mut at = 24;
    while at < bytes.len() {
        bytes[at..at + 4].copy_from_slice(&time.to_le_bytes());
        let length: [u8; 4] = bytes[at + 8..at + 12].try_into().expect("four bytes");
        at += 16 + usize::try_from(u32::from_le_bytes(length)).expect("a length");
    }
    std::fs::write(path, bytes).expect("a file");
}

fn run(name: &str, arguments: &[&str]) {
    let mut command = Command::new(BUILT.path(name));
    Process::spawn(name, command.args(arguments))
        .wait()
        .assert_success();
}
