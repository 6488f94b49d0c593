//! Crypto-PAn, the older way to pseudonyms that keep prefixes, for those whose archives have it.
//!
//! Xu, Fan, Ammar, Moon: "Prefix-preserving IP address anonymization: measurement-based security evaluation and
//! a new cryptography-based scheme", ICNP 2002. The first half of the key is that of AES-128; the second half,
//! encrypted, is what stands for the bits that are not known yet. For IPv6 the same is done with 128 bits.

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use zeroize::Zeroizing;

/// A key, ready to be used.
pub(crate) struct CryptoPan {
    cipher: Aes128,
    pad: Zeroizing<[u8; 16]>,
}

impl CryptoPan {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let (first, second) = key.split_at(16);
        let [mut of_cipher, mut pad] = [Zeroizing::new([0; 16]), Zeroizing::new([0; 16])];
        of_cipher.copy_from_slice(first);
        pad.copy_from_slice(second);
        let cipher = Aes128::new(&(*of_cipher).into());
        let mut block = (*pad).into();
        cipher.encrypt_block(&mut block);
        pad.copy_from_slice(&block);
        Self { cipher, pad }
    }

    /// The pseudonym of an address of `bits`, which are the first ones of `address`.
    pub(crate) fn encrypt(&self, address: u128, bits: u32) -> u128 {
        (0..bits).fold(address, |pseudonym, at| {
            pseudonym ^ self.flip(address, at) << (127 - at)
        })
    }

    /// The address of a pseudonym.
    pub(crate) fn decrypt(&self, pseudonym: u128, bits: u32) -> u128 {
        (0..bits).fold(pseudonym, |address, at| {
            // The bits before are those of the address already.
            address ^ self.flip(address, at) << (127 - at)
        })
    }

    /// Whether the bit behind the first `at` of an address is flipped: 1 or 0.
    fn flip(&self, address: u128, at: u32) -> u128 {
        let known = !(u128::MAX.checked_shr(at).unwrap_or(0));
        let input = address & known | u128::from_be_bytes(*self.pad) & !known;
        let mut block = input.to_be_bytes().into();
        self.cipher.encrypt_block(&mut block);
        u128::from(block[0] >> 7)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// Key and addresses of the sample that the authors' implementation comes with.
    const KEY: [u8; 32] = [
        21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16, 216, 152, 143, 131,
        121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2,
    ];
    const SAMPLE: [(&str, &str); 10] = [
        ("128.11.68.132", "135.242.180.132"),
        ("129.118.74.4", "134.136.186.123"),
        ("130.132.252.244", "133.68.164.234"),
        ("141.223.7.43", "141.167.8.160"),
        ("141.233.145.108", "141.129.237.235"),
        ("152.163.225.39", "151.140.114.167"),
        ("156.29.3.236", "147.225.12.42"),
        ("165.247.96.84", "162.9.99.234"),
        ("166.107.77.190", "160.132.178.185"),
        ("192.102.249.13", "252.138.62.131"),
    ];

    #[test]
    fn the_published_sample() {
        let cipher = CryptoPan::new(&KEY);
        for (address, pseudonym) in SAMPLE {
            let [address, pseudonym]: [Ipv4Addr; 2] =
                [address, pseudonym].map(|text| text.parse().unwrap());
            let wide = u128::from(u32::from(address)) << 96;
            let encrypted = cipher.encrypt(wide, 32);
            assert_eq!(Ipv4Addr::from((encrypted >> 96) as u32), pseudonym);
            assert_eq!(cipher.decrypt(encrypted, 32), wide);
        }
    }
}
