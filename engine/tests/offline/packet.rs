//! Responses as packets, each of which gives a set that is known.

use std::net::{IpAddr, Ipv4Addr};

const CLIENT: [u8; 4] = [10, 0, 0, 7];
const RESOLVER: [u8; 4] = [172, 16, 0, 53];

/// The flags of a recursive resolver's answer: QR, RD, RA.
pub(crate) const ANSWER: u16 = 0x8180;

/// The flags of a multicast DNS response: QR, AA.
pub(crate) const MULTICAST: u16 = 0x8400;

/// A response to `nNNN.example`, with addresses that are counted from its number on.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) number: u8,
    pub(crate) addresses: u16,
    pub(crate) source_port: u16,
    pub(crate) flags: u16,
    pub(crate) has_question: bool,
}

/// The one with this number: one address, from port 53.
pub(crate) fn response(number: u8) -> Response {
    Response {
        number,
        addresses: 1,
        source_port: 53,
        flags: ANSWER,
        has_question: true,
    }
}

impl Response {
    fn ipv4(&self) -> impl Iterator<Item = Ipv4Addr> {
        let number = self.number;
        (0..self.addresses).map(move |count| {
            let [high, low] = count.to_be_bytes();
            Ipv4Addr::new(198, number, high, low)
        })
    }

    /// The line of its set.
    pub(crate) fn line(&self) -> String {
        let addresses: Vec<String> = self.ipv4().map(|address| address.to_string()).collect();
        let (client, resolver) = (IpAddr::from(CLIENT), IpAddr::from(RESOLVER));
        let number = self.number;
        format!(
            "{client}\t{resolver}\tn{number:03}.example\t{}\t",
            addresses.join(",")
        )
    }

    pub(crate) fn message(&self) -> Vec<u8> {
        let name = [
            b"\x04n",
            format!("{:03}", self.number).as_bytes(),
            b"\x07example\x00",
        ]
        .concat();
        let mut out = vec![0, self.number];
        out.extend(self.flags.to_be_bytes());
        out.extend([0, u8::from(self.has_question)]);
        out.extend(self.addresses.to_be_bytes());
        out.extend([0; 4]);
        if self.has_question {
            out.extend(&name);
            out.extend([0, 1, 0, 1]);
        }
        for (index, address) in self.ipv4().enumerate() {
            if index == 0 && !self.has_question {
                out.extend(&name);
            } else {
                out.extend([0xc0, 12]);
            }
            out.extend([0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            out.extend(address.octets());
        }
        out
    }

    /// From the IPv4 header on.
    pub(crate) fn ip(&self) -> Vec<u8> {
        let message = self.message();
        let length = |headers: usize| {
            u16::try_from(headers + message.len())
                .expect("a datagram fits a packet")
                .to_be_bytes()
        };
        let mut out = vec![0x45, 0];
        out.extend(length(28));
        out.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
        out.extend(RESOLVER);
        out.extend(CLIENT);
        out.extend(self.source_port.to_be_bytes());
        out.extend(40_000_u16.to_be_bytes());
        out.extend(length(8));
        out.extend([0, 0]);
        out.extend(message);
        out
    }

    /// From the Ethernet header on.
    pub(crate) fn ethernet(&self) -> Vec<u8> {
        [b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\x00", &self.ip()[..]].concat()
    }

    /// From the header of a Linux cooked capture on.
    pub(crate) fn cooked(&self) -> Vec<u8> {
        let header = b"\x00\x00\x00\x01\x00\x06\x02\0\0\0\0\x01\0\0\x08\x00";
        [header, &self.ip()[..]].concat()
    }
}
