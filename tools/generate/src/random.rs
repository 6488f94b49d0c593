//! Random numbers whose sequence depends on the seed only, in every version.
//!
//! "Same seed, same bytes" must survive upgrades, and random number crates reserve the right to
//! change their sequences, so the few lines of SplitMix64 (Steele, Lea, Flood: "Fast splittable
//! pseudorandom number generators", 2014) stand here. Not for secrets.

use std::str::FromStr;

/// A stream of random bits, fixed by its seed.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// Stream `stream` of `seed`; different streams of one seed are unrelated.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut start = Self { state: seed };
        let state = start.bits() ^ stream.wrapping_mul(0xd134_2543_de82_ef95);
        Self { state }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..bound`; 0 where `bound` is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        (((self.bits() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// A number in `low..=high`.
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high - low + 1)
    }

    /// One of `items`, each as likely.
    ///
    /// # Panics
    /// On an empty slice; all callers pass tables that are not.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        let len = u32::try_from(items.len()).unwrap_or(u32::MAX);
        items[self.below(len) as usize]
    }

    /// True for `share` of all calls.
    pub(crate) fn chance(&mut self, share: Share) -> bool {
        (self.bits() >> 32) < share.threshold
    }

    /// 16 random bits.
    pub(crate) fn word(&mut self) -> u16 {
        (self.bits() >> 48) as u16
    }

    /// A port as clients choose them (RFC 6335 section 6: 49152 to 65535, and what Linux uses).
    pub(crate) fn ephemeral_port(&mut self) -> u16 {
        32_768 + self.word() % 28_232
    }
}

/// A share of packets, 0 to 100 percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Of 2^32.
    threshold: u64,
}

impl Share {
    /// `percent` of 100.
    pub(crate) const fn percent(percent: u64) -> Self {
        Self {
            threshold: (percent << 32) / 100,
        }
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let percent: f64 = text
            .strip_suffix('%')
            .unwrap_or(text)
            .parse()
            .map_err(|_| format!("{text:?} is not a percentage such as 12.5"))?;
        if !(0.0..=100.0).contains(&percent) {
            return Err(format!("{text} is not between 0 and 100 percent"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "at most 2^32 by the check above"
        )]
        #[expect(clippy::cast_sign_loss, reason = "at least 0 by the check above")]
        let threshold = (percent / 100.0 * 4_294_967_296.0).round() as u64;
        Ok(Self { threshold })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_of_a_seed_is_fixed() {
        // The first outputs of SplitMix64 from state 0, as its authors publish them.
        let mut random = Random { state: 0 };
        assert_eq!(random.bits(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.bits(), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn streams_of_one_seed_differ() {
        assert_ne!(Random::new(7, 0).bits(), Random::new(7, 1).bits());
        assert_ne!(Random::new(7, 0).bits(), Random::new(8, 0).bits());
    }

    #[test]
    fn shares_are_kept() {
        let mut random = Random::new(1, 0);
        let quarter: Share = "25".parse().expect("a percentage");
        assert_eq!(quarter, Share::percent(25));
        let hits = (0..100_000).filter(|_| random.chance(quarter)).count();
        assert!((24_000..26_000).contains(&hits), "{hits}");
        assert!((0..1000).all(|_| random.chance(Share::percent(100))));
        assert!(!(0..1000).any(|_| random.chance(Share::percent(0))));
    }

    #[test]
    fn shares_outside_a_hundred_are_refused() {
        for text in ["-1", "100.1", "NaN", "inf", "", "ten"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
        assert_eq!("12.5%".parse(), "12.5".parse::<Share>());
    }

    #[test]
    fn bounds_are_kept() {
        let mut random = Random::new(3, 0);
        let mut seen = [false; 5];
        for _ in 0..1000 {
            seen[random.between(0, 4) as usize] = true;
            assert!(random.ephemeral_port() >= 32_768);
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!(random.below(0), 0);
    }
}
