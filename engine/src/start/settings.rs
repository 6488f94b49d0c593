//! What the command line asks for, checked and resolved: a value of these types can be run.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use dnsflow_filters::{Balance, DNS_PORT, FilterError, MAX_SNAP_LENGTH, Program, compile, sample};
use log::LevelFilter;

use crate::capture::interface::ANY;
use crate::capture::socket::Spread;
use crate::start::cli::{Fanout, Options, Share};
use crate::start::cores::Cores;
use crate::start::destination::Destination;
use crate::start::error::StartError;
use crate::start::privileges::Identity;
use dnsflow_packet::LinkType;
use dnsflow_packet::Selection;
use dnsflow_packet::tunnel::{Kind, Tunnels};

/// Collectors that a sensor sends to at most.
pub const MAX_COLLECTORS: usize = 64;

/// Bytes of the headers of IPv4 and UDP.
const IPV4_UDP_BYTES: u16 = 20 + 8;

/// Bytes of the headers of IPv6 and UDP.
const IPV6_UDP_BYTES: u16 = 40 + 8;

/// Where packets come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Interfaces; none for the first that suits.
    Live(Vec<String>),
    /// A capture file, or `-`.
    File(PathBuf),
}

/// What is to be captured, by which programs.
#[derive(Clone, Debug)]
pub struct Capture {
    /// The expression of the user's, in place of the default.
    pub expression: Option<String>,
    /// Ports and dialects.
    pub selection: dnsflow_filters::Selection,
    /// Whether port 5353 speaks multicast DNS.
    pub mdns: bool,
    /// Whether only what the original selects is taken.
    pub plain: bool,
    /// What is looked into.
    pub tunnels: Tunnels,
    /// 1 of how many packets is kept; 0 for all.
    pub sample: u32,
    /// Our share of the packets.
    pub share: Option<Share>,
    /// How cores divide them.
    pub fanout: Fanout,
}

/// Where records go.
#[derive(Clone, Debug)]
pub struct Output {
    /// Collectors, looked up.
    pub collectors: Vec<Destination>,
    /// The file of `-w`.
    pub write: Option<PathBuf>,
    /// `--print`.
    pub print: bool,
    /// Largest packet, IP header included, in bytes.
    pub mtu: u16,
    /// Longest time that a set waits.
    pub flush: Duration,
}

/// A run of the sensor.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where packets come from.
    pub input: Input,
    /// Whether to capture what is addressed to others.
    pub promiscuous: bool,
    /// Bytes of each ring.
    pub ring_bytes: u64,
    /// What is captured.
    pub capture: Capture,
    /// On which CPUs.
    pub cores: Cores,
    /// Where it goes.
    pub output: Output,
    /// The pid file.
    pub pidfile: Option<PathBuf>,
    /// Whom to become.
    pub user: Option<Identity>,
    /// What is said.
    pub log_level: LevelFilter,
    /// Where metrics are served.
    pub metrics: Option<SocketAddr>,
}

impl Settings {
    /// Checks a command line. Names of collectors are looked up here.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn new(options: Options) -> Result<Self, StartError> {
        if options.collectors.len() > MAX_COLLECTORS {
            let message = format!(
                "-u was given {} times; {MAX_COLLECTORS} is the most",
                options.collectors.len()
            );
            return Err(StartError::Usage(message));
        }
        let capture = Capture::new(&options);
        let collectors = options
            .collectors
            .iter()
            .map(|written| Destination::look_up(written))
            .collect::<Result<Vec<_>, _>>()?;
        let nowhere = collectors.is_empty() && options.write.is_none();
        Ok(Settings {
            input: match options.read {
                Some(path) => Input::File(path),
                None => Input::Live(interfaces(options.interfaces)?),
            },
            promiscuous: !options.no_promiscuous,
            ring_bytes: u64::from(options.ring) << 20,
            capture,
            cores: options.cores,
            output: Output {
                collectors,
                write: options.write,
                print: options.print || nowhere,
                mtu: options.mtu,
                flush: Duration::from_secs_f64(options.flush),
            },
            pidfile: options.pidfile,
            user: options.user.map(Identity::look_up).transpose()?,
            log_level: options.log_level.into(),
            metrics: options.metrics,
        })
    }
}

