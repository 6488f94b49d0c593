//! The sequence of packets: responses that a sensor exports, and noise that it must not.

use crate::expected;
use crate::message::{Message, NameData, Section, flag, kind};
use crate::mix::Mix;
use crate::noise::{self, Noise};
use crate::packet::{Endpoint, Envelope, Mac, write_tcp, write_udp};
use crate::population::{self, Population, push_label};
use crate::random::{Random, Share};
use crate::wanted::{Format, Wanted};

/// Size that a response does not outgrow: with it, headers and four tags fit an MTU of 1500.
const MESSAGE_LIMIT_BYTES: usize = 1400;
/// More than the largest single record takes (an RRSIG with two names that are not compressed),
/// and an OPT record.
const RESERVE_BYTES: usize = 660;
const DNS_PORT: u16 = 53;
const MORE: Share = Share::percent(55);

/// What a generated packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A response that a sensor exports as one set.
    Response,
    /// Anything else.
    Noise(Noise),
}

/// An endless stream of packets, fixed by its mix, seed and number.
#[derive(Debug)]
pub struct Traffic {
    mix: Mix,
    macs: [Mac; 2],
    population: Population,
    random: Random,
    message: Message,
    /// The last packet: what it is, and how it was sent.
    last: Option<(Kind, Envelope)>,
    name: Vec<u8>,
    target: Vec<u8>,
}

impl Traffic {
    /// Stream `stream` of `seed`, in frames from and to the two Ethernet addresses.
    #[must_use]
    pub fn new(mix: &Mix, macs: [Mac; 2], seed: u64, stream: u64) -> Self {
        Self {
            population: Population::new(seed, mix.clients, mix.resolvers),
            mix: mix.clone(),
            macs,
            random: Random::new(seed, stream),
            message: Message::default(),
            last: None,
            name: Vec::new(),
            target: Vec::new(),
        }
    }

    /// Writes the next packet into `frame`, from the Ethernet header on and without a check
    /// sequence.
    pub fn next_frame(&mut self, frame: &mut Vec<u8>) -> Kind {
        let ipv6 = self.random.chance(self.mix.ipv6);
        let client = Endpoint {
            address: self.population.client(&mut self.random, ipv6),
            port: self.random.ephemeral_port(),
        };
        let resolver = Endpoint {
            address: self.population.resolver(&mut self.random, ipv6),
            port: DNS_PORT,
        };
        let (kind, envelope) = if self.random.chance(self.mix.noise) {
            let (noise, envelope) = self.noise(frame, client, resolver);
            (Kind::Noise(noise), envelope)
        } else {
            self.response();
            let envelope = self.envelope(resolver, client);
            write_udp(frame, &envelope, self.message.bytes());
            (Kind::Response, envelope)
        };
        self.last = Some((kind, envelope));
        kind
    }

    /// Whether a sensor with these options exports the last packet.
    #[must_use]
    pub fn is_expected(&self, wanted: &Wanted) -> bool {
        let is_response = self.last.is_some_and(|(kind, _)| {
            kind != Kind::Noise(Noise::Query) && kind != Kind::Noise(Noise::OtherTraffic)
        });
        is_response && wanted.takes(&self.message)
    }

    /// Appends the line that the last packet, a response, is expected to be exported as.
    pub fn write_expected(&self, format: Format, line: &mut String) {
        if let Some((_, envelope)) = &self.last {
            expected::write_line(format, &self.message, envelope, line);
        }
    }

    fn envelope(&mut self, source: Endpoint, destination: Endpoint) -> Envelope {
        let tagged = self.random.chance(self.mix.vlan);
        let [source_mac, destination_mac] = self.macs;
        Envelope {
            destination_mac,
            source_mac,
            vlans: std::array::from_fn(|_| 1 + self.random.word() % 4094),
            vlan_tags: if tagged { self.mix.vlan_tags } else { 0 },
            source,
            destination,
            identification: self.random.word(),
            hops: self.random.pick(&[64, 64, 63, 60, 57, 255]),
            checksum: !self.random.chance(self.mix.zero_checksum),
        }
    }

    /// Makes a response.
    fn response(&mut self) {
        let asked = self.question_kind();
        self.question_name();
        let compress = !self.random.chance(self.mix.uncompressed);
        let signed = self.random.chance(self.mix.signed);
        let flags = flag::QR | flag::RD | flag::RA | if signed { flag::AD } else { 0 };
        self.message.begin(self.random.word(), flags, compress);
        self.message.question(&self.name, asked);
        self.aliases(signed);
        self.addresses(asked, signed);
        if self.random.chance(self.mix.authority) && self.has_room() {
            self.authority();
        }
        if self.random.chance(self.mix.edns) {
            self.edns(signed);
        }
    }

