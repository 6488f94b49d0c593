//! A sample of clients: the same ones on every sensor that has the same key.
//!
//! The kernel decides by the same numbers where it sees the client's address
//! (`dnsflow_filters::sample_clients`), so that only operations are used that classic BPF has.

use std::net::IpAddr;

use dnsflow_wire::response::Endpoints;

/// Multipliers of the mixing function, the finalizer of MurmurHash3 (public domain, A. Appleby).
pub const MULTIPLIERS: [u32; 2] = [0x85eb_ca6b, 0xc2b2_ae35];

/// Shifts of the mixing function.
pub const SHIFTS: [u32; 3] = [16, 13, 16];

/// Keys differ from the numbers that they lead to by this and the mixing function, so that small
/// keys have no small ones.
const GOLDEN_RATIO: u32 = 0x9e37_79b9;

/// 1 of N clients, chosen by a keyed hash of their addresses.
///
/// ```text
/// value = mix(key ^ 0x9e3779b9)
/// for each 32-bit word of the address, from the left: value = mix(value ^ word)
/// the client is in the sample if value % N == 0
/// ```
///
/// The sample of a multiple of N is a part of that of N.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientSample {
    rate: u32,
    seed: u32,
}

impl ClientSample {
    /// 1 of `rate` clients; 0 and 1 take all.
    #[must_use]
    pub fn new(rate: u32, key: u32) -> Self {
        Self {
            rate: rate.max(1),
            seed: mix(key ^ GOLDEN_RATIO),
        }
    }

    /// 1 of this many clients is in the sample.
    #[must_use]
    pub fn rate(self) -> u32 {
        self.rate
    }

    /// The value before the first word of an address.
    #[must_use]
    pub fn seed(self) -> u32 {
        self.seed
    }

    /// Whether the client of these two is in the sample.
    #[inline]
    #[must_use]
    pub fn has(self, endpoints: &Endpoints) -> bool {
        let value = match endpoints.client() {
            IpAddr::V4(client) => mix(self.seed ^ client.to_bits()),
            IpAddr::V6(client) => {
                let octets = client.octets();
                let (words, _) = octets.as_chunks();
                let words = words.iter().map(|word| u32::from_be_bytes(*word));
                words.fold(self.seed, |value, word| mix(value ^ word))
            }
        };
        value.is_multiple_of(self.rate)
    }
}

fn mix(value: u32) -> u32 {
    let [first, second, third] = SHIFTS;
    let value = (value ^ (value >> first)).wrapping_mul(MULTIPLIERS[0]);
    let value = (value ^ (value >> second)).wrapping_mul(MULTIPLIERS[1]);
    value ^ (value >> third)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(client: u32) -> Endpoints {
        Endpoints::V4 {
            client: client.to_be_bytes(),
            resolver: [192, 0, 2, 53],
        }
    }

    fn to_ipv6(low: u64) -> Endpoints {
        let client = (0x2001_0db8_u128 << 96) | u128::from(low);
        Endpoints::V6 {
            client: client.to_be_bytes(),
            resolver: [0; 16],
        }
    }

    /// Known to every sensor of every version: values that must not change.
    #[test]
    fn values_are_fixed() {
        let clients = |sample: ClientSample| -> Vec<u32> {
            (0..40)
                .filter(|host| sample.has(&to(0x0a00_0000 + host)))
                .collect()
        };
        assert_eq!(clients(ClientSample::new(8, 0)), FIRST_KEY);
        assert_eq!(clients(ClientSample::new(8, 1)), SECOND_KEY);
        assert_eq!(clients(ClientSample::new(1, 7)).len(), 40);
        assert_eq!(clients(ClientSample::new(0, 7)).len(), 40);
    }

    const FIRST_KEY: [u32; 8] = [0, 3, 12, 14, 15, 20, 35, 37];
    const SECOND_KEY: [u32; 7] = [4, 17, 23, 24, 25, 30, 31];

    #[test]
    fn samples_are_even_and_nested() {
        const CLIENTS: u32 = 100_000;
        for rate in [2, 3, 10, 64] {
            let [sample, half] = [rate, 2 * rate].map(|rate| ClientSample::new(rate, 5));
            let mut kept = [0; 2];
            for host in 0..CLIENTS {
                let (ipv4, ipv6) = (to(0x0a00_0000 + host), to_ipv6(host.into()));
                for (kept, endpoints) in kept.iter_mut().zip([ipv4, ipv6]) {
                    *kept += u32::from(sample.has(&endpoints));
                    assert!(!half.has(&endpoints) || sample.has(&endpoints));
                }
            }
            // Ten standard deviations of a binomial distribution are less.
            let expected = CLIENTS / rate;
            let most = 10 * expected.isqrt();
            for kept in kept {
                assert!(
                    kept.abs_diff(expected) < most,
                    "{kept} of {CLIENTS}, 1 of {rate}"
                );
            }
        }
    }
}
