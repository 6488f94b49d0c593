//! Datagrams as sensors send them, of two versions, byte by byte from `docs/protocol.md`.
//!
//! For tests that count: what a record says is a value. What the encoders of the sensor make is another
//! matter, and so are datagrams that are wrong.

use std::net::{IpAddr, Ipv4Addr};

/// Seconds for which answers hold; below 128, so that it is one byte.
const TTL: u8 = 60;

/// The time of all records, in microseconds since 1970: 2023-11-14 22:13:20 UTC.
const TIME: u64 = 1_700_000_000_000_000;

/// Bits of a record's form.
const IPV6_CLIENT: u8 = 1 << 7;
const CONTINUES: u8 = 1 << 4;
const RCODE: u8 = 1 << 2;
const QUESTION_TOLD: u8 = 2;

/// A response.
#[derive(Clone, Debug)]
pub struct Told {
    /// The labels of the name asked for.
    pub name: Vec<Vec<u8>>,
    /// Who asked.
    pub client: IpAddr,
    /// Who answered.
    pub resolver: Ipv4Addr,
    /// Type of the question, of version 5.
    pub record_type: u16,
    /// Response code below 128, of version 5.
    pub rcode: u8,
    /// Addresses in the answer.
    pub addresses: Vec<Ipv4Addr>,
    /// Whether it is the rest of the response before, of version 5.
    pub continues: bool,
}

impl Told {
    /// The address 192.0.2.1 of `name`, told to 198.51.100.7 by 192.0.2.53.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self {
            name: name.split('.').map(|label| label.into()).collect(),
            client: IpAddr::from([198, 51, 100, 7]),
            resolver: Ipv4Addr::new(192, 0, 2, 53),
            record_type: 1,
            rcode: 0,
            addresses: vec![Ipv4Addr::new(192, 0, 2, 1)],
            continues: false,
        }
    }

    /// The same, told to another client.
    ///
    /// # Panics
    /// If that is no address.
    #[must_use]
    pub fn to(mut self, client: &str) -> Self {
        self.client = client.parse().expect("an address");
        self
    }

    fn names(&self) -> Vec<u8> {
        let mut names = Vec::new();
        for label in &self.name {
            names.push(byte(label.len()));
            names.extend(label);
        }
        names.push(0);
        names
    }

    fn v4(&self) -> Vec<u8> {
        let mut names = self.names();
        names.resize(names.len().next_multiple_of(4), 0);
        let IpAddr::V4(client) = self.client else {
            panic!("a client of IPv4");
        };
        let mut set = vec![4, 1, byte(self.addresses.len()), 0];
        set.extend([0, byte(names.len()), 0, 0]);
        for address in [client, self.resolver] {
            set.extend(address.octets());
            set.extend([0; 12]);
        }
        set.extend(names);
        set.extend(self.addresses.iter().flat_map(Ipv4Addr::octets));
        set
    }

    fn v5(&self) -> Vec<u8> {
        let flag = |wanted, bit| if wanted { bit } else { 0 };
        let form = QUESTION_TOLD
            | flag(self.client.is_ipv6(), IPV6_CLIENT)
            | flag(self.continues, CONTINUES)
            | flag(self.rcode != 0, RCODE);
        // Form, flags, and the time of the header.
        let mut record = vec![form, 0, 0];
        match self.client {
            IpAddr::V4(client) => record.extend(client.octets()),
            IpAddr::V6(client) => record.extend(client.octets()),
        }
        record.extend([0x80, 0]);
        // The origin follows, and has no more than an address.
        record.extend([0, 5, 0]);
        record.extend(self.resolver.octets());
        if self.rcode != 0 {
            record.push(self.rcode);
        }
        record.extend(self.names());
        record.extend(self.record_type.to_be_bytes());
        record.extend([0, 1]);
        for address in &self.addresses {
            // An A record of the name asked for.
            record.extend([0x21, TTL]);
            record.extend(address.octets());
        }
        record.push(0);
        let length = u16::try_from(record.len()).expect("a short record");
        [&length.to_be_bytes()[..], &record].concat()
    }
}

/// A datagram of version 4, with the number that it has in its stream.
///
/// # Panics
/// If there are more than 255 records, or a client has no IPv4 address.
#[must_use]
pub fn v4(number: u32, told: &[Told]) -> Vec<u8> {
    let mut datagram = vec![4, byte(told.len()), 0, 0];
    datagram.extend(number.to_be_bytes());
    datagram.extend(told.iter().flat_map(Told::v4));
    datagram
}

/// A datagram of version 5 of the sensor's core `core`, in its run `boot`.
///
/// # Panics
/// If something has no room.
#[must_use]
pub fn v5(sensor_name: Option<&[u8]>, core: u16, boot: u64, number: u64, told: &[Told]) -> Vec<u8> {
    let mut parts = Vec::new();
    if let Some(name) = sensor_name {
        parts.extend([1, byte(name.len())]);
        parts.extend(name);
    }
    parts.resize(parts.len().next_multiple_of(4), 0);
    let mut datagram = vec![5, byte(8 + parts.len() / 4), 0, 0];
    datagram.extend(core.to_be_bytes());
    datagram.extend(
        u16::try_from(told.len())
            .expect("few records")
            .to_be_bytes(),
    );
    for field in [number, boot, TIME] {
        datagram.extend(field.to_be_bytes());
    }
    datagram.extend(parts);
    datagram.extend(told.iter().flat_map(Told::v5));
    datagram
}

fn byte(length: usize) -> u8 {
    u8::try_from(length).expect("fits a byte")
}

#[cfg(test)]
mod tests {
    use dnsflow_wire::datagram::Datagram;
    use dnsflow_wire::{v4 as wire4, v5 as wire5};

    use super::*;

    #[test]
    fn they_are_read_as_they_were_told() {
        let told = Told {
            rcode: 3,
            record_type: 28,
            continues: true,
            ..Told::of("www.example.org").to("2001:db8::7")
        };
        let bytes = v5(Some(b"edge-1"), 2, 9, 7, &[told.clone(), Told::of("other")]);
        let Ok(Datagram::V5(datagram)) = Datagram::parse(&bytes) else {
            panic!("a datagram of version 5");
        };
        assert_eq!(datagram.sensor_name(), Some(&b"edge-1"[..]));
        assert_eq!(
            (datagram.core(), datagram.boot(), datagram.sequence()),
            (2, 9, 7)
        );
        let wire5::Content::Records(records) = datagram.content() else {
            panic!("records");
        };
        let records: Vec<_> = records.map(Result::unwrap).collect();
        assert_eq!((records.len(), records[0].client), (2, told.client));
        assert_eq!((records[0].rcode, records[0].continues), (3, true));
        assert_eq!(records[0].question.unwrap().record_type, 28);
        assert!(
            records[0]
                .name
                .labels()
                .eq([&b"www"[..], b"example", b"org"])
        );
        assert!(records[1].ipv4().eq([Ipv4Addr::new(192, 0, 2, 1)]));

        let bytes = v4(7, &[Told::of("www.example.org"), Told::of("a.bc")]);
        let Ok(Datagram::V4(datagram)) = Datagram::parse(&bytes) else {
            panic!("a datagram of version 4");
        };
        let Ok(wire4::Content::Sets(sets)) = datagram.content() else {
            panic!("sets");
        };
        let sets: Vec<_> = sets.map(Result::unwrap).collect();
        assert_eq!((sets.len(), sets[1].client()), (2, Told::of("").client));
        assert!(sets[1].ipv4().eq([Ipv4Addr::new(192, 0, 2, 1)]));
    }
}