    fn question_kind(&mut self) -> u16 {
        if self.random.chance(self.mix.any) {
            kind::ANY
        } else if self.random.chance(self.mix.aaaa) {
            kind::AAAA
        } else {
            kind::A
        }
    }

    fn question_name(&mut self) {
        self.population.host(&mut self.random, &mut self.name);
        if self.random.chance(self.mix.odd_names) {
            let rest = std::mem::take(&mut self.name);
            let odd = [
                b"a.b,c".as_slice(),
                b"_\\x",
                b"new host",
                b"na\xc3\xafve",
                b"\x00\x01\xff",
            ];
            push_label(&mut self.name, self.random.pick(&odd));
            self.name.extend_from_slice(&rest);
        }
        if self.random.chance(self.mix.mixed_case) {
            let bits = [self.random.bits(), self.random.bits()];
            for (index, byte) in self.name.iter_mut().enumerate() {
                // Length bytes are below 64, letters are not.
                if byte.is_ascii_lowercase() && bits[index / 64 % 2] >> (index % 64) & 1 == 1 {
                    byte.make_ascii_uppercase();
                }
            }
        }
    }

    /// The chain from the name in the question to the owner of the addresses, which `self.name`
    /// becomes.
    fn aliases(&mut self, signed: bool) {
        if self.random.chance(self.mix.dname) {
            self.renamed_zone();
        }
        if !self.random.chance(self.mix.cname) {
            return;
        }
        for depth in 0..self.mix.cname_depth {
            if depth > 0 && !self.random.chance(MORE) || !self.has_room() {
                break;
            }
            self.population
                .alias(&mut self.random, &self.name, &mut self.target);
            self.alias();
            if signed && self.has_room() {
                self.signature(kind::CNAME);
            }
            std::mem::swap(&mut self.name, &mut self.target);
        }
    }

    /// A DNAME on the parent, and the CNAME that follows from it (RFC 6672 section 2.2).
    fn renamed_zone(&mut self) {
        let parent = population::parent(&self.name);
        let first_label = self.name.len() - parent.len();
        let zone = self.population.zone(&mut self.random);
        let data = NameData {
            ttl: self.random.below(86_400),
            before: &[],
            name: zone,
            after: &[],
        };
        self.message
            .record_with_name(Section::Answer, parent, kind::DNAME, data);
        self.target.clear();
        self.target.extend_from_slice(&self.name[..first_label]);
        self.target.extend_from_slice(zone);
        self.alias();
        std::mem::swap(&mut self.name, &mut self.target);
    }

    /// A CNAME from `self.name` to `self.target`.
    fn alias(&mut self) {
        let data = NameData {
            ttl: self.random.below(3600),
            before: &[],
            name: &self.target,
            after: &[],
        };
        self.message
            .record_with_name(Section::Answer, &self.name, kind::CNAME, data);
    }

    fn addresses(&mut self, asked: u16, signed: bool) {
        let ttl = self.random.below(3600);
        if asked == kind::ANY {
            self.other_records(ttl);
        }
        let ipv6_first = match asked {
            kind::AAAA => true,
            kind::ANY => self.random.chance(Share::percent(50)),
            _ => false,
        };
        let mut count = 0;
        while count == 0
            || count < self.mix.addresses && self.has_room() && self.random.chance(MORE)
        {
            let ipv6 = ipv6_first ^ (asked == kind::ANY && count % 2 == 1);
            self.address(ttl, ipv6);
            count += 1;
        }
        if signed && self.has_room() {
            self.signature(if ipv6_first { kind::AAAA } else { kind::A });
        }
    }

    fn address(&mut self, ttl: u32, ipv6: bool) {
        if ipv6 {
            let data = population::answer_ipv6(&mut self.random).octets();
            self.message
                .record(Section::Answer, &self.name, kind::AAAA, ttl, &data);
        } else {
            let data = population::answer_ipv4(&mut self.random).octets();
            self.message
                .record(Section::Answer, &self.name, kind::A, ttl, &data);
        }
    }

    /// Records that an answer to ANY holds besides addresses.
    fn other_records(&mut self, ttl: u32) {
        let mail = [b"\x04mail".as_slice(), &self.name].concat();
        let data = NameData {
            ttl,
            before: &[0, 10],
            name: &mail,
            after: &[],
        };
        self.message
            .record_with_name(Section::Answer, &self.name, kind::MX, data);
        let policy = b"\x0cv=spf1 -all ";
        self.message
            .record(Section::Answer, &self.name, kind::TXT, ttl, policy);
    }

