//! Packets and frames, built from their headers by code of the tests' own: what is encoded and decoded by one piece of
//! code agrees with itself whatever it does.
//!
//! A function that is named after a header takes what is behind it, and gives both.

mod ip;
mod link;
mod response;
mod tunnel;

pub use self::ip::{
    ACK, CLIENT_PORT, Ends, FIN_ACK, PUSH_ACK, SYN_ACK, TCP, UDP, extension, fragment, segment, udp,
};
pub use self::link::{
    COOKED, ETHERNET, IPV4, IPV6, RAW_IP, UNREADABLE, cooked, ether_type, ethernet, ethernet_of,
    llc, mpls, pppoe, snap,
};
pub use self::response::{MDNS_RESPONSE, QUERY, RESPONSE, Response, dns, response, sets};
pub use self::tunnel::{geneve, gre, gtp, vxlan};

/// A field of 16 bits that has a length.
fn be16(number: usize) -> [u8; 2] {
    u16::try_from(number)
        .expect("packets and messages have at most 65,535 bytes")
        .to_be_bytes()
}
