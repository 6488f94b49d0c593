//! Templates: which elements a data record has, and in which order.
//!
//! A record has only what is known of its response: what is absent has no element, rather than a
//! value that would be taken for one. So there is a template for each combination, its *shape*. The
//! identifier follows from the shape: it means the same in each message of each collector, whenever
//! it was started.

use std::net::IpAddr;

/// The identifier of the options template; 256 is the first that a template can have (RFC 7011,
/// section 3.4.1).
pub(super) const DOMAIN_TEMPLATE: u16 = 256;

/// The identifier of the template of shape 0.
const FIRST_TEMPLATE: u16 = 512;

/// How many shapes there can be.
pub(super) const SHAPES: usize = 1 << 14;

/// Set identifiers (RFC 7011, section 3.3.2).
const TEMPLATE_SET: u16 = 2;
const OPTIONS_TEMPLATE_SET: u16 = 3;

/// The length of a field that tells its length in each record (RFC 7011, section 7).
const VARIABLE: u16 = 0xffff;

/// The enterprise of CERT, whose elements libfixbuf's `cert_ipfix.xml` defines.
const CERT: u32 = 6871;

/// The bit of an identifier by which an enterprise number follows it (RFC 7011, section 3.2).
const ENTERPRISE_BIT: u16 = 0x8000;

/// The largest template set: its head, the template's, 12 elements of IANA and 8 of CERT, in bytes.
pub(super) const MAX_TEMPLATE_BYTES: usize = 4 + 4 + 12 * 4 + 8 * 8;

/// Which elements a record has.
///
/// ```text
///  13  12  11  10   9   8   7   6   5   4   3   2   1   0
/// +---+---+---+---+---+---+---+---+---+---+---+---+---+---+
/// |inn|vla|int|ttl|cna|nam|rco|que|v5 |address| resol |cl6|
/// +---+---+---+---+---+---+---+---+---+---+---+---+---+---+
/// ```
///
/// The fields of two bits are 0 for none, 1 for IPv4 and 2 for IPv6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Shape(u16);

/// An element that may be absent, by itself or with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Ports, protocol and the flag AA: of version 5.
    Details = 5,
    Question = 6,
    Rcode = 7,
    Name = 8,
    Cname = 9,
    Ttl = 10,
    Interface = 11,
    Vlan = 12,
    InnerVlan = 13,
}

const RESOLVER_AT: u16 = 1;
const ADDRESS_AT: u16 = 3;

impl Shape {
    /// That of a record about a client and a resolver.
    pub(super) fn new(client: IpAddr, resolver: Option<IpAddr>) -> Self {
        let resolver = resolver.map_or(0, family);
        Self(u16::from(client.is_ipv6()) | resolver << RESOLVER_AT)
    }

    /// The same with `part`.
    pub(super) fn with(self, part: Part) -> Self {
        Self(self.0 | 1 << part as u16)
    }

    /// The same with an address that came back.
    pub(super) fn with_address(self, address: IpAddr) -> Self {
        Self(self.0 | family(address) << ADDRESS_AT)
    }

    /// Which one it is, below [`SHAPES`].
    pub(super) fn index(self) -> usize {
        self.0.into()
    }

    /// The identifier of its template.
    pub(super) fn template(self) -> u16 {
        FIRST_TEMPLATE + self.0
    }

    fn has(self, part: Part) -> bool {
        self.0 >> (part as u16) & 1 == 1
    }

    /// Its elements in order.
    fn elements(self) -> impl Iterator<Item = Element> {
        use Part::{Cname, Details, InnerVlan, Interface, Name, Question, Rcode, Ttl, Vlan};
        let of = |at: u16| self.0 >> at & 3;
        let (resolver, address) = (of(RESOLVER_AT), of(ADDRESS_AT));
        let is_ipv6_client = self.0 & 1 == 1;
        [
            (true, FLOW_START),
            (true, FLOW_END),
            (true, FLOW_START_MS),
            (true, FLOW_END_MS),
            (!is_ipv6_client, CLIENT_IPV4),
            (is_ipv6_client, CLIENT_IPV6),
            (resolver == 1, RESOLVER_IPV4),
            (resolver == 2, RESOLVER_IPV6),
            (self.has(Details), CLIENT_PORT),
            (self.has(Details), RESOLVER_PORT),
            (self.has(Details), PROTOCOL),
            (self.has(Details), AUTHORITATIVE),
            (true, RESPONSE),
            (self.has(Question), QTYPE),
            (self.has(Rcode), RCODE),
            (self.has(Ttl), TTL),
            (self.has(Vlan), VLAN),
            (self.has(InnerVlan), INNER_VLAN),
            (self.has(Interface), INTERFACE),
            (self.has(Name), NAME),
            (self.has(Cname), CNAME),
            (address == 1, ADDRESS_IPV4),
            (address == 2, ADDRESS_IPV6),
        ]
        .into_iter()
        .filter_map(|(is_there, element)| is_there.then_some(element))
    }

    /// Adds a set with its template.
    pub(super) fn write_template(self, to: &mut Vec<u8>) {
        let start = start_set(to, TEMPLATE_SET);
        to.extend(self.template().to_be_bytes());
        let count = u16::try_from(self.elements().count()).unwrap_or_default();
        to.extend(count.to_be_bytes());
        for element in self.elements() {
            element.write(to);
        }
        end_set(to, start);
    }
}

fn family(address: IpAddr) -> u16 {
    match address {
        IpAddr::V4(_) => 1,
        IpAddr::V6(_) => 2,
    }
}

