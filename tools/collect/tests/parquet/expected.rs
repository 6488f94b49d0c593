//! What a batch says, as lines of JSON: made from its records, by other code than the sink's.

use std::collections::BTreeMap;
use std::fmt::Display;

use dnsflow_collect::batch::Batch;
use dnsflow_collect::record::{Record, Row};
use dnsflow_wire::response::Transport;
use dnsflow_wire::text::{ClassText, DataText, NameText, RcodeText, Sensor, TypeText};
use dnsflow_wire::v5::{Data, Subnet};

fn text(what: impl Display) -> String {
    let text = what.to_string().replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{text}\"")
}

fn number(what: Option<impl Display>) -> String {
    what.map_or("null".to_owned(), |what| what.to_string())
}

fn optional(what: Option<impl Display>) -> String {
    what.map_or("null".to_owned(), text)
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

fn subnet(subnet: Subnet<'_>) -> String {
    let prefix = subnet.source_prefix;
    match subnet.ip() {
        Some(address) => format!("{address}/{prefix}"),
        None => {
            let hex = subnet.address.iter().map(|byte| format!("{byte:02x}"));
            format!("{}:{}/{prefix}", subnet.family, hex.collect::<String>())
        }
    }
}

/// The lines of a batch's rows in `responses`.
pub(crate) fn responses(batches: &[impl AsRef<Batch>]) -> Vec<String> {
    let mut lines = Vec::new();
    for batch in batches {
        let done: Result<(), ()> = batch.as_ref().each_row(|row| {
            lines.push(line(row));
            Ok(())
        });
        done.unwrap();
    }
    lines.sort();
    lines
}

fn line(row: &Row<'_>) -> String {
    let record = &row.record;
    let v5 = record.v5();
    let origin = v5.map(|record| record.origin);
    let question = record.question();
    let answers = v5.map(|record| {
        list(record.answers().map(|answer| {
            format!(
                "{{\"owner\":{},\"type\":{},\"class\":{},\"ttl\":{},\"data\":{}}}",
                text(NameText(answer.owner)),
                text(TypeText(answer.record_type)),
                text(ClassText(answer.class)),
                answer.ttl,
                text(DataText(answer))
            )
        }))
    });
    let fields = [
        row.time().as_micros().to_string(),
        row.received.as_micros().to_string(),
        text(&row.stream.sensor),
        text(row.stream.source.ip()),
        number(row.stream.core),
        text(format_args!("{:016x}", row.stream.boot)),
        row.sequence.to_string(),
        row.index.to_string(),
        text(record.client()),
        number(record.client_port()),
        optional(record.resolver()),
        number(record.resolver_port()),
        optional(record.transport().map(|transport| match transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        })),
        optional(record.query().map(NameText)),
        optional(question.map(|question| TypeText(question.record_type))),
        optional(question.map(|question| ClassText(question.class))),
        optional(record.rcode().map(RcodeText)),
        number(record.flags().map(|flags| list(flags.names().map(text)))),
        list(record.names().map(|name| text(NameText(name)))),
        list(record.addresses().map(text)),
        number(record.ttl()),
        number(answers),
        optional(v5.and_then(|record| record.subnet).map(subnet)),
        optional(origin.and_then(|origin| origin.interface).map(Sensor::Name)),
        number(origin.and_then(|origin| origin.vlan)),
        number(origin.and_then(|origin| origin.inner_vlan)),
        number(origin.and_then(|origin| origin.vni)),
        number(row.sampling),
        number(v5.map(|record| record.is_incomplete)),
        number(v5.map(|record| record.continues)),
        number(v5.map(|record| record.has_more)),
    ];
    format!("[{}]", fields.join(","))
}

type Key = [String; 4];

/// The lines of the rows in `names`, rolled up for all batches and hours together.
pub(crate) fn names(batches: &[impl AsRef<Batch>]) -> Vec<String> {
    let mut names: BTreeMap<Key, (u128, u128, u64, Option<u32>)> = BTreeMap::new();
    for batch in batches {
        let done: Result<(), ()> = batch.as_ref().each_row(|row| {
            let time = row.time().as_micros();
            let ttl = row.record.ttl();
            for key in keys(&row.record) {
                let seen = names.entry(key).or_insert((time, time, 0, None));
                seen.0 = seen.0.min(time);
                seen.1 = seen.1.max(time);
                seen.2 += 1;
                seen.3 = seen.3.into_iter().chain(ttl).min();
            }
            Ok(())
        });
        done.unwrap();
    }
    let lines = names.into_iter().map(|(key, (first, last, count, ttl))| {
        format!("[{},{first},{last},{count},{}]", key.join(","), number(ttl))
    });
    let mut lines: Vec<_> = lines.collect();
    lines.sort();
    lines
}

fn keys(record: &Record<'_>) -> Vec<Key> {
    let query = optional(record.query().map(NameText));
    let client = text(record.client());
    match record {
        Record::V4(_) => {
            let name = optional(record.names().last().map(NameText));
            let addresses = record.addresses().map(text);
            addresses
                .map(|address| [address, client.clone(), name.clone(), query.clone()])
                .collect()
        }
        Record::V5(_) => record
            .answers()
            .filter(|answer| matches!(answer.data, Data::Ipv4(_) | Data::Ipv6(_)))
            .map(|answer| {
                let address = text(DataText(answer));
                let name = text(NameText(answer.owner));
                [address, client.clone(), name, query.clone()]
            })
            .collect(),
    }
}
