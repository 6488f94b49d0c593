//! A minimal collector: receives datagrams on a UDP port and prints a line for each record.
//!
//! ```sh
//! cargo run -p dnsflow-wire --example decode_datagram -- 127.0.0.1:5300
//! ```
//!
//! Then start a sensor that exports there, or the other example, `build_datagram`.

use std::error::Error;
use std::net::{IpAddr, UdpSocket};
use std::time::{Duration, SystemTime};

use dnsflow_wire::datagram::{Datagram, DecodeError};
use dnsflow_wire::text::{self, Sensor, write_record, write_set};
use dnsflow_wire::{v4, v5};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:5300".into());
    let socket = UdpSocket::bind(&address)?;
    eprintln!("receiving on {address}");
    println!("{}", text::HEADER);
    let mut payload = vec![0; 65_535];
    loop {
        let (length, sensor) = socket.recv_from(&mut payload)?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        if let Err(error) = print(&payload[..length], sensor.ip(), now) {
            eprintln!("{sensor}: {error}");
        }
    }
}

/// Prints the records of one datagram, up to the first error.
fn print(payload: &[u8], sensor: IpAddr, received: Duration) -> Result<(), DecodeError> {
    let mut line = String::new();
    match Datagram::parse(payload)? {
        Datagram::V4(datagram) => match datagram.content()? {
            v4::Content::Sets(sets) => {
                for set in sets {
                    line.clear();
                    // A String takes every write.
                    let _ = write_set(&mut line, Some(sensor), received, &set?);
                    print!("{line}");
                }
            }
            v4::Content::Stats(stats) => eprintln!("{sensor}: {stats:?}"),
        },
        Datagram::V5(datagram) => match datagram.content() {
            v5::Content::Records(records) => {
                let name = datagram.sensor_name().map(Sensor::Name);
                let sensor = name.unwrap_or(Sensor::Address(sensor));
                for record in records {
                    line.clear();
                    let _ = write_record(&mut line, Some(sensor), &record?);
                    print!("{line}");
                }
            }
            v5::Content::Stats(counters) => {
                for counter in counters {
                    let v5::Counter { name, value } = counter?;
                    eprintln!("{sensor}: {name} {value}");
                }
            }
        },
    }
    Ok(())
}
