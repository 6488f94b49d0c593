//! An algorithm with a key: addresses to pseudonyms and back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipcrypt_rs::{Ipcrypt, IpcryptPfx};
use zeroize::Zeroizing;

use crate::crypto_pan::CryptoPan;
use crate::key::{Key, Period};
use crate::mode::Mode;

/// An algorithm with the key of a period.
pub(crate) enum Cipher {
    Ipcrypt(Box<Ipcrypt>),
    IpcryptPfx(Box<IpcryptPfx>),
    CryptoPan(Box<CryptoPan>),
}

impl Cipher {
    /// That of a mode; `None` if it takes no key.
    pub(crate) fn new(mode: Mode, key: &Key, period: Period) -> Option<Self> {
        let derived = key.of(mode.name(), period);
        match mode {
            Mode::Ipcrypt => {
                let mut half = Zeroizing::new([0; Ipcrypt::KEY_BYTES]);
                half.copy_from_slice(derived.split_at(Ipcrypt::KEY_BYTES).0);
                Some(Self::Ipcrypt(Box::new(Ipcrypt::new(*half))))
            }
            // Two halves that are equal have a probability of 2^-128, and would be refused.
            Mode::IpcryptPfx => {
                let cipher = IpcryptPfx::new(*derived);
                Some(Self::IpcryptPfx(Box::new(cipher)))
            }
            // Archives have the key as it is.
            Mode::CryptoPan if period == Period::Never => {
                let cipher = CryptoPan::new(key.bytes());
                Some(Self::CryptoPan(Box::new(cipher)))
            }
            Mode::CryptoPan => {
                let cipher = CryptoPan::new(&derived);
                Some(Self::CryptoPan(Box::new(cipher)))
            }
            Mode::Keep | Mode::Drop | Mode::Prefix { .. } => None,
        }
    }

    pub(crate) fn encrypt(&self, address: IpAddr) -> IpAddr {
        match self {
            Self::Ipcrypt(cipher) => cipher.encrypt_ipaddr(address),
            Self::IpcryptPfx(cipher) => cipher.encrypt_ipaddr(address),
            Self::CryptoPan(cipher) => pan(address, |bits, count| cipher.encrypt(bits, count)),
        }
    }

    pub(crate) fn decrypt(&self, pseudonym: IpAddr) -> IpAddr {
        match self {
            Self::Ipcrypt(cipher) => cipher.decrypt_ipaddr(pseudonym),
            Self::IpcryptPfx(cipher) => cipher.decrypt_ipaddr(pseudonym),
            Self::CryptoPan(cipher) => pan(pseudonym, |bits, count| cipher.decrypt(bits, count)),
        }
    }
}

/// Applies what takes the first bits of 128, and their number.
fn pan(address: IpAddr, apply: impl Fn(u128, u32) -> u128) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let [first, second, third, fourth, ..] =
                apply(u128::from(address.to_bits()) << 96, 32).to_be_bytes();
            Ipv4Addr::new(first, second, third, fourth).into()
        }
        IpAddr::V6(address) => Ipv6Addr::from_bits(apply(address.to_bits(), 128)).into(),
    }
}
