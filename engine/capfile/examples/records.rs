//! Prints the records of a capture file: `cargo run -p dnsflow-capfile --example records -- FILE`.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use dnsflow_capfile::{Records, input};
use dnsflow_packet::{Decoder, Selection, Sets, Timestamp};
use dnsflow_wire::encode::Encode;
use dnsflow_wire::v4::Encoder;

/// Bytes of a set: what a datagram has room for at an MTU of 1500.
const SET_BYTES: usize = 1464;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: records FILE")?;
    let mut records = Records::open(input::unpacked(input::open(Path::new(&path))?)?)?;
    let mut decoder = Decoder::new(Selection::default());
    let mut line = String::new();
    let mut sink = Sets::new(Encoder::default(), SET_BYTES, |set: &[u8], at: Timestamp| {
        line.clear();
        Encoder::write_line(set, Duration::new(at.seconds, at.nanoseconds), &mut line);
        print!("{line}");
    });
    while let Some(frame) = records.next_frame()? {
        sink.counters.received += 1;
        decoder.decode(&frame, &mut sink);
    }
    decoder.finish(&mut sink);
    eprintln!("{}", sink.counters);
    Ok(())
}
