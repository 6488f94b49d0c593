//! The settings of a run: options that were checked, with names looked up.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use dnsflow_filters::{Balance, FilterError, MAX_SNAP_LENGTH, Program, capture_filter, compile};
use log::LevelFilter;

use crate::capture::interface::ANY;
use crate::capture::rates::{Draw, Rates};
use crate::capture::socket::{Source, Spread};
use crate::export::destination::Destination;
use crate::start::cli::{Fanout, Format, Options, Overload, SampleBy, Share};
use crate::start::cores::Cores;
use crate::start::error::StartError;
use crate::start::lists;
use crate::start::privileges::Identity;
use crate::start::wanted::TypeList;
use dnsflow_packet::client_sample::ClientSample;
use dnsflow_packet::{LinkType, Selection};
use dnsflow_privacy::Choice;
use dnsflow_wire::dns::Rules;
use dnsflow_wire::v5;

/// Most collectors of a sensor.
pub const MAX_COLLECTORS: usize = 64;

/// Most times that a core under load halves the number of packets that it keeps: 1 of 1024 remains.
const MAX_OVERLOAD_STEPS: usize = 10;

/// Bytes of the headers of IPv4 and UDP.
const IPV4_UDP_BYTES: u16 = 20 + 8;

/// Bytes of the headers of IPv6 and UDP.
const IPV6_UDP_BYTES: u16 = 40 + 8;

/// Smallest `--mtu` with version 5, in bytes: any packet that carries a datagram with room for all
/// records.
const MIN_V5_MTU: usize = v5::MIN_DATAGRAM_BYTES + IPV6_UDP_BYTES as usize;

/// Where packets come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Interfaces by name; none for the default interface.
    Live(Vec<String>),
    /// A capture file, or `-` for standard input.
    File(PathBuf),
}

/// Which packets are captured and decoded, and how they are divided.
#[derive(Clone, Debug)]
pub struct Capture {
    /// The expression of `--filter`, which replaces the filter for `selection`.
    pub expression: Option<String>,
    /// What the capture filter keeps and the decoder takes.
    pub selection: Selection,
    /// One of this many packets or clients is kept; 0 keeps all.
    pub sample: u32,
    /// Which of both.
    pub sample_by: SampleBy,
    /// The key by which clients are drawn.
    pub sample_key: u32,
    /// What a core does that can't keep up.
    pub overload: Overload,
    /// The share of this sensor.
    pub share: Option<Share>,
    /// How packets are divided among cores.
    pub fanout: Fanout,
}

/// Where records go.
#[derive(Clone, Debug)]
pub struct Output {
    /// Collectors, with their addresses.
    pub collectors: Vec<Destination>,
    /// The file of `-w`.
    pub write: Option<PathBuf>,
    /// `--print`.
    pub print: bool,
    /// `--strict-output`.
    pub is_strict: bool,
    /// Largest packet in bytes, including the IP header.
    pub mtu: u16,
    /// Longest time for which a set waits until its datagram is full.
    pub flush: Duration,
    /// The version of records.
    pub format: Format,
    /// Name of the sensor in records.
    pub sensor_name: String,
    /// What becomes of addresses in records.
    pub privacy: Choice,
}

/// A run of the sensor.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where packets come from.
    pub input: Input,
    /// Whether interfaces are put into promiscuous mode.
    pub promiscuous: bool,
    /// Bytes of each ring.
    pub ring_bytes: u64,
    /// Which packets are captured.
    pub capture: Capture,
    /// The CPUs to run on.
    pub cores: Cores,
    /// Where records go.
    pub output: Output,
    /// The pid file.
    pub pidfile: Option<PathBuf>,
    /// The user to switch to.
    pub user: Option<Identity>,
    /// The least severe messages that are logged.
    pub log_level: LevelFilter,
    /// The address at which metrics are served.
    pub metrics: Option<SocketAddr>,
}

impl Settings {
    /// Checks options, and looks up the names of collectors and users.
    ///
    /// # Errors
    /// What is wrong, and how to fix it.
    pub fn new(options: Options) -> Result<Self, StartError> {
        if options.collectors.len() > MAX_COLLECTORS {
            let message = format!(
                "-u was given {} times; {MAX_COLLECTORS} is the most",
                options.collectors.len()
            );
            return Err(StartError::Usage(message));
        }
        refuse_what_the_format_lacks(&options)?;
        let mut capture = Capture::new(&options);
        capture.selection.lists = lists::read(&options)?;
        let collectors = options
            .collectors
            .iter()
            .map(|written| Destination::look_up(written))
            .collect::<Result<Vec<_>, _>>()?;
        let nowhere = collectors.is_empty() && options.write.is_none();
        Ok(Self {
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
                is_strict: options.strict_output,
                mtu: options.mtu,
                flush: Duration::from_secs_f64(options.flush),
                format: options.format,
                sensor_name: options.sensor_name.unwrap_or_else(host_name),
                privacy: options.privacy.choice()?,
            },
            pidfile: options.pidfile,
            user: options.user.map(Identity::look_up).transpose()?,
            log_level: options.log_level.into(),
            metrics: options.metrics,
        })
    }
}

