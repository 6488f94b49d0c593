//! The rows: packets, and the account that has to come of them.

use std::sync::Arc;

use dnsflow::shard::admission::Part;
use dnsflow_filters::Balance;
use dnsflow_packet::LinkType;
use dnsflow_packet::Selection;
use dnsflow_packet::lists::{Lists, NameSet, PrefixSet};
use dnsflow_packet::tunnel::Tunnels;
use dnsflow_wire::dns::{Outcome, Outcomes, Rules};

use dnsflow_testkit::packets::{
    ACK, CLIENT_PORT, Ends, FIN_ACK, RESPONSE, Response, SYN_ACK, ethernet, ethernet_of, vxlan,
};

/// One packet of a capture.
#[derive(Clone, Debug)]
pub(crate) struct Captured {
    pub(crate) link: LinkType,
    pub(crate) bytes: Vec<u8>,
    /// Bytes that the snap length has cut off.
    pub(crate) cut: usize,
    pub(crate) seconds: u64,
}

/// Packets, how they are looked at, and what has to be counted: as [`dnsflow_packet::Counters`] prints it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) packets: Vec<Captured>,
    pub(crate) selection: Selection,
    pub(crate) share: Option<Part>,
    pub(crate) expression: Option<String>,
    pub(crate) sample: u32,
    pub(crate) counted: &'static str,
}

impl Row {
    fn new(name: &'static str, frames: Vec<Vec<u8>>, counted: &'static str) -> Self {
        let packets = frames.into_iter().map(|bytes| Captured {
            link: LinkType::Ethernet,
            bytes,
            cut: 0,
            seconds: 0,
        });
        Row {
            name,
            packets: packets.collect(),
            selection: Selection {
                ports: vec![53],
                any_port: false,
                mdns: false,
                plain: false,
                tunnels: Tunnels::all(),
                rules: Rules::default(),
                lists: None,
                sample: None,
            },
            share: None,
            expression: None,
            sample: 0,
            counted,
        }
    }

    /// Leaves this many bytes of each packet.
    fn cut_to(mut self, bytes: usize) -> Self {
        for captured in &mut self.packets {
            captured.cut = captured.bytes.len() - bytes;
            captured.bytes.truncate(bytes);
        }
        self
    }
}

