//! Captures as tshark reads them: an idea of a header that is not just our own.

use std::path::Path;
use std::process::Command;

/// The fields that make a set, in this order: client, resolver, names, IPv4 and IPv6 addresses. They do not tell the
/// sections of a message apart, nor escape names.
pub const SET: [&str; 8] = [
    "ip.dst",
    "ipv6.dst",
    "ip.src",
    "ipv6.src",
    "dns.qry.name",
    "dns.cname",
    "dns.a",
    "dns.aaaa",
];

/// What tshark prints of a capture with these options.
///
/// # Panics
/// If tshark is not there, which [`crate::requirements::programs`] tells, or fails.
pub fn tshark(capture: &Path, options: &[impl AsRef<str>]) -> String {
    let options = options.iter().map(AsRef::as_ref);
    let output = Command::new("tshark")
        .args(["-n", "-r"])
        .arg(capture)
        .args(options)
        .output()
        .expect("tshark runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}: {complaint}",
        capture.display()
    );
    String::from_utf8(output.stdout).expect("tshark prints UTF-8")
}

/// These fields of each packet, values of one field with commas between them.
///
/// # Panics
/// As [`tshark`].
pub fn fields<const COUNT: usize>(
    capture: &Path,
    options: &[impl AsRef<str>],
    fields: [&str; COUNT],
) -> Vec<[String; COUNT]> {
    let mut all = vec!["-T", "fields", "-E", "separator=/t"];
    all.extend(fields.iter().flat_map(|field| ["-e", field]));
    all.extend(options.iter().map(AsRef::as_ref));
    let text = tshark(capture, &all);
    let row = |line: &str| {
        let values: Vec<String> = line.split('\t').map(str::to_owned).collect();
        let count = values.len();
        let row = values.try_into().ok();
        row.unwrap_or_else(|| panic!("{count} fields, not {COUNT}: {line}"))
    };
    text.lines().map(row).collect()
}

/// The columns of a set, as the sensor's sets are written, out of the fields of [`SET`].
#[must_use]
pub fn set(fields: &[String; 8]) -> [String; 5] {
    let [dst, dst6, src, src6, name, aliases, ipv4, ipv6] = fields;
    let both = |one: &String, other: &String| {
        let there = [one, other].into_iter().filter(|part| !part.is_empty());
        there.cloned().collect::<Vec<_>>().join(",")
    };
    [
        both(dst, dst6),
        both(src, src6),
        both(name, aliases),
        ipv4.clone(),
        ipv6.clone(),
    ]
}
