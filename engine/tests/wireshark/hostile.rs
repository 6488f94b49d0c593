//! Bytes that strangers could send: no error of Lua, and none of Wireshark's.

use dnsflow_testkit::folder::Folder;

use crate::dissection::{capture, is_possible, print, print_with};
use crate::write::{Writer, group, name, opening, pointer};

/// Damaged copies of each datagram.
const COPIES: usize = 300;

/// What tshark says where a dissector fails.
const FAILURES: [&str; 4] = ["Lua Error", "Malformed Packet", "Dissector bug", "_ws.lua"];

/// Numbers that look random, the same in each run (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).expect("31 bits") % limit
    }

    fn byte(&mut self) -> u8 {
        const SPECIAL: [u8; 12] = [0, 1, 2, 4, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xc1, 0xfe, 0xff];
        let number = self.below(256 + 4 * SPECIAL.len());
        u8::try_from(number).unwrap_or_else(|_| SPECIAL[number % SPECIAL.len()])
    }

    /// Changes some bytes, or cuts the end off, or both.
    fn damage(&mut self, datagram: &[u8]) -> Vec<u8> {
        let mut out = datagram.to_vec();
        for _ in 0..self.below(5) {
            let at = self.below(out.len());
            out[at] = self.byte();
        }
        match self.below(8) {
            0 => out.truncate(self.below(out.len()) + 1),
            1 => out.extend((0..self.below(40)).map(|_| 0xff)),
            2 => {
                let at = self.below(out.len());
                out.insert(at, self.byte());
            }
            3 => {
                out.remove(self.below(out.len()));
            }
            _ => {}
        }
        out
    }
}

/// Valid datagrams of all versions.
fn valid() -> Vec<Vec<u8>> {
    let wire = name("www.example");
    let set = [
        &[198, 51, 100, 7, 1, 1, 0, 13][..],
        &wire,
        &[203, 0, 113, 80],
    ]
    .concat();
    let set_3 = [
        &[4, 1, 1, 0, 0, 13, 0, 0, 10, 0, 0, 1][..],
        &wire,
        &[203, 0, 113, 80],
    ]
    .concat();
    let set_4 = [
        &[6, 1, 0, 1, 0, 16, 0, 0][..],
        &[7; 32],
        &wire,
        &[0; 3],
        &[9; 16],
    ]
    .concat();
    let older = |version: u8, set: &[u8]| [&[version, 2, 0, 0, 0, 0, 0, 1], set, set].concat();
    let stats = |version: u8, counters: usize| {
        [&[version, 1, 0, 1, 0, 0, 0, 1][..], &vec![1; counters * 4]].concat()
    };
    let mut text = set.clone();
    text[7] = 12;
    text.splice(8..21, *b"www.example\0");
    let mut record = opening(2);
    record.extend(&wire);
    record.extend([0, 255, 0, 1, group(3, false, 1), 9]);
    record.extend(pointer(15));
    record.extend([group(1, true, 1)]);
    record.extend(pointer(3));
    record.extend([
        7,
        10,
        0,
        0,
        1,
        group(4, false, 1),
        9,
        0,
        16,
        0,
        1,
        2,
        1,
        b'a',
    ]);
    record.extend([
        group(5, false, 1),
        9,
        0,
        16,
        0,
        1,
        2,
        group(6, false, 1),
        1,
        1,
    ]);
    record.extend([0, 1, 7, 0, 1, 24, 0, 198, 51, 100, 9, 1, 1]);
    let mut numbered = record.clone();
    numbered.splice(
        9..16,
        [
            1, 18, 0x3e, 192, 0, 2, 1, 0, 53, 2, b'e', b'0', 0, 1, 0, 2, 0, 0, 0, 3,
        ],
    );
    let mut short = opening(0x81);
    short.splice(9.., [2, 1, b'a', 0]);
    short.splice(3..7, [8; 16]);
    let records = Writer::records().part(1, b"name").part(2, &[0, 0, 0, 1]);
    let records = records.record(&numbered).record(&record).record(&short);
    let counters = Writer::stats()
        .counter(b"captured", u64::MAX)
        .counter(b"x", 1);
    vec![
        older(0, &text),
        older(1, &set),
        older(2, &set),
        older(3, &set_3),
        older(4, &set_4),
        stats(0, 4),
        stats(4, 5),
        records.datagram(),
        records.record(&record).datagram(),
        counters.datagram(),
    ]
}