/// An information element: its enterprise (0 is IANA), identifier, and length in bytes.
#[derive(Clone, Copy, Debug)]
struct Element(u32, u16, u16);

const FLOW_START: Element = Element(0, 154, 8);
const FLOW_END: Element = Element(0, 155, 8);
const FLOW_START_MS: Element = Element(0, 152, 8);
const FLOW_END_MS: Element = Element(0, 153, 8);
const CLIENT_IPV4: Element = Element(0, 12, 4);
const CLIENT_IPV6: Element = Element(0, 28, 16);
const RESOLVER_IPV4: Element = Element(0, 8, 4);
const RESOLVER_IPV6: Element = Element(0, 27, 16);
const CLIENT_PORT: Element = Element(0, 11, 2);
const RESOLVER_PORT: Element = Element(0, 7, 2);
const PROTOCOL: Element = Element(0, 4, 1);
const VLAN: Element = Element(0, 58, 2);
const INNER_VLAN: Element = Element(0, 245, 2);
const INTERFACE: Element = Element(0, 82, VARIABLE);
const RESPONSE: Element = Element(CERT, 174, 1);
const QTYPE: Element = Element(CERT, 175, 2);
const AUTHORITATIVE: Element = Element(CERT, 176, 1);
const RCODE: Element = Element(CERT, 177, 1);
const NAME: Element = Element(CERT, 179, VARIABLE);
const CNAME: Element = Element(CERT, 180, VARIABLE);
const TTL: Element = Element(CERT, 199, 4);
const ADDRESS_IPV4: Element = Element(CERT, 302, 4);
const ADDRESS_IPV6: Element = Element(CERT, 303, 16);
const DOMAIN_ID: Element = Element(0, 149, 4);
const DOMAIN_NAME: Element = Element(0, 300, VARIABLE);

impl Element {
    fn write(self, to: &mut Vec<u8>) {
        let Self(enterprise, id, length) = self;
        let bit = if enterprise == 0 { 0 } else { ENTERPRISE_BIT };
        to.extend((id | bit).to_be_bytes());
        to.extend(length.to_be_bytes());
        if enterprise != 0 {
            to.extend(enterprise.to_be_bytes());
        }
    }
}

/// Adds sets with the options template of [`DOMAIN_TEMPLATE`], and the one record of it: what the
/// observation domain is called.
pub(super) fn write_domain(to: &mut Vec<u8>, domain: u32, name: &str) {
    let start = start_set(to, OPTIONS_TEMPLATE_SET);
    // Two fields, the first of which is what the record is about (RFC 7011, section 3.4.2.2).
    for word in [DOMAIN_TEMPLATE, 2, 1] {
        to.extend(word.to_be_bytes());
    }
    DOMAIN_ID.write(to);
    DOMAIN_NAME.write(to);
    end_set(to, start);
    let start = start_set(to, DOMAIN_TEMPLATE);
    to.extend(domain.to_be_bytes());
    write_text(to, name);
    end_set(to, start);
}

/// Starts a set; returns where it starts.
pub(super) fn start_set(to: &mut Vec<u8>, id: u16) -> usize {
    let start = to.len();
    to.extend(id.to_be_bytes());
    to.extend([0, 0]);
    start
}

/// Writes the length of the set that starts there.
pub(super) fn end_set(to: &mut [u8], start: usize) {
    let length = u16::try_from(to.len().saturating_sub(start)).unwrap_or(u16::MAX);
    if let Some(field) = to.get_mut(start + 2..start + 4) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

/// Adds a field of variable length, at most 65,535 bytes.
pub(super) fn write_text(to: &mut Vec<u8>, text: &str) {
    let length = text.len();
    match u8::try_from(length) {
        Ok(short) if short < u8::MAX => to.push(short),
        _ => {
            to.push(u8::MAX);
            to.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    to.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_template_is_as_large_as_is_said() {
        let mut largest = 0;
        for shape in 0..SHAPES {
            let shape = Shape(u16::try_from(shape).expect("it is small"));
            let mut bytes = Vec::new();
            shape.write_template(&mut bytes);
            largest = largest.max(bytes.len());
            assert_eq!(
                usize::from(bytes[2]) * 256 + usize::from(bytes[3]),
                bytes.len()
            );
            assert!(shape.template() > DOMAIN_TEMPLATE);
        }
        assert_eq!(largest, MAX_TEMPLATE_BYTES);
    }

    #[test]
    fn a_template_byte_by_byte() {
        let client = IpAddr::from([192, 0, 2, 1]);
        let mut bytes = Vec::new();
        Shape::new(client, None)
            .with(Part::Name)
            .write_template(&mut bytes);
        let expected = [
            &b"\0\x02\0\x2c\x03\0\0\x07"[..],
            b"\0\x9a\0\x08\0\x9b\0\x08\0\x98\0\x08\0\x99\0\x08\0\x0c\0\x04",
            b"\x80\xae\0\x01\0\0\x1a\xd7\x80\xb3\xff\xff\0\0\x1a\xd7",
        ];
        assert_eq!(bytes, expected.concat());
    }

    #[test]
    fn texts_tell_their_length() {
        for (length, head) in [
            (0, &b"\0"[..]),
            (254, b"\xfe"),
            (255, b"\xff\0\xff"),
            (300, b"\xff\x01\x2c"),
        ] {
            let mut bytes = Vec::new();
            write_text(&mut bytes, &"a".repeat(length));
            assert!(bytes.starts_with(head));
            assert_eq!(bytes.len(), head.len() + length);
        }
    }
}
