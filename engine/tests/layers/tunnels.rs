//! Each tunnel over IPv4 and over IPv6, with IPv4 and IPv6 inside, the mirrors, and tunnels inside tunnels.

use std::path::Path;

use dnsflow_testkit::capture::Pcap;
use dnsflow_testkit::corpus::Capture;
use dnsflow_testkit::corpus::tunnels as captures;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::packets::{ETHERNET, Ends, RAW_IP};
use dnsflow_testkit::requirements::programs;
use dnsflow_testkit::tshark;

use crate::check;
use crate::judge::{check_sensor, dissected, sensor, write};

check! {
    vxlan_of_either_port
    geneve_with_options
    gre_with_options
    gre_with_labels
    gre_over_udp
    erspan
    gtp_with_extensions
    ip_in_ip
    juniper_mirror
    four
}

/// What the datagrams carry are the records of a capture file, so for tshark they are made one.
#[test]
fn records_of_a_capture() {
    let (capture, folder) = (captures::records_of_a_capture(), Folder::new());
    let path = write(&capture, &folder);
    check_sensor(&capture, &path);
    if programs("records_of_a_capture", &["tshark"]) {
        let file = [Pcap::of(ETHERNET).empty(), payloads(&path).concat()].concat();
        let unpacked = folder.file("unpacked.pcap", &file);
        assert_eq!(dissected(&capture, &unpacked), capture.sets());
    }
}

#[test]
fn five_are_refused_and_counted() {
    let (capture, folder) = (captures::five(), Folder::new());
    let path = write(&capture, &folder);
    let (sets, said) = sensor(&capture, &path, "all");
    assert_eq!(sets, Vec::<String>::new());
    assert!(said.contains("tunnel_depth 2"), "{said}");
    // It is the sensor's limit, nothing is wrong with the packets.
    assert_eq!(dissected(&capture, &path), capture.sets());
}

#[test]
fn what_was_not_chosen_is_not_followed() {
    let folder = Folder::new();
    let capture = Capture::new(RAW_IP)
        .both(|response| Ends::outer(false, 1).vxlan(50_000, &response.ethernet()))
        .named("not-chosen");
    let path = write(&capture, &folder);
    let (sets, said) = sensor(&capture, &path, "gre,geneve");
    assert_eq!(sets, Vec::<String>::new());
    assert!(said.contains("port 2"), "{said}");
}

/// The UDP payloads of all packets.
fn payloads(path: &Path) -> Vec<Vec<u8>> {
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("tshark writes hexadecimal");
        u8::from_str_radix(pair, 16).expect("tshark writes hexadecimal")
    };
    let rows = tshark::fields(path, &[""; 0], ["udp.payload"]);
    let payloads = rows.iter().map(|[text]| text.as_bytes().chunks(2));
    payloads.map(|pairs| pairs.map(byte).collect()).collect()
}
