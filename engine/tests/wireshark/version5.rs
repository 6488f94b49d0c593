//! Every field of version 5.

use dnsflow_testkit::folder::Folder;

use crate::dissection::{capture, capture_to, dissect, dissected, is_possible, print};
use crate::write::{Writer, group, labels, name, opening, pointer, signed, varint};

/// A response over UDP with an alias and two addresses; its origin has all fields and gets number 2.
fn usual() -> Vec<u8> {
    let mut out = vec![0, 0b0101_1010];
    out.extend(signed(1_234_567));
    out.extend([10, 0, 0, 1, 0x9c, 0x40]);
    out.extend([1, 23, 0b0011_1110, 192, 0, 2, 53, 0x14, 0xe9, 4]);
    out.extend(b"eth0");
    out.extend([0x0f, 0xff, 0, 7, 0, 0, 0x12, 0x34, 9, 9, 9]);
    out.extend(name("www.example"));
    out.push(group(3, false, 1));
    out.extend(varint(3600));
    out.extend(labels(&[b"host"]));
    // To "example" in the name asked for.
    out.extend(pointer(17));
    out.push(group(1, false, 2));
    out.extend(varint(300));
    out.extend([192, 0, 2, 1, 192, 0, 2, 2]);
    out
}

/// An empty response over TCP to an IPv6 client from the origin of [`usual`], for the name `distance` bytes back.
fn negative(distance: impl Fn(usize) -> usize) -> Vec<u8> {
    let mut out = vec![0b1111_1101, 0b0010_0101];
    out.extend(signed(-1));
    out.extend([
        0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 53,
    ]);
    out.push(2);
    out.extend(varint(3));
    let at = out.len();
    out.extend(pointer(distance(at)));
    out
}

