//! Flows as real programs write them: softflowd makes flows of packets, nfcapd collects and nfdump
//! prints them.

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;

use dnsflow_capfile::pcap::Writer;
use dnsflow_packet::{Frame, LinkType, Timestamp};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::packets::{Ends, ethernet};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::process::Process;
use dnsflow_testkit::requirements::programs;

use crate::lookups::{LookUp, capture};
use crate::{CLIENT, LOOK_UP, SECOND, SERVER};

/// Flows each way.
const FLOWS: u8 = 20;

/// Packets between the client and addresses of which every second one was looked up.
fn packets() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), LinkType::Ethernet).expect("a vector");
    let mut nanoseconds = 0;
    for number in 0..FLOWS {
        let server = address(number);
        let (there, back) = (
            Ends::of(&CLIENT.to_string(), &server),
            Ends::of(&server, &CLIENT.to_string()),
        );
        let port = 40_000 + u16::from(number);
        for packet in [
            there.udp(port, 443, b"question"),
            back.udp(443, port, b"answer"),
        ] {
            let frame = ethernet(&[], &packet);
            nanoseconds += 1_000_000;
            writer
                .write(&Frame {
                    bytes: &frame,
                    wire_bytes: u32::try_from(frame.len()).expect("a small packet"),
                    at: Timestamp {
                        seconds: SECOND + 2,
                        nanoseconds,
                    },
                    link: LinkType::Ethernet,
                    vlan: None,
                })
                .expect("a vector");
        }
    }
    writer.into_inner()
}

fn address(number: u8) -> String {
    let [a, b, c, _] = SERVER.octets();
    format!("{a}.{b}.{c}.{}", number + 100)
}

/// Whether a socket of UDP has this port, and what waits in it.
fn waiting(port: u16) -> Option<u64> {
    let table = fs::read_to_string("/proc/net/udp").ok()?;
    let socket = table.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let is_it = fields.next()?.ends_with(&format!(":{port:04X}"));
        is_it.then(|| fields.nth(2).map(str::to_owned))?
    })?;
    let (_, received) = socket.split_once(':')?;
    u64::from_str_radix(received, 16).ok()
}

/// The file in which nfcapd has the flows that softflowd made of the packets.
fn collected(folder: &Folder) -> PathBuf {
    let flows = folder.path("flows");
    fs::create_dir(&flows).expect("a folder");
    let free = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let port = free.expect("a free port").port();
    let mut collector = Command::new("nfcapd");
    collector
        .arg("-w")
        .arg(&flows)
        .args(["-b", "127.0.0.1", "-p", &port.to_string()]);
    let mut collector = Process::spawn("nfcapd", &mut collector);
    until("nfcapd to listen", || waiting(port));
    let mut exporter = Command::new("softflowd");
    exporter
        .arg("-r")
        .arg(folder.file("packets.pcap", &packets()));
    exporter.args([
        "-d",
        "-v",
        "10",
        "-c",
        "none",
        "-A",
        "milli",
        "-n",
        &format!("127.0.0.1:{port}"),
    ]);
    let ended = Process::spawn("softflowd", &mut exporter).wait();
    ended.assert_success();
    until("nfcapd to read everything", || {
        (waiting(port) == Some(0)).then_some(())
    });
    collector.signal("TERM");
    collector.wait().assert_success();
    let files = fs::read_dir(&flows)
        .expect("a folder")
        .map(|entry| entry.expect("a file").path());
    let is_flows = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("nfcapd.2"))
    };
    files
        .into_iter()
        .find(is_flows)
        .expect("nfcapd has written a file")
}

fn printed(file: &Path, format: &str) -> String {
    let mut command = Command::new("nfdump");
    command
        .env("TZ", "Asia/Tokyo")
        .arg("-r")
        .arg(file)
        .args(["-o", format]);
    let ended = Process::spawn("nfdump", &mut command).wait();
    ended.assert_success();
    ended.text().to_owned()
}

#[test]
fn flows_of_nfdump_are_named() {
    if !programs(
        "flows_of_nfdump_are_named",
        &["nfcapd", "nfdump", "softflowd"],
    ) {
        return;
    }
    let folder = Folder::new();
    let file = collected(&folder);
    let names: Vec<String> = (0..FLOWS)
        .map(|number| format!("host-{number}.example"))
        .collect();
    let chains: Vec<[&str; 1]> = names.iter().map(|name| [name.as_str()]).collect();
    let look_ups: Vec<LookUp<'_>> = (0..FLOWS)
        .zip(&chains)
        .filter(|(number, _)| number % 2 == 0)
        .map(|(number, names)| LookUp {
            names,
            address: address(number).parse().expect("an address"),
            ..LOOK_UP
        })
        .collect();
    let source = folder.file("records.pcap", &capture(&look_ups));
    for (format, name) in [
        ("json", "\t\"dnsflow_name\" : \"NAME\",\n"),
        ("csv", ",NAME,client,"),
    ] {
        let before = printed(&file, format);
        let mut command = Command::new(crate::BUILT.path("dnsflow-name"));
        // Times of nfdump have no zone.
        command.env("TZ", "Asia/Tokyo").arg("--from").arg(&source);
        command.arg(folder.file("flows.txt", before.as_bytes()));
        let ended = Process::spawn("dnsflow-name", &mut command).wait();
        ended.assert_success();
        let flows = u64::from(FLOWS) * 2;
        let said = format!("{flows} flows (nfdump-{format})");
        assert!(ended.stderr.contains(&said), "{}\n{before}", ended.stderr);
        let said = format!("{} named by client", flows / 2);
        assert!(ended.stderr.contains(&said), "{}\n{before}", ended.stderr);
        for (number, host) in names.iter().enumerate() {
            // A flow there, and one back.
            let found = ended.text().matches(&name.replace("NAME", host)).count();
            assert_eq!(
                found,
                if number % 2 == 0 { 2 } else { 0 },
                "{host}: {}",
                ended.text()
            );
        }
        if format == "json" {
            let value: serde_json::Value = serde_json::from_str(ended.text()).expect("it is JSON");
            assert_eq!(value.as_array().map(Vec::len), usize::try_from(flows).ok());
        }
    }
}