    /// An ECDSA signature (RFC 4034 section 3.1, RFC 6605) of the records of `self.name`.
    fn signature(&mut self, covered: u16) {
        const ALGORITHM_ECDSA_P256: u8 = 13;
        let mut before = [0; 18];
        before[..2].copy_from_slice(&covered.to_be_bytes());
        before[2..4].copy_from_slice(&[ALGORITHM_ECDSA_P256, 3]);
        before[8..12].copy_from_slice(&1_700_600_000_u32.to_be_bytes());
        before[12..16].copy_from_slice(&1_699_400_000_u32.to_be_bytes());
        before[16..18].copy_from_slice(&self.random.word().to_be_bytes());
        let mut after = [0; 64];
        for chunk in after.chunks_exact_mut(8) {
            chunk.copy_from_slice(&self.random.bits().to_be_bytes());
        }
        let signer = population::parent(&self.name);
        let data = NameData {
            ttl: 300,
            before: &before,
            name: signer,
            after: &after,
        };
        self.message
            .record_with_name(Section::Answer, &self.name, kind::RRSIG, data);
    }

    /// The zone's servers, and addresses for some of them: none of it is for export.
    fn authority(&mut self) {
        let zone = population::parent(&self.name).to_vec();
        let servers = [b"\x03ns1".as_slice(), b"\x03ns2"].map(|label| [label, &zone].concat());
        for server in &servers {
            if !self.has_room() {
                return;
            }
            let data = NameData {
                ttl: 86_400,
                before: &[],
                name: server,
                after: &[],
            };
            self.message
                .record_with_name(Section::Authority, &zone, kind::NS, data);
        }
        for server in &servers {
            if self.random.chance(Share::percent(70)) && self.has_room() {
                let data = population::answer_ipv4(&mut self.random).octets();
                self.message
                    .record(Section::Additional, server, kind::A, 86_400, &data);
            }
            if self.random.chance(Share::percent(30)) && self.has_room() {
                let data = population::answer_ipv6(&mut self.random).octets();
                self.message
                    .record(Section::Additional, server, kind::AAAA, 86_400, &data);
            }
        }
    }

    fn edns(&mut self, signed: bool) {
        const COOKIE: u16 = 10;
        const COOKIE_BYTES: u16 = 24;
        let mut options = Vec::new();
        if self.random.chance(Share::percent(15)) {
            options.extend_from_slice(&COOKIE.to_be_bytes());
            options.extend_from_slice(&COOKIE_BYTES.to_be_bytes());
            for _ in 0..COOKIE_BYTES / 8 {
                options.extend_from_slice(&self.random.bits().to_be_bytes());
            }
        }
        self.message
            .edns(self.random.pick(&[1232, 1232, 4096, 512]), signed, &options);
    }

    fn has_room(&self) -> bool {
        self.message.bytes().len() + RESERVE_BYTES < MESSAGE_LIMIT_BYTES
    }

    fn noise(
        &mut self,
        frame: &mut Vec<u8>,
        client: Endpoint,
        resolver: Endpoint,
    ) -> (Noise, Envelope) {
        let noise = Noise::draw(&mut self.random);
        let envelope = match noise {
            Noise::Query => {
                self.question_name();
                noise::query(&mut self.message, &mut self.random, &self.name);
                // Some resolvers ask from port 53, where only the QR bit tells a query.
                let from_dns_port = self.random.chance(Share::percent(30));
                let port = if from_dns_port { DNS_PORT } else { client.port };
                let envelope = self.envelope(Endpoint { port, ..client }, resolver);
                write_udp(frame, &envelope, self.message.bytes());
                envelope
            }
            Noise::OtherTraffic => {
                let port = self.random.pick(&[80, 443, 8080, 22]);
                let server = Endpoint { port, ..resolver };
                let envelope = self.envelope(server, client);
                if self.random.chance(Share::percent(50)) {
                    write_tcp(frame, &envelope);
                    envelope
                } else {
                    // Ports that nobody registered, so that no dissector looks for more in it.
                    let [from, to] = [61_003, 61_005];
                    let source = Endpoint {
                        port: from,
                        ..resolver
                    };
                    let destination = Endpoint { port: to, ..client };
                    let envelope = Envelope {
                        source,
                        destination,
                        ..envelope
                    };
                    let payload: [u8; 90] =
                        std::array::from_fn(|_| (self.random.bits() >> 56) as u8);
                    write_udp(frame, &envelope, &payload);
                    envelope
                }
            }
            response => {
                self.question_name();
                noise::response(response, &mut self.message, &mut self.random, &self.name);
                let envelope = self.envelope(resolver, client);
                write_udp(frame, &envelope, self.message.bytes());
                envelope
            }
        };
        (noise, envelope)
    }
}
