//! Tunnels inside tunnels, and the limit.

use crate::capture::{Capture, RAW};
use crate::frames::{Answer, Ends, ethernet};
use crate::tunnels::{VXLAN, geneve, gre, gtp};

/// Four tunnels of different kinds, in Ethernet and not, over both versions; `inside` is what the innermost
/// carries.
fn four_deep(inside: &[u8], ether_type: [u8; 2]) -> Vec<u8> {
    let (v4, v6) = (false, true);
    let innermost =
        Ends::outer(v6, 4).udp(50_000, 6081, &[&geneve(ether_type, 1), inside].concat());
    let third = Ends::outer(v4, 3).udp(50_000, 2152, &gtp(2, &[0, 9, 0, 0], &innermost));
    let bridged = ethernet([0x08, 0], &third);
    let second = Ends::outer(v6, 2).packet(47, &[&gre(0x20, [0x65, 0x58])[..], &bridged].concat());
    let frame = [&VXLAN[..], &ethernet([0x86, 0xdd], &second)].concat();
    Ends::outer(v4, 1).udp(50_000, 4789, &frame)
}

#[test]
fn four() {
    Capture::new(RAW)
        .both(|answer| four_deep(&answer.packet(), answer.ether_type()))
        .both(|answer| {
            // Nothing but IP, four times.
            let protocol = if answer.ends.is_v6() { 41 } else { 4 };
            let fourth = Ends::outer(true, 4).packet(protocol, &answer.packet());
            let third = Ends::outer(false, 3).packet(41, &fourth);
            let second = Ends::outer(false, 2).packet(4, &third);
            Ends::outer(true, 1).packet(4, &second)
        })
        .check("four");
}

#[test]
fn five_are_refused_and_counted() {
    let fifth = |answer: &Answer| {
        let inside =
            Ends::outer(true, 5).udp(50_000, 4789, &[&VXLAN[..], &answer.ethernet()].concat());
        four_deep(&inside, [0x86, 0xdd])
    };
    let capture = Capture::new(RAW).both(fifth);
    let path = capture.write("five");
    let (sets, said) = capture.sensor(&path);
    assert_eq!(sets, Vec::<String>::new());
    assert!(said.contains("tunnel_depth 2"), "{said}");
    // It is the sensor's limit, nothing is wrong with the packets.
    assert_eq!(capture.dissected(&path), capture.expected());
}

#[test]
fn what_was_not_chosen_is_not_followed() {
    let capture = Capture::new(RAW).both(|answer| {
        Ends::outer(false, 1).udp(50_000, 4789, &[&VXLAN[..], &answer.ethernet()].concat())
    });
    let path = capture.write("not-chosen");
    let (sets, said) = capture.sensor_with(&path, "gre,geneve");
    assert_eq!(sets, Vec::<String>::new());
    assert!(said.contains("port 2"), "{said}");
}
