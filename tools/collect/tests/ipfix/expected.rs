//! The records that batches have to become, as text.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use dnsflow_collect::batch::Batch;
use dnsflow_collect::record::{Name, Record, Row};
use dnsflow_wire::response::Transport;
use dnsflow_wire::text::{NameText, Sensor};
use dnsflow_wire::v5::Data;

/// The values of a data record by the names of elements in libfixbuf.
pub(crate) type Flow = BTreeMap<&'static str, String>;

/// A data record, and what its message says.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// Sensor, and behind a space its core.
    pub(crate) domain: String,
    /// Microseconds since 1970.
    pub(crate) micros: u128,
    pub(crate) flow: Flow,
}

/// All of some batches, in order. An alias that makes names longer than `room` together is left
/// out.
pub(crate) fn flows(batches: &[Arc<Batch>], room: usize) -> Vec<Expected> {
    let mut all = Vec::new();
    for batch in batches {
        let each = batch.each_row(|row| -> Result<(), ()> {
            for (alias, address) in ends(&row.record) {
                all.push(flow(row, alias, address, room));
            }
            Ok(())
        });
        each.expect("nothing fails");
    }
    all
}

/// The addresses of a record and the last alias before each.
fn ends(record: &Record<'_>) -> Vec<(Option<String>, Option<IpAddr>)> {
    let names: Vec<String> = record.names().map(text).collect();
    let last = names.get(1..).and_then(<[_]>::last).cloned();
    let mut ends = Vec::new();
    if record.v5().is_some() {
        for answer in record.answers() {
            let address = match answer.data {
                Data::Ipv4(address) => IpAddr::V4(address),
                Data::Ipv6(address) => IpAddr::V6(address),
                _ => continue,
            };
            let owner = text(Name::New(answer.owner));
            let is_alias = !owner.eq_ignore_ascii_case(&names[0]);
            ends.push((is_alias.then_some(owner), Some(address)));
        }
    } else {
        ends.extend(
            record
                .addresses()
                .map(|address| (last.clone(), Some(address))),
        );
    }
    if ends.is_empty() {
        ends.push((last, None));
    }
    ends
}

fn text(name: Name<'_>) -> String {
    NameText(name).to_string()
}

fn flow(row: &Row<'_>, alias: Option<String>, address: Option<IpAddr>, room: usize) -> Expected {
    let record = &row.record;
    let mut flow = Flow::new();
    let mut put = |name, value: Option<String>| {
        if let Some(value) = value {
            flow.insert(name, value);
        }
    };
    let six = |address: IpAddr| address.is_ipv6();
    let client = record.client();
    let client_name = ["destinationIPv4Address", "destinationIPv6Address"];
    put(
        client_name[usize::from(six(client))],
        Some(client.to_string()),
    );
    if let Some(resolver) = record.resolver() {
        let name = ["sourceIPv4Address", "sourceIPv6Address"];
        put(name[usize::from(six(resolver))], Some(resolver.to_string()));
    }
    if let Some(address) = address {
        let name = ["rrIPv4", "rrIPv6"];
        put(name[usize::from(six(address))], Some(address.to_string()));
    }
    let number = |value: Option<u32>| value.map(|value| value.to_string());
    put(
        "destinationTransportPort",
        number(record.client_port().map(u32::from)),
    );
    put(
        "sourceTransportPort",
        number(record.resolver_port().map(u32::from)),
    );
    let protocol = |transport| match transport {
        Transport::Udp => 17,
        Transport::Tcp => 6,
    };
    put(
        "protocolIdentifier",
        number(record.transport().map(protocol)),
    );
    put(
        "dnsAuthoritative",
        number(record.flags().map(|flags| flags.aa().into())),
    );
    put("dnsQueryResponse", number(Some(1)));
    let kind = record.question().map(|question| question.record_type);
    put("dnsQRType", number(kind.map(u32::from)));
    let rcode = record.rcode().filter(|rcode| *rcode < 256);
    put("dnsNXDomain", number(rcode.map(u32::from)));
    put("dnsTTL", number(record.ttl()));
    let origin = record.v5().map(|record| record.origin);
    let origin = origin.as_ref();
    put(
        "vlanId",
        number(origin.and_then(|origin| origin.vlan).map(u32::from)),
    );
    let inner = origin.and_then(|origin| origin.inner_vlan);
    put("dot1qCustomerVlanId", number(inner.map(u32::from)));
    let interface = origin.and_then(|origin| origin.interface);
    put(
        "interfaceName",
        interface.map(|name| Sensor::Name(name).to_string()),
    );
    let query = record.query().map(text).expect("each has a name");
    let alias = alias.filter(|alias| alias.len() + query.len() <= room);
    put("dnsQName", Some(query));
    put("dnsCName", alias);
    let stream = row.stream;
    Expected {
        domain: match stream.core {
            None => stream.sensor.clone(),
            Some(core) => format!("{} {core}", stream.sensor),
        },
        micros: row.time().as_micros(),
        flow,
    }
}
