//! Lines of JSON: an object for each record, each statistics.
//!
//! Each function gives what [`write_line`] writes. Nothing is kept between two lines, and nothing
//! is written that can't be read from the datagram and its [`Context`].

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::net::IpAddr;

use dnsflow_wire::response::Transport;
use dnsflow_wire::text::{ClassText, DataText, NameText, RcodeText, Sensor, TypeText};
use dnsflow_wire::v5::{Answer, Counters, Origin, Record, Subnet};
use dnsflow_wire::{v4, v5};
use serde::{Serialize, Serializer};

use crate::Context;
use crate::timestamp::Timestamp;

/// Writes an object and the end of its line. It writes in small pieces: `to` should be memory, or
/// buffered.
///
/// # Errors
/// Those of `to`, and of an object that JSON has no way to say; each of this crate can be said.
pub fn write_line(mut to: impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut to, line)?;
    to.write_all(b"\n")
}

/// Where a datagram came from.
#[derive(Serialize)]
struct Head {
    sensor: IpAddr,
    port: u16,
    sequence: u64,
}

impl From<Context<'_>> for Head {
    fn from(context: Context<'_>) -> Self {
        Self {
            sensor: context.source.ip(),
            port: context.source.port(),
            sequence: context.sequence,
        }
    }
}

/// What version 5 says of the sender.
#[derive(Serialize)]
struct Sender<'a> {
    /// As digits: readers of JSON don't keep 64 bits of a number.
    boot: String,
    core: u16,
    sensor_name: Option<Shown<Sensor<'a>>>,
}

impl<'a> Sender<'a> {
    fn of(context: Context<'a>, datagram: &v5::Datagram<'a>) -> Self {
        let own = datagram.sensor_name().map(Sensor::Name);
        Self {
            boot: format!("{:016x}", datagram.boot()),
            core: datagram.core(),
            sensor_name: context.named().or(own).map(Shown),
        }
    }
}

/// A set of versions 0 to 4.
pub fn set<'a>(context: Context<'a>, set: &v4::Set<'a>) -> impl Serialize + use<'a> {
    #[derive(Serialize)]
    struct Line<'a, N: Serialize, A: Serialize, B: Serialize> {
        time: Timestamp,
        #[serde(flatten)]
        head: Head,
        client: IpAddr,
        resolver: Option<IpAddr>,
        names: N,
        ipv4: A,
        ipv6: B,
        #[serde(skip_serializing_if = "Option::is_none")]
        sensor_name: Option<Shown<Sensor<'a>>>,
    }
    Line {
        time: Timestamp(context.time),
        head: context.into(),
        client: set.client(),
        resolver: set.resolver(),
        names: Each(set.names().map(|name| Shown(NameText(name)))),
        ipv4: Each(set.ipv4()),
        ipv6: Each(set.ipv6()),
        sensor_name: context.named().map(Shown),
    }
}

/// A record of version 5. `datagram` is the one that it was read from.
pub fn record<'a>(
    context: Context<'a>,
    datagram: &v5::Datagram<'a>,
    record: &Record<'a>,
) -> impl Serialize + use<'a> {
    #[derive(Serialize)]
    struct Line<'a, N: Serialize, A: Serialize, B: Serialize, F: Serialize, R: Serialize> {
        time: Timestamp,
        received: Timestamp,
        #[serde(flatten)]
        head: Head,
        client: IpAddr,
        resolver: IpAddr,
        names: N,
        ipv4: A,
        ipv6: B,
        #[serde(flatten)]
        sender: Sender<'a>,
        sampling: Option<u32>,
        client_port: u16,
        resolver_port: u16,
        transport: &'static str,
        r#type: Option<Shown<TypeText>>,
        class: Option<Shown<ClassText>>,
        rcode: Shown<RcodeText>,
        flags: F,
        answers: R,
        interface: Option<Shown<Sensor<'a>>>,
        vlan: Option<u16>,
        inner_vlan: Option<u16>,
        vni: Option<u32>,
        subnet: Option<SubnetObject>,
        incomplete: bool,
        continues: bool,
        has_more: bool,
    }
    let Origin {
        address,
        port,
        interface,
        vlan,
        inner_vlan,
        vni,
    } = record.origin;
    let question = record.question;
    Line {
        time: Timestamp(record.time),
        received: Timestamp(context.time),
        head: context.into(),
        client: record.client,
        resolver: address,
        names: Each(record.names().map(|name| Shown(NameText(name)))),
        ipv4: Each(record.ipv4()),
        ipv6: Each(record.ipv6()),
        sender: Sender::of(context, datagram),
        sampling: datagram.sampling(),
        client_port: record.client_port,
        resolver_port: port,
        transport: transport(record.transport),
        r#type: question.map(|question| Shown(TypeText(question.record_type))),
        class: question.map(|question| Shown(ClassText(question.class))),
        rcode: Shown(RcodeText(record.rcode)),
        flags: Each(record.flags.names()),
        answers: Each(record.answers().map(AnswerObject::from)),
        interface: interface.map(Sensor::Name).map(Shown),
        vlan,
        inner_vlan,
        vni,
        subnet: record.subnet.map(SubnetObject::from),
        incomplete: record.is_incomplete,
        continues: record.continues,
        has_more: record.has_more,
    }
}

