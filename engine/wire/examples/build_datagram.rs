//! A minimal sensor: turns one DNS response into a datagram and sends it to a collector, then its
//! counters in a stats datagram.
//!
//! ```sh
//! cargo run -p dnsflow-wire --example build_datagram -- 127.0.0.1:5300
//! ```
//!
//! The other example, `decode_datagram`, is a collector that prints them.

use std::error::Error;
use std::net::UdpSocket;

use dnsflow_wire::dns::{Answers, Dialect, Extent, Scratch};
use dnsflow_wire::response::{Endpoints, Response};
use dnsflow_wire::v4::{Builder, HEADER_BYTES, Stats, parts};

/// `www.example` is an alias of `cdn.example`, which has the address 192.0.2.1.
const MESSAGE: &[u8] = b"\x12\x34\x81\x80\0\x01\0\x02\0\0\0\0\
    \x03www\x07example\0\0\x01\0\x01\
    \xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x06\x03cdn\xc0\x10\
    \xc0\x29\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01";

/// Payload of a UDP packet at an MTU of 1,500 bytes: less the headers of IPv4 and UDP.
const DATAGRAM_BYTES: usize = 1472;

fn main() -> Result<(), Box<dyn Error>> {
    let collector = std::env::args().nth(1).unwrap_or("127.0.0.1:5300".into());
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(&collector)?;

    let mut scratch = Scratch::default();
    let answers = Answers::parse(MESSAGE, Dialect::Unicast, Extent::Whole, &mut scratch)
        .map_err(|reason| format!("the message does not qualify: {reason:?}"))?;
    let endpoints = Endpoints::V4 {
        client: [198, 51, 100, 7],
        resolver: [192, 0, 2, 53],
    };
    let response = Response {
        envelope: endpoints.into(),
        answers,
    };

    let mut memory = [0; DATAGRAM_BYTES];
    let mut builder = Builder::default();
    let mut sequence = 1;
    for part in parts(&response, DATAGRAM_BYTES - HEADER_BYTES) {
        if !builder.push(&part, &mut memory) {
            let length = builder.finish(sequence, &mut memory);
            socket.send(&memory[..length])?;
            sequence += 1;
            builder.push(&part, &mut memory);
        }
    }
    let length = builder.finish(sequence, &mut memory);
    socket.send(&memory[..length])?;

    let stats = Stats {
        captured: 1,
        received: 1,
        ..Stats::default()
    };
    socket.send(&stats.datagram(sequence + 1))?;
    Ok(())
}
