//! The capture filter of an interface at each sampling rate that a shard may need.
//!
//! All programs are made before the first is attached, so that a shard under load compiles nothing,
//! and a program that is too long for the kernel is an error of the start or of the reload.

use std::io;

use dnsflow_filters::{FilterError, Program, sample, sample_clients};
use dnsflow_packet::client_sample::ClientSample;

use super::ring::Ring;
use super::socket::Source;

/// Capture filters that differ in their sampling rate, the one that keeps most first.
#[derive(Clone, Debug)]
pub struct Rates {
    /// The rate of the first step.
    rate: u32,
    first: Program,
    /// One for each further step, which keeps half as many packets as the step before.
    further: Vec<Program>,
}

impl Rates {
    /// The filters of an interface. `filter` selects packets and does not sample. The first step
    /// keeps 1 of `rate`; 0 and 1 keep all; `draw` says of what. Each of the `further` steps keeps half as many
    /// as the one before; steps whose rate exceeds 32 bits are left out.
    ///
    /// # Errors
    /// If a program is too long for the kernel.
    pub fn new(
        source: &Source,
        filter: &Program,
        draw: Draw,
        rate: u32,
        further: usize,
    ) -> Result<Self, FilterError> {
        let program = |step_rate| {
            let sampled = draw.sampled(rate, step_rate, filter.clone())?;
            source.filter(sampled)
        };
        let rates = (1..=further).map_while(|step| doubled(rate, step));
        Ok(Self {
            rate,
            first: program(rate)?,
            further: rates.map(program).collect::<Result<_, _>>()?,
        })
    }

    /// The last step, counted from 0.
    #[must_use]
    pub fn last_step(&self) -> usize {
        self.further.len()
    }

    /// The sampling rate of a step: 1 of this many packets is kept; 0 if sampling is off.
    #[must_use]
    pub fn rate(&self, step: usize) -> u32 {
        doubled(self.rate, step).unwrap_or(u32::MAX)
    }

    /// The program of the first step.
    #[must_use]
    pub fn first(&self) -> &Program {
        &self.first
    }

    /// Attaches the program of a step to a ring, in place of the one before. A step that does not
    /// exist stands for the last one.
    ///
    /// # Errors
    /// Those of [`Ring::set_filter`].
    pub fn attach(&self, step: usize, ring: &Ring) -> io::Result<()> {
        let further = step.min(self.further.len()).checked_sub(1);
        let program = further.and_then(|index| self.further.get(index));
        ring.set_filter(program.unwrap_or(&self.first))
    }
}

/// What is drawn for a sample, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// Packets, at random.
    Packets,
    /// Clients, by a hash with this key.
    Clients(u32),
    /// Clients, by decode, since packets of tunnels do not show them. The kernel draws packets where
    /// load demands more than that.
    ClientsInTunnels,
}

impl Draw {
    /// `filter`, behind the program that keeps 1 of `step_rate`; 0 and 1 keep all. Decode does what
    /// it can of `rate`.
    ///
    /// # Errors
    /// If both together are too long for the kernel.
    pub fn sampled(
        self,
        rate: u32,
        step_rate: u32,
        filter: Program,
    ) -> Result<Program, FilterError> {
        let kept = match self {
            Self::Packets | Self::Clients(_) => step_rate,
            Self::ClientsInTunnels => step_rate / rate.max(1),
        };
        match (kept, self) {
            (0 | 1, _) => Ok(filter),
            (kept, Self::Clients(key)) => sample_clients(ClientSample::new(kept, key)).then(filter),
            (kept, _) => sample(kept)?.then(filter),
        }
    }
}

