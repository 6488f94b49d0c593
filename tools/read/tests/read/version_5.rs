//! Version 5, by the test vectors of the protocol.

use dnsflow_testkit::packets::Ends;
use dnsflow_testkit::vectors::{Vector, vectors};

use crate::capture::{SENSOR, file};
use crate::program::{Run, run};

/// The lines that name the columns, without and with those of version 5.
const COLUMNS: &str = "sensor|resolver|client|time|names|ips|ip6s";
const FIELDS: &str = "port|transport|type|rcode|flags|answers|interface|vlan|vni|subnet";

/// 192.0.2.1:`port` to a collector.
fn sent(port: u16, payload: &[u8]) -> Vec<u8> {
    Ends::of("192.0.2.1", "192.0.2.2").udp(port, 5300, payload)
}

fn vector(name: &str) -> Vector {
    let found = vectors().into_iter().find(|vector| vector.name == name);
    found.expect("the page has this vector")
}

/// The datagram of a vector with another boot and sequence.
fn numbered(name: &str, boot: u8, sequence: u64) -> Vec<u8> {
    let mut bytes = vector(name).bytes;
    bytes[8..16].copy_from_slice(&sequence.to_be_bytes());
    bytes[16..24].copy_from_slice(&[boot; 8]);
    bytes
}

/// What is printed of these packets, without an error.
fn printed(name: &str, packets: &[Vec<u8>], args: &[&str]) -> String {
    let path = file(name, &SENSOR.pcap(packets));
    let found = run(&[&["-r", path.to_str().unwrap()], args].concat());
    let Run {
        status,
        stdout,
        stderr,
    } = found;
    assert_eq!((status, stderr.as_str()), (Some(0), ""), "{stdout}");
    stdout
}

#[test]
fn every_vector_is_printed_as_the_page_says() {
    let vectors = vectors();
    for (number, vector) in vectors.iter().enumerate() {
        let packets = [sent(4000, &vector.bytes)];
        let name = format!("vector-{number}.pcap");
        let lines = |fields: bool| {
            let args = if fields { &["--fields"][..] } else { &[] };
            let printed = printed(&name, &packets, args);
            let (lines, _) = printed.split_once("\n\n").unwrap();
            format!("{lines}\n")
        };
        let all = vector.lines.concat();
        assert_eq!(lines(true), format!("{COLUMNS}|{FIELDS}\n{all}"));
        // The first columns are the same without the others.
        let columns = vector.lines.iter().map(|line| {
            let count = if line.starts_with("STATS|") { 8 } else { 7 };
            let columns = line.trim_end().split('|').take(count);
            columns.collect::<Vec<_>>().join("|")
        });
        for (line, columns) in lines(false).lines().skip(1).zip(columns) {
            assert_eq!(line, columns);
        }
    }
}

