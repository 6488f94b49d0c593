//! No bytes do harm: neither those of flows nor those of names.

use dnsflow_name::format::preset::Preset;
use dnsflow_name::namer::{Records, name_all};
use proptest::prelude::*;

use crate::fixed::{Fixed, named, namer};

/// Names that end strings, fields and lines, calculate, or stand for nothing.
const HOSTILE: [&str; 12] = [
    "a\tb",
    "a\nb",
    "a\r\nb",
    "a\"b",
    "a\\b",
    "a,b;c d",
    "=cmd|' /C calc'!a0",
    "-",
    "(empty)",
    "a\u{0}b\u{7f}",
    "\u{e9}\u{2028}<script>",
    "",
];

/// A record of each format, with its heading.
fn records() -> Vec<(Records, String)> {
    let json = |source: &str, destination: &str, time: &str| {
        format!(
            "{{\"{source}\":\"192.0.2.10\", \"{destination}\":\"203.0.113.7\",\"{time}\":1700000000}}\n"
        )
    };
    let preset = Records::Preset;
    let pretty = json("src4_addr", "dst4_addr", "first");
    let pretty = format!("[\n{}]\n", pretty.replace(['{'], "{\n").replace('}', "\n}"));
    vec![
        (preset(Preset::Goflow2), json("src_addr", "dst_addr", "time_flow_start_ns")),
        (preset(Preset::Zeek), json("id.orig_h", "id.resp_h", "ts")),
        (
            preset(Preset::Zeek),
            "#fields\tts\tid.orig_h\tid.resp_h\n1\t192.0.2.10\t203.0.113.7\n".to_owned(),
        ),
        (preset(Preset::Suricata), json("src_ip", "dest_ip", "timestamp")),
        (preset(Preset::NfdumpJson), pretty),
        (
            preset(Preset::NfdumpCsv),
            "ts,sa,da\n2023-11-14 22:13:20,192.0.2.10,203.0.113.7\n".to_owned(),
        ),
        (
            preset(Preset::Vpc),
            "srcaddr dstaddr start\n192.0.2.10 203.0.113.7 1700000000\n".to_owned(),
        ),
        (preset(Preset::Ecs), json("source.ip", "destination.ip", "@timestamp")),
        (
            preset(Preset::Ecs),
            "{\"source\":{\"ip\":\"192.0.2.10\"},\"destination\":{\"ip\":\"203.0.113.7\"},\"@timestamp\":1}\n".to_owned(),
        ),
    ]
}

#[test]
fn hostile_names_stay_in_their_field() {
    for (records, flows) in records() {
        let plain = named(&records, &flows, 2);
        let is_json = !plain.contains("dnsflow_name\t") && plain.contains('{');
        for name in HOSTILE {
            let names = vec![(name.to_owned(), 0.5), (name.to_owned(), 0.25)];
            let mut namer = namer(&records, Fixed(names), 2);
            let mut output = Vec::new();
            name_all(&mut namer, flows.as_bytes(), &mut output).unwrap();
            assert_eq!(namer.counts().client, 1, "{flows}");
            let output = String::from_utf8(output).unwrap();
            assert_eq!(output.lines().count(), plain.lines().count(), "{output}");
            if is_json {
                let value: serde_json::Value = serde_json::from_str(&output).unwrap();
                assert!(
                    value
                        .to_string()
                        .contains(&serde_json::to_string(name).unwrap())
                );
                continue;
            }
            // As many fields, and a first byte that starts no formula.
            for divider in ['\t', ',', ' '] {
                let count = |text: &str| text.matches(divider).count();
                let (line, other) = (output.lines().last(), plain.lines().last());
                let is_divider = plain.contains(&format!("{divider}dnsflow_matched"));
                if is_divider {
                    assert_eq!(line.map(count), other.map(count), "{name:?}: {output}");
                    assert!(divider != ',' || !output.contains(",="), "{output}");
                }
            }
            assert!(
                output
                    .bytes()
                    .all(|byte| matches!(byte, b'\n' | b'\t' | b' '..=b'~'))
            );
        }
    }
}

/// Removes from `output` what was added; none if something else differs.
fn without_added(input: &[u8], output: &[u8]) -> bool {
    let added: [&[u8]; 2] = [b"www.example.org", b"dnsflow_"];
    let mut rest = output.iter();
    let is_within = input.iter().all(|byte| rest.any(|found| found == byte));
    let has_added = added
        .iter()
        .any(|added| output.windows(added.len()).any(|part| part == *added));
    is_within && (input == output || has_added || output.len() > input.len())
}

/// Bytes that are nearly records.
fn nearly() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let change = (
        0..10_000_usize,
        prop_oneof![any::<u8>(), Just(b'"'), Just(b'\n'), Just(b','), Just(b'}')],
    );
    (0..records().len(), proptest::collection::vec(change, 0..6)).prop_map(|(number, changes)| {
        let mut bytes = records()[number].1.clone().into_bytes();
        for (at, byte) in changes {
            let at = at % bytes.len();
            if byte % 3 == 0 {
                bytes.insert(at, byte);
            } else {
                bytes[at] = byte;
            }
        }
        (number, bytes)
    })
}

proptest! {
    #[test]
    fn what_comes_out_is_what_went_in_and_what_was_added((number, flows) in nearly(), candidates in 0..2_usize) {
        let (records, _) = &records()[number];
        let mut namer = namer(records, Fixed::default(), candidates);
        let mut output = Vec::new();
        name_all(&mut namer, &flows, &mut output).unwrap();
        prop_assert!(without_added(&flows, &output));
        let counts = namer.counts();
        prop_assert_eq!(counts.client + counts.expired + counts.others + counts.unnamed, counts.flows);
        if counts.client + counts.expired + counts.others == 0 && matches!(records, Records::Preset(Preset::Goflow2 | Preset::Suricata | Preset::Ecs)) {
            prop_assert_eq!(&flows, &output);
        }
    }

    #[test]
    fn any_bytes_pass(number in 0..9_usize, flows: Vec<u8>) {
        let (records, _) = &records()[number];
        let mut namer = namer(records, Fixed::default(), 0);
        let mut output = Vec::new();
        name_all(&mut namer, &flows, &mut output).unwrap();
        prop_assert_eq!(flows, output);
    }

    #[test]
    fn it_does_not_matter_how_bytes_come((number, flows) in nearly(), parts in proptest::collection::vec(1..40_usize, 1..20)) {
        let (records, _) = &records()[number];
        let mut at_once = Vec::new();
        name_all(&mut namer(records, Fixed::default(), 0), &flows, &mut at_once).unwrap();
        let mut namer = namer(records, Fixed::default(), 0);
        let mut output = Vec::new();
        let (mut start, mut end) = (0, 0);
        for part in parts {
            end = flows.len().min(end + part);
            start += namer.name(&flows[start..end], false, false, &mut output).unwrap();
        }
        namer.name(&flows[start..], true, true, &mut output).unwrap();
        prop_assert_eq!(at_once, output);
    }
}
