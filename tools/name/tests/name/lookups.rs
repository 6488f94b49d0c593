//! What sensors have seen, made by hand: datagrams of version 4 with one response each.

use std::net::Ipv4Addr;

use dnsflow_capfile::pcap::Writer;
use dnsflow_packet::{Frame, LinkType, Timestamp};
use dnsflow_testkit::packets::Ends;

/// UDP port of collectors.
const COLLECTOR_PORT: u16 = 5300;

/// A response: when it came, to whom, the names asked for and led to, and the address.
#[derive(Clone, Copy)]
pub(crate) struct LookUp<'a> {
    pub(crate) second: u64,
    pub(crate) client: Ipv4Addr,
    pub(crate) names: &'a [&'a str],
    pub(crate) address: Ipv4Addr,
}

impl LookUp<'_> {
    /// The datagram of a sensor that has seen it.
    pub(crate) fn datagram(&self) -> Vec<u8> {
        let mut names = Vec::new();
        for name in self.names {
            for label in name.split('.') {
                names.push(u8::try_from(label.len()).expect("a short label"));
                names.extend(label.bytes());
            }
            names.push(0);
        }
        names.resize(names.len().next_multiple_of(4), 0);
        let length = u16::try_from(names.len()).expect("few names");
        let count = u8::try_from(self.names.len()).expect("few names");
        let mut datagram = vec![4, 1, 0, 0, 0, 0, 0, 1, 4, count, 1, 0];
        datagram.extend(length.to_be_bytes());
        datagram.extend([0, 0]);
        for address in [self.client, Ipv4Addr::new(192, 0, 2, 53)] {
            datagram.extend(address.octets());
            datagram.extend([0; 12]);
        }
        datagram.extend(names);
        datagram.extend(self.address.octets());
        datagram
    }
}

/// A capture of the datagrams of these responses.
pub(crate) fn capture(look_ups: &[LookUp<'_>]) -> Vec<u8> {
    let ends = Ends::of("192.0.2.200", "192.0.2.201");
    let mut writer = Writer::new(Vec::new(), LinkType::Ip).expect("a vector");
    for look_up in look_ups {
        let packet = ends.udp(4000, COLLECTOR_PORT, &look_up.datagram());
        let frame = Frame {
            bytes: &packet,
            wire_bytes: u32::try_from(packet.len()).expect("a small packet"),
            at: Timestamp {
                seconds: look_up.second,
                nanoseconds: 0,
            },
            link: LinkType::Ip,
            vlan: None,
        };
        writer.write(&frame).expect("a vector");
    }
    writer.into_inner()
}
