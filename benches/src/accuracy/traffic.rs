//! Clients behind one resolver that browse sites behind shared addresses of a content delivery network.
//!
//! Each address serves some sixty sites. Each client has a few sites to which it comes back, from its cache while the
//! TTL lasts; by then others have looked up other sites of the address. A flow is the start of a
//! handshake and a request over HTTP that names the site.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use dnsflow_generate::random::Random;
use dnsflow_testkit::capture::Pcap;
use dnsflow_testkit::packets::{ETHERNET, Ends, PUSH_ACK, TCP, ethernet, segment};

use crate::floods::messages::name;

/// Clients.
const CLIENTS: u32 = 250;

/// Sites of all, and those of one client.
const SITES: u32 = 4000;
const FAVOURITES: u32 = 4;

/// Addresses of the network, and those that one site is served by.
const EDGES: u32 = 200;
const EDGES_OF_SITE: u32 = 3;

/// The TTL of all answers, which clients keep as long.
const TTL: Duration = Duration::from_secs(600);

/// How long it lasts: visits are spread over it.
const HOUR: u32 = 3600;

/// When it begins: 2023-11-14 22:13:20 UTC.
const START: Duration = Duration::from_secs(1_700_000_000);

const RESOLVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);
const HTTP: u16 = 80;
const SYN: u8 = 0x02;

/// A capture file of so many visits.
///
/// # Panics
/// If there are more than 60,000 visits: each has a port of its own.
#[must_use]
pub fn capture(visits: u16, seed: u64) -> Vec<u8> {
    assert!(visits <= 60_000, "at most 60,000 visits");
    let mut random = Random::new(seed, 0);
    let mut times: Vec<u32> = (0..visits).map(|_| random.below(HOUR * 1000)).collect();
    times.sort_unstable();
    let mut caches = HashMap::new();
    let mut packets = Vec::new();
    for (milliseconds, port) in times.into_iter().zip(4096..) {
        let visit = Visit::random(&mut random, port);
        let mut time = START + Duration::from_millis(milliseconds.into());
        let key = (visit.client, visit.site);
        let kept = caches.get(&key).filter(|(until, _)| time < *until);
        let server = match kept {
            Some((_, server)) => *server,
            None => {
                let server = edge(visit.site, random.below(EDGES_OF_SITE));
                packets.push((time, visit.response(server)));
                caches.insert(key, (time + TTL, server));
                time += Duration::from_millis(random.between(1, 40).into());
                server
            }
        };
        packets.extend(visit.flow(time, server));
    }
    packets.sort_by_key(|(time, _)| *time);
    Pcap::of(ETHERNET).file(packets)
}

/// A client that goes to a site.
#[derive(Clone, Copy, Debug)]
struct Visit {
    client: Ipv4Addr,
    site: u32,
    port: u16,
}

impl Visit {
    fn random(random: &mut Random, port: u16) -> Self {
        let client = random.below(CLIENTS);
        let favourite = random.below(FAVOURITES);
        let [.., number] = client.to_be_bytes();
        Self {
            client: Ipv4Addr::new(10, 20, 0, number),
            // The sites of a client are anywhere among all.
            site: Random::new(u64::from(client), favourite.into()).below(SITES),
            port,
        }
    }

    fn name(self) -> String {
        format!("www.site{}.example", self.site)
    }

    /// The response to the look-up of the site: half of the sites are aliases.
    fn response(self, server: Ipv4Addr) -> Vec<u8> {
        let alias = self.site.is_multiple_of(2);
        let mut message = Vec::new();
        let answers = 1 + u16::from(alias);
        for word in [self.port, 0x8180, 1, answers, 0, 0] {
            message.extend(word.to_be_bytes());
        }
        message.extend(on_wire(&self.name()));
        message.extend([0, 1, 0, 1]);
        // A pointer to the name in the question.
        let mut owner = vec![0xc0, 12];
        if alias {
            let target = on_wire(&format!("site{}.cdn.example", self.site));
            record(&mut message, &owner, 5, &target);
            owner = target;
        }
        record(&mut message, &owner, 1, &server.octets());
        let ends = ends(RESOLVER, self.client);
        ethernet(&[], &ends.udp(53, self.port, &message))
    }

    /// The client's packets of a flow.
    fn flow(self, time: Duration, server: Ipv4Addr) -> [(Duration, Vec<u8>); 2] {
        let ends = ends(self.client, server);
        let packet = |flags, sequence, payload: &[u8]| {
            let segment = segment(self.port, HTTP, sequence, flags, payload);
            ethernet(&[], &ends.ip(TCP, &segment))
        };
        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", self.name());
        [
            (time, packet(SYN, 1, b"")),
            (
                time + Duration::from_millis(20),
                packet(PUSH_ACK, 2, request.as_bytes()),
            ),
        ]
    }
}

fn ends(from: Ipv4Addr, to: Ipv4Addr) -> Ends {
    Ends {
        resolver: IpAddr::V4(from),
        client: IpAddr::V4(to),
    }
}

/// One of the addresses that a site is served by.
fn edge(site: u32, which: u32) -> Ipv4Addr {
    let [.., number] = Random::new(site.into(), which.into())
        .below(EDGES)
        .to_be_bytes();
    Ipv4Addr::new(203, 0, 113, number)
}

fn on_wire(text: &str) -> Vec<u8> {
    name(text.split('.').map(str::as_bytes))
}

/// A record of the class IN.
fn record(message: &mut Vec<u8>, owner: &[u8], record_type: u16, data: &[u8]) {
    message.extend(owner);
    message.extend(record_type.to_be_bytes());
    message.extend([0, 1]);
    let ttl = u32::try_from(TTL.as_secs()).expect("a short time");
    message.extend(ttl.to_be_bytes());
    message.extend(u16::try_from(data.len()).expect("short data").to_be_bytes());
    message.extend(data);
}
