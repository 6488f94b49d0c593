//! Addresses of responses as they leave, before any format writes them.
//!
//! What selects, samples and balances responses has seen the addresses as they were.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dnsflow_privacy::{Choice, Disguise, Mode};
use dnsflow_wire::response::{Endpoints, Response};

/// Bytes of a client subnet at most: family, two prefix lengths, and an address.
const MAX_SUBNET_BYTES: usize = 4 + 16;

/// Families of a client subnet (RFC 7871, section 6): address family numbers.
const FAMILY_IPV4: u16 = 1;
const FAMILY_IPV6: u16 = 2;

/// What becomes of clients, resolvers and client subnets.
#[derive(Debug)]
pub struct Disguised {
    clients: Disguise,
    resolvers: Disguise,
    subnets: Disguise,
    key_id: Option<u32>,
    /// The client subnet of the response that was taken last.
    subnet: [u8; MAX_SUBNET_BYTES],
}

impl Disguised {
    /// By this choice; `None` if all stays as it is.
    #[must_use]
    pub fn new(choice: &Choice) -> Option<Box<Self>> {
        (!choice.keeps_all()).then(|| {
            Box::new(Self {
                clients: choice.disguise(choice.clients),
                resolvers: choice.disguise(choice.resolvers),
                subnets: choice.disguise(choice.subnets),
                key_id: choice
                    .key
                    .as_ref()
                    .filter(|_| choice.needs_key())
                    .map(|key| key.id()),
                subnet: [0; MAX_SUBNET_BYTES],
            })
        })
    }

    /// What tells the key from others, if there is one.
    #[must_use]
    pub fn key_id(&self) -> Option<u32> {
        self.key_id
    }

    /// A response as it leaves.
    pub fn response<'a>(&'a mut self, response: &Response<'a>) -> Response<'a> {
        let mut envelope = response.envelope;
        envelope.endpoints = self.endpoints(envelope.endpoints, envelope.at.seconds);
        let mut answers = response.answers;
        if let Some(subnet) = answers.subnet().filter(|_| !self.subnets.keeps()) {
            let length = self.take_subnet(subnet, envelope.at.seconds);
            let subnet = length.and_then(|length| self.subnet.get(..length));
            answers = answers.with_subnet(subnet);
        }
        Response { envelope, answers }
    }

    /// Resolver and client as they leave, in a response of that time, in seconds since 1970.
    ///
    /// Both are of one family: where one becomes an address of IPv6, the other is mapped to one (RFC 4291, section
    /// 2.5.5.2).
    #[inline(never)]
    pub fn endpoints(&mut self, endpoints: Endpoints, seconds: u64) -> Endpoints {
        let client = self.clients.apply(endpoints.client(), seconds);
        let resolver = self.resolvers.apply(endpoints.resolver(), seconds);
        match (client, resolver) {
            (IpAddr::V4(client), IpAddr::V4(resolver)) => Endpoints::V4 {
                client: client.octets(),
                resolver: resolver.octets(),
            },
            _ => Endpoints::V6 {
                client: wide(client),
                resolver: wide(resolver),
            },
        }
    }

    /// Puts a client subnet as it leaves into `self.subnet` and returns its length; `None` if it is left out, as one of
    /// another family is.
    ///
    /// ```text
    /// family 2 | source prefix 1 | scope prefix 1 | address, as many bytes as the source prefix needs
    /// ```
    fn take_subnet(&mut self, subnet: &[u8], seconds: u64) -> Option<usize> {
        let (head, address) = subnet.split_first_chunk::<4>()?;
        let [high, low, source, scope] = *head;
        let network = network(u16::from_be_bytes([high, low]), source, address)?;
        // The pseudonym of a network is no network: it has all its bits.
        let source = match self.subnets.mode() {
            Mode::Ipcrypt => 128,
            _ => source,
        };
        let (family, octets) = match self.subnets.apply(network, seconds) {
            IpAddr::V4(address) => (FAMILY_IPV4, wide_left(address)),
            IpAddr::V6(address) => (FAMILY_IPV6, address.octets()),
        };
        let masked = masked(octets, source);
        let bytes = usize::from(source).div_ceil(8);
        self.subnet[..2].copy_from_slice(&family.to_be_bytes());
        self.subnet[2..4].copy_from_slice(&[source, scope]);
        self.subnet[4..].copy_from_slice(&masked);
        Some(4 + bytes)
    }
}

