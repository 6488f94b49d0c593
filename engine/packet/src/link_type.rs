//! What a captured packet starts with, and the numbers that say so.
//!
//! A capture file says it by a LINKTYPE_ number, libpcap by a DLT_ number, an interface by its
//! hardware type. All three are columns of one table, [`LINK_TYPES`].

use std::fmt;

use crate::numbers::hardware;

/// What a packet's bytes start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// Ethernet II, with or without VLAN tags.
    Ethernet,
    /// Ethernet with a tag of the switch chip between the addresses and the EtherType.
    SwitchTag {
        /// The number of the link type.
        number: u16,
        /// Length of the tag, in bytes.
        bytes: u8,
    },
    /// IEEE 802.5 Token Ring with an LLC header.
    TokenRing,
    /// FDDI with an LLC header.
    Fddi,
    /// ARCNET with the header that it has on the wire.
    Arcnet,
    /// ARCNET with the header that Linux gives it.
    ArcnetLinux,
    /// IEEE 802.11.
    Wireless,
    /// IEEE 802.11 behind a header of Prism II or AVS.
    Prism,
    /// IEEE 802.11 behind a radiotap header.
    Radiotap,
    /// Any other link type behind a per-packet information header.
    Ppi,
    /// PPP, with or without address and control bytes.
    Ppp,
    /// PPP behind a byte that says in which direction it went.
    PppDirection,
    /// PPP in HDLC-like framing, or Cisco HDLC.
    PppSerial,
    /// PPP over Ethernet, without the Ethernet header.
    PppOverEthernet,
    /// Cisco HDLC.
    CiscoHdlc,
    /// A 4 byte address family in the byte order of the machine that captured.
    Null,
    /// A 4 byte address family in network byte order.
    Loop,
    /// An IP header, version 4 or 6.
    Ip,
    /// Whatever follows this EtherType. Live only: the kernel says where the network header is. No
    /// capture file has it, and it has no number.
    Network(u16),
    /// Linux cooked capture, 16 byte header.
    Cooked,
    /// Linux cooked capture version 2, 20 byte header.
    Cooked2,
    /// Netfilter log messages.
    Nflog,
    /// Netlink messages behind a cooked header.
    Netlink,
    /// A LINKTYPE_ number that is not decoded.
    Unsupported(u32),
}

/// One link type and what stands for it.
struct Row {
    link: LinkType,
    /// LINKTYPE_ and DLT_ numbers. The first is the DLT_ number that libpcap compiles expressions
    /// for.
    numbers: &'static [u16],
    /// Hardware types of interfaces (`ARPHRD_`, `linux/if_arp.h`).
    hardware: &'static [u16],
}

const fn row(link: LinkType, numbers: &'static [u16], hardware: &'static [u16]) -> Row {
    Row {
        link,
        numbers,
        hardware,
    }
}

const fn switch_tag(number: u16, bytes: u8) -> LinkType {
    LinkType::SwitchTag { number, bytes }
}

/// All link types that are decoded, in the order of their numbers (pcap-linktype(7)).
const LINK_TYPES: &[Row] = &[
    row(LinkType::Null, &[0], &[]),
    // ETHER, LOOPBACK.
    row(LinkType::Ethernet, &[1], &[1, 772]),
    // IEEE802, IEEE802_TR.
    row(LinkType::TokenRing, &[6], &[6, 800]),
    row(LinkType::Arcnet, &[7], &[]),
    row(LinkType::Ppp, &[9], &[]),
    // FDDI.
    row(LinkType::Fddi, &[10], &[774]),
    // DLT_RAW of Linux and of OpenBSD, LINKTYPE_RAW, _IPV4, _IPV6. SLIP to CSLIP6, PPP, RAWIP,
    // TUNNEL, TUNNEL6, SIT, IPGRE, PIMREG, IP6GRE, NONE.
    row(
        LinkType::Ip,
        &[12, 14, 101, 228, 229],
        &[
            256, 257, 258, 259, 512, 519, 768, 769, 776, 778, 779, 823, 65534,
        ],
    ),
    row(LinkType::PppSerial, &[50], &[]),
    row(LinkType::PppOverEthernet, &[51], &[]),
    // CISCO.
    row(LinkType::CiscoHdlc, &[104], &[513]),
    // IEEE80211.
    row(LinkType::Wireless, &[105], &[801]),
    row(LinkType::Loop, &[108], &[]),
    row(LinkType::Cooked, &[113], &[]),
    // LINKTYPE_IEEE802_11_PRISM, LINKTYPE_IEEE802_11_AVS. IEEE80211_PRISM.
    row(LinkType::Prism, &[119, 163], &[802]),
    // IEEE80211_RADIOTAP.
    row(LinkType::Radiotap, &[127], &[hardware::RADIOTAP]),
    row(LinkType::ArcnetLinux, &[129], &[]),
    row(LinkType::Ppi, &[192], &[]),
    row(LinkType::PppDirection, &[204], &[]),
    row(LinkType::Nflog, &[239], &[]),
    row(LinkType::Netlink, &[253], &[]),
    row(LinkType::Cooked2, &[276], &[]),
    row(switch_tag(281, 4), &[281], &[]),
    row(switch_tag(284, 4), &[284], &[]),
    row(switch_tag(285, 8), &[285], &[]),
];

