//! Events of the Elastic Common Schema: an object for each record.
//!
//! [`json::write_line`](crate::json::write_line) writes them. Statistics are no events.

use std::net::IpAddr;

use dnsflow_wire::text::{ClassText, NameText, RcodeText, Sensor, TypeText};
use dnsflow_wire::{v4, v5};
use serde::Serialize;

use crate::Context;
use crate::domain;
use crate::json::{AnswerObject, Each, Shown, transport};
use crate::timestamp::Timestamp;

/// The version of the schema in which all fields are as here.
const VERSION: &str = "8.17.0";

#[derive(Serialize)]
struct Event<'a, D: Serialize> {
    #[serde(rename = "@timestamp")]
    timestamp: Timestamp,
    ecs: Schema,
    event: Kind,
    observer: Observer<'a>,
    client: Host,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<Host>,
    network: Network,
    dns: D,
}

#[derive(Serialize)]
struct Schema {
    version: &'static str,
}

/// Which kind of event it is, of what (ECS, "Categorization Fields").
#[derive(Serialize)]
struct Kind {
    kind: &'static str,
    category: [&'static str; 1],
    r#type: [&'static str; 1],
}

#[derive(Serialize)]
struct Observer<'a> {
    name: Shown<Sensor<'a>>,
    ip: [IpAddr; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    ingress: Option<Ingress<'a>>,
}

#[derive(Serialize)]
struct Ingress<'a> {
    interface: Interface<'a>,
}

#[derive(Serialize)]
struct Interface<'a> {
    name: Shown<Sensor<'a>>,
}

#[derive(Serialize)]
struct Host {
    ip: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

#[derive(Serialize)]
struct Network {
    protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vlan: Option<Vlan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inner: Option<Inner>,
}

#[derive(Serialize)]
struct Inner {
    vlan: Vlan,
}

#[derive(Serialize)]
struct Vlan {
    /// A keyword, so a string.
    id: Shown<u16>,
}

#[derive(Serialize)]
struct Question<N: Serialize, D: Serialize> {
    name: N,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<Shown<TypeText>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<Shown<ClassText>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registered_domain: Option<D>,
}

fn event<'a, D: Serialize>(
    time: Timestamp,
    context: Context<'a>,
    sensor: Sensor<'a>,
    client: Host,
    dns: D,
) -> Event<'a, D> {
    Event {
        timestamp: time,
        ecs: Schema { version: VERSION },
        event: Kind {
            kind: "event",
            category: ["network"],
            r#type: ["protocol"],
        },
        observer: Observer {
            name: Shown(sensor),
            ip: [context.source.ip()],
            ingress: None,
        },
        client,
        server: None,
        network: Network {
            protocol: "dns",
            transport: None,
            vlan: None,
            inner: None,
        },
        dns,
    }
}

/// A set of versions 0 to 4: it does not tell owners, nor how aliases and addresses follow each
/// other.
pub fn set<'a>(context: Context<'a>, set: &v4::Set<'a>) -> impl Serialize + use<'a> {
    #[derive(Serialize)]
    struct Dns<Q: Serialize, R: Serialize, A: Serialize> {
        r#type: &'static str,
        question: Q,
        resolved_ip: R,
        answers: A,
    }
    #[derive(Serialize)]
    struct Answer<D: Serialize> {
        r#type: &'static str,
        data: D,
    }
    /// What an answer says.
    #[derive(Clone, Serialize)]
    #[serde(untagged)]
    enum Data<N> {
        Name(N),
        Address(IpAddr),
    }
    let addresses = || {
        let ipv4 = set.ipv4().map(IpAddr::V4);
        ipv4.chain(set.ipv6().map(IpAddr::V6))
    };
    let targets = set.names().skip(1).map(|name| Answer {
        r#type: "CNAME",
        data: Data::Name(Shown(NameText(name))),
    });
    let of_addresses = addresses().map(|address| Answer {
        r#type: if address.is_ipv4() { "A" } else { "AAAA" },
        data: Data::Address(address),
    });
    let question = set.names().next().map(|name| Question {
        name: Shown(NameText(name)),
        r#type: None,
        class: None,
        registered_domain: registered_domain(name),
    });
    let dns = Dns {
        r#type: "answer",
        question,
        resolved_ip: Each(addresses()),
        answers: Each(targets.chain(of_addresses)),
    };
    let (sensor, time) = (
        context.named().unwrap_or(context.address()),
        Timestamp(context.time),
    );
    let host = |ip| Host { ip, port: None };
    let mut event = event(time, context, sensor, host(set.client()), dns);
    event.server = set.resolver().map(host);
    event
}