/// The first address of a network, whose bytes may be fewer than those of an address.
fn network(family: u16, source: u8, address: &[u8]) -> Option<IpAddr> {
    let mut octets = [0; 16];
    octets.get_mut(..address.len())?.copy_from_slice(address);
    let octets = masked(octets, source);
    match family {
        FAMILY_IPV4 if source <= 32 => {
            let [first, second, third, fourth, ..] = octets;
            Some(Ipv4Addr::new(first, second, third, fourth).into())
        }
        FAMILY_IPV6 if source <= 128 => Some(Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

/// The first bits, and zeros behind them.
fn masked(octets: [u8; 16], bits: u8) -> [u8; 16] {
    let dropped = u128::MAX.checked_shr(bits.into()).unwrap_or(0);
    (u128::from_be_bytes(octets) & !dropped).to_be_bytes()
}

fn wide_left(address: Ipv4Addr) -> [u8; 16] {
    (u128::from(address.to_bits()) << 96).to_be_bytes()
}

fn wide(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

#[cfg(test)]
mod tests {
    use dnsflow_privacy::Key;

    use super::*;

    fn choice(subnets: &str) -> Choice {
        Choice {
            subnets: subnets.parse().expect("a mode"),
            key: Some(Key::new([3; 32])),
            ..Choice::default()
        }
    }

    fn taken(mode: &str, subnet: &[u8]) -> Option<Vec<u8>> {
        let mut disguised = Disguised::new(&choice(mode)).expect("not all is kept");
        let length = disguised.take_subnet(subnet, 0)?;
        Some(disguised.subnet[..length].to_vec())
    }

    #[test]
    fn a_subnet_keeps_its_form() {
        let subnet = [0, 1, 24, 0, 192, 0, 2];
        assert_eq!(taken("drop", &subnet), Some(vec![0, 1, 24, 0, 0, 0, 0]));
        assert_eq!(
            taken("prefix:20,0", &subnet),
            Some(vec![0, 1, 24, 0, 192, 0, 0])
        );
        let pseudonym = taken("ipcrypt-pfx", &subnet).expect("a subnet");
        assert_eq!((pseudonym.len(), &pseudonym[..4]), (7, &subnet[..4]));
        assert_ne!(pseudonym, subnet);
        // Bits behind the prefix, and bytes that are missing, make no difference.
        assert_eq!(
            taken("ipcrypt-pfx", &[0, 1, 24, 0, 192, 0, 2, 77]),
            Some(pseudonym)
        );
        let pseudonym = taken("ipcrypt", &subnet).expect("a subnet");
        assert_eq!(
            (pseudonym.len(), &pseudonym[..4]),
            (20, &[0, 2, 128, 0][..])
        );
        let wide = [0, 2, 56, 48, 0x20, 1, 0xd, 0xb8, 0, 1, 2];
        assert_eq!(
            taken("prefix:0,32", &wide),
            Some(vec![0, 2, 56, 48, 0x20, 1, 0xd, 0xb8, 0, 0, 0])
        );
    }

    #[test]
    fn what_is_no_subnet_is_left_out() {
        for subnet in [
            &[0, 1, 33, 0, 1, 2, 3, 4][..],
            &[0, 3, 0, 0],
            &[0, 1, 24],
            &[0, 2, 129, 0],
            &[0; 21],
        ] {
            assert_eq!(taken("drop", subnet), None, "{subnet:?}");
        }
    }

    #[test]
    fn both_ends_are_of_one_family() {
        let mut disguised = Disguised::new(&Choice {
            clients: Mode::Ipcrypt,
            ..choice("keep")
        });
        let disguised = disguised.as_mut().expect("not all is kept");
        let before = Endpoints::V4 {
            client: [192, 0, 2, 1],
            resolver: [192, 0, 2, 53],
        };
        let after = disguised.endpoints(before, 0);
        assert!(after.client().is_ipv6());
        assert_eq!(after.resolver().to_canonical(), before.resolver());
        assert!(after.resolver().is_ipv6());
    }
}
