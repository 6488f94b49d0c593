//! The same captures, read by tshark.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use crate::frames::Answer;

const FIELDS: [&str; 7] = [
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "dns.qry.name",
    "dns.a",
    "dns.aaaa",
];

/// A line for each response that tshark finds: resolver, client, name and address. Which version the innermost
/// addresses are of is taken from `answers`, since tshark lists addresses of both. `None` without tshark.
pub(crate) fn answers(path: &Path, options: &[String], answers: &[Answer]) -> Option<Vec<String>> {
    let output = run(path, options)?;
    let line = |(row, answer): (&str, Option<&Answer>)| {
        let fields = row.split('\t').collect::<Vec<_>>();
        let [v4_from, v4_to, v6_from, v6_to, name, a, aaaa] = fields[..] else {
            return format!("not {} fields: {row}", FIELDS.len());
        };
        match answer {
            Some(answer) if answer.ends.is_v6() => format!("{v6_from} {v6_to} {name} {aaaa}"),
            _ => format!("{v4_from} {v4_to} {name} {a}"),
        }
    };
    let answers = answers.iter().map(Some).chain(std::iter::repeat(None));
    Some(output.lines().zip(answers).map(line).collect())
}

/// The UDP payloads of all packets.
pub(crate) fn payloads(path: &Path) -> Option<Vec<Vec<u8>>> {
    let output = tshark(
        path,
        &[
            "-T".to_owned(),
            "fields".to_owned(),
            "-e".to_owned(),
            "udp.payload".to_owned(),
        ],
    )?;
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("tshark writes hexadecimal");
        u8::from_str_radix(pair, 16).expect("tshark writes hexadecimal")
    };
    Some(
        output
            .lines()
            .map(|line| line.as_bytes().chunks(2).map(byte).collect())
            .collect(),
    )
}

fn run(path: &Path, options: &[String]) -> Option<String> {
    let mut arguments = options.to_vec();
    let selection = [
        "-Y",
        "dns.flags.response == 1",
        "-E",
        "occurrence=l",
        "-T",
        "fields",
    ];
    arguments.extend(selection.map(str::to_owned));
    arguments.extend(
        FIELDS
            .iter()
            .flat_map(|field| ["-e".to_owned(), (*field).to_owned()]),
    );
    tshark(path, &arguments)
}

fn tshark(path: &Path, arguments: &[String]) -> Option<String> {
    match Command::new("tshark")
        .arg("-n")
        .arg("-r")
        .arg(path)
        .args(arguments)
        .output()
    {
        Ok(output) => {
            let complaint = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: {complaint}", path.display());
            Some(String::from_utf8(output.stdout).expect("tshark writes text"))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "tshark is not installed"
            );
            eprintln!(
                "NOT CHECKED with tshark, which is not installed: {}",
                path.display()
            );
            None
        }
        Err(error) => panic!("tshark can't be run: {error}"),
    }
}