/// Version 4 has addresses and no way to say how else a response ended. Version 5 needs room for
/// the largest record that can't be divided.
fn refuse_what_the_format_lacks(options: &Options) -> Result<(), StartError> {
    let beyond = options.types.as_ref().and_then(TypeList::beyond_addresses);
    let message = match (options.format, beyond) {
        (Format::V4, _) if !options.select.is_addresses() => format!(
            "--select {}: records of version 4 have only responses with addresses; add --format v5, which the \
             collector has to read",
            options.select
        ),
        (Format::V4, Some(kind)) => format!(
            "--types with {kind}: records of version 4 have only addresses; add --format v5, which the collector \
             has to read"
        ),
        (Format::V5, _) if usize::from(options.mtu) < MIN_V5_MTU => {
            format!(
                "--mtu {}: --format v5 needs at least {MIN_V5_MTU}",
                options.mtu
            )
        }
        _ => return Ok(()),
    };
    Err(StartError::Usage(message))
}

/// The name of this host, as far as it can be a sensor's; empty if there is none.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

impl Output {
    /// Whether records go nowhere.
    #[must_use]
    pub fn is_nowhere(&self) -> bool {
        self.collectors.is_empty() && self.write.is_none() && !self.print
    }

    /// Largest UDP payload in bytes that fits into a packet to any of the collectors.
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
    /// The part of the options that is about capture.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let tunnels = options
            .decap
            .clone()
            .with_juniper_ports(options.jmirror.iter().copied())
            .with_record_ports(options.pcap_record.iter().copied());
        Self {
            expression: options.filter.clone(),
            selection: Selection {
                any_port: options.filter.is_some(),
                plain: options.plain,
                tunnels,
                rules: Rules {
                    outcomes: options.select.0,
                    types: match &options.types {
                        Some(listed) => listed.0.clone(),
                        None => Rules::default().types,
                    },
                    authoritative: options.authoritative,
                    details: options.format == Format::V5,
                },
                sample: match (options.sample, options.sample_by) {
                    (Some(rate), SampleBy::Client) => {
                        Some(ClientSample::new(rate, options.sample_key))
                    }
                    _ => None,
                },
                ..Selection::new(options.ports.iter().copied(), options.mdns)
            },
            sample: options.sample.unwrap_or(0),
            sample_by: options.sample_by,
            sample_key: options.sample_key,
            overload: options.overload,
            share: options.share,
            fanout: if options.checksum {
                Fanout::Checksum
            } else {
                options.fanout
            },
        }
    }

    /// The program that the kernel runs on each packet: sampling, share, selection. Its name is the
    /// expression of what it keeps.
    ///
    /// # Errors
    /// If the expression is wrong, or the whole program is too long for the kernel.
    pub fn program(&self, link: LinkType) -> Result<Program, FilterError> {
        let unsampled = self.unsampled(link)?;
        self.draw().sampled(self.sample, self.sample, unsampled)
    }

    /// What a sample is of, as far as the kernel can draw it.
    fn draw(&self) -> Draw {
        match self.sample_by {
            SampleBy::Packet => Draw::Packets,
            SampleBy::Client if self.selection.tunnels.are_empty() => {
                Draw::Clients(self.sample_key)
            }
            SampleBy::Client => Draw::ClientsInTunnels,
        }
    }

    /// One packet of this many is kept by whoever stands in front of decode; 0 if decode draws
    /// clients instead, or nobody does.
    #[must_use]
    pub fn sample_of_packets(&self) -> u32 {
        match self.sample_by {
            SampleBy::Packet => self.sample,
            SampleBy::Client => 0,
        }
    }

    /// The program for a source, and with `--overload sample` those that sample more sparsely.
    ///
    /// # Errors
    /// As [`Capture::program`].
    pub fn rates(&self, source: &Source) -> Result<Rates, FilterError> {
        let further = match self.overload {
            Overload::Drop => 0,
            Overload::Sample => MAX_OVERLOAD_STEPS,
        };
        let unsampled = self.unsampled(source.link)?;
        Rates::new(source, &unsampled, self.draw(), self.sample, further)
    }

    fn unsampled(&self, link: LinkType) -> Result<Program, FilterError> {
        let program = match &self.expression {
            Some(expression) => compile(expression, link, MAX_SNAP_LENGTH)?,
            None => capture_filter(&self.selection, link, MAX_SNAP_LENGTH)?,
        };
        match self.share {
            Some(Share { index, count }) => self.balance().share(index, count)?.then(program),
            None => Ok(program),
        }
    }

    /// How the kernel divides packets among the sockets of the shards.
    ///
    /// # Errors
    /// If there are more ports than fit into a program.
    pub fn spread(&self) -> Result<Spread, FilterError> {
        Ok(match self.fanout {
            Fanout::Hash => Spread::Hash,
            Fanout::Cpu => Spread::Cpu,
            Fanout::Client | Fanout::Checksum => Spread::Program(self.balance().fanout()?),
        })
    }

    /// How packets are divided among shares and, for a file, among shards. A file has neither the
    /// kernel's hash nor CPUs, so that the client's address takes their place.
    #[must_use]
    pub fn balance(&self) -> Balance {
        match self.fanout {
            Fanout::Checksum => Balance::checksum(self.selection.source_ports()),
            Fanout::Hash | Fanout::Cpu | Fanout::Client => Balance::client(),
        }
    }
}

/// Checks that the interfaces of `-i` differ, and that [`ANY`] stands alone.
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