pub(crate) fn rows() -> Vec<Row> {
    [
        left_out(),
        layers(),
        plain(),
        tunnels(),
        fragments(),
        fragments_of_others(),
        fragments_given_up(),
        transport(),
        lists(),
        streams(),
        streams_given_up(),
        messages(),
        cuts(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn ends() -> Ends {
    Ends::new(false, 8)
}

fn response() -> Response {
    Response::new(ends(), "www.example", 2)
}

/// What the user does not want.
fn left_out() -> Vec<Row> {
    let from = |client| Response::new(Ends::new(false, client), "a.example", 1);
    let both = vec![
        ethernet(&[], &from(8).packet()),
        ethernet(&[], &from(9).packet()),
    ];
    let fanout = Balance::client().fanout().expect("a short program");
    vec![
        Row {
            expression: Some("udp and dst host 10.20.0.9".to_owned()),
            ..Row::new(
                "one matches -f",
                both.clone(),
                "received 2 = exported 1 + filtered 1",
            )
        },
        Row {
            share: Some(Part {
                program: fanout,
                index: 1,
                count: 2,
            }),
            ..Row::new(
                "an odd and an even client",
                both.clone(),
                "received 2 = exported 1 + other_share 1",
            )
        },
        Row {
            // One of so many that none of two is it.
            sample: u32::MAX,
            ..Row::new("a sample", both, "received 2 = exported 0 + sampled_out 2")
        },
    ]
}

fn layers() -> Vec<Row> {
    let mut unknown = Row::new(
        "a link type that nobody has",
        vec![ethernet(&[], &response().packet())],
        "received 1 = exported 0 + link_type 1",
    );
    unknown.packets[0].link = LinkType::Unsupported(9999);
    let mut long = response().packet();
    long[0] = 0x4f;
    vec![
        unknown,
        Row::new(
            "half an Ethernet header",
            vec![vec![2; 9]],
            "received 1 = exported 0 + link_damaged 1",
        ),
        Row::new(
            "ARP",
            vec![ethernet_of(&[0x8100], 0x0806, &[0; 46])],
            "received 1 = exported 0 + not_ip 1",
        ),
        Row::new(
            "options that reach past the end",
            vec![ethernet(&[], &long[..40])],
            "received 1 = exported 0 + ip_damaged 1",
        ),
        Row::new(
            "ICMP",
            vec![ethernet(&[], &ends().ip(1, &[0; 8]))],
            "received 1 = exported 0 + protocol 1",
        ),
    ]
}

/// Packets that the original passes over.
fn plain() -> Vec<Row> {
    let response = Response::new(Ends::new(true, 8), "www.example", 2);
    let options = [17, 0, 1, 4, 0, 0, 0, 0];
    let behind = response
        .ends
        .ip(0, &[&options[..], &response.datagram()].concat());
    let part = response
        .ends
        .fragment(1, 0, true, &response.datagram()[..48]);
    let segment = response
        .ends
        .tcp(CLIENT_PORT, 9, ACK, &response.in_stream());
    let of = |name, packet: &[u8], counted| {
        let mut row = Row::new(name, vec![ethernet(&[], packet)], counted);
        row.selection.plain = true;
        row
    };
    vec![
        of("plain", &response.packet(), "received 1 = exported 1"),
        of(
            "plain, options",
            &behind,
            "received 1 = exported 0 + protocol 1",
        ),
        of(
            "plain, IPv6 fragment",
            &part,
            "received 1 = exported 0 + protocol 1",
        ),
        of(
            "plain, TCP",
            &segment,
            "received 1 = exported 0 + protocol 1",
        ),
    ]
}

fn tunnels() -> Vec<Row> {
    let inside = ethernet(&[], &response().packet());
    let mut anonymous = vxlan(&inside);
    anonymous[0] = 0;
    let nested = |count: u8| {
        let packet = response().packet();
        let packet = (1..=count).fold(packet, |packet, pair| {
            Ends::outer(pair.is_multiple_of(2), pair).ip_in_ip(&packet)
        });
        vec![ethernet(&[], &packet)]
    };
    vec![
        Row::new(
            "VXLAN without an identifier",
            vec![ethernet(
                &[],
                &Ends::outer(false, 1).udp(9, 4789, &anonymous),
            )],
            "received 1 = exported 0 + tunnel_damaged 1",
        ),
        Row::new("four tunnels", nested(4), "received 1 = exported 1"),
        Row::new(
            "five tunnels",
            nested(5),
            "received 1 = exported 0 + tunnel_depth 1",
        ),
    ]
}

fn fragments() -> Vec<Row> {
    let of = |ipv6| Response::new(Ends::new(ipv6, 8), "big.example", 80);
    let parts = |ipv6| {
        let Response { ends, .. } = of(ipv6);
        let parts = ends.fragments(7, &of(ipv6).datagram(), 512);
        parts
            .iter()
            .map(|packet| ethernet(&[], packet))
            .collect::<Vec<_>>()
    };
    let backwards = parts(true).into_iter().rev().collect();
    let [first, second, third] =
        <[Vec<u8>; 3]>::try_from(parts(false)).expect("1,316 bytes in pieces of 512");
    let twice = vec![first.clone(), second.clone(), second, third];
    let place = |place, more, bytes| ethernet(&[], &ends().fragment(3, place, more, bytes));
    vec![
        Row::new(
            "IPv4 in order",
            parts(false),
            "received 3 + rebuilt 1 = exported 1 + fragment 3",
        ),
        Row::new(
            "IPv6 backwards",
            backwards,
            "received 5 + rebuilt 1 = exported 1 + fragment 5",
        ),
        Row::new(
            "one of them twice",
            twice,
            "received 4 + rebuilt 1 = exported 1 + fragment 3 + fragment_duplicate 1",
        ),
        Row::new(
            "two that overlap, and one more",
            vec![
                place(8, true, &[1; 16]),
                place(16, true, &[2; 16]),
                place(32, false, &[3; 8]),
            ],
            "received 3 = exported 0 + fragment 1 + fragment_overlap 2; lost: datagram_incomplete 1",
        ),
        Row::new(
            "a length that is no multiple of 8",
            vec![place(0, true, &[1; 15])],
            "received 1 = exported 0 + fragment_damaged 1",
        ),
    ]
}

/// Fragments of another port: with the first one, and without it, as the capture filter leaves them.
fn fragments_of_others() -> Vec<Row> {
    let foreign = |of| {
        let datagram = ends().udp_datagram(5060, 5060, &[0x2a; 900]);
        let parts = ends().fragments(of, &datagram, 512);
        let parts: Vec<Vec<u8>> = parts.iter().map(|packet| ethernet(&[], packet)).collect();
        <[Vec<u8>; 2]>::try_from(parts).expect("908 bytes in pieces of 512")
    };
    let [first, second] = foreign(1);
    let mut without = Row::new(
        "three of another port without the first, the second a minute later",
        vec![
            foreign(2)[1].clone(),
            foreign(3)[1].clone(),
            foreign(4)[1].clone(),
        ],
        "received 3 + rebuilt 3 = exported 0 + fragment 3 + datagram_headless 3",
    );
    for captured in &mut without.packets[1..] {
        captured.seconds = 60;
    }
    vec![
        Row::new(
            "of another port, in order",
            vec![first.clone(), second.clone()],
            "received 2 = exported 0 + fragment_foreign 2",
        ),
        Row::new(
            "of another port, backwards",
            vec![second, first.clone()],
            "received 2 = exported 0 + fragment 1 + fragment_foreign 1",
        ),
        Row::new(
            "of another port, never whole",
            vec![first],
            "received 1 = exported 0 + fragment_foreign 1",
        ),
        Row::new(
            "of ICMP",
            vec![ethernet(&[], &ends().ipv4(&[], 5, 0x2000, 1, &[8; 64]))],
            "received 1 = exported 0 + fragment_foreign 1",
        ),
        without,
    ]
}

fn fragments_given_up() -> Vec<Row> {
    /// Of 4,097 datagrams that wait the oldest has to go when the next fragment comes.
    const DATAGRAMS: u16 = 4096 + 3;
    let start = |of| {
        ethernet(
            &[],
            &ends().fragment(of, 0, true, &response().datagram()[..48]),
        )
    };
    let mut late = Row::new(
        "two whose rest never came, the second a minute later",
        vec![start(1), start(2)],
        "received 2 + rebuilt 2 = exported 0 + fragment 2 + cut 2; \
         lost: datagram_timeout 1, datagram_incomplete 1",
    );
    late.packets[1].seconds = 60;
    let large = Response::new(ends(), "big.example", 40);
    let parts = ends().fragments(9, &large.datagram(), 512);
    let parts: Vec<Vec<u8>> = parts.iter().map(|packet| ethernet(&[], packet)).collect();
    let mut future = Row::new(
        "a packet from the future, then two halves too far apart",
        [vec![start(1)], vec![start(2); 8], parts].concat(),
        "received 11 + rebuilt 4 = exported 1 + fragment 4 + fragment_duplicate 7 + datagram_headless 1 \
         + cut 2; lost: partial 1, datagram_timeout 3",
    );
    future.packets[0].seconds = 1_000_000;
    future.packets[10].seconds = 69;
    vec![
        late,
        future,
        Row::new(
            "too many that wait",
            (0..DATAGRAMS).map(start).collect(),
            "received 4099 + rebuilt 4099 = exported 0 + fragment 4099 + cut 4099; \
             lost: datagram_evicted 2, datagram_incomplete 4097",
        ),
        Row::new(
            "the end of which is missing, behind an address",
            vec![ethernet(
                &[],
                &ends().fragment(1, 0, true, &response().datagram()[..56]),
            )],
            "received 1 + rebuilt 1 = exported 1 + fragment 1; lost: partial 1, datagram_incomplete 1",
        ),
    ]
}

/// What belongs with no other packet, whatever comes before or behind it.
pub(crate) fn transport() -> Vec<Row> {
    let over = |protocol, bytes: &[u8]| vec![ethernet(&[], &ends().ip(protocol, bytes))];
    let web = ends().tcp(CLIENT_PORT, 1, ACK, b"HTTP/1.1 200 OK");
    let web = Row::new(
        "from a web server",
        over(6, &[&443_u16.to_be_bytes(), &web[22..]].concat()),
        "received 1 = exported 0 + port 1",
    );
    vec![
        web,
        Row::new(
            "an echo",
            over(1, &[0; 8]),
            "received 1 = exported 0 + protocol 1",
        ),
        Row::new(
            "half a UDP header",
            over(17, &[0, 53, 9, 9]),
            "received 1 = exported 0 + udp_damaged 1",
        ),
        Row::new(
            "half a TCP header",
            over(6, &[0, 53, 9, 9]),
            "received 1 = exported 0 + tcp_damaged 1",
        ),
        Row::new(
            "from port 54",
            vec![ethernet(
                &[],
                &ends().udp(54, CLIENT_PORT, &response().message()),
            )],
            "received 1 = exported 0 + port 1",
        ),
    ]
}

fn streams() -> Vec<Row> {
    let stream = [response().in_stream(), response().in_stream()].concat();
    let segment = |sequence: u32, flags, bytes: &[u8]| {
        ethernet(&[], &ends().tcp(CLIENT_PORT, sequence, flags, bytes))
    };
    let end = u32::try_from(stream.len()).expect("two short messages");
    let whole = vec![
        segment(99, SYN_ACK, &[]),
        segment(100, ACK, &stream[..40]),
        segment(140, ACK, &stream[40..]),
        segment(100, ACK, &stream[..40]),
        segment(100 + end, FIN_ACK, &[]),
    ];
    vec![
        Row::new(
            "two messages in two segments, one of them twice",
            whole,
            "received 5 + rebuilt 2 = exported 2 + segment 2 + segment_empty 2 + segment_duplicate 1",
        ),
        Row::new(
            "a segment that never came",
            vec![
                segment(99, SYN_ACK, &[]),
                segment(100, ACK, &stream[..40]),
                segment(150, ACK, &stream[50..]),
            ],
            "received 3 + rebuilt 1 = exported 1 + segment 2 + segment_empty 1; \
             lost: stream_gap 1, message_incomplete 1",
        ),
        Row::new(
            "the start of a message",
            vec![segment(99, SYN_ACK, &[]), segment(100, ACK, &stream[..40])],
            "received 2 = exported 0 + segment 1 + segment_empty 1; lost: message_incomplete 1",
        ),
    ]
}

/// One more stream with half a message than are kept.
fn streams_given_up() -> Vec<Row> {
    const STREAMS: u16 = 16_384 + 1;
    let start = |port| ethernet(&[], &ends().tcp(port, 9, SYN_ACK, &[0, 99, 1, 2]));
    vec![Row::new(
        "too many that wait",
        (1..=STREAMS).map(start).collect(),
        "received 16385 = exported 0 + segment 16385; lost: stream_evicted 1, message_incomplete 16385",
    )]
}

fn messages() -> Vec<Row> {
    let of = |name, counted, change: &dyn Fn(&mut Vec<u8>)| {
        let mut message = response().message();
        change(&mut message);
        Row::new(
            name,
            vec![ethernet(&[], &ends().udp(53, CLIENT_PORT, &message))],
            counted,
        )
    };
    // The question is at 12, its type 13 bytes further, the first answer 4 bytes behind that.
    vec![
        of("as it is", "received 1 = exported 1", &|_| {}),
        of(
            "158 aliases of 13 bytes, which have more than 2,048",
            "received 1 = exported 1; lost: oversized 1",
            &|message| {
                let alias = b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x02\xc0\x0c";
                message[7] += 158;
                message.splice(29..29, alias.repeat(158));
            },
        ),
        of(
            "11 bytes",
            "received 1 = exported 0 + message_short 1",
            &|message| message.truncate(11),
        ),
        of("QR is 0", "received 1 = exported 0 + query 1", &|message| {
            message[2] = 1
        }),
        of(
            "NXDOMAIN",
            "received 1 = exported 0 + error_code 1",
            &|message| message[3] |= 3,
        ),
        of(
            "RA is 0",
            "received 1 = exported 0 + not_recursive 1",
            &|message| message[3] = 0,
        ),
        of(
            "two questions",
            "received 1 = exported 0 + question_count 1",
            &|message| message[5] = 2,
        ),
        of(
            "a label of 64",
            "received 1 = exported 0 + question_damaged 1",
            &|message| message[12] = 64,
        ),
        of(
            "asks for MX",
            "received 1 = exported 0 + question_type 1",
            &|message| message[26] = 15,
        ),
        of(
            "an address of 5 bytes",
            "received 1 = exported 0 + answer_damaged 1",
            &|message| message[40] = 5,
        ),
        of(
            "a name of 254 bytes, and 40 more that end in it",
            "received 1 = exported 0 + name_bytes 1",
            &|message| {
                let longest = [
                    &[0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, 253][..],
                    &b"\x01a".repeat(126),
                    b"\0",
                ];
                let more = b"\x01b\xc0\x29\0\x10\0\x01\0\0\0\x3c\0\0";
                message[7] += 41;
                message.splice(29..29, [longest.concat(), more.repeat(40)].concat());
            },
        ),
        Row {
            selection: Selection {
                rules: Rules {
                    outcomes: Outcomes::NONE.with(Outcome::Nxdomain),
                    ..Rules::default()
                },
                ..Selection::new([53], false)
            },
            ..of(
                "addresses, where other outcomes are selected",
                "received 1 = exported 0 + answered 1",
                &|_| {},
            )
        },
        of(
            "no answers",
            "received 1 = exported 0 + no_address 1",
            &|message| {
                message[7] = 0;
                message.truncate(29);
            },
        ),
    ]
}

/// What lists have, or have not. They come before everything that the message itself says.
fn lists() -> Vec<Row> {
    fn names(name: &str) -> Option<NameSet> {
        let mut set = NameSet::default();
        set.insert(name.as_bytes()).expect("a name");
        Some(set)
    }
    fn addresses(prefix: &str) -> Option<PrefixSet> {
        Some([prefix.parse().expect("a prefix")].into_iter().collect())
    }
    let row = |name, counted, lists| {
        let without_answer = Response {
            flags: RESPONSE | 3,
            ..response()
        };
        let frames = [response(), without_answer].map(|it| ethernet(&[], &it.packet()));
        let mut row = Row::new(name, frames.to_vec(), counted);
        row.selection.lists = Some(Arc::new(lists));
        row
    };
    let (client, resolver) = (ends().client.to_string(), ends().resolver.to_string());
    let mut lists = [(); 7].map(|()| Lists::default());
    lists[0].clients.never = addresses(&client);
    lists[1].clients.only = addresses(&resolver);
    lists[2].resolvers.never = addresses(&resolver);
    lists[3].resolvers.only = addresses(&client);
    lists[4].names.never = names("example");
    lists[5].names.only = names("www.example.org");
    lists[6].names.only = names("WWW.example.");
    let counted = [
        (
            "a client that is listed",
            "received 2 = exported 0 + client_excluded 2",
        ),
        (
            "no client that is listed",
            "received 2 = exported 0 + client_unlisted 2",
        ),
        (
            "a resolver that is listed",
            "received 2 = exported 0 + resolver_excluded 2",
        ),
        (
            "no resolver that is listed",
            "received 2 = exported 0 + resolver_unlisted 2",
        ),
        (
            "below a name that is listed",
            "received 2 = exported 0 + name_excluded 2",
        ),
        (
            "no name that is listed",
            "received 2 = exported 0 + name_unlisted 2",
        ),
        (
            "a name that is listed",
            "received 2 = exported 1 + error_code 1",
        ),
    ];
    let rows = counted.into_iter().zip(lists);
    rows.map(|((name, counted), lists)| row(name, counted, lists))
        .collect()
}

fn cuts() -> Vec<Row> {
    let frame = || vec![ethernet(&[], &response().packet())];
    let headers = 14 + 20 + 8;
    vec![
        Row::new(
            "cut behind the question",
            frame(),
            "received 1 = exported 0 + cut 1",
        )
        .cut_to(headers + 29),
        Row::new(
            "cut in the second address",
            frame(),
            "received 1 = exported 1; lost: partial 1",
        )
        .cut_to(headers + 29 + 16 + 14),
    ]
}
