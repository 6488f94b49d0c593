//! Counts of packets made or sent, by kind.

use std::fmt::{self, Write as _};

use crate::noise::Noise;
use crate::traffic::Kind;

/// Packets by what a sensor must do with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All packets.
    pub packets: u64,
    /// Bytes of all frames, without preamble and check sequence.
    pub bytes: u64,
    /// Responses with addresses, which a sensor exports by default.
    pub responses: u64,
    /// Packets that the sensor exports whose options are told, each as one set.
    pub sets: u64,
    /// Packets that it must not export by default, by their place in [`Noise::ALL`].
    pub noise: [u64; Noise::ALL.len()],
}

impl Counts {
    /// Counts `times` packets of `kind` with `bytes` each, exported or not.
    pub fn add(&mut self, kind: Kind, bytes: usize, is_expected: bool, times: u64) {
        self.packets += times;
        self.sets += if is_expected { times } else { 0 };
        self.bytes += times * u64::try_from(bytes).unwrap_or(u64::MAX);
        match kind {
            Kind::Response => self.responses += times,
            // Discriminants count up from 0 in the order of ALL.
            Kind::Noise(noise) => self.noise[noise as usize] += times,
        }
    }

    /// Adds another account.
    pub fn merge(&mut self, other: &Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.responses += other.responses;
        self.sets += other.sets;
        for (mine, theirs) in self.noise.iter_mut().zip(other.noise) {
            *mine += theirs;
        }
    }

    /// The members of a JSON object, without its braces.
    #[must_use]
    pub fn json_members(&self) -> String {
        let mut noise = String::new();
        for (kind, count) in Noise::ALL.into_iter().zip(self.noise) {
            let comma = if noise.is_empty() { "" } else { "," };
            // Writing to a String cannot fail.
            let _ = write!(noise, "{comma}\"{}\":{count}", kind.name());
        }
        format!(
            "\"packets\":{},\"bytes\":{},\"responses\":{},\"sets\":{},\"noise\":{{{noise}}}",
            self.packets, self.bytes, self.responses, self.sets
        )
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let average = self.bytes.checked_div(self.packets).unwrap_or(0);
        write!(
            f,
            "{} packets of {average} bytes on average, {} responses to export as {} sets",
            self.packets, self.responses, self.sets
        )?;
        for (kind, count) in Noise::ALL.into_iter().zip(self.noise) {
            if count > 0 {
                write!(f, ", {count} {}", kind.name().replace('_', " "))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_place_of_its_own() {
        for (place, kind) in Noise::ALL.into_iter().enumerate() {
            let mut counts = Counts::default();
            counts.add(Kind::Noise(kind), 60, false, 3);
            assert_eq!(counts.noise[place], 3);
            assert_eq!(counts.responses, 0);
            let members = format!("\"{}\":3", kind.name());
            assert!(counts.json_members().contains(&members));
        }
    }

    #[test]
    fn accounts_add_up() {
        let mut counts = Counts::default();
        counts.add(Kind::Response, 100, true, 2);
        let mut other = counts.clone();
        other.add(Kind::Noise(Noise::Truncated), 50, false, 1);
        counts.merge(&other);
        assert_eq!(
            (counts.packets, counts.bytes, counts.responses),
            (5, 450, 4)
        );
        assert!(counts.to_string().ends_with("4 sets, 1 truncated"));
    }
}
