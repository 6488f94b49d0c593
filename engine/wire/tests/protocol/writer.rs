//! Datagrams of version 5, written as `docs/protocol.md` says and not as the crate does: with vectors,
//! and with every choice that a writer has.

use std::collections::HashMap;
use std::net::IpAddr;

pub(crate) type Name = Vec<Vec<u8>>;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Origin {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) interface: Option<Vec<u8>>,
    pub(crate) vlan: Option<u16>,
    pub(crate) inner_vlan: Option<u16>,
    pub(crate) vni: Option<u32>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Ipv4([u8; 4]),
    Ipv6([u8; 16]),
    Alias(Name),
    Other(u16, u16, Vec<u8>),
    LeftOut(u16, u16, u16),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) owner: Name,
    pub(crate) ttl: u32,
    pub(crate) data: Data,
}

#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// Microseconds behind the time of the datagram.
    pub(crate) offset: i64,
    pub(crate) client: IpAddr,
    pub(crate) client_port: u16,
    /// T, I, C and M of the form.
    pub(crate) form: u8,
    pub(crate) flags: u8,
    pub(crate) origin: Origin,
    pub(crate) rcode: u16,
    pub(crate) name: Name,
    pub(crate) question: Option<(u16, u16)>,
    pub(crate) answers: Vec<Answer>,
    /// Family, both prefixes, address.
    pub(crate) subnet: Option<(u16, u8, u8, Vec<u8>)>,
}

/// A datagram that is being written.
pub(crate) struct Writer {
    out: Vec<u8>,
    /// Where each rest of a name was written last.
    names: HashMap<Name, usize>,
    origins: Vec<Origin>,
    /// What is chosen where there is a choice: each bit in turn.
    choices: u64,
}

impl Writer {
    /// Writes the header, with the name of a sensor and a part that is not known.
    pub(crate) fn new(count: u16, time: u64, sensor: &[u8], choices: u64) -> Self {
        let mut writer = Self {
            out: vec![5, 0, 0xff, 0xfe, 0, 3],
            names: HashMap::new(),
            origins: Vec::new(),
            choices,
        };
        writer.out.extend(count.to_be_bytes());
        for wide in [77, 0xb007, time] {
            writer.out.extend(u64::to_be_bytes(wide));
        }
        for (kind, value) in [(200, &b"later"[..]), (1, sensor)] {
            writer.out.push(kind);
            writer.out.push(value.len().try_into().unwrap());
            writer.out.extend(value);
        }
        let length = writer.out.len().next_multiple_of(4);
        writer.out.resize(length, 0);
        writer.out[1] = (length / 4).try_into().unwrap();
        writer
    }

    pub(crate) fn finish(mut self, padding: usize) -> Vec<u8> {
        self.out.resize(self.out.len() + padding, 0);
        self.out
    }

    fn chooses(&mut self) -> bool {
        self.choices = self.choices.rotate_right(1);
        self.choices >> 63 != 0
    }

    fn varint(&mut self, mut value: u64) {
        while value > 0x7f {
            self.out.push(0x80 | value.to_le_bytes()[0]);
            value >>= 7;
        }
        self.out.push(value.to_le_bytes()[0]);
    }

    fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.out.extend(address.octets()),
            IpAddr::V6(address) => self.out.extend(address.octets()),
        }
    }

    fn name(&mut self, name: &[Vec<u8>]) {
        let compress = self.chooses();
        for at in 0..=name.len() {
            let (here, rest) = (self.out.len(), &name[at..]);
            let before = self.names.insert(rest.to_vec(), here);
            if let Some(before) = before.filter(|before| compress && here - before < 0x4000) {
                let distance = u16::try_from(here - before).unwrap();
                self.out.extend((0xc000 | distance).to_be_bytes());
                return;
            }
            let label = rest.first().map_or(&[][..], Vec::as_slice);
            self.out.push(label.len().try_into().unwrap());
            self.out.extend(label);
        }
    }

    fn origin(&mut self, origin: &Origin) {
        let known = self.origins.iter().position(|known| known == origin);
        if let Some(known) = known
            && self.chooses()
        {
            self.out.push((known + 2).try_into().unwrap());
            return;
        }
        let is_numbered = self.chooses() && self.origins.len() < 254;
        if is_numbered {
            self.origins.push(origin.clone());
        }
        let start = self.out.len();
        self.out.extend([u8::from(is_numbered), 0, 0]);
        let has_port = origin.port != 53 || self.chooses();
        let form = u8::from(origin.address.is_ipv6())
            | u8::from(has_port) << 1
            | u8::from(origin.interface.is_some()) << 2
            | u8::from(origin.vlan.is_some()) << 3
            | u8::from(origin.inner_vlan.is_some()) << 4
            | u8::from(origin.vni.is_some()) << 5;
        self.address(origin.address);
        if has_port {
            self.out.extend(origin.port.to_be_bytes());
        }
        if let Some(interface) = &origin.interface {
            self.out.push(interface.len().try_into().unwrap());
            self.out.extend(interface);
        }
        for vlan in [origin.vlan, origin.inner_vlan].into_iter().flatten() {
            self.out.extend(vlan.to_be_bytes());
        }
        self.out
            .extend(origin.vni.iter().flat_map(|vni| vni.to_be_bytes()));
        let is_of_later = self.chooses();
        if is_of_later {
            self.out.extend(b"later");
        }
        self.out[start + 2] = form | if is_of_later { 0xc0 } else { 0 };
        self.out[start + 1] = u8::try_from(self.out.len() - start - 2).unwrap();
    }

    pub(crate) fn record(&mut self, record: &Record) {
        let start = self.out.len();
        self.out.extend([0; 2]);
        let (question, told) = match record.question {
            Some((1, 1)) if self.chooses() => (0, None),
            Some((28, 1)) if self.chooses() => (1, None),
            Some(question) => (2, Some(question)),
            None => (3, None),
        };
        let has_rcode = record.rcode != 0 || self.chooses();
        self.out.push(
            record.form
                | u8::from(record.client.is_ipv6()) << 7
                | u8::from(has_rcode) << 2
                | question,
        );
        self.out.push(record.flags);
        let offset = record.offset;
        self.varint(if offset >= 0 {
            (offset as u64) * 2
        } else {
            ((-(offset + 1)) as u64) * 2 + 1
        });
        self.address(record.client);
        self.out.extend(record.client_port.to_be_bytes());
        self.origin(&record.origin);
        if has_rcode {
            self.varint(record.rcode.into());
        }
        self.name(&record.name);
        if let Some((record_type, class)) = told {
            self.out.extend(record_type.to_be_bytes());
            self.out.extend(class.to_be_bytes());
        }
        self.answers(record);
        let has_parts = record.subnet.is_some() || self.chooses();
        if has_parts {
            self.out.extend(*b"\0\xc8\x05later");
        }
        if let Some((family, source, scope, address)) = &record.subnet {
            self.out
                .extend([1, u8::try_from(4 + address.len()).unwrap()]);
            self.out.extend(family.to_be_bytes());
            self.out.extend([*source, *scope]);
            self.out.extend(address);
        }
        if has_parts && self.chooses() {
            self.out.extend(*b"\0rest");
        }
        let length = u16::try_from(self.out.len() - start - 2).unwrap();
        self.out[start..start + 2].copy_from_slice(&length.to_be_bytes());
    }

    /// An address behind another of its group: as many bytes as they share, or fewer, and the others.
    fn shared(&mut self, before: &[u8; 16], octets: &[u8; 16]) {
        let both = before.iter().zip(octets);
        let mut shared = both.take_while(|(one, other)| one == other).count().min(15);
        if self.chooses() {
            shared /= 2;
        }
        self.out.push(shared.try_into().unwrap());
        self.out.extend(&octets[shared..]);
    }

    fn answers(&mut self, record: &Record) {
        let mut owner = record.name.clone();
        let mut rest = &record.answers[..];
        while let Some(first) = rest.first() {
            if self.chooses() {
                // A kind that is not known; owners go on.
                self.out.extend(*b"\xc0\x05later");
            }
            let together = rest.iter().take_while(|answer| {
                let is_same = answer.owner == first.owner && answer.ttl == first.ttl;
                is_same
                    && match (&first.data, &answer.data) {
                        (Data::Ipv4(_), Data::Ipv4(_)) | (Data::Ipv6(_), Data::Ipv6(_)) => true,
                        _ => std::ptr::eq(first, *answer),
                    }
            });
            let count = if self.chooses() {
                together.take(15).count()
            } else {
                1
            };
            let (group, behind) = rest.split_at(count);
            rest = behind;
            let kind = match &first.data {
                Data::Ipv4(_) => 1,
                Data::Ipv6(_) => 2,
                Data::Alias(_) => 3,
                Data::Other(..) => 4,
                Data::LeftOut(..) => 5,
            };
            let has_owner = first.owner != owner || self.chooses();
            self.out
                .push(kind << 5 | u8::from(has_owner) << 4 | u8::try_from(count).unwrap());
            if has_owner {
                self.name(&first.owner);
            }
            owner.clone_from(&first.owner);
            self.varint(first.ttl.into());
            let mut before: Option<&[u8; 16]> = None;
            for answer in group {
                match &answer.data {
                    Data::Ipv4(octets) => self.out.extend(octets),
                    Data::Ipv6(octets) => {
                        if let Some(before) = before {
                            self.shared(before, octets);
                        } else {
                            self.out.extend(octets);
                        }
                        before = Some(octets);
                    }
                    Data::Alias(target) => {
                        self.name(target);
                        owner.clone_from(target);
                    }
                    Data::Other(record_type, class, rdata) => {
                        self.out.extend(record_type.to_be_bytes());
                        self.out.extend(class.to_be_bytes());
                        self.varint(rdata.len() as u64);
                        self.out.extend(rdata);
                    }
                    Data::LeftOut(record_type, class, length) => {
                        self.out.extend(record_type.to_be_bytes());
                        self.out.extend(class.to_be_bytes());
                        self.varint((*length).into());
                    }
                }
            }
        }
    }
}
