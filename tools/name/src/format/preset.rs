//! The formats that have a name, and which of their fields are what.

use super::Format;
use super::json::{DEPTH, Members};
use super::table::{Dialect, Table};
use crate::flow::Slot::{
    self, Destination, DestinationName, DestinationPort, Named, Source, SourceName, SourcePort,
    Start, Time,
};
use crate::labels::Labels;
use crate::time::Clock;

/// What the flow records are that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Preset {
    /// JSON of goflow2 and of GoFlow.
    Goflow2,
    /// conn.log of Zeek, and its other logs with the same endpoints; TSV or JSON.
    Zeek,
    /// EVE of Suricata; every event with endpoints.
    Suricata,
    /// nfdump -o json, and -o ndjson.
    NfdumpJson,
    /// nfdump -o csv.
    NfdumpCsv,
    /// Flow logs of AWS VPC, as text.
    Vpc,
    /// JSON of the Elastic Common Schema.
    Ecs,
}

/// Paths of fields, and what they are.
type Known = [(&'static str, Slot)];

/// goflow2 of version 2, then of version 1 and GoFlow.
const GOFLOW2: &Known = &[
    ("src_addr", Source),
    ("dst_addr", Destination),
    ("src_port", SourcePort),
    ("dst_port", DestinationPort),
    ("time_flow_start_ns", Start),
    ("time_received_ns", Time),
    ("SrcAddr", Source),
    ("DstAddr", Destination),
    ("SrcPort", SourcePort),
    ("DstPort", DestinationPort),
    ("TimeFlowStartMs", Start),
    ("TimeFlowStart", Start),
    ("TimeReceived", Time),
];

const ZEEK: &Known = &[
    ("id.orig_h", Source),
    ("id.resp_h", Destination),
    ("id.orig_p", SourcePort),
    ("id.resp_p", DestinationPort),
    ("ts", Start),
];

const SURICATA: &Known = &[
    ("src_ip", Source),
    ("dest_ip", Destination),
    ("src_port", SourcePort),
    ("dest_port", DestinationPort),
    ("flow.start", Start),
    ("netflow.start", Start),
    ("timestamp", Time),
];

/// nfdump 1.7; since 1.7.3 times are named otherwise.
const NFDUMP_JSON: &Known = &[
    ("src4_addr", Source),
    ("dst4_addr", Destination),
    ("src6_addr", Source),
    ("dst6_addr", Destination),
    ("src_port", SourcePort),
    ("dst_port", DestinationPort),
    ("first", Start),
    ("t_first", Start),
    ("received", Time),
];

/// nfdump up to 1.7.2, then since.
const NFDUMP_CSV: &Known = &[
    ("sa", Source),
    ("da", Destination),
    ("sp", SourcePort),
    ("dp", DestinationPort),
    ("ts", Start),
    ("srcAddr", Source),
    ("dstAddr", Destination),
    ("srcPort", SourcePort),
    ("dstPort", DestinationPort),
    ("firstSeen", Start),
];

const VPC: &Known = &[
    ("srcaddr", Source),
    ("dstaddr", Destination),
    ("srcport", SourcePort),
    ("dstport", DestinationPort),
    ("start", Start),
];

/// Fields of version 2, the default, which CloudWatch gives without a header.
const VPC_DEFAULT: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol \
     packets bytes start end action log-status";

const ECS: &Known = &[
    ("source.ip", Source),
    ("destination.ip", Destination),
    ("source.port", SourcePort),
    ("destination.port", DestinationPort),
    ("source.domain", SourceName),
    ("destination.domain", DestinationName),
    ("event.start", Start),
    ("@timestamp", Time),
];

impl Preset {
    /// All of them, in the order in which they are tried.
    pub const ALL: [Self; 7] = [
        Self::Goflow2,
        Self::Zeek,
        Self::Suricata,
        Self::NfdumpJson,
        Self::NfdumpCsv,
        Self::Vpc,
        Self::Ecs,
    ];

    /// As it is written on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Goflow2 => "goflow2",
            Self::Zeek => "zeek",
            Self::Suricata => "suricata",
            Self::NfdumpJson => "nfdump-json",
            Self::NfdumpCsv => "nfdump-csv",
            Self::Vpc => "vpc",
            Self::Ecs => "ecs",
        }
    }

    fn fields(self) -> &'static Known {
        match self {
            Self::Goflow2 => GOFLOW2,
            Self::Zeek => ZEEK,
            Self::Suricata => SURICATA,
            Self::NfdumpJson => NFDUMP_JSON,
            Self::NfdumpCsv => NFDUMP_CSV,
            Self::Vpc => VPC,
            Self::Ecs => ECS,
        }
    }

    /// Reads records of this format.
    pub(crate) fn format(self, labels: &Labels, clock: Clock) -> Format {
        // By it a record is known that was named before.
        let named = match self {
            Self::Ecs => labels.object.as_str(),
            _ => labels.name.as_str(),
        };
        let fields = || self.fields().iter().copied().chain([(named, Named)]);
        let table = match self {
            Self::Zeek => Some(Table::new(Dialect::Zeek, None, fields())),
            Self::NfdumpCsv => Some(Table::new(Dialect::Csv, Some(b','), fields())),
            Self::Vpc => {
                let table = Table::new(Dialect::Plain, Some(b' '), fields());
                Some(table.with_default(VPC_DEFAULT))
            }
            _ => None,
        };
        let is_json = !matches!(self, Self::NfdumpCsv | Self::Vpc);
        Format {
            name: self.name(),
            members: is_json.then(|| Members::new(fields())),
            table,
            is_pretty: self == Self::NfdumpJson,
            has_domains: self == Self::Ecs,
            clock,
        }
    }
}

/// Fields as `--map` names them: `client=FIELD,server=FIELD,time=FIELD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldMap(Vec<(String, Slot)>);

impl std::str::FromStr for FieldMap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut fields = Vec::new();
        for part in text.split(',') {
            let (word, field) = part
                .split_once('=')
                .ok_or_else(|| format!("'{part}' is not WORD=FIELD"))?;
            let slot = match word {
                "client" => Source,
                "server" => Destination,
                "client-port" => SourcePort,
                "server-port" => DestinationPort,
                "start" => Start,
                "time" => Time,
                _ => {
                    return Err(format!(
                        "'{word}' is none of client, server, client-port, server-port, start, time"
                    ));
                }
            };
            if field.is_empty() || field.split('.').count() > DEPTH {
                return Err(format!("'{field}' is no field; it has 1 to {DEPTH} parts"));
            }
            fields.push((field.to_owned(), slot));
        }
        let has = |slot| fields.iter().any(|(_, found)| *found == slot);
        if !has(Source) || !has(Destination) || !(has(Start) || has(Time)) {
            return Err("client, server, and time or start are wanted".to_owned());
        }
        Ok(Self(fields))
    }
}

impl FieldMap {
    /// Reads records with these fields: lines of JSON, or rows below a header.
    pub(crate) fn format(&self, labels: &Labels, clock: Clock) -> Format {
        let named = labels.name.as_str();
        let own = self.0.iter().map(|(field, slot)| (field.as_str(), *slot));
        let fields = || own.clone().chain([(named, Named)]);
        Format {
            name: "--map",
            members: Some(Members::new(fields())),
            table: Some(Table::new(Dialect::Csv, None, fields())),
            is_pretty: false,
            has_domains: false,
            clock,
        }
    }
}
