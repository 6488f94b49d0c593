//! Extrapolates measured times to larger machines. README.md derives the formulas and states their
//! limits.

use crate::report::table;

/// Numbers of cores in the tables.
const CORES: [u32; 7] = [1, 2, 4, 8, 16, 32, 64];

/// Bytes on the wire besides the frame: preamble, frame check sequence and gap (IEEE 802.3).
const AROUND_FRAME_BYTES: f64 = 24.0;

/// The model of a capture file: a serial and a parallel part of the time per packet.
#[derive(Clone, Copy, Debug)]
pub struct Offline {
    /// Serial part, in nanoseconds per packet: the start, and contention between cores.
    pub each: f64,
    /// Parallel part, in nanoseconds per packet: divided by the number of cores.
    pub shared: f64,
}

impl Offline {
    /// The model from the times per packet on one core and on two, in nanoseconds: t(c) = each +
    /// shared / c.
    #[must_use]
    pub fn new(one: f64, two: f64) -> Self {
        let shared = (2.0 * (one - two)).clamp(0.0, one);
        Self {
            each: one - shared,
            shared,
        }
    }

    /// Millions of packets per second on `cores` cores.
    #[must_use]
    pub fn rate(&self, cores: u32) -> f64 {
        1e3 / (self.each + self.shared / f64::from(cores))
    }

    /// A table of rates by number of cores, limited by the memory bandwidth. `bandwidth` is in
    /// GB/s.
    #[must_use]
    pub fn text(&self, bytes_a_packet: f64, bandwidth: f64) -> String {
        // Each byte is read by the kernel, written to memory, and read by the sensor.
        let memory = bandwidth * 1e3 / (3.0 * bytes_a_packet);
        let rows: Vec<_> = CORES
            .iter()
            .map(|cores| {
                let rate = self.rate(*cores);
                let bound = if rate < memory { "cores" } else { "memory" };
                vec![
                    cores.to_string(),
                    format!("{:.1}", rate.min(memory)),
                    bound.to_owned(),
                ]
            })
            .collect();
        format!(
            "Of a packet's time {:.1} ns stay with more cores, and {:.1} ns are divided among them. Memory that moves \
             {bandwidth:.1} GB/s carries {memory:.0} million packets a second.\n\n{}",
            self.each,
            self.shared,
            table(&["cores", "million packets/s", "bound by"], &rows)
        )
    }
}

/// The model of live capture. All times are in nanoseconds per packet.
#[derive(Clone, Copy, Debug)]
pub struct Live {
    /// Time in the kernel before the tap: driver and stack. Assumed, not measured.
    pub receive: f64,
    /// Time in the tap: fanout, filter, copy into the ring.
    pub tap: f64,
    /// Time in the sensor: ring, decode, export, send.
    pub sensor: f64,
    /// Average size of a frame, in bytes.
    pub frame_bytes: f64,
}

impl Live {
    /// Millions of packets per second on `cores` cores with `queues` receive queues. The packets of
    /// a queue are received on one core; the threads of the sensor run on any core.
    #[must_use]
    pub fn rate(&self, cores: u32, queues: u32) -> f64 {
        let by_cores = f64::from(cores) * 1e3 / (self.receive + self.tap + self.sensor);
        let by_queues = f64::from(queues.min(cores)) * 1e3 / (self.receive + self.tap);
        by_cores.min(by_queues)
    }

    /// A table of rates by number of cores, with 1, 8 and one queue per core, and the rates of
    /// common links.
    #[must_use]
    pub fn text(&self) -> String {
        let rows: Vec<_> = CORES
            .iter()
            .map(|cores| {
                let rate = |queues| format!("{:.1}", self.rate(*cores, queues));
                vec![cores.to_string(), rate(1), rate(8), rate(*cores)]
            })
            .collect();
        let link = |gigabits: f64| gigabits * 1e3 / (8.0 * (self.frame_bytes + AROUND_FRAME_BYTES));
        format!(
            "A packet costs {:.0} ns before the tap (assumed), {:.0} ns in it and {:.0} ns in the sensor. Links of 10, \
             25 and 100 Gbit/s carry {:.1}, {:.1} and {:.1} million such packets a second.\n\n{}",
            self.receive,
            self.tap,
            self.sensor,
            link(10.0),
            link(25.0),
            link(100.0),
            table(&["cores", "1 queue", "8 queues", "a queue a core"], &rows)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_cores_give_what_was_measured() {
        let model = Offline::new(100.0, 60.0);
        assert!((model.rate(1) - 10.0).abs() < 1e-9);
        assert!((model.rate(2) - 1e3 / 60.0).abs() < 1e-9);
        // The speed-up never exceeds the number of cores.
        assert!((Offline::new(100.0, 40.0).rate(4) - 40.0).abs() < 1e-9);
    }

    #[test]
    fn a_queue_bounds_what_cores_could_do() {
        let model = Live {
            receive: 100.0,
            tap: 100.0,
            sensor: 200.0,
            frame_bytes: 200.0,
        };
        assert!((model.rate(1, 1) - 2.5).abs() < 1e-9);
        assert!((model.rate(16, 1) - 5.0).abs() < 1e-9);
        assert!((model.rate(16, 16) - 40.0).abs() < 1e-9);
    }
}
