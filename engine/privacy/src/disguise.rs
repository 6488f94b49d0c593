//! What applies a mode to addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::cipher::Cipher;
use crate::key::{Key, Period, Rotation};
use crate::mode::Mode;

/// Periods whose keys are ready: around midnight packets of two days come, in any order.
const READY: usize = 2;

/// A mode, and for one with a key the keys of the last periods that it was used in.
pub struct Disguise {
    mode: Mode,
    key: Option<Key>,
    rotation: Rotation,
    /// The one that was used last is the first.
    ready: [Option<(Period, Cipher)>; READY],
}

/// Shows no key.
impl fmt::Debug for Disguise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Disguise");
        shown.field("mode", &self.mode).field("key", &self.key);
        shown
            .field("rotation", &self.rotation)
            .finish_non_exhaustive()
    }
}

impl Disguise {
    /// Applies `mode`. A mode that takes a key and has none drops addresses.
    #[must_use]
    pub fn new(mode: Mode, key: Option<&Key>, rotation: Rotation) -> Self {
        let key = key.filter(|_| mode.needs_key()).cloned();
        Self {
            mode: match &key {
                None if mode.needs_key() => Mode::Drop,
                _ => mode,
            },
            key,
            rotation,
            ready: [const { None }; READY],
        }
    }

    /// What it applies.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether addresses stay as they are.
    #[must_use]
    pub fn keeps(&self) -> bool {
        self.mode == Mode::Keep
    }

    /// What becomes of an address in a record of that time, in seconds since 1970.
    #[inline]
    pub fn apply(&mut self, address: IpAddr, seconds: u64) -> IpAddr {
        match self.mode {
            Mode::Keep => address,
            Mode::Drop => zero(address),
            Mode::Prefix { ipv4, ipv6 } => prefix(address, ipv4, ipv6),
            _ => match self.cipher(seconds) {
                Some(cipher) => cipher.encrypt(address),
                None => zero(address),
            },
        }
    }

    /// The address that has this pseudonym in a record of that time, in seconds since 1970; `None` if the mode is not
    /// one that can be undone.
    pub fn undo(&mut self, pseudonym: IpAddr, seconds: u64) -> Option<IpAddr> {
        self.cipher(seconds).map(|cipher| cipher.decrypt(pseudonym))
    }

    fn cipher(&mut self, seconds: u64) -> Option<&Cipher> {
        let period = self.rotation.period(seconds);
        let is_of = |ready: &Option<(Period, _)>| matches!(ready, Some((of, _)) if *of == period);
        if !is_of(&self.ready[0]) {
            self.ready.swap(0, 1);
            if !is_of(&self.ready[0]) {
                let cipher = Cipher::new(self.mode, self.key.as_ref()?, period)?;
                self.ready[0] = Some((period, cipher));
            }
        }
        self.ready[0].as_ref().map(|(_, cipher)| cipher)
    }
}