/// A response for another type, with answers of the other kinds and parts.
fn other() -> Vec<u8> {
    let mut out = opening(2);
    out.extend(name("svc.example"));
    // A class with bit 15.
    out.extend([0, 65, 0x80, 3]);
    out.push(group(4, false, 1));
    out.extend(varint(u64::from(u32::MAX)));
    out.extend([0, 65, 0, 1, 3, 0xde, 0xad, 0xbf]);
    out.push(group(5, true, 1));
    out.extend(name("x"));
    out.extend([1, 0, 48, 0, 1]);
    out.extend(varint(40_000));
    out.push(group(6, true, 9));
    out.extend(name("y"));
    out.extend([2, 0, 0xff]);
    out.push(group(2, false, 3));
    out.extend([5, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    out.extend([15, 3, 4, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4]);
    out.push(0);
    out.extend([1, 7, 0, 1, 24, 0, 198, 51, 100]);
    out.extend([1, 10, 0, 2, 48, 56, 0x20, 1, 0xd, 0xb8, 0, 1]);
    out.extend([200, 0x82, 0, 0xaa, 0xbb]);
    out
}

/// Multicast DNS: no question.
fn announced() -> Vec<u8> {
    let mut out = opening(3);
    out.extend(name("printer.local"));
    out.extend([group(1, false, 1), 120, 10, 0, 0, 9]);
    out
}

fn all() -> Vec<u8> {
    let writer = Writer::records()
        .part(1, "sensor-\u{e9}".as_bytes())
        .part(2, &[0, 0, 0, 10])
        .part(9, &[1, 2]);
    let asked_at = writer.next() + usual().len() - 30;
    let writer = writer.record(&usual());
    let next = writer.next();
    let writer = writer.record(&negative(|at| next + at - asked_at));
    let mut datagram = writer.record(&other()).record(&announced()).datagram();
    datagram.extend([0; 5]);
    datagram
}

#[test]
fn header() {
    if !is_possible("version5::header") {
        return;
    }
    let tree = dissect(&all());
    tree.assert(&[
        ("version", "5"),
        ("hdr_len", "56"),
        ("flags.stats", "0"),
        ("core", "3"),
        ("count", "4"),
        ("sequence", "72623859790382856"),
        ("boot", "0xffffffffffffffff"),
        ("sensor", "sensor-\u{e9}"),
        ("sampling", "10"),
        ("part.type", "1,2,9"),
        ("part.value", "01:02"),
        ("padding", "00:00:00,00:00:00:00:00"),
    ]);
}

#[test]
fn a_record_of_the_usual_kind() {
    if !is_possible("version5::a_record_of_the_usual_kind") {
        return;
    }
    dissect(&all()).each("record")[0].assert(&[
        ("record.transport", "0"),
        ("record.incomplete", "0"),
        ("record.continued", "0"),
        ("record.more", "0"),
        ("record.flags.aa", "1"),
        ("record.flags.tc", "0"),
        ("record.flags.rd", "1"),
        ("record.flags.ra", "1"),
        ("record.flags.z", "0"),
        ("record.flags.ad", "1"),
        ("record.flags.cd", "0"),
        ("record.time_offset", "1234567"),
        ("record.client", "10.0.0.1"),
        ("record.client_port", "40000"),
        ("record.origin.number", "2"),
        ("record.resolver", "192.0.2.53"),
        ("record.resolver_port", "5353"),
        ("record.interface", "eth0"),
        ("record.vlan", "4095"),
        ("record.inner_vlan", "7"),
        ("record.vni", "4660"),
        ("record.origin.unknown", "09:09:09"),
        ("record.rcode", "0"),
        ("record.name", "www.example"),
        ("record.type", "1"),
        ("record.class", "1"),
        ("record.answer.kind", "3,1"),
        ("record.answer.count", "1,2"),
        ("record.answer.owner", "www.example,host.example"),
        ("record.answer.type", "5,1"),
        ("record.answer.class", "1,1"),
        ("record.answer.ttl", "3600,300"),
        ("record.answer.cname", "host.example"),
        ("record.answer.a", "192.0.2.1,192.0.2.2"),
    ]);
}

#[test]
fn a_record_with_every_bit_of_its_form() {
    if !is_possible("version5::a_record_with_every_bit_of_its_form") {
        return;
    }
    dissect(&all()).each("record")[1].assert(&[
        ("record.transport", "1"),
        ("record.incomplete", "1"),
        ("record.continued", "1"),
        ("record.more", "1"),
        ("record.flags.aa", "0"),
        ("record.flags.tc", "1"),
        ("record.flags.rd", "0"),
        ("record.flags.ra", "0"),
        ("record.flags.z", "1"),
        ("record.flags.ad", "0"),
        ("record.flags.cd", "1"),
        ("record.time_offset", "-1"),
        ("record.client", ""),
        ("record.client6", "2001:db8::1"),
        ("record.client_port", "53"),
        ("record.resolver", "192.0.2.53"),
        ("record.resolver_port", "5353"),
        ("record.interface", "eth0"),
        ("record.vlan", "4095"),
        ("record.inner_vlan", "7"),
        ("record.vni", "4660"),
        ("record.rcode", "3"),
        ("record.name", "example"),
        ("record.type", "28"),
        ("record.class", "1"),
        ("record.answer.kind", ""),
    ]);
}

#[test]
fn answers_of_every_kind_and_parts() {
    if !is_possible("version5::answers_of_every_kind_and_parts") {
        return;
    }
    let tree = dissect(&all());
    let record = &tree.each("record")[2];
    record.assert(&[
        ("record.resolver_port", "53"),
        ("record.type", "65"),
        ("record.class", "32771"),
        ("record.answer.kind", "4,5,6,2"),
        ("record.answer.count", "1,1,9,3"),
        ("record.answer.owner", "svc.example,x,y,y"),
        ("record.answer.type", "65,48,28"),
        ("record.answer.class", "1,1,3"),
        ("record.answer.ttl", "4294967295,1,5"),
        ("record.answer.length", "3,40000,2"),
        ("record.answer.rdata", "de:ad:bf"),
        ("record.answer.unknown", "00:ff"),
        (
            "record.answer.aaaa",
            "2001:db8::2,2001:db8::3,2001:db8:9::4",
        ),
        ("record.subnet", "198.51.100.0/24,2001:db8:1::/48"),
        ("record.subnet.family", "1,2"),
        ("record.subnet.source_prefix", "24,48"),
        ("record.subnet.scope_prefix", "0,56"),
        ("record.part.type", "1,1,200"),
        ("record.part.length", "7,10,2"),
        ("record.part.value", "aa:bb"),
    ]);
    tree.each("record")[3].assert(&[
        ("record.question", "3"),
        ("record.name", "printer.local"),
        ("record.type", ""),
        ("record.class", ""),
        ("record.answer.type", "1"),
        ("record.answer.class", "1"),
        ("record.answer.a", "10.0.0.9"),
    ]);
    let mut said = tree.complaints();
    said.sort();
    let wanted = [
        "answers of kind 6",
        "fields of an origin",
        "header part of type 9",
        "part of type 200",
    ];
    assert_eq!(said, wanted);
}

#[test]
fn text_for_people() {
    if !is_possible("version5::text_for_people") {
        return;
    }
    let folder = Folder::new();
    let path = capture(&folder, &[all()]);
    let text = print(&path, &["-O", "dnsflow"]);
    for line in [
        "Record: 10.0.0.1 www.example A -> host.example, 192.0.2.1, 192.0.2.2",
        "Record: 2001:db8::1 example AAAA NXDOMAIN",
        "Record: 10.0.0.1 svc.example HTTPS -> HTTPS, DNSKEY, 2001:db8::2, 2001:db8::3, 2001:db8:9::4",
        "Record: 10.0.0.1 printer.local announced -> 10.0.0.9",
    ] {
        assert!(
            text.lines().any(|found| found.trim() == line),
            "{line}: {text}"
        );
    }
    let columns = [
        "-T",
        "fields",
        "-e",
        "_ws.col.Protocol",
        "-e",
        "_ws.col.Info",
    ];
    let wanted =
        "dnsflow\tVersion 5, sequence 72623859790382856, 4 records, core 3, sensor sensor-\u{e9}\n";
    assert_eq!(print(&path, &columns), wanted);
}

/// How tshark prints times depends on its version; how it compares them does not.
#[test]
fn times() {
    if !is_possible("version5::times") {
        return;
    }
    let at = |offset: i64| {
        let mut record = opening(0);
        record.splice(2..3, signed(offset));
        record.extend(name("a"));
        Writer::records().record(&record).datagram()
    };
    let datagrams = [
        at(0),
        at(-1),
        at(86_400_000_001),
        at(i64::MAX),
        at(i64::MIN),
    ];
    let folder = Folder::new();
    let path = capture(&folder, &datagrams);
    let numbers =
        |filter: &str| print(&path, &["-Y", filter, "-T", "fields", "-e", "frame.number"]);
    assert_eq!(
        numbers(r#"dnsflow.time == "2023-11-14T22:13:20Z""#),
        "1\n2\n3\n4\n5\n"
    );
    for (number, time) in [
        (1, "2023-11-14T22:13:20Z"),
        (2, "2023-11-14T22:13:19.999999Z"),
        (3, "2023-11-15T22:13:20.000001Z"),
    ] {
        let filter = format!("dnsflow.record.time == \"{time}\"");
        assert_eq!(numbers(&filter), format!("{number}\n"), "{time}");
    }
    let offsets: Vec<String> = dissected(&path)
        .iter()
        .map(|tree| tree.list("record.time_offset"))
        .collect();
    let wanted = [0, -1, 86_400_000_001, i64::MAX, i64::MIN].map(|offset| offset.to_string());
    assert_eq!(offsets, wanted);
}

#[test]
fn statistics() {
    if !is_possible("version5::statistics") {
        return;
    }
    let datagram = Writer::stats()
        .part(3, b"dnsflow 2.0.0")
        .counter(b"captured", u64::MAX)
        .counter(b"uptime", 0)
        // Names that no counter has, but fields do.
        .counter(b"name", 1 << 53 | 1)
        .counter(b"value", 128)
        .counter(b"b c", 5)
        .datagram();
    let tree = dissect(&datagram);
    tree.assert(&[
        ("flags.stats", "1"),
        ("program_version", "dnsflow 2.0.0"),
        ("stats.captured", "18446744073709551615"),
        ("stats.uptime", "0"),
        ("stats.counter", "9007199254740993,128,5"),
    ]);
    let pairs = |tree: &crate::dissection::Tree| {
        let names = tree.all("stats.name").into_iter();
        let mut pairs: Vec<_> = names.zip(tree.all("stats.value")).collect();
        pairs.sort();
        pairs
    };
    let wanted = [
        ("b\\032c", "5"),
        ("captured", "18446744073709551615"),
        ("name", "9007199254740993"),
        ("uptime", "0"),
        ("value", "128"),
    ];
    assert_eq!(
        pairs(&tree),
        wanted.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(tree.complaints().len(), 1, "{tree:?}");
}

/// Two hundred and fifty-four origins with a number, and the last of them meant.
#[test]
fn numbers_of_origins() {
    if !is_possible("version5::numbers_of_origins") {
        return;
    }
    let mut writer = Writer::records();
    let record = |origin: &[u8]| {
        let opening = [&[0, 0, 0, 10, 0, 0, 1, 0, 99][..], origin].concat();
        [opening, name("a")].concat()
    };
    for number in 2..=255 {
        writer = writer.record(&record(&[1, 5, 0, 192, 0, 2, number]));
    }
    // One more is told, but has no number; nor does one that is told without.
    writer = writer.record(&record(&[1, 5, 0, 198, 51, 100, 1]));
    writer = writer.record(&record(&[0, 5, 0, 198, 51, 100, 2]));
    let tree = dissect(
        &writer
            .record(&record(&[255]))
            .record(&record(&[2]))
            .datagram(),
    );
    let resolvers = tree.all("record.resolver");
    assert_eq!(resolvers.len(), 258);
    let last = ["198.51.100.1", "198.51.100.2", "192.0.2.255", "192.0.2.2"];
    assert_eq!(resolvers[254..], last);
    assert_eq!(tree.complaints(), ["all numbers of origins are used"]);
}

#[test]
fn another_port() {
    if !is_possible("version5::another_port") {
        return;
    }
    let folder = Folder::new();
    let path = capture_to(&folder, 9999, &[all()]);
    let protocol = ["-T", "fields", "-e", "_ws.col.Protocol"];
    assert_eq!(print(&path, &protocol), "UDP\n");
    let asked = [&["-o", "dnsflow.port:5300,9999"][..], &protocol].concat();
    assert_eq!(print(&path, &asked), "dnsflow\n");
    let path = capture(&folder, &[all()]);
    let asked = [&["-o", "dnsflow.port:9999"][..], &protocol].concat();
    assert_eq!(print(&path, &asked), "UDP\n");
}
