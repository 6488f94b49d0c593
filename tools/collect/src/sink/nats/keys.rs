//! Keys of users: Ed25519, as the tools of NATS write them.
//!
//! A file has a seed (`SU..`), by itself or behind a JWT between lines of dashes. A seed is base32
//! of two bytes that say what it is, 32 bytes, and a checksum; it never leaves this module.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::failure::unfit;
use super::login::Proof;
use crate::sink::SinkError;

/// The digits of base32 (RFC 4648, section 6).
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The kinds of keys, as the highest five bits of a byte.
const SEED: u8 = 18 << 3;
const USER: u8 = 20 << 3;

/// Bytes of a file that can be credentials.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Signs `nonce` with the key of a file.
pub(super) fn proof(path: &Path, nonce: &str) -> Result<Proof, SinkError> {
    let wrong = |text: &str| unfit(format!("creds={}: {text}", path.display()));
    let size = fs::metadata(path)
        .map_err(|error| wrong(&error.to_string()))?
        .len();
    if size > MAX_FILE_BYTES {
        return Err(wrong("it is too large for credentials"));
    }
    let text = fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?;
    if nonce.is_empty() {
        return Err(unfit("creds: the server knows no keys"));
    }
    let lines = || text.lines().map(str::trim);
    let seed = lines().find_map(seed).ok_or_else(|| {
        wrong("there is no seed of a user in it, a line that begins with SU; nsc generate creds makes such a file")
    })?;
    let pair =
        Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| wrong("its seed is no key"))?;
    let jwt = lines()
        .find(|line| line.starts_with("eyJ"))
        .map(str::to_owned);
    let key = match jwt {
        Some(_) => None,
        None => Some(public(pair.public_key().as_ref())),
    };
    Ok(Proof {
        jwt,
        key,
        signature: Some(URL_SAFE_NO_PAD.encode(pair.sign(nonce.as_bytes()))),
        ..Proof::default()
    })
}

/// The seed of a user's key that a line is.
fn seed(line: &str) -> Option<[u8; 32]> {
    if !line.starts_with("SU") {
        return None;
    }
    let bytes = decode(line)?;
    let (content, sum) = bytes.split_last_chunk::<2>()?;
    let [first, second, seed @ ..] = content else {
        return None;
    };
    let kind = (first & 7) << 5 | second >> 3;
    let is_user = first & 0xf8 == SEED && kind == USER;
    (is_user && u16::from_le_bytes(*sum) == checksum(content)).then_some(())?;
    seed.try_into().ok()
}

/// A public key of a user, as text.
fn public(key: &[u8]) -> String {
    let mut bytes = vec![USER];
    bytes.extend(key);
    let sum = checksum(&bytes);
    bytes.extend(sum.to_le_bytes());
    encode(&bytes)
}

/// CRC-16 with the polynomial 0x1021, from 0 (XMODEM).
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte) << 8, |sum, _| match sum & 0x8000 {
            0 => sum << 1,
            _ => sum << 1 ^ 0x1021,
        })
    })
}

fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in bytes {
        bits = (bits << 8 | u32::from(*byte)) & 0xfff;
        count += 8;
        while count >= 5 {
            count -= 5;
            text.extend(digit(bits >> count));
        }
    }
    if count > 0 {
        text.extend(digit(bits << (5 - count)));
    }
    text
}

fn digit(bits: u32) -> Option<char> {
    BASE32.get((bits & 31) as usize).copied().map(char::from)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for digit in text.bytes() {
        let value = BASE32.iter().position(|known| *known == digit)?;
        bits = (bits << 5 | u32::try_from(value).ok()?) & 0xfff;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pair that the documentation of NATS has as its example.
    const SEED_TEXT: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
    const PUBLIC_TEXT: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

    #[test]
    fn a_seed_gives_the_public_key() {
        let seed = seed(SEED_TEXT).expect("it is a seed");
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("it is a key");
        assert_eq!(public(pair.public_key().as_ref()), PUBLIC_TEXT);
    }

    #[test]
    fn a_damaged_seed_is_none() {
        for at in 2..SEED_TEXT.len() {
            let mut text = SEED_TEXT.to_owned().into_bytes();
            text[at] = if text[at] == b'A' { b'B' } else { b'A' };
            let text = String::from_utf8(text).expect("it is ASCII");
            assert_eq!(seed(&text), None, "{at}");
        }
        assert_eq!(seed("SU"), None);
        assert_eq!(seed(PUBLIC_TEXT), None);
    }
}
