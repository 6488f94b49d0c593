//! The test vectors of `docs/protocol.md`: datagrams, and what the page says of each.

/// The page.
const PAGE: &str = include_str!("../../../docs/protocol.md");

/// Vectors that the page has at least.
const MIN_VECTORS: usize = 16;

/// A datagram of the page.
#[derive(Clone, Debug)]
pub struct Vector {
    /// Its heading.
    pub name: &'static str,
    /// The payload of a UDP packet from 192.0.2.1 that came at 2023-11-14 22:13:20 UTC.
    pub bytes: Vec<u8>,
    /// What `dnsflow-read --fields` prints of it; each with its line end.
    pub lines: Vec<String>,
}

/// All of them, in the order of the page.
///
/// # Panics
/// If the page has no such section, or a vector lacks one of its blocks.
#[must_use]
pub fn vectors() -> Vec<Vector> {
    let (_, section) = PAGE
        .split_once("\n## Test vectors\n")
        .expect("the page has vectors");
    let vectors = section.split("\n#### ").skip(1).map(|vector| {
        let (name, behind) = vector.split_once('\n').expect("a heading ends");
        let block = |kind: &str| {
            let start = format!("```{kind}\n");
            let (_, block) = behind.split_once(&start).expect("each has both blocks");
            block.split_once("```").expect("a block ends").0
        };
        let lines = block("text").lines();
        Vector {
            name,
            bytes: block("hex").lines().flat_map(bytes).collect(),
            lines: lines.map(|line| format!("{line}\n")).collect(),
        }
    });
    let vectors: Vec<Vector> = vectors.collect();
    assert!(vectors.len() >= MIN_VECTORS);
    vectors
}

/// The bytes of a line, which are before its comment.
fn bytes(line: &str) -> impl Iterator<Item = u8> {
    let digits = line.split("  ").next().unwrap_or_default();
    let bytes = digits.split_whitespace();
    bytes.map(|byte| u8::from_str_radix(byte, 16).expect("bytes are hexadecimal digits"))
}