/// `rate`, doubled `times` times; `None` if it exceeds 32 bits. Sampling that is off counts as a
/// rate of 1 once it is doubled.
fn doubled(rate: u32, times: usize) -> Option<u32> {
    match times {
        0 => Some(rate),
        times => {
            let factor = 1_u32.checked_shl(u32::try_from(times).ok()?)?;
            rate.max(1).checked_mul(factor)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dnsflow_filters::{Instruction, MAX_INSTRUCTIONS, compile};
    use dnsflow_packet::LinkType;

    fn rates(rate: u32, further: usize) -> Rates {
        let filter = compile("udp", LinkType::Ip, 0).expect("`udp` compiles");
        Rates::new(
            &Source::EVERY_INTERFACE,
            &filter,
            Draw::Packets,
            rate,
            further,
        )
        .expect("short programs")
    }

    fn all(rates: &Rates) -> Vec<u32> {
        let steps = 0..=rates.last_step();
        steps.map(|step| rates.rate(step)).collect()
    }

    #[test]
    fn each_step_keeps_half_of_the_one_before() {
        assert_eq!(all(&rates(0, 3)), [0, 2, 4, 8]);
        assert_eq!(all(&rates(1, 2)), [1, 2, 4]);
        assert_eq!(all(&rates(10, 2)), [10, 20, 40]);
        assert_eq!(all(&rates(7, 0)), [7]);
    }

    #[test]
    fn programs_sample_at_the_rates() {
        for (rate, expected) in [
            (
                0,
                ["udp", "sample 1 of 2, then udp", "sample 1 of 4, then udp"],
            ),
            (
                3,
                [
                    "sample 1 of 3, then udp",
                    "sample 1 of 6, then udp",
                    "sample 1 of 12, then udp",
                ],
            ),
        ] {
            let rates = rates(rate, 2);
            let programs = [&rates.first, &rates.further[0], &rates.further[1]];
            for (program, expected) in programs.into_iter().zip(expected) {
                let name = program.name();
                assert!(name.ends_with(&format!(", then {expected}")), "{name}");
            }
        }
    }

    #[test]
    fn clients_are_drawn_where_the_kernel_sees_them() {
        let filter = compile("udp", LinkType::Ip, 0).expect("`udp` compiles");
        for (draw, expected) in [
            (
                Draw::Clients(7),
                [
                    "sample 1 of 3 clients, then udp",
                    "sample 1 of 6 clients, then udp",
                ],
            ),
            (
                Draw::ClientsInTunnels,
                ["the loopback once, then udp", "sample 1 of 2, then udp"],
            ),
        ] {
            let rates = Rates::new(&Source::EVERY_INTERFACE, &filter, draw, 3, 1);
            let rates = rates.expect("short programs");
            assert_eq!(all(&rates), [3, 6], "the rate is that of both");
            for (program, expected) in [&rates.first, &rates.further[0]].into_iter().zip(expected) {
                let name = program.name();
                assert!(name.ends_with(expected), "{name}");
            }
        }
    }

    #[test]
    fn rates_beyond_32_bits_are_left_out() {
        assert_eq!(all(&rates(1 << 30, 10)), [1 << 30, 1 << 31]);
        assert_eq!(all(&rates(u32::MAX, 10)), [u32::MAX]);
        assert_eq!(rates(0, 64).last_step(), 31);
    }

    /// It is told at once, not when the shard needs the program.
    #[test]
    fn a_program_that_sampling_makes_too_long() {
        let keep = Instruction {
            code: 0x06,
            jt: 0,
            jf: 0,
            k: 1,
        };
        // With the test for the loopback it is as long as can be.
        let short = Rates::new(
            &Source::EVERY_INTERFACE,
            &Program::new("short", vec![keep]).expect("it returns"),
            Draw::Packets,
            0,
            0,
        );
        let prologue = short.expect("it is short").first().instructions().len() - 1;
        let longest = vec![keep; MAX_INSTRUCTIONS - prologue];
        let longest = Program::new("longest", longest).expect("it returns");
        let rates = |further| {
            Rates::new(
                &Source::EVERY_INTERFACE,
                &longest,
                Draw::Packets,
                0,
                further,
            )
        };
        assert!(rates(0).is_ok());
        let error = rates(1).expect_err("there is no room for sampling");
        assert!(matches!(error, FilterError::TooLong { .. }), "{error}");
    }
}