#[test]
fn no_bytes_make_the_dissector_fail() {
    if !is_possible("hostile::no_bytes_make_the_dissector_fail") {
        return;
    }
    let mut random = Random(0x5eed);
    let mut datagrams = valid();
    let undamaged = datagrams.len();
    for datagram in valid() {
        datagrams.extend((0..COPIES).map(|_| random.damage(&datagram)));
    }
    let noise = |random: &mut Random, version: u8| {
        let mut datagram = vec![version];
        let bytes = random.below(200);
        datagram.extend((0..bytes).map(|_| random.byte()));
        datagram
    };
    datagrams.extend((0..COPIES).map(|_| noise(&mut random, 5)));
    datagrams.extend((0..=255).map(|version| noise(&mut random, version)));
    datagrams.push(Vec::new());
    datagrams.push(valid().remove(undamaged - 3));

    let folder = Folder::new();
    let path = capture(&folder, &datagrams);
    let text = print(&path, &["-V"]);
    for failure in FAILURES {
        let at = text.lines().position(|line| line.contains(failure));
        let lines: Vec<_> = text.lines().take(at.map_or(0, |at| at + 3)).collect();
        assert_eq!(
            at,
            None,
            "{}",
            lines[lines.len().saturating_sub(60)..].join("\n")
        );
    }
    let is_dissected = |line: &&str| line.starts_with("dnsflow, records of DNS responses");
    // All but the empty one.
    let dissected = text.lines().filter(is_dissected).count();
    assert_eq!(dissected, datagrams.len() - 1);
    // What is not damaged is whole.
    let complaints = print(&path, &["-T", "fields", "-e", "_ws.expert.message"]);
    let lines: Vec<_> = complaints.lines().collect();
    assert_eq!(lines.len(), datagrams.len());
    assert_eq!(lines[lines.len() - 1], lines[undamaged - 3]);
    for (number, line) in lines[..undamaged].iter().enumerate() {
        assert!(!line.contains("offset"), "{number}: {line}");
    }
    // A damaged one is found to be in most cases.
    let found = lines.iter().filter(|line| line.contains("offset")).count();
    assert!(found > COPIES, "{found} are few");
}

/// Every length that a datagram can be cut to.
#[test]
fn nor_does_any_cut() {
    if !is_possible("hostile::nor_does_any_cut") {
        return;
    }
    let cuts =
        |datagram: Vec<u8>| (1..datagram.len()).map(move |length| datagram[..length].to_vec());
    let datagrams: Vec<_> = valid().into_iter().flat_map(cuts).collect();
    let folder = Folder::new();
    let text = print(&capture(&folder, &datagrams), &["-V"]);
    for failure in FAILURES {
        assert!(!text.contains(failure), "{failure}");
    }
}

/// So that the tests above would see one.
#[test]
fn a_failure_is_seen() {
    if !is_possible("hostile::a_failure_is_seen") {
        return;
    }
    let folder = Folder::new();
    let path = capture(&folder, &valid());
    let script = "local broken = Proto('broken', 'Broken')\n\
         function broken.dissector(tvb) return tvb(99999, 1):uint() + nil end\n\
         DissectorTable.get('udp.port'):add(5300, broken)\n";
    let text = print_with(script, &path, &["-V"]);
    assert!(
        FAILURES.iter().any(|failure| text.contains(failure)),
        "{text}"
    );
}