/// A record of version 5. `datagram` is the one that it was read from.
pub fn record<'a>(
    context: Context<'a>,
    datagram: &v5::Datagram<'a>,
    record: &v5::Record<'a>,
) -> impl Serialize + use<'a> {
    #[derive(Serialize)]
    struct Dns<Q: Serialize, F: Serialize, R: Serialize, A: Serialize> {
        r#type: &'static str,
        question: Q,
        response_code: Shown<RcodeText>,
        header_flags: F,
        resolved_ip: R,
        answers: A,
    }
    let question = record.question;
    let addresses = record.answers().filter_map(|answer| match answer.data {
        v5::Data::Ipv4(address) => Some(IpAddr::V4(address)),
        v5::Data::Ipv6(address) => Some(IpAddr::V6(address)),
        _ => None,
    });
    let dns = Dns {
        r#type: "answer",
        question: Question {
            name: Shown(NameText(record.name)),
            r#type: question.map(|question| Shown(TypeText(question.record_type))),
            class: question.map(|question| Shown(ClassText(question.class))),
            registered_domain: registered_domain(record.name),
        },
        response_code: Shown(RcodeText(record.rcode)),
        header_flags: Each(record.flags.names().filter_map(header_flag)),
        resolved_ip: Each(addresses),
        answers: Each(record.answers().map(AnswerObject::from)),
    };
    let sensor = context.sensor(datagram);
    let client = Host {
        ip: record.client,
        port: Some(record.client_port),
    };
    let origin = record.origin;
    let vlan = |id| Vlan { id: Shown(id) };
    let mut event = event(Timestamp(record.time), context, sensor, client, dns);
    event.observer.ingress = origin.interface.map(|name| Ingress {
        interface: Interface {
            name: Shown(Sensor::Name(name)),
        },
    });
    event.server = Some(Host {
        ip: origin.address,
        port: Some(origin.port),
    });
    event.network.transport = Some(transport(record.transport));
    event.network.vlan = origin.vlan.map(vlan);
    event.network.inner = origin.inner_vlan.map(|id| Inner { vlan: vlan(id) });
    event
}

/// A flag as `dns.header_flags` has it; Z is none of its values.
fn header_flag(name: &str) -> Option<&'static str> {
    Some(match name {
        "aa" => "AA",
        "tc" => "TC",
        "rd" => "RD",
        "ra" => "RA",
        "ad" => "AD",
        "cd" => "CD",
        _ => return None,
    })
}

/// The part of a name that was registered, of a name below a public suffix.
fn registered_domain<'a, L>(name: L) -> Option<Shown<NameText<Tail<L>>>>
where
    L: IntoIterator<Item = &'a [u8]> + Clone,
{
    let skipped = domain::registered(name.clone())?;
    Some(Shown(NameText(Tail { name, skipped })))
}

/// The labels of a name behind the first ones.
#[derive(Clone)]
struct Tail<L> {
    name: L,
    skipped: usize,
}

impl<'a, L: IntoIterator<Item = &'a [u8]>> IntoIterator for Tail<L> {
    type Item = &'a [u8];
    type IntoIter = std::iter::Skip<L::IntoIter>;

    fn into_iter(self) -> Self::IntoIter {
        self.name.into_iter().skip(self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registered(name: &[&[u8]]) -> Option<String> {
        registered_domain(name.to_vec()).map(|found| found.0.to_string())
    }

    #[test]
    fn a_domain_has_one_label_more_than_its_suffix() {
        let of = |name: &str| registered(&name.split('.').map(str::as_bytes).collect::<Vec<_>>());
        assert_eq!(of("www.example.org").as_deref(), Some("example.org"));
        assert_eq!(of("example.org").as_deref(), Some("example.org"));
        assert_eq!(of("a.b.Example.CO.uk").as_deref(), Some("Example.CO.uk"));
        assert_eq!(of("org"), None);
        assert_eq!(of("co.uk"), None);
        assert_eq!(of("printer.local"), None);
        assert_eq!(registered(&[]), None);
        assert_eq!(registered(&[b"a.example", b"org"]), None);
        assert_eq!(
            registered(&[b"w", b"e\xffx|", b"org"]).as_deref(),
            Some(r"e\255x\124.org")
        );
        assert_eq!(registered(&[&[b'x'; 300], b"org"]), None);
    }
}