impl LinkType {
    /// The link type of a number in a capture file. LINKTYPE_ and DLT_ numbers are both accepted:
    /// where they differ, files have either (pcap-linktype(7)).
    #[must_use]
    pub fn from_number(number: u32) -> Self {
        LINK_TYPES
            .iter()
            .find(|row| row.numbers.iter().any(|known| u32::from(*known) == number))
            .map_or(Self::Unsupported(number), |row| row.link)
    }

    /// The link type of an interface, from its hardware type (`ARPHRD_`, `linux/if_arp.h`). `None`
    /// for a hardware type whose packets are not decoded.
    #[must_use]
    pub fn from_hardware(hardware: u16) -> Option<Self> {
        LINK_TYPES
            .iter()
            .find(|row| row.hardware.contains(&hardware))
            .map(|row| row.link)
    }

    /// The DLT_ number, which libpcap compiles expressions for. `None` for [`LinkType::Network`],
    /// which has none.
    #[must_use]
    pub fn dlt(self) -> Option<u32> {
        match self {
            Self::Network(_) => None,
            Self::Unsupported(number) => Some(number),
            known => LINK_TYPES
                .iter()
                .find(|row| row.link == known)
                .and_then(|row| row.numbers.first())
                .map(|number| u32::from(*number)),
        }
    }
}

/// The DLT_ number, or `network` for [`LinkType::Network`].
impl fmt::Display for LinkType {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dlt() {
            Some(number) => number.fmt(to),
            None => to.write_str("network"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_and_hardware_type_stands_for_one_link_type() {
        let mut numbers: Vec<u16> = Vec::new();
        let mut hardware: Vec<u16> = Vec::new();
        for row in LINK_TYPES {
            numbers.extend(row.numbers);
            hardware.extend(row.hardware);
            assert!(!row.numbers.is_empty(), "{:?}", row.link);
        }
        for of_one_kind in [&mut numbers, &mut hardware] {
            let count = of_one_kind.len();
            of_one_kind.sort_unstable();
            of_one_kind.dedup();
            assert_eq!(of_one_kind.len(), count);
        }
    }

    #[test]
    fn a_number_comes_back_as_itself_or_as_its_dlt() {
        for row in LINK_TYPES {
            for number in row.numbers {
                let link = LinkType::from_number(u32::from(*number));
                assert_eq!(link, row.link);
                assert_eq!(link.dlt(), Some(u32::from(row.numbers[0])));
            }
        }
        for (number, dlt) in [(101, 12), (228, 12), (163, 119), (4242, 4242), (285, 285)] {
            let link = LinkType::from_number(number);
            assert_eq!(link.dlt(), Some(dlt), "{number}");
            assert_eq!(link.to_string(), dlt.to_string());
        }
        assert_eq!(LinkType::Network(0x0800).dlt(), None);
        assert_eq!(LinkType::Network(0x0800).to_string(), "network");
    }

    #[test]
    fn interfaces_are_known_by_their_hardware() {
        for (hardware, link) in [
            (1, Some(LinkType::Ethernet)),
            (772, Some(LinkType::Ethernet)),
            (519, Some(LinkType::Ip)),
            (65534, Some(LinkType::Ip)),
            (803, Some(LinkType::Radiotap)),
            (824, None),
            (0, None),
        ] {
            assert_eq!(LinkType::from_hardware(hardware), link, "{hardware}");
        }
    }
}