impl Output {
    /// Largest UDP payload, in bytes: what fits into a packet to any of the collectors.
    #[must_use]
    pub fn datagram_bytes(&self) -> usize {
        let is_ipv6 = |collector: &Destination| collector.address().is_ipv6();
        let headers = if self.collectors.iter().any(is_ipv6) {
            IPV6_UDP_BYTES
        } else {
            IPV4_UDP_BYTES
        };
        usize::from(self.mtu - headers)
    }
}

impl Capture {
    /// What a command line says of it.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let ports = if options.ports.is_empty() {
            vec![DNS_PORT]
        } else {
            options.ports.clone()
        };
        let tunnels = options
            .decap
            .clone()
            .with_juniper_ports(options.jmirror.iter().copied())
            .with_record_ports(options.pcap_record.iter().copied());
        let mut selection = dnsflow_filters::Selection::new(ports, options.mdns)
            .tunnels(kept(&tunnels))
            .carriers(tunnels.mirror_ports());
        if options.plain {
            selection = selection.plain();
        }
        Capture {
            expression: options.filter.clone(),
            selection,
            mdns: options.mdns,
            plain: options.plain,
            tunnels,
            sample: options.sample.unwrap_or(0),
            share: options.share,
            fanout: if options.checksum {
                Fanout::Checksum
            } else {
                options.fanout
            },
        }
    }

    /// The program that the kernel runs on each packet: sample, share, selection. Its name says what it keeps.
    ///
    /// # Errors
    /// If the expression is wrong, or all of it is too long for the kernel.
    pub fn program(&self, link: LinkType) -> Result<Program, FilterError> {
        let mut program = match &self.expression {
            Some(expression) => compile(expression, link.dlt(), MAX_SNAP_LENGTH)?,
            None => self.selection.program(link.dlt(), MAX_SNAP_LENGTH)?,
        };
        if let Some(Share { index, count }) = self.share {
            program = self.balance().share(index, count)?.then(program)?;
        }
        if self.sample > 1 {
            program = sample(self.sample)?.then(program)?;
        }
        Ok(program)
    }

    /// How the kernel divides packets among sockets.
    ///
    /// # Errors
    /// If there are more ports than a program has room for.
    pub fn spread(&self) -> Result<Spread, FilterError> {
        Ok(match self.fanout {
            Fanout::Hash => Spread::Hash,
            Fanout::Cpu => Spread::Cpu,
            Fanout::Client | Fanout::Checksum => Spread::Program(self.balance().fanout()?),
        })
    }

    /// By what shares, and the shards of a file, divide packets. There is no hash and no CPU in a file: the
    /// client's address stands for them.
    #[must_use]
    pub fn balance(&self) -> Balance {
        match self.fanout {
            Fanout::Checksum => Balance::checksum(self.selection.ports()),
            Fanout::Hash | Fanout::Cpu | Fanout::Client => Balance::client(),
        }
    }

    /// What decode looks for.
    #[must_use]
    pub fn decode(&self) -> Selection {
        Selection {
            ports: self.selection.ports().collect(),
            any_port: self.expression.is_some(),
            mdns: self.mdns,
            plain: self.plain,
            tunnels: self.tunnels.clone(),
        }
    }
}

/// The interfaces of `-i`, each named once. All of them at once include every other.
fn interfaces(names: Vec<String>) -> Result<Vec<String>, StartError> {
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            let message = format!("-i {name} was given twice");
            return Err(StartError::Usage(message));
        }
    }
    if names.len() > 1 && names.iter().any(|name| name == ANY) {
        let message = "-i any is all interfaces; name no other beside it".to_owned();
        return Err(StartError::Usage(message));
    }
    Ok(names)
}

/// The tunnels that decode looks into, as the capture filter has to keep them.
fn kept(tunnels: &Tunnels) -> dnsflow_filters::Tunnels {
    dnsflow_filters::Tunnels {
        vxlan: tunnels.has(Kind::Vxlan),
        geneve: tunnels.has(Kind::Geneve),
        gre: tunnels.has(Kind::Gre),
        erspan: tunnels.has(Kind::Erspan),
        gtp: tunnels.has(Kind::Gtp),
        ipip: tunnels.has(Kind::Ipip),
        six_in_four: tunnels.has(Kind::SixInFour),
    }
}