fn zero(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn prefix(address: IpAddr, ipv4: u8, ipv6: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let dropped = u32::MAX.checked_shr(ipv4.into()).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & !dropped).into()
        }
        IpAddr::V6(address) => {
            let dropped = u128::MAX.checked_shr(ipv6.into()).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & !dropped).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use ipcrypt_rs::{Ipcrypt, IpcryptPfx};
    use proptest::prelude::*;

    use super::*;

    const DAY: u64 = 86_400;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn disguise(mode: &str, rotation: Rotation) -> Disguise {
        Disguise::new(mode.parse().unwrap(), Some(&Key::new([42; 32])), rotation)
    }

    #[test]
    fn without_a_key() {
        let applied = |mode: &str, address| disguise(mode, Rotation::Never).apply(ip(address), 0);
        assert_eq!(applied("keep", "192.0.2.77"), ip("192.0.2.77"));
        assert_eq!(applied("drop", "192.0.2.77"), ip("0.0.0.0"));
        assert_eq!(applied("drop", "2001:db8::1"), ip("::"));
        assert_eq!(applied("prefix:24,56", "192.0.2.77"), ip("192.0.2.0"));
        assert_eq!(applied("prefix:0,0", "192.0.2.77"), ip("0.0.0.0"));
        assert_eq!(applied("prefix:32,128", "192.0.2.77"), ip("192.0.2.77"));
        let wide = "2001:db8:1:2ff:3:4:5:6";
        assert_eq!(applied("prefix:24,56", wide), ip("2001:db8:1:200::"));
        assert_eq!(applied("prefix:24,128", wide), ip(wide));
        let mut none = Disguise::new(Mode::Ipcrypt, None, Rotation::Never);
        assert_eq!(none.apply(ip("192.0.2.77"), 0), ip("0.0.0.0"));
    }

    /// Vectors of draft-denis-ipcrypt, appendix "Test Vectors".
    #[test]
    fn vectors_of_ipcrypt() {
        for (key, address, pseudonym) in [
            (
                "0123456789abcdeffedcba9876543210",
                "0.0.0.0",
                "bde9:6789:d353:824c:d7c6:f58a:6bd2:26eb",
            ),
            (
                "1032547698badcfeefcdab8967452301",
                "255.255.255.255",
                "aed2:92f6:ea23:58c3:48fd:8b8:74e8:45d8",
            ),
            (
                "2b7e151628aed2a6abf7158809cf4f3c",
                "192.0.2.1",
                "1dbd:c1b9:fff1:7586:7d0b:67b4:e76e:4777",
            ),
        ] {
            let key = u128::from_str_radix(key, 16).unwrap().to_be_bytes();
            let pseudonym_of = Ipcrypt::new(key).encrypt_ipaddr(ip(address));
            assert_eq!(pseudonym_of, ip(pseudonym));
        }
        let mut key = [0; 32];
        let halves = [
            0x0123_4567_89ab_cdef_fedc_ba98_7654_3210_u128,
            0x1032_5476_98ba_dcfe_efcd_ab89_6745_2301,
        ];
        for (half, number) in key.chunks_exact_mut(16).zip(halves) {
            half.copy_from_slice(&number.to_be_bytes());
        }
        let keeping = IpcryptPfx::new(key);
        for (address, pseudonym) in [
            ("0.0.0.0", "151.82.155.134"),
            ("255.255.255.255", "94.185.169.89"),
            ("192.0.2.1", "100.115.72.131"),
            ("2001:db8::1", "c180:5dd4:2587:3524:30ab:fa65:6ab6:f88"),
        ] {
            assert_eq!(keeping.encrypt_ipaddr(ip(address)), ip(pseudonym));
        }
    }

    #[test]
    fn another_day_has_other_pseudonyms_and_the_same_day_the_same() {
        for mode in ["ipcrypt", "ipcrypt-pfx", "crypto-pan"] {
            let [mut one, mut other] = [(); 2].map(|()| disguise(mode, Rotation::Daily));
            let address = ip("192.0.2.77");
            let before = one.apply(address, 20_000 * DAY - 1);
            let after = one.apply(address, 20_000 * DAY);
            assert_ne!(before, after);
            // Around midnight, and on another sensor.
            assert_eq!(one.apply(address, 20_000 * DAY - 1), before);
            assert_eq!(other.apply(address, 20_000 * DAY + 1), after);
            assert_eq!(other.undo(before, 20_000 * DAY - 7), Some(address));
        }
        assert_eq!(disguise("drop", Rotation::Daily).undo(ip("::"), 0), None);
    }

    fn common(one: IpAddr, other: IpAddr) -> u32 {
        match (one, other) {
            (IpAddr::V4(one), IpAddr::V4(other)) => {
                (one.to_bits() ^ other.to_bits()).leading_zeros()
            }
            (IpAddr::V6(one), IpAddr::V6(other)) => {
                (one.to_bits() ^ other.to_bits()).leading_zeros()
            }
            _ => unreachable!("addresses of one family"),
        }
    }

    proptest! {
        #[test]
        fn pseudonyms_can_be_undone_and_keep_prefixes(address: u128, shared in 0_u32..128, narrow: bool) {
            let flipped = address ^ 1 << (127 - shared);
            let [one, other] = [address, flipped].map(|bits| match narrow {
                true => IpAddr::from(Ipv4Addr::from_bits((bits >> 96) as u32)),
                false => IpAddr::from(Ipv6Addr::from_bits(bits)),
            });
            for mode in ["ipcrypt", "ipcrypt-pfx", "crypto-pan"] {
                let mut disguise = disguise(mode, Rotation::Weekly);
                let pseudonyms = [one, other].map(|address| disguise.apply(address, 7));
                let undone = pseudonyms.map(|pseudonym| disguise.undo(pseudonym, 7));
                prop_assert_eq!(undone, [one, other].map(|address| Some(address.to_canonical())));
                if mode != "ipcrypt" && !(one.to_canonical().is_ipv4() && one.is_ipv6()) {
                    let [first, second] = pseudonyms;
                    prop_assert_eq!(common(first, second), common(one, other));
                }
            }
        }
    }
}
