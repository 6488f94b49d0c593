//! Packets that a sensor must not export, each for a single reason.

use crate::message::{Message, NameData, Section, flag, kind};
use crate::population;
use crate::random::{Random, Share};

const RECURSIVE: u16 = flag::QR | flag::RD | flag::RA;
const EDNS_BYTES: u16 = 1232;

/// Why a packet is not exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    /// A question, not an answer.
    Query,
    /// RCODE 3.
    NxDomain,
    /// RCODE 2 or 5.
    ServerFailure,
    /// A question for something other than addresses.
    OtherType,
    /// Answered by a server that offers no recursion: RA is 0.
    NoRecursionAvailable,
    /// Recursion was not asked for: RD is 0.
    NoRecursionDesired,
    /// An answer without addresses: none at all, or only an alias.
    NoAddress,
    /// Truncated to nothing: the client asks again over TCP.
    Truncated,
    /// No DNS.
    OtherTraffic,
}

impl Noise {
    /// All of them, in the order of the summary.
    pub const ALL: [Self; 9] = [
        Self::Query,
        Self::NxDomain,
        Self::ServerFailure,
        Self::OtherType,
        Self::NoRecursionAvailable,
        Self::NoRecursionDesired,
        Self::NoAddress,
        Self::Truncated,
        Self::OtherTraffic,
    ];

    /// Its name in a summary.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::NxDomain => "nxdomain",
            Self::ServerFailure => "server_failure",
            Self::OtherType => "other_type",
            Self::NoRecursionAvailable => "no_recursion_available",
            Self::NoRecursionDesired => "no_recursion_desired",
            Self::NoAddress => "no_address",
            Self::Truncated => "truncated",
            Self::OtherTraffic => "other_traffic",
        }
    }

    /// One of them, about as often as resolvers meet it.
    pub(crate) fn draw(random: &mut Random) -> Self {
        match random.below(100) {
            0..20 => Self::Query,
            20..40 => Self::NxDomain,
            40..46 => Self::ServerFailure,
            46..66 => Self::OtherType,
            66..71 => Self::NoRecursionAvailable,
            71..74 => Self::NoRecursionDesired,
            74..86 => Self::NoAddress,
            86..89 => Self::Truncated,
            _ => Self::OtherTraffic,
        }
    }
}

/// Makes `message` a query for `name`.
pub(crate) fn query(message: &mut Message, random: &mut Random, name: &[u8]) {
    message.begin(random.word(), flag::RD, true);
    message.question(name, random.pick(&[kind::A, kind::AAAA, kind::HTTPS]));
    if random.chance(Share::percent(60)) {
        message.edns(EDNS_BYTES, false, &[]);
    }
}

/// Makes `message` a response for `name` that differs from an exported one by `noise`.
pub(crate) fn response(noise: Noise, message: &mut Message, random: &mut Random, name: &[u8]) {
    let id = random.word();
    let asked = random.pick(&[kind::A, kind::AAAA]);
    match noise {
        Noise::NxDomain => {
            message.begin(id, RECURSIVE | flag::NXDOMAIN, true);
            message.question(name, asked);
            start_of_authority(message, name);
        }
        Noise::ServerFailure => {
            let failure = random.pick(&[flag::SERVFAIL, flag::SERVFAIL, flag::REFUSED]);
            message.begin(id, RECURSIVE | failure, true);
            message.question(name, asked);
        }
        Noise::NoRecursionAvailable => {
            message.begin(id, flag::QR | flag::AA | flag::RD, true);
            message.question(name, kind::A);
            address(message, random, name);
        }
        Noise::NoRecursionDesired => {
            message.begin(id, flag::QR | flag::RA, true);
            message.question(name, kind::A);
            address(message, random, name);
        }
        Noise::Truncated => {
            message.begin(id, RECURSIVE | flag::TC, true);
            message.question(name, asked);
        }
        Noise::NoAddress => {
            message.begin(id, RECURSIVE, true);
            message.question(name, asked);
            if random.chance(Share::percent(40)) {
                let target = [b"\x05alias".as_slice(), name].concat();
                let data = NameData {
                    ttl: 60,
                    before: &[],
                    name: &target,
                    after: &[],
                };
                message.record_with_name(Section::Answer, name, kind::CNAME, data);
            }
            start_of_authority(message, name);
        }
        Noise::OtherType | Noise::Query | Noise::OtherTraffic => {
            message.begin(id, RECURSIVE, true);
            other_type(message, random, name);
        }
    }
    if random.chance(Share::percent(60)) {
        message.edns(EDNS_BYTES, false, &[]);
    }
}

fn address(message: &mut Message, random: &mut Random, name: &[u8]) {
    let data = population::answer_ipv4(random).octets();
    message.record(Section::Answer, name, kind::A, 60, &data);
}

/// An answer to a question for something else; addresses in its additional section are bait.
fn other_type(message: &mut Message, random: &mut Random, name: &[u8]) {
    let server = [b"\x02mx".as_slice(), name].concat();
    match random.below(5) {
        0 => {
            message.question(name, kind::MX);
            let data = NameData {
                ttl: 60,
                before: &[0, 10],
                name: &server,
                after: &[],
            };
            message.record_with_name(Section::Answer, name, kind::MX, data);
            let address = population::answer_ipv4(random).octets();
            message.record(Section::Additional, &server, kind::A, 60, &address);
        }
        1 => {
            message.question(name, kind::TXT);
            message.record(Section::Answer, name, kind::TXT, 60, b"\x0bv=spf1 -all");
        }
        2 => {
            message.question(name, kind::HTTPS);
            // Priority 1, target ".", one parameter: alpn of h2 (RFC 9460 sections 2.2 and 7.1).
            let data = b"\0\x01\0\0\x01\0\x03\x02h2";
            message.record(Section::Answer, name, kind::HTTPS, 60, data);
        }
        3 => {
            let reverse = b"\x014\x013\x03200\x03198\x07in-addr\x04arpa";
            message.question(reverse, kind::PTR);
            let data = NameData {
                ttl: 60,
                before: &[],
                name,
                after: &[],
            };
            message.record_with_name(Section::Answer, reverse, kind::PTR, data);
        }
        _ => {
            message.question(name, kind::SRV);
            let before = &[0, 10, 0, 5, 0x13, 0xc4];
            let data = NameData {
                ttl: 60,
                before,
                name: &server,
                after: &[],
            };
            message.record_with_name(Section::Answer, name, kind::SRV, data);
        }
    }
}

/// The SOA that comes with an answer of nothing (RFC 2308 section 2).
fn start_of_authority(message: &mut Message, name: &[u8]) {
    let zone = population::parent(name);
    let server = [b"\x03ns1".as_slice(), zone].concat();
    // The mailbox is the root; then serial, refresh, retry, expire, minimum.
    let mut after = vec![0];
    for number in [2_024_010_100_u32, 7200, 3600, 1_209_600, 300] {
        after.extend_from_slice(&number.to_be_bytes());
    }
    let data = NameData {
        ttl: 300,
        before: &[],
        name: &server,
        after: &after,
    };
    message.record_with_name(Section::Authority, zone, kind::SOA, data);
}
