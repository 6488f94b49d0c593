//! Every format: the examples of docs/flows.md, and what they don't show.

use std::fs;

use clap::ValueEnum as _;
use dnsflow_name::format::preset::Preset;
use dnsflow_name::namer::{Counts, Records, name_all};

use crate::fixed::{Fixed, named, namer};

/// Examples in docs/flows.md: the heading before or the words of `--map`, and the records before
/// and after.
fn examples() -> Vec<(String, String, String)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/flows.md");
    let text = fs::read_to_string(path).expect("the page is there");
    let (_, text) = text.split_once("\n## Formats\n").expect("a heading");
    let mut found = Vec::new();
    let (mut of, mut before, mut block) = (String::new(), None, None::<String>);
    for line in text.lines() {
        if line.starts_with("```") {
            match (block.take(), before.take()) {
                (None, kept) => (block, before) = (Some(String::new()), kept),
                (Some(text), None) => before = Some(text),
                (Some(after), Some(before)) => found.push((of.clone(), before, after)),
            }
        } else if let Some(block) = &mut block {
            block.push_str(line);
            block.push('\n');
        } else if let Some(heading) = line.strip_prefix("### ") {
            of = heading.to_owned();
        } else if let Some((_, map)) = line.split_once("ith `--map ") {
            of = map.trim_end_matches("`:").to_owned();
        }
    }
    found
}

fn records(of: &str) -> Records {
    match Preset::from_str(of, false) {
        Ok(preset) => Records::Preset(preset),
        Err(_) => Records::Map(of.parse().expect("a preset, or a map")),
    }
}

fn preset(preset: Preset) -> Records {
    Records::Preset(preset)
}

#[test]
fn the_examples_of_the_page_are_what_happens() {
    let examples = examples();
    for wanted in Preset::ALL {
        let has = |(of, ..): &(String, String, String)| of == wanted.name();
        assert!(examples.iter().any(has), "{}", wanted.name());
    }
    assert_eq!(examples.len(), 10);
    for (of, before, after) in examples {
        assert_eq!(named(&records(&of), &before, 0), after, "{of}");
        if Preset::from_str(&of, false).is_ok() {
            assert_eq!(named(&Records::Auto, &before, 0), after, "{of}, auto");
        }
        // What was named before stays as it is.
        assert_eq!(named(&records(&of), &after, 0), after, "{of}, twice");
    }
}

#[test]
fn other_candidates_are_added() {
    let json =
        r#"{"src_addr":"192.0.2.10","dst_addr":"203.0.113.7","time_received_ns":1700000000}"#;
    let all = named(&preset(Preset::Goflow2), json, 3);
    let end = r#""dnsflow_of":"destination","dnsflow_names":[{"name":"cdn.example.net","confidence":0.109}]}"#;
    assert!(all.ends_with(end), "{all}");
    let zeek = "#fields\tts\tid.orig_h\tid.resp_h\n#types\ttime\taddr\taddr\n1\t192.0.2.10\t203.0.113.7\n2\t192.0.2.1\t192.0.2.2\n";
    let all = named(&preset(Preset::Zeek), zeek, 1);
    let want = "#fields\tts\tid.orig_h\tid.resp_h\tdnsflow_name\tdnsflow_matched\tdnsflow_confidence\tdnsflow_of\tdnsflow_names\n\
                #types\ttime\taddr\taddr\tstring\tstring\tdouble\tstring\tvector[string]\n\
                1\t192.0.2.10\t203.0.113.7\twww.example.org\tclient\t0.875\tdestination\tcdn.example.net\n\
                2\t192.0.2.1\t192.0.2.2\t-\t-\t-\t-\t-\n";
    assert_eq!(all, want);
}

#[test]
fn the_better_side_is_named() {
    let of = |source: &str, port: u16, destination: &str, other: u16| {
        let line = format!(
            r#"{{"src_addr":"{source}","src_port":{port},"dst_addr":"{destination}","dst_port":{other},"TimeReceived":1700000000}}"#
        );
        let all = named(&preset(Preset::Goflow2), &line, 0);
        let word = |key: &str| {
            let (_, rest) = all.split_once(&format!("\"dnsflow_{key}\":\""))?;
            Some(rest.split('"').next().unwrap_or_default().to_owned())
        };
        word("of").zip(word("matched"))
    };
    let some = |of: &str, matched: &str| Some((of.to_owned(), matched.to_owned()));
    let (client, server) = ("192.0.2.10", "203.0.113.7");
    assert_eq!(
        of(client, 50_000, server, 443),
        some("destination", "client")
    );
    assert_eq!(of(server, 443, client, 50_000), some("source", "client"));
    // Ports that say something else don't matter where one answer is better.
    assert_eq!(of(server, 50_000, client, 443), some("source", "client"));
    assert_eq!(
        of("192.0.2.11", 5, server, 6),
        some("destination", "client-expired")
    );
    // Equal answers: the lower port.
    let others = "203.0.113.8";
    assert_eq!(of(others, 80, others, 50_000), some("source", "others"));
    assert_eq!(
        of(others, 50_000, others, 80),
        some("destination", "others")
    );
    assert_eq!(
        of(others, 50_000, "192.0.2.1", 80),
        some("source", "others")
    );
    assert_eq!(of("192.0.2.1", 1, "192.0.2.2", 2), None);
    // The same address, written otherwise.
    assert_eq!(
        of("::ffff:192.0.2.10", 9, server, 8),
        some("destination", "client")
    );
}

