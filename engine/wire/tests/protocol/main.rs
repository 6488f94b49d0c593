//! The page that specifies the protocol, and datagrams made by it: what is read is what the page says.

mod page;
mod round_trip;
mod writer;

use core::net::IpAddr;
use core::time::Duration;

use dnsflow_wire::datagram::{Datagram, DecodeError};
use dnsflow_wire::text::{
    self, Sensor, write_counters, write_record_and_fields, write_set_and_fields, write_stats,
};
use dnsflow_wire::{v4, v5};

/// Where datagrams come from, and when: 2023-11-14 22:13:20 UTC.
const SENDER: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 1));
const ARRIVAL: Duration = Duration::from_secs(1_700_000_000);

/// The lines of a datagram with all columns, up to what can't be read.
fn lines(bytes: &[u8]) -> (Vec<String>, Option<DecodeError>) {
    let mut lines = Vec::new();
    let error = read(bytes, &mut lines).err();
    (lines, error)
}

fn read(bytes: &[u8], lines: &mut Vec<String>) -> Result<(), DecodeError> {
    let mut add = |write: &dyn Fn(&mut String) -> core::fmt::Result| {
        let mut line = String::new();
        write(&mut line).expect("a string takes everything");
        lines.push(line);
    };
    match Datagram::parse(bytes)? {
        Datagram::V4(datagram) => match datagram.content()? {
            v4::Content::Sets(sets) => {
                for set in sets {
                    let set = set?;
                    add(&|line| write_set_and_fields(line, Some(SENDER), ARRIVAL, &set));
                }
            }
            v4::Content::Stats(stats) => {
                add(&|line| write_stats(line, Sensor::Address(SENDER), ARRIVAL, &stats));
            }
        },
        Datagram::V5(datagram) => {
            let name = datagram.sensor_name().map(Sensor::Name);
            let sensor = name.unwrap_or(Sensor::Address(SENDER));
            match datagram.content() {
                v5::Content::Records(records) => {
                    for record in records {
                        let record = record?;
                        add(&|line| write_record_and_fields(line, Some(sensor), &record));
                    }
                }
                v5::Content::Stats(counters) => {
                    counters.clone().try_for_each(|counter| counter.map(drop))?;
                    let (time, sampling) = (datagram.time(), datagram.sampling());
                    add(&|line| write_counters(line, sensor, time, &counters, sampling, true));
                }
            }
        }
    }
    Ok(())
}

/// A line that nothing in it has forged.
fn assert_line(line: &str) {
    let end = line.len() - 1;
    assert_eq!(line.find('\n'), Some(end), "{line:?}");
    let is_printable = line[..end]
        .bytes()
        .all(|byte| (b' '..=b'~').contains(&byte));
    assert!(is_printable, "{line:?}");
    if !line.starts_with("STATS|") {
        let bars = text::HEADER.matches('|').count() + text::FIELDS.matches('|').count() + 1;
        assert_eq!(line.matches('|').count(), bars, "{line:?}");
    }
}
