//! Writes inputs to start from, made of the project's own captures and messages, below the folder that
//! is named: `make fuzz-seeds`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dnsflow_capfile::Records;
use dnsflow_capfile::input;
use dnsflow_fuzz::packets::link_byte;
use dnsflow_packet::LinkType;
use dnsflow_testkit::corpus::Corpus;
use dnsflow_testkit::frames;
use dnsflow_testkit::vectors::vectors;

/// Everything is selected: multicast DNS, tunnels and mirrors.
const EVERYTHING: u8 = 0x0a;

/// Inputs of random bytes for each target that makes something of them.
const RANDOM: u32 = 400;

fn main() -> io::Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| io::Error::other("usage: seeds FOLDER"))?;
    let seeds = Seeds { folder: &folder };
    let corpus = Corpus::own();
    for path in corpus.captures() {
        let bytes = fs::read(&path)?;
        seeds.add("file", &[], &bytes)?;
        let packets = packets(&path);
        for selection in [EVERYTHING, 0, 1] {
            seeds.add("decode", &[selection], &packets)?;
        }
        seeds.add("agree", &[4], &packets)?;
    }
    for path in corpus.messages() {
        let message = fs::read(&path)?;
        seeds.add("wire", &[0], &message)?;
    }
    for datagram in datagrams() {
        seeds.add("wire", &[0xff], &datagram)?;
        for options in 0..10 {
            let length = u16::try_from(datagram.len()).map_err(io::Error::other)?;
            let once = [&[1, 7][..], &length.to_be_bytes(), &datagram].concat();
            seeds.add("read", &[options], &once.repeat(3))?;
        }
    }
    filters(&seeds)?;
    configuration(&seeds)?;
    random(&seeds)
}

struct Seeds<'a> {
    folder: &'a Path,
}

impl Seeds<'_> {
    /// Writes an input, named by what it is made of.
    fn add(&self, target: &str, head: &[u8], rest: &[u8]) -> io::Result<()> {
        let folder = self.folder.join(target);
        fs::create_dir_all(&folder)?;
        let bytes = [head, rest].concat();
        let name = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        });
        fs::write(folder.join(format!("{name:016x}")), bytes)
    }
}

/// The packets of a capture, as the language of packets has them: as they stand.
fn packets(path: &Path) -> Vec<u8> {
    let mut out = Vec::new();
    let source = input::open(path).and_then(input::unpacked);
    let Ok(Ok(mut records)) = source.map(Records::open) else {
        return out;
    };
    while let Ok(Some(frame)) = records.next_frame() {
        out.extend(packet(frame.link, frame.bytes));
    }
    out
}

fn packet(link: LinkType, bytes: &[u8]) -> Vec<u8> {
    let link = link.dlt().and_then(link_byte);
    let (Some(link), Ok(length)) = (link, u16::try_from(bytes.len())) else {
        return Vec::new();
    };
    [&[0, link, 0, 0][..], &length.to_be_bytes(), bytes].concat()
}

/// Frames through each of the programs, and programs that are spelt out.
fn filters(seeds: &Seeds<'_>) -> io::Result<()> {
    let frames: Vec<Vec<u8>> = frames::table()
        .iter()
        .map(|frame| packet(LinkType::Ethernet, &frame.bytes))
        .collect();
    for (frames, program) in frames.chunks(8).cycle().take(64).zip(0..) {
        seeds.add("filters", &[0, program], &frames.concat())?;
    }
    Ok(())
}

/// Datagrams of all versions.
fn datagrams() -> Vec<Vec<u8>> {
    let wire = b"\x03www\x01a\0\x01b\0\0\0";
    let text = b"www.a\0b\0";
    let (client, resolver) = ([198, 51, 100, 7], [192, 0, 2, 53]);
    let address = [203, 0, 113, 80];
    let old = |version: u8, names: &[u8]| {
        let length = u16::try_from(names.len()).unwrap_or(0).to_be_bytes();
        let head = [version, 1, 0, 0, 0, 0, 0, 9];
        [&head[..], &client, &[2, 1], &length, names, &address].concat()
    };
    let head = |version| [version, 1, 0, 0, 0, 0, 0, 9, 4, 2, 1, 1, 0, 12, 0, 0];
    let rest = [&wire[..], &address, &[0x20; 16]].concat();
    let mut datagrams = vec![
        old(0, text),
        old(1, wire),
        old(2, wire),
        [&head(3)[..], &client, &rest].concat(),
        [&head(4)[..], &client, &[0; 12], &resolver, &[0; 12], &rest].concat(),
    ];
    for version in 0..5_u8 {
        let counters: usize = if version < 2 { 16 } else { 20 };
        let head = [version, 1, 0, 1, 0, 0, 0, 10];
        datagrams.push([&head[..], &vec![7; counters]].concat());
    }
    datagrams.extend(vectors().into_iter().map(|vector| vector.bytes));
    datagrams
}

/// Files and command lines that name each option.
fn configuration(seeds: &Seeds<'_>) -> io::Result<()> {
    let shipped = include_str!("../../systemd/dnsflow.toml");
    seeds.add("config", &[0], shipped.as_bytes())?;
    let mut all = String::new();
    for line in shipped.lines() {
        let line = line.trim_start_matches(['#', ' ']);
        if line
            .split_once(" = ")
            .is_some_and(|(key, _)| !key.contains(' '))
        {
            seeds.add("config", &[0], format!("{line}\n").as_bytes())?;
            let option = format!("--{}\n", line.replacen(" = ", "=", 1).replace('"', ""));
            seeds.add("config", &[1], option.as_bytes())?;
            all += &format!("{line}\n");
        }
    }
    seeds.add("config", &[0], all.as_bytes())?;
    seeds.add(
        "config",
        &[1],
        b"-i\neth0\n-d\n53\n-Y\n--decap\nvxlan,gre\n-s\n10\n-m\n1/4\n",
    )?;
    seeds.add("config", &[1], b"check\n-i\neth0\n--cores\nauto\n")?;
    seeds.add("config", &[1], b"open-sockets\n64\n")
}

/// Random bytes: what is of use among them is kept when the corpus is minimised.
fn random(seeds: &Seeds<'_>) -> io::Result<()> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[3]
    };
    for number in 0..RANDOM {
        let count = 32 << (number % 5);
        let bytes: Vec<u8> = (0..count).map(|_| next()).collect();
        seeds.add("decode", &[EVERYTHING, 1], &bytes)?;
        seeds.add("agree", &[4, 1], &bytes)?;
        seeds.add("wire", &[0x60, 0, 0, 0, 0], &bytes)?;
        seeds.add("filters", &[0x80], &bytes)?;
        seeds.add("filters", &[0xc0], &bytes)?;
    }
    Ok(())
}