/// How a response came.
pub(crate) fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
    }
}

/// One answer.
#[derive(Serialize)]
pub(crate) struct AnswerObject<'a> {
    name: Shown<NameText<v5::Name<'a>>>,
    class: Shown<ClassText>,
    ttl: u32,
    r#type: Shown<TypeText>,
    data: Shown<DataText<'a>>,
}

impl<'a> From<Answer<'a>> for AnswerObject<'a> {
    fn from(answer: Answer<'a>) -> Self {
        Self {
            name: Shown(NameText(answer.owner)),
            class: Shown(ClassText(answer.class)),
            ttl: answer.ttl,
            r#type: Shown(TypeText(answer.record_type)),
            data: Shown(DataText(answer)),
        }
    }
}

#[derive(Serialize)]
struct SubnetObject {
    family: u16,
    address: Option<IpAddr>,
    source_prefix: u8,
    scope_prefix: u8,
}

impl From<Subnet<'_>> for SubnetObject {
    fn from(subnet: Subnet<'_>) -> Self {
        Self {
            family: subnet.family,
            address: subnet.ip(),
            source_prefix: subnet.source_prefix,
            scope_prefix: subnet.scope_prefix,
        }
    }
}

/// Statistics of versions 0 to 4.
pub fn stats(context: Context, stats: &v4::Stats) -> impl Serialize + use<> {
    #[derive(Serialize)]
    struct Line {
        time: Timestamp,
        #[serde(flatten)]
        head: Head,
        stats: Object,
    }
    #[derive(Serialize)]
    struct Object {
        captured: u32,
        received: u32,
        dropped: u32,
        ifdropped: u32,
        sample_rate: Option<u32>,
    }
    Line {
        time: Timestamp(context.time),
        head: context.into(),
        stats: Object {
            captured: stats.captured,
            received: stats.received,
            dropped: stats.dropped,
            ifdropped: stats.if_dropped,
            sample_rate: stats.sample_rate,
        },
    }
}

/// Statistics of version 5, which can all be read. Of two counters of one name, the first one
/// counts.
pub fn counters<'a>(
    context: Context<'a>,
    datagram: &v5::Datagram<'a>,
    counters: &Counters<'a>,
) -> impl Serialize + use<'a> {
    #[derive(Serialize)]
    struct Line<'a> {
        time: Timestamp,
        received: Timestamp,
        #[serde(flatten)]
        head: Head,
        stats: Object<'a>,
        #[serde(flatten)]
        sender: Sender<'a>,
        version: Option<Shown<Sensor<'a>>>,
    }
    #[derive(Serialize)]
    struct Object<'a> {
        captured: Option<u64>,
        received: Option<u64>,
        dropped: Option<u64>,
        ifdropped: Option<u64>,
        sample_rate: u32,
        #[serde(flatten)]
        others: BTreeMap<&'a str, u64>,
    }
    let mut others = BTreeMap::new();
    for counter in counters.clone().map_while(Result::ok) {
        others.entry(counter.name).or_insert(counter.value);
    }
    others.remove("sample_rate");
    Line {
        time: Timestamp(datagram.time()),
        received: Timestamp(context.time),
        head: context.into(),
        stats: Object {
            captured: others.remove("captured"),
            received: others.remove("received"),
            dropped: others.remove("dropped"),
            ifdropped: others.remove("ifdropped"),
            sample_rate: datagram.sampling().unwrap_or(0),
            others,
        },
        sender: Sender::of(context, datagram),
        version: datagram.sensor_version().map(Sensor::Name).map(Shown),
    }
}

/// An array of what an iterator gives.
pub(crate) struct Each<I>(pub(crate) I);

impl<I: Iterator<Item: Serialize> + Clone> Serialize for Each<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

/// A string of what is displayed.
pub(crate) struct Shown<T>(pub(crate) T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
