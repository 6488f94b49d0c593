//! Capture files of many shapes.

use std::path::PathBuf;
use std::time::Duration;

use dnsflow_testkit::capture::{Order, Pcap, Pcapng, Unit};
use dnsflow_testkit::packets::Ends;

use crate::export::START;

/// Time between two packets.
const STEP: Duration = Duration::from_micros(500_042);

/// 127.0.0.1:`port` to 127.0.0.1:5300.
pub(crate) fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    Ends::of("127.0.0.1", "127.0.0.1").udp(port, 5300, payload)
}

/// [fdfd:..]:4000 to [fdfd:..]:5300.
pub(crate) fn udp6(payload: &[u8]) -> Vec<u8> {
    let address = ["fdfd"; 8].join(":");
    Ends::of(&address, &address).udp(4000, 5300, payload)
}

/// A way to write a capture.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) link: u16,
    /// What stands before each IP packet.
    pub(crate) head: &'static [u8],
    pub(crate) order: Order,
    pub(crate) unit: Unit,
}

/// As the sensor's -w writes it.
pub(crate) const SENSOR: Shape = Shape {
    link: 0,
    head: &[2, 0, 0, 0],
    order: Order::Little,
    unit: Unit::Micro,
};

impl Shape {
    /// A pcap file; packet number N comes N times [`STEP`] after the start.
    pub(crate) fn pcap(self, packets: &[Vec<u8>]) -> Vec<u8> {
        let Self {
            link, order, unit, ..
        } = self;
        Pcap { order, unit, link }.file(self.frames(packets))
    }

    /// The same as pcapng.
    pub(crate) fn pcapng(self, packets: &[Vec<u8>]) -> Vec<u8> {
        let file = Pcapng::new(self.order).interface(self.link, None, None);
        let frames = self.frames(packets);
        let file = frames.fold(file, |file, (time, frame)| {
            let clock = u64::try_from(time.as_micros()).expect("a time before 2106");
            file.packet(0, clock, &frame)
        });
        file.bytes()
    }

    fn frames(self, packets: &[Vec<u8>]) -> impl Iterator<Item = (Duration, Vec<u8>)> {
        let start = Duration::from_secs(START.into());
        (0..)
            .zip(packets)
            .map(move |(number, packet)| (start + number * STEP, [self.head, packet].concat()))
    }
}

/// Writes a file that only the calling test knows.
pub(crate) fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}
