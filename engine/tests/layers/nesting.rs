//! Tunnels inside tunnels, and the limit.

use dnsflow_testkit::packets::{Ends, IPV6, RAW_IP, Response, ethernet, geneve, gre, gtp};

use crate::capture::Capture;

/// Four tunnels of different kinds, in Ethernet and not, over both versions; `inside` is what the innermost
/// carries.
fn four_deep(inside: &[u8], kind: u16) -> Vec<u8> {
    let (v4, v6) = (false, true);
    let innermost = Ends::outer(v6, 4).udp(50_000, 6081, &geneve(1, kind, inside));
    let third = Ends::outer(v4, 3).udp(50_000, 2152, &gtp(2, &[0, 9, 0, 0], &innermost));
    let bridged = ethernet(&[], &third);
    let second = Ends::outer(v6, 2).ip(47, &gre(0x20, 0x6558, &bridged));
    Ends::outer(v4, 1).vxlan(50_000, &ethernet(&[], &second))
}

#[test]
fn four() {
    Capture::new(RAW_IP)
        .both(|response| four_deep(&response.packet(), response.ends.ether_type()))
        .both(|response| {
            // Nothing but IP, four times.
            let protocol = if response.ends.is_ipv6() { 41 } else { 4 };
            let fourth = Ends::outer(true, 4).ip(protocol, &response.packet());
            let third = Ends::outer(false, 3).ip(41, &fourth);
            let second = Ends::outer(false, 2).ip(4, &third);
            Ends::outer(true, 1).ip(4, &second)
        })
        .check("four");
}

#[test]
fn five_are_refused_and_counted() {
    let fifth = |response: &Response| {
        let inside = Ends::outer(true, 5).vxlan(50_000, &response.ethernet());
        four_deep(&inside, IPV6)
    };
    let capture = Capture::new(RAW_IP).both(fifth);
    let path = capture.write("five");
    let (sets, said) = capture.sensor(&path);
    assert_eq!(sets, Vec::<String>::new());
    assert!(said.contains("tunnel_depth 2"), "{said}");
    // It is the sensor's limit, nothing is wrong with the packets.
    assert_eq!(capture.dissected(&path), capture.expected());
}

#[test]
fn what_was_not_chosen_is_not_followed() {
    let capture = Capture::new(RAW_IP)
        .both(|response| Ends::outer(false, 1).vxlan(50_000, &response.ethernet()));
    let path = capture.write("not-chosen");
    let (sets, said) = capture.sensor_with(&path, "gre,geneve");
    assert_eq!(sets, Vec::<String>::new());
    assert!(said.contains("port 2"), "{said}");
}