#[test]
fn records_as_json() {
    let packets = [
        sent(4000, &vector("All of an origin, and a client subnet").bytes),
        sent(4001, &vector("What is not known").bytes),
        sent(4000, &vector("No question").bytes),
    ];
    let printed = printed("json-5.pcap", &packets, &["--json"]);
    let want = r#"{"time":"2023-11-14T22:13:20.000000Z","received":"2023-11-14T22:13:20.000000Z","sensor":"192.0.2.1","port":4000,"sequence":7,"client":"198.51.100.7","resolver":"192.0.2.53","names":["geo.example"],"ipv4":["203.0.113.80"],"ipv6":[],"boot":"0123456789abcdef","core":0,"sensor_name":null,"sampling":null,"client_port":51642,"resolver_port":5353,"transport":"udp","type":"A","class":"IN","rcode":"NOERROR","flags":["rd","ra"],"answers":[{"name":"geo.example","class":"IN","ttl":30,"type":"A","data":"203.0.113.80"}],"interface":"eth0","vlan":100,"inner_vlan":200,"vni":4242,"subnet":{"family":1,"address":"198.51.100.0","source_prefix":24,"scope_prefix":16},"incomplete":false,"continues":false,"has_more":false}
{"time":"2023-11-14T22:13:20.000000Z","received":"2023-11-14T22:13:20.500042Z","sensor":"192.0.2.1","port":4001,"sequence":6,"client":"198.51.100.7","resolver":"192.0.2.53","names":["a.example"],"ipv4":["203.0.113.80"],"ipv6":[],"boot":"0123456789abcdef","core":1,"sensor_name":"ns-1","sampling":10,"client_port":51642,"resolver_port":53,"transport":"udp","type":"A","class":"IN","rcode":"NOERROR","flags":["rd","ra"],"answers":[{"name":"b.example","class":"IN","ttl":60,"type":"A","data":"203.0.113.80"}],"interface":null,"vlan":null,"inner_vlan":null,"vni":null,"subnet":null,"incomplete":false,"continues":false,"has_more":false}
{"time":"2023-11-14T22:13:20.000000Z","received":"2023-11-14T22:13:21.000084Z","sensor":"192.0.2.1","port":4000,"sequence":8,"client":"224.0.0.251","resolver":"192.0.2.9","names":["printer.local"],"ipv4":["192.0.2.9"],"ipv6":[],"boot":"0123456789abcdef","core":0,"sensor_name":null,"sampling":null,"client_port":5353,"resolver_port":5353,"transport":"udp","type":null,"class":null,"rcode":"NOERROR","flags":["aa"],"answers":[{"name":"printer.local","class":"IN","ttl":120,"type":"A","data":"192.0.2.9"}],"interface":null,"vlan":null,"inner_vlan":null,"vni":null,"subnet":null,"incomplete":false,"continues":false,"has_more":false}
{"summary":{"source":"192.0.2.1:4000","core":0,"seconds":1.000084,"#;
    assert!(printed.starts_with(want), "{printed}");
    let other =
        r#"{"summary":{"source":"192.0.2.1:4001","core":1,"sensor_name":"ns-1","seconds":0.0,"#;
    assert!(printed.contains(other), "{printed}");
}

#[test]
fn statistics_as_json() {
    let packets = [sent(4000, &vector("Statistics").bytes)];
    let printed = printed("stats-5.pcap", &packets, &["--json"]);
    let want = r#"{"time":"2023-11-14T22:13:20.000000Z","received":"2023-11-14T22:13:20.000000Z","sensor":"192.0.2.1","port":4000,"sequence":9,"stats":{"captured":1000000,"received":1000050,"dropped":50,"ifdropped":0,"sample_rate":0,"no_address":7,"uptime":3600},"boot":"0123456789abcdef","core":0,"sensor_name":null,"version":"2.1.0"}
"#;
    assert!(printed.starts_with(want), "{printed}");
}

#[test]
fn records_as_events() {
    let packets = [
        sent(4000, &vector("Aliases, and names told before").bytes),
        sent(4000, &vector("All of an origin, and a client subnet").bytes),
        sent(4000, &vector("Version 4").bytes),
        sent(4000, &vector("Versions 1 and 2").bytes),
        sent(4000, &vector("Statistics").bytes),
        sent(4000, &vector("Statistics of version 4").bytes),
    ];
    let want = r#"{"@timestamp":"2023-11-14T22:13:20.000000Z","ecs":{"version":"8.17.0"},"event":{"kind":"event","category":["network"],"type":["protocol"]},"observer":{"name":"192.0.2.1","ip":["192.0.2.1"]},"client":{"ip":"198.51.100.7","port":51642},"server":{"ip":"192.0.2.53","port":53},"network":{"protocol":"dns","transport":"udp"},"dns":{"type":"answer","question":{"name":"www.example.org","type":"A","class":"IN","registered_domain":"example.org"},"response_code":"NOERROR","header_flags":["RD","RA"],"resolved_ip":["203.0.113.80","203.0.113.81"],"answers":[{"name":"www.example.org","class":"IN","ttl":60,"type":"CNAME","data":"web.example.org"},{"name":"web.example.org","class":"IN","ttl":300,"type":"A","data":"203.0.113.80"},{"name":"web.example.org","class":"IN","ttl":300,"type":"A","data":"203.0.113.81"}]}}
{"@timestamp":"2023-11-14T22:13:19.998500Z","ecs":{"version":"8.17.0"},"event":{"kind":"event","category":["network"],"type":["protocol"]},"observer":{"name":"192.0.2.1","ip":["192.0.2.1"]},"client":{"ip":"198.51.100.8","port":1024},"server":{"ip":"192.0.2.53","port":53},"network":{"protocol":"dns","transport":"udp"},"dns":{"type":"answer","question":{"name":"www.example.org","type":"AAAA","class":"IN","registered_domain":"example.org"},"response_code":"NOERROR","header_flags":["RD","RA"],"resolved_ip":["2001:db8::50"],"answers":[{"name":"www.example.org","class":"IN","ttl":60,"type":"CNAME","data":"web.example.org"},{"name":"web.example.org","class":"IN","ttl":5,"type":"AAAA","data":"2001:db8::50"}]}}
{"@timestamp":"2023-11-14T22:13:20.000000Z","ecs":{"version":"8.17.0"},"event":{"kind":"event","category":["network"],"type":["protocol"]},"observer":{"name":"192.0.2.1","ip":["192.0.2.1"],"ingress":{"interface":{"name":"eth0"}}},"client":{"ip":"198.51.100.7","port":51642},"server":{"ip":"192.0.2.53","port":5353},"network":{"protocol":"dns","transport":"udp","vlan":{"id":"100"},"inner":{"vlan":{"id":"200"}}},"dns":{"type":"answer","question":{"name":"geo.example","type":"A","class":"IN"},"response_code":"NOERROR","header_flags":["RD","RA"],"resolved_ip":["203.0.113.80"],"answers":[{"name":"geo.example","class":"IN","ttl":30,"type":"A","data":"203.0.113.80"}]}}
{"@timestamp":"2023-11-14T22:13:21.000084Z","ecs":{"version":"8.17.0"},"event":{"kind":"event","category":["network"],"type":["protocol"]},"observer":{"name":"192.0.2.1","ip":["192.0.2.1"]},"client":{"ip":"198.51.100.7"},"server":{"ip":"192.0.2.53"},"network":{"protocol":"dns"},"dns":{"type":"answer","question":{"name":"www.example.org","registered_domain":"example.org"},"resolved_ip":["203.0.113.80","203.0.113.81","2001:db8::50"],"answers":[{"type":"CNAME","data":"web.example.org"},{"type":"A","data":"203.0.113.80"},{"type":"A","data":"203.0.113.81"},{"type":"AAAA","data":"2001:db8::50"}]}}
{"@timestamp":"2023-11-14T22:13:21.500126Z","ecs":{"version":"8.17.0"},"event":{"kind":"event","category":["network"],"type":["protocol"]},"observer":{"name":"192.0.2.1","ip":["192.0.2.1"]},"client":{"ip":"198.51.100.7"},"network":{"protocol":"dns"},"dns":{"type":"answer","question":{"name":"two.example"},"resolved_ip":["203.0.113.80"],"answers":[{"type":"A","data":"203.0.113.80"}]}}
"#;
    assert_eq!(printed("events.pcap", &packets, &["--ecs"]), want);
}

#[test]
fn a_boot_is_a_restart_and_gaps_are_loss() {
    let name = "An address";
    let packets = [
        sent(4000, &numbered(name, 1, 1)),
        sent(4000, &numbered(name, 1, 4)),
        sent(4000, &numbered(name, 1, 3)),
        sent(4000, &numbered(name, 1, 3)),
        sent(4000, &numbered(name, 2, 1)),
        sent(4000, &numbered(name, 2, 1 << 40)),
    ];
    let want = "192.0.2.1:4000 core 0
  data datagrams   6 (2.40/s)
  records          6 (2.40/s)
  stats datagrams  0 (0.00/s)
  bad datagrams    0
  sequence         total:6 lost:1099511627775 out_of_order:1 duplicates:1 restarts:1
";
    assert_eq!(printed("boots.pcap", &packets, &["-S"]), want);
}

#[test]
fn a_bad_record_costs_itself_and_those_behind_it() {
    let mut bytes = vector("Aliases, and names told before").bytes;
    let end = bytes.len() - 1;
    let packets = [sent(4000, &bytes[..end])];
    let path = file("bad-5.pcap", &SENSOR.pcap(&packets));
    let found = run(&["-r", path.to_str().unwrap()]);
    assert_eq!(
        found.stderr,
        "dnsflow-read: 2023-11-14T22:13:20.000000Z: bad datagram from 192.0.2.1:4000: offset 88: cut record\n"
    );
    assert!(
        found
            .stdout
            .contains("|www.example.org,web.example.org|203.0.113.80,203.0.113.81|\n")
    );
    assert!(found.stdout.contains("  records          1\n"));
    assert!(found.stdout.contains("  bad datagrams    1\n"));

    bytes.truncate(31);
    let path = file("short-5.pcap", &SENSOR.pcap(&[sent(4000, &bytes)]));
    let found = run(&["-r", path.to_str().unwrap(), "-S"]);
    assert!(
        found
            .stderr
            .ends_with(": 31 bytes are too few for a dnsflow header of 32\n")
    );
    assert!(
        found
            .stdout
            .starts_with("192.0.2.1:4000\n  data datagrams   0\n")
    );
}
