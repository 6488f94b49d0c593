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
    /// IEEE 802.5 Token Ring with an LLC header.
    TokenRing,
    /// FDDI with an LLC header.
    Fddi,
    /// A 4 byte address family in the byte order of the machine that captured.
    Null,
    /// A 4 byte address family in network byte order.
    Loop,
    /// An IP header, version 4 or 6.
    Ip,
    /// Linux cooked capture, 16 byte header.
    Cooked,
    /// Linux cooked capture version 2, 20 byte header.
    Cooked2,
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
            10 => LinkType::Fddi,
            12 | 14 | 101 | 228 | 229 => LinkType::Ip,
            108 => LinkType::Loop,
            113 => LinkType::Cooked,
            276 => LinkType::Cooked2,
            other => LinkType::Unsupported(other),
        }
    }

    /// From the hardware type of an interface (ARPHRD_, linux/if_arp.h).
    #[must_use]
    pub fn from_hardware(hardware: u16) -> Option<Self> {
        match hardware {
            1 | 772 => Some(LinkType::Ethernet),
            // Tunnels without a link layer; tun devices.
            519 | 768 | 769 | 776 | 778 | 823 | 65534 => Some(LinkType::Ip),
            _ => None,
        }
    }

    /// The DLT_ number that libpcap compiles expressions for.
    #[must_use]
    pub fn dlt(self) -> i32 {
        match self {
            LinkType::Null => 0,
            LinkType::Ethernet => 1,
            LinkType::TokenRing => 6,
            LinkType::Fddi => 10,
            LinkType::Ip => 12,
            LinkType::Loop => 108,
            LinkType::Cooked => 113,
            LinkType::Cooked2 => 276,
            LinkType::Unsupported(number) => i32::try_from(number).unwrap_or(i32::MAX),
        }
    }
}
