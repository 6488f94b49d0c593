//! The sample of clients in front of a capture filter, against the one of decode.

use dnsflow_filters::{Interpreter, Packet, compile, sample_clients};
use dnsflow_packet::client_sample::ClientSample;
use dnsflow_packet::{Counters, Decoder, Frame, LinkType, Reject, Selection, Sets, Timestamp};
use dnsflow_testkit::frames::build::{DOT1AD, DOT1Q};
use dnsflow_testkit::frames::{self, response_v4, response_v6};
use dnsflow_wire::response::Endpoints;
use dnsflow_wire::v4::Encoder;
use proptest::prelude::*;

/// Whether the program in front of a filter that keeps everything keeps a frame.
fn is_kept(sample: ClientSample, bytes: &[u8]) -> bool {
    let everything = compile("", LinkType::Ethernet, 0).expect("no expression");
    let program = sample_clients(sample).then(everything);
    let program = Interpreter::new(&program.expect("a short program"));
    let program = program.expect("nothing that only a kernel knows");
    program.run(&Packet::ethernet(bytes), || 0) > 0
}

/// What decode counts.
fn counted(sample: ClientSample, bytes: &[u8]) -> Counters {
    const ROOM_BYTES: usize = 1464;
    let mut decoder = Decoder::new(Selection {
        sample: Some(sample),
        ..Selection::default()
    });
    let mut sink = Sets::new(Encoder::default(), ROOM_BYTES, |_: &[u8], _: Timestamp| {});
    let frame = Frame {
        bytes,
        wire_bytes: u32::try_from(bytes.len()).expect("a short frame"),
        at: Timestamp::default(),
        link: LinkType::Ethernet,
        vlan: None,
    };
    decoder.decode(&frame, &mut sink);
    decoder.finish(&mut sink);
    sink.counters
}

fn is_sampled_out(sample: ClientSample, bytes: &[u8]) -> bool {
    counted(sample, bytes).rejected(Reject::Sampled) > 0
}

/// What is too deep for a program goes on to decode.
#[test]
fn both_decide_alike_about_every_frame_with_a_message() {
    let (mut kept, mut left_out) = (0, 0);
    for key in 0..16 {
        let sample = ClientSample::new(2, key);
        for frames::Frame { name, bytes, .. } in frames::table() {
            // A sample of nearly nobody shows who decides at all.
            let nobody = ClientSample::new(u32::MAX, key);
            let is_message = is_sampled_out(nobody, &bytes);
            let is_found = !is_kept(nobody, &bytes);
            if !is_message || !is_found {
                assert!(is_found || is_kept(sample, &bytes), "{name}, key {key}");
                continue;
            }
            let is_out = is_sampled_out(sample, &bytes);
            assert_eq!(is_kept(sample, &bytes), !is_out, "{name}, key {key}");
            *if is_out { &mut left_out } else { &mut kept } += 1;
        }
    }
    assert!(kept > 100 && left_out > 100, "{kept}, {left_out}");
}

/// What has no address that a program finds is left to decode.
#[test]
fn what_is_not_ip_goes_on() {
    let sample = ClientSample::new(u32::MAX, 0);
    let arp = [&[2; 12][..], &[8, 6], &[0; 46]].concat();
    assert!(is_kept(sample, &arp));
    assert!(!is_kept(sample, &response_v4(&[])));
}

proptest! {
    #[test]
    fn both_have_the_same_clients(
        ipv4: [u8; 4],
        ipv6: [u8; 16],
        tags in 0_usize..4,
        rate in prop_oneof![0_u32..20, any::<u32>()],
        key: u32,
    ) {
        let tags = &[DOT1AD, DOT1Q, DOT1Q][..tags.min(3)];
        let sample = ClientSample::new(rate, key);
        let at = 14 + 4 * tags.len();
        let (mut over_ipv4, mut over_ipv6) = (response_v4(tags), response_v6(tags));
        over_ipv4[at + 16..at + 20].copy_from_slice(&ipv4);
        over_ipv6[at + 24..at + 40].copy_from_slice(&ipv6);
        let resolver = ([0; 4], [0; 16]);
        let to_ipv4 = Endpoints::V4 { client: ipv4, resolver: resolver.0 };
        let to_ipv6 = Endpoints::V6 { client: ipv6, resolver: resolver.1 };
        for (bytes, endpoints) in [(over_ipv4, to_ipv4), (over_ipv6, to_ipv6)] {
            let expected = sample.has(&endpoints);
            prop_assert_eq!(is_kept(sample, &bytes), expected, "{:?}", endpoints);
            prop_assert_eq!(is_sampled_out(sample, &bytes), !expected, "{:?}", endpoints);
        }
    }
}
