//! What capture hands to decode: the bytes of one packet and what is known of them besides.

/// Seconds and nanoseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Whole seconds.
    pub seconds: u64,
    /// 0 to 999,999,999.
    pub nanoseconds: u32,
}

/// One packet as it was captured. Borrows the ring block or the file buffer that holds it.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// From the link layer's header on, as far as the snap length goes.
    pub bytes: &'a [u8],
    /// Bytes of the packet on the wire; more than `bytes` has where it was cut.
    pub wire_bytes: u32,
    /// When it was captured.
    pub at: Timestamp,
    /// What the bytes start with.
    pub link: LinkType,
}

impl Frame<'_> {
    /// Whether bytes are missing at the end.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        usize::try_from(self.wire_bytes).is_ok_and(|wire| wire > self.bytes.len())
    }
}

/// What a packet's bytes start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    /// Ethernet II, with or without VLAN tags.
    Ethernet,
    /// Ethernet with a tag of the switch chip between the addresses and the EtherType.
    SwitchTag {
        /// The number of the link type.
        number: u16,
        /// Bytes of the tag.
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
    /// Whatever follows this EtherType: live, where the kernel says where the network layer starts.
    Network(u16),
    /// Linux cooked capture, 16 byte header.
    Cooked,
    /// Linux cooked capture version 2, 20 byte header.
    Cooked2,
    /// Netfilter log messages.
    Nflog,
    /// Netlink messages behind a cooked header.
    Netlink,
    /// A number that dnsflow doesn't read, from LINKTYPE_ values.
    Unsupported(u32),
}

impl LinkType {
    /// From the number in a capture file, where the values of LINKTYPE_ and DLT_ are the same or both
    /// occur (pcap-linktype(7)).
    #[must_use]
    pub fn from_number(number: u32) -> Self {
        match number {
            0 => LinkType::Null,
            1 => LinkType::Ethernet,
            6 => LinkType::TokenRing,
            7 => LinkType::Arcnet,
            9 => LinkType::Ppp,
            10 => LinkType::Fddi,
            12 | 14 | 101 | 228 | 229 => LinkType::Ip,
            50 => LinkType::PppSerial,
            51 => LinkType::PppOverEthernet,
            104 => LinkType::CiscoHdlc,
            105 => LinkType::Wireless,
            108 => LinkType::Loop,
            113 => LinkType::Cooked,
            119 | 163 => LinkType::Prism,
            127 => LinkType::Radiotap,
            129 => LinkType::ArcnetLinux,
            192 => LinkType::Ppi,
            204 => LinkType::PppDirection,
            239 => LinkType::Nflog,
            253 => LinkType::Netlink,
            276 => LinkType::Cooked2,
            281 => LinkType::SwitchTag {
                number: 281,
                bytes: 4,
            },
            284 => LinkType::SwitchTag {
                number: 284,
                bytes: 4,
            },
            285 => LinkType::SwitchTag {
                number: 285,
                bytes: 8,
            },
            other => LinkType::Unsupported(other),
        }
    }

    /// From the hardware type of an interface (ARPHRD_, linux/if_arp.h).
    #[must_use]
    pub fn from_hardware(hardware: u16) -> Option<Self> {
        match hardware {
            // ETHER, LOOPBACK.
            1 | 772 => Some(LinkType::Ethernet),
            // IEEE802, IEEE802_TR.
            6 | 800 => Some(LinkType::TokenRing),
            // SLIP to CSLIP6, PPP, RAWIP, TUNNEL, TUNNEL6, SIT, IPGRE, PIMREG, IP6GRE, NONE.
            256..=259 | 512 | 519 | 768 | 769 | 776 | 778 | 779 | 823 | 65534 => Some(LinkType::Ip),
            // CISCO.
            513 => Some(LinkType::CiscoHdlc),
            774 => Some(LinkType::Fddi),
            // IEEE80211, _PRISM, _RADIOTAP.
            801 => Some(LinkType::Wireless),
            802 => Some(LinkType::Prism),
            803 => Some(LinkType::Radiotap),
            _ => None,
        }
    }

    /// What stands for a DLT_ number where the kernel says where the network header is. No DLT_ has this number.
    pub const NETWORK_HEADER: i32 = -1;

    /// The DLT_ number that libpcap compiles expressions for, or what the filters have in its place.
    #[must_use]
    pub fn dlt(self) -> i32 {
        match self {
            LinkType::Null => 0,
            LinkType::Ethernet => 1,
            LinkType::TokenRing => 6,
            LinkType::Arcnet => 7,
            LinkType::Ppp => 9,
            LinkType::Fddi => 10,
            LinkType::Ip => 12,
            LinkType::Network(_) => Self::NETWORK_HEADER,
            LinkType::PppSerial => 50,
            LinkType::PppOverEthernet => 51,
            LinkType::CiscoHdlc => 104,
            LinkType::Wireless => 105,
            LinkType::Loop => 108,
            LinkType::Cooked => 113,
            LinkType::Prism => 119,
            LinkType::Radiotap => 127,
            LinkType::ArcnetLinux => 129,
            LinkType::Ppi => 192,
            LinkType::PppDirection => 204,
            LinkType::Nflog => 239,
            LinkType::Netlink => 253,
            LinkType::Cooked2 => 276,
            LinkType::SwitchTag { number, .. } => number.into(),
            LinkType::Unsupported(number) => i32::try_from(number).unwrap_or(i32::MAX),
        }
    }
}