#[test]
fn what_is_no_flow_stays_and_is_counted() {
    let flows = "\n\
        {\"src_ip\":\"192.0.2.10\",\"dest_ip\":\"203.0.113.7\",\"timestamp\":\"2023-11-14T22:13:20Z\"}\n\
        {\"event_type\":\"stats\",\"timestamp\":\"2023-11-14T22:13:20Z\"}\n\
        {\"src_ip\":\"192.0.2.10\",\"dest_ip\":7,\"timestamp\":[1,{\"a\":null}]}\n\
        {\"src_ip\":\"192.0.2.10\",\"dest_ip\":\"203.0.113.7\"\n\
        {\"src_ip\":\"192.0.2.10\",\"dest_ip\":\"203.0.113.7\",\"timestamp\":1}} \n\
        not JSON\n\
        {\"src_ip\":\"192.0.2.1\",\"dest_ip\":\"203.0.113.7\",\"timestamp\":1}\t\r\n\
        [{\"src_ip\":\"192.0.2.10\"}]";
    let mut namer = namer(&preset(Preset::Suricata), Fixed::default(), 0);
    let mut output = Vec::new();
    name_all(&mut namer, flows.as_bytes(), &mut output).unwrap();
    let added = r#","dnsflow_name":"www.example.org","dnsflow_matched":"client","dnsflow_confidence":0.875,"dnsflow_of":"destination""#;
    assert_eq!(
        String::from_utf8(output).unwrap().replacen(added, "", 1),
        flows
    );
    let want = Counts {
        flows: 2,
        client: 1,
        unnamed: 1,
        unchanged: 6,
        ..Counts::default()
    };
    assert_eq!(namer.counts(), want);
}

#[test]
fn rows_that_are_not_of_the_table_stay() {
    let flows = "src;dst;when;\"a \"\"note\"\"\"\r\n\
        192.0.2.10;203.0.113.7;1700000000;\"x;y\"\"\"\r\n\
        \"192.0.2.10\";\"203.0.113.7\";\"1700000000\";\r\n\
        192.0.2.10;203.0.113.7;1700000000;\"x;y\r\n\
        192.0.2.10;203.0.113.7;1700000000;x;y\r\n\
        -;-;-;-\r\n\
        src;dst;when;\"a \"\"note\"\"\"\r\n";
    let map = Records::Map("client=src,server=dst,start=when".parse().unwrap());
    let heading = ";dnsflow_name;dnsflow_matched;dnsflow_confidence;dnsflow_of\r\n";
    let name = ";www.example.org;client;0.875;destination\r\n";
    let want = format!(
        "src;dst;when;\"a \"\"note\"\"\"{heading}\
        192.0.2.10;203.0.113.7;1700000000;\"x;y\"\"\"{name}\
        \"192.0.2.10\";\"203.0.113.7\";\"1700000000\";{name}\
        192.0.2.10;203.0.113.7;1700000000;\"x;y\r\n\
        192.0.2.10;203.0.113.7;1700000000;x;y\r\n\
        -;-;-;-;;;;\r\n\
        src;dst;when;\"a \"\"note\"\"\"{heading}"
    );
    assert_eq!(named(&map, flows, 0), want);
}

#[test]
fn later_versions_of_nfdump_are_read() {
    let csv = "firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes\n\
        2023-11-14 22:13:20.250,9.750,TCP,192.0.2.10,50123,203.0.113.7,443,6,1200\n";
    let all = named(&Records::Auto, csv, 0);
    assert!(
        all.ends_with("1200,www.example.org,client,0.875,destination\n"),
        "{all}"
    );
    let json = "{\"type\":\"FLOW\",\"first\":\"2023-11-14T22:13:20.250\",\"src4_addr\":\"192.0.2.10\",\"dst4_addr\":\"203.0.113.7\"}\n";
    let all = named(&Records::Auto, json, 0);
    assert!(
        all.contains("\"203.0.113.7\",\"dnsflow_name\":\"www.example.org\","),
        "{all}"
    );
}

#[test]
fn rows_of_vpc_need_no_header() {
    let row =
        "2 1 eni-1 192.0.2.10 203.0.113.7 50123 443 6 20 4249 1700000000 1700000060 ACCEPT OK";
    let all = named(&Records::Auto, row, 0);
    assert_eq!(
        all,
        format!("{row} www.example.org client 0.875 destination")
    );
}

#[test]
fn what_is_not_clear_is_refused() {
    for flows in ["hello\n", "{\"a\":1}\n", "a,b,c\n1,2,3\n"] {
        let mut namer = namer(&Records::Auto, Fixed::default(), 0);
        let error = name_all(&mut namer, flows.as_bytes(), &mut Vec::new()).unwrap_err();
        assert!(
            error.to_string().contains("goflow2, zeek, suricata"),
            "{error}"
        );
    }
    assert_eq!(named(&Records::Auto, "", 0), "");
    assert_eq!(named(&Records::Auto, " \n\n", 0), " \n\n");
}
