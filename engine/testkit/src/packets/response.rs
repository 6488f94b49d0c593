//! DNS responses, each of which gives a set that is known.

use std::net::IpAddr;

use super::be16;
use super::ip::{CLIENT_PORT, Ends};
use super::link::ethernet;

/// Flags of a recursive resolver's response: QR, RD, RA.
pub const RESPONSE: u16 = 0x8180;
/// Flags of a query: RD.
pub const QUERY: u16 = 0x0100;
/// Flags of a multicast DNS response: QR, AA.
pub const MDNS_RESPONSE: u16 = 0x8400;

/// A response to a question for one name, with addresses of the version that carries it.
#[derive(Clone, Debug)]
pub struct Response {
    /// Who answers whom.
    pub ends: Ends,
    /// The name that was asked for.
    pub name: String,
    /// Aliases in the answer: `alias0`, `alias1` and so on, each below what `name` is below.
    pub aliases: u16,
    /// Addresses in the answer.
    pub addresses: u16,
    /// Tells the addresses from those of others.
    pub number: u8,
    /// The message is filled up to this many bytes, within 300, with records of a type that is passed over.
    pub bytes: usize,
    /// The resolver's port.
    pub source_port: u16,
    /// The second word of the message.
    pub flags: u16,
    /// Whether the question is repeated, as all but multicast responses do.
    pub has_question: bool,
}

/// Response number N over IPv4: one address for `nNNN.example`.
#[must_use]
pub fn response(number: u8) -> Response {
    let ends = Ends::of("172.16.0.53", "10.0.0.7");
    Response::new(ends, &format!("n{number:03}.example"), 1).numbered(number)
}

/// The sets that responses have to be exported as, sorted.
#[must_use]
pub fn sets(responses: &[Response]) -> Vec<String> {
    let mut sets: Vec<String> = responses.iter().map(Response::set).collect();
    sets.sort_unstable();
    sets
}

/// A message with these flags and a question for `example`, and nothing else.
#[must_use]
pub fn dns(flags: u16) -> Vec<u8> {
    let ends = Ends::new(false, 0);
    Response {
        flags,
        ..Response::new(ends, "example", 0)
    }
    .message()
}

impl Response {
    /// A response over UDP from port 53.
    #[must_use]
    pub fn new(ends: Ends, name: &str, addresses: u16) -> Self {
        Self {
            ends,
            name: name.to_owned(),
            aliases: 0,
            addresses,
            number: 0,
            bytes: 0,
            source_port: 53,
            flags: RESPONSE,
            has_question: true,
        }
    }

    /// The same with addresses of its own.
    #[must_use]
    pub fn numbered(self, number: u8) -> Self {
        Self { number, ..self }
    }

    /// The same with so many bytes.
    #[must_use]
    pub fn filled(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }

    fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let (is_ipv6, block) = (self.ends.is_ipv6(), self.number);
        (0..self.addresses).map(move |number| {
            let [high, low] = number.to_be_bytes();
            if is_ipv6 {
                [0x2001, 0xdb8, 0xa, block.into(), 0, 0, 0, number].into()
            } else {
                [198, block, high, low].into()
            }
        })
    }

    /// The DNS message (RFC 1035, section 4.1).
    ///
    /// # Panics
    /// If the name has a label of more than 63 bytes, or there are aliases without a question.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        const FILLER_BYTES: usize = 250;
        let kind = if self.ends.is_ipv6() { 28 } else { 1 };
        let mut message = vec![0xab, self.number];
        message.extend(self.flags.to_be_bytes());
        message.extend([0, u8::from(self.has_question), 0, 0, 0, 0, 0, 0]);
        let mut records = self.aliases + self.addresses;
        if self.has_question {
            push_name(&mut message, &self.name);
            message.extend([0, kind, 0, 1]);
        }
        for alias in 0..self.aliases {
            assert!(self.has_question, "aliases point to the question");
            let label = format!("alias{alias}");
            let above = 12 + 1 + self.name.find('.').expect("a name of two labels");
            message.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 1, 44]);
            message.extend(be16(1 + label.len() + 2));
            push_label(&mut message, &label);
            message.extend([0xc0, u8::try_from(above).expect("a short name")]);
        }
        for (index, address) in self.addresses().enumerate() {
            if index == 0 && !self.has_question {
                push_name(&mut message, &self.name);
            } else {
                message.extend([0xc0, 12]);
            }
            message.extend([0, kind, 0, 1, 0, 0, 1, 44]);
            match address {
                IpAddr::V4(address) => message.extend([&[0, 4][..], &address.octets()].concat()),
                IpAddr::V6(address) => message.extend([&[0, 16][..], &address.octets()].concat()),
            }
        }
        while message.len() < self.bytes {
            message.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 1, 44]);
            message.extend(be16(1 + FILLER_BYTES));
            message.push(250);
            message.extend([b'x'; FILLER_BYTES]);
            records += 1;
        }
        message[6..8].copy_from_slice(&records.to_be_bytes());
        message
    }

    /// The UDP datagram that carries it.
    #[must_use]
    pub fn datagram(&self) -> Vec<u8> {
        self.ends
            .udp_datagram(self.source_port, CLIENT_PORT, &self.message())
    }

    /// The IP packet that carries it over UDP.
    #[must_use]
    pub fn packet(&self) -> Vec<u8> {
        self.ends
            .udp(self.source_port, CLIENT_PORT, &self.message())
    }

    /// The Ethernet frame that carries that.
    #[must_use]
    pub fn ethernet(&self) -> Vec<u8> {
        ethernet(&[], &self.packet())
    }

    /// What it is in a TCP stream: its length stands before it (RFC 1035, section 4.2.2).
    #[must_use]
    pub fn in_stream(&self) -> Vec<u8> {
        let message = self.message();
        [&be16(message.len())[..], &message].concat()
    }

    /// The set that it has to be exported as: client, resolver, names, IPv4 and IPv6 addresses between tabs.
    #[must_use]
    pub fn set(&self) -> String {
        let addresses: Vec<String> = self
            .addresses()
            .map(|address| address.to_string())
            .collect();
        let Ends { client, resolver } = self.ends;
        let addresses = addresses.join(",");
        let [ipv4, ipv6] = if self.ends.is_ipv6() {
            ["", addresses.as_str()]
        } else {
            [addresses.as_str(), ""]
        };
        let above = self.name.split_once('.').map_or("", |(_, above)| above);
        let mut names = self.name.clone();
        for alias in 0..self.aliases {
            names += &format!(",alias{alias}.{above}");
        }
        format!("{client}\t{resolver}\t{names}\t{ipv4}\t{ipv6}")
    }
}

fn push_name(message: &mut Vec<u8>, name: &str) {
    for label in name.split('.') {
        push_label(message, label);
    }
    message.push(0);
}

fn push_label(message: &mut Vec<u8>, label: &str) {
    message.push(u8::try_from(label.len()).expect("a short label"));
    message.extend(label.as_bytes());
}
