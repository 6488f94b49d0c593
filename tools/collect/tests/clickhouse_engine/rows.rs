//! What a row of `responses` has to be, made of the record by the text that lines have.

use std::fmt::Display;

use dnsflow_collect::batch::Batch;
use dnsflow_collect::record::Row;
use dnsflow_wire::response::Transport;
use dnsflow_wire::text::{ClassText, DataText, NameText, RcodeText, Sensor, SubnetText, TypeText};
use serde_json::{Value, json};

/// The columns as JSON shows them.
pub(crate) const COLUMNS: &str = "toString(toUnixTimestamp64Micro(time)), \
    toString(toUnixTimestamp64Micro(received)), sensor, replaceOne(toString(source), '::ffff:', ''), \
    core, boot, toString(sequence), index, replaceOne(toString(client), '::ffff:', ''), client_port, \
    replaceOne(toString(resolver), '::ffff:', ''), resolver_port, transport, query, qtype, qclass, \
    rcode, flags, names, arrayMap(one -> replaceOne(toString(one), '::ffff:', ''), addresses), ttl, \
    arrayZip(answers.owner, answers.type, answers.class, answers.ttl, answers.data), subnet, \
    interface, vlan, inner_vlan, vni, sampling, incomplete, continues, has_more";

/// All rows of a batch, in order of run, number and index.
pub(crate) fn expected(batch: &Batch) -> Vec<Value> {
    let mut rows = Vec::new();
    let done: Result<(), ()> = batch.each_row(|row| {
        rows.push(((row.stream.boot, row.sequence, row.index), of(row)));
        Ok(())
    });
    assert_eq!(done, Ok(()));
    rows.sort_by_key(|(key, _)| *key);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn shown(value: Option<impl Display>) -> Option<String> {
    value.map(|value| value.to_string())
}

fn of(row: &Row<'_>) -> Value {
    let record = &row.record;
    let new = record.v5();
    let question = record.question();
    let answers: Vec<Value> = record
        .answers()
        .map(|answer| {
            json!([
                NameText(answer.owner).to_string(),
                TypeText(answer.record_type).to_string(),
                ClassText(answer.class).to_string(),
                answer.ttl,
                DataText(answer).to_string(),
            ])
        })
        .collect();
    let mut columns = vec![
        json!(row.time().as_micros().to_string()),
        json!(row.received.as_micros().to_string()),
        json!(row.stream.sensor),
        json!(row.stream.source.ip()),
        json!(row.stream.core),
        json!(format!("{:016x}", row.stream.boot)),
        json!(row.sequence.to_string()),
        json!(row.index),
        json!(record.client()),
        json!(record.client_port()),
        json!(record.resolver()),
        json!(record.resolver_port()),
        json!(record.transport().map(|transport| match transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        })),
        json!(shown(record.query().map(NameText))),
        json!(shown(
            question.map(|question| TypeText(question.record_type))
        )),
        json!(shown(question.map(|question| ClassText(question.class)))),
        json!(shown(record.rcode().map(RcodeText))),
        json!(
            record
                .flags()
                .map(|flags| flags.names().collect::<Vec<_>>())
                .unwrap_or_default()
        ),
        json!(
            record
                .names()
                .map(|name| NameText(name).to_string())
                .collect::<Vec<_>>()
        ),
        json!(record.addresses().collect::<Vec<_>>()),
        json!(record.ttl()),
        json!(answers),
    ];
    let origin = new.map(|record| &record.origin);
    columns.extend([
        json!(shown(new.and_then(|record| record.subnet).map(SubnetText))),
        json!(shown(
            origin.and_then(|origin| origin.interface).map(Sensor::Name)
        )),
        json!(origin.and_then(|origin| origin.vlan)),
        json!(origin.and_then(|origin| origin.inner_vlan)),
        json!(origin.and_then(|origin| origin.vni)),
        json!(row.sampling),
        json!(new.is_some_and(|record| record.is_incomplete)),
        json!(new.is_some_and(|record| record.continues)),
        json!(new.is_some_and(|record| record.has_more)),
    ]);
    Value::Array(columns)
}
