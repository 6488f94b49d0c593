//! Numbers that protocols are known by: EtherTypes, IP protocols, PPP protocols, ports.
//!
//! Decode and the capture filter have to test the same numbers: what one of them steps over and the
//! other does not is lost without a count. So each number stands here once, taken from etherparse
//! where it has the number, and otherwise from the registry or the document that assigns it.
//! Numbers that a single file needs stand there.

/// EtherTypes (IEEE 802 Numbers, as the IANA lists them).
pub mod ether_type {
    use etherparse::EtherType;

    /// IPv4 (RFC 894).
    pub const IPV4: u16 = EtherType::IPV4.0;
    /// IPv6 (RFC 2464, section 3).
    pub const IPV6: u16 = EtherType::IPV6.0;
    /// A customer's VLAN tag (IEEE 802.1Q).
    pub const C_TAG: u16 = EtherType::VLAN_TAGGED_FRAME.0;
    /// A provider's VLAN tag (IEEE 802.1ad).
    pub const S_TAG: u16 = EtherType::PROVIDER_BRIDGING.0;
    /// The outer tag of QinQ before there was a standard.
    pub const OLD_S_TAG: u16 = EtherType::VLAN_DOUBLE_TAGGED_FRAME.0;
    /// All VLAN tags.
    pub const VLAN_TAGS: [u16; 3] = [C_TAG, S_TAG, OLD_S_TAG];
    /// MPLS (RFC 3032, section 5).
    pub const MPLS: u16 = 0x8847;
    /// MPLS whose label the upstream router has assigned; multicast before RFC 5332, section 4.
    pub const MPLS_UPSTREAM: u16 = 0x8848;
    /// Both kinds of MPLS.
    pub const MPLS_LABELS: [u16; 2] = [MPLS, MPLS_UPSTREAM];
    /// PPP over Ethernet, session stage (RFC 2516, section 4).
    pub const PPPOE_SESSION: u16 = 0x8864;
    /// PPP without a session, as GRE carries it (RFC 2637, section 4.1).
    pub const PPP: u16 = 0x880b;
    /// Ethernet inside something else (RFC 1701: transparent Ethernet bridging).
    pub const ETHERNET: u16 = 0x6558;
    /// ERSPAN types I and II (draft-foschiano-erspan-03, section 4).
    pub const ERSPAN: u16 = 0x88be;
    /// ERSPAN type III (draft-foschiano-erspan-03, section 4).
    pub const ERSPAN_3: u16 = 0x22eb;
    /// ERSPAN of all types.
    pub const ERSPAN_TYPES: [u16; 2] = [ERSPAN, ERSPAN_3];

    /// The smallest EtherType. A smaller value of the field is a length, and an LLC header follows
    /// (IEEE 802.3, section 3.2.6).
    pub const MIN: u16 = 0x0600;
}

/// IP protocols (IANA, Assigned Internet Protocol Numbers).
pub mod ip_protocol {
    use etherparse::IpNumber;

    /// IPv4 in IP (RFC 2003, RFC 2473).
    pub const IPV4: u8 = IpNumber::IPV4.0;
    /// TCP.
    pub const TCP: u8 = IpNumber::TCP.0;
    /// UDP.
    pub const UDP: u8 = IpNumber::UDP.0;
    /// IPv6 in IP (RFC 4213, RFC 2473).
    pub const IPV6: u8 = IpNumber::IPV6.0;
    /// The fragment header of IPv6 (RFC 8200, section 4.5).
    pub const IPV6_FRAGMENT: u8 = IpNumber::IPV6_FRAGMENTATION_HEADER.0;
    /// GRE (RFC 2784).
    pub const GRE: u8 = IpNumber::GRE.0;

    /// Extension headers of IPv6, ascending: hop-by-hop options, routing, fragment, authentication,
    /// destination options (RFC 8200, section 4; RFC 4302).
    pub const IPV6_EXTENSIONS: [u8; 5] = [
        IpNumber::IPV6_HEADER_HOP_BY_HOP.0,
        IpNumber::IPV6_ROUTE_HEADER.0,
        IPV6_FRAGMENT,
        IpNumber::AUTHENTICATION_HEADER.0,
        IpNumber::IPV6_DESTINATION_OPTIONS.0,
    ];
}

/// PPP protocols and the header in front of them.
pub mod ppp {
    /// IPv4 (RFC 1332, section 2).
    pub const IPV4: u16 = 0x0021;
    /// IPv6 (RFC 5072, section 2).
    pub const IPV6: u16 = 0x0057;
    /// MPLS (RFC 3032, section 4.3).
    pub const MPLS: u16 = 0x0281;
    /// MPLS, multicast (RFC 3032, section 4.3).
    pub const MPLS_MULTICAST: u16 = 0x0283;
    /// Address and control of HDLC-like framing, which may be left out (RFC 1662, section 3.1).
    pub const ADDRESS_CONTROL: u16 = 0xff03;
    /// Version, type and code of a PPPoE session (RFC 2516, section 4).
    pub const PPPOE_SESSION: u16 = 0x1100;
}

/// IEEE 802.2 headers behind which IP travels.
pub mod llc {
    /// DSAP, SSAP and control of a SNAP header (RFC 1042).
    pub const SNAP: [u8; 3] = [0xaa, 0xaa, 0x03];
    /// The last byte of a SNAP organisation whose first two are 0: that of RFC 1042, and that of
    /// the bridges of IEEE 802.1H.
    pub const SNAP_ORGANISATIONS: [u8; 2] = [0x00, 0xf8];
    /// DSAP, SSAP and control of IP in LLC without SNAP.
    pub const IP: [u8; 3] = [0x06, 0x06, 0x03];
}

/// Hardware types of interfaces whose cooked frames have more than IP behind them (`ARPHRD_`,
/// `linux/if_arp.h`).
pub mod hardware {
    /// A radiotap header follows.
    pub const RADIOTAP: u16 = 803;
    /// Netlink messages follow.
    pub const NETLINK: u16 = 824;
}

/// Ports that DNS responses come from.
pub mod port {
    /// DNS (RFC 1035, section 4.2).
    pub const DNS: u16 = 53;
    /// Multicast DNS (RFC 6762, section 6).
    pub const MDNS: u16 = 5353;
}
