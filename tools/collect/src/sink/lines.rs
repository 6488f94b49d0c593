//! The lines of JSON of a batch, for all sinks whose stores take text: the same line wherever it
//! goes.

use std::io;
use std::net::IpAddr;

use dnsflow_records::{Context, ecs, json};
use dnsflow_wire::datagram::Datagram;
use dnsflow_wire::text::Sensor;
use dnsflow_wire::{v4, v5};

use super::SinkError;
use crate::batch::{Batch, Received};

/// Bytes of memory that are kept for the next line. Few are longer.
const USUAL_BYTES: usize = 64 << 10;

/// What lines say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The keys of dnsflow-read.
    Keys,
    /// Elastic Common Schema.
    Ecs,
}

impl Form {
    /// That of the value of a parameter `form`, if there is one.
    pub(super) fn named(value: &str) -> Option<Self> {
        match value {
            "keys" => Some(Self::Keys),
            "ecs" => Some(Self::Ecs),
            _ => None,
        }
    }
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Responses,
    /// Counters of a sensor.
    Statistics,
}

/// A line of a batch.
pub(super) struct Line<'a> {
    /// The sensor, as [`crate::batch::Stream`] has it.
    pub(super) sensor: &'a str,
    pub(super) kind: Kind,
    /// Who asked; none for statistics.
    #[cfg_attr(
        not(feature = "kafka"),
        expect(dead_code, reason = "the key of messages of Kafka")
    )]
    pub(super) client: Option<IpAddr>,
    /// JSON with its line feed.
    pub(super) text: &'a [u8],
}

/// Gives `take` a line for each record, and one for each statistics unless they are events, in the
/// order in which they came.
///
/// # Errors
///
/// The first error of `take`, which ends it.
pub(super) fn each(
    batch: &Batch,
    form: Form,
    mut take: impl FnMut(&Line<'_>) -> Result<(), SinkError>,
) -> Result<(), SinkError> {
    let mut text = Vec::new();
    for received in batch.datagrams() {
        let context = context(&received);
        let sensor = received.stream.sensor.as_str();
        let mut give = |kind, client, written: io::Result<()>, text: &mut Vec<u8>| {
            written.map_err(|error| SinkError::Refused(error.to_string()))?;
            let line = Line {
                sensor,
                kind,
                client,
                text: text.as_slice(),
            };
            let taken = take(&line);
            text.clear();
            text.shrink_to(USUAL_BYTES);
            taken
        };
        match &received.datagram {
            Datagram::V4(datagram) => match datagram.content() {
                Ok(v4::Content::Sets(sets)) => {
                    for set in sets.map_while(Result::ok) {
                        let written = match form {
                            Form::Keys => json::write_line(&mut text, &json::set(context, &set)),
                            Form::Ecs => json::write_line(&mut text, &ecs::set(context, &set)),
                        };
                        give(Kind::Responses, Some(set.client()), written, &mut text)?;
                    }
                }
                Ok(v4::Content::Stats(stats)) if form == Form::Keys => {
                    let written = json::write_line(&mut text, &json::stats(context, &stats));
                    give(Kind::Statistics, None, written, &mut text)?;
                }
                _ => {}
            },
            Datagram::V5(datagram) => match datagram.content() {
                v5::Content::Records(records) => {
                    for record in records.map_while(Result::ok) {
                        let written = match form {
                            Form::Keys => json::write_line(
                                &mut text,
                                &json::record(context, datagram, &record),
                            ),
                            Form::Ecs => json::write_line(
                                &mut text,
                                &ecs::record(context, datagram, &record),
                            ),
                        };
                        give(Kind::Responses, Some(record.client), written, &mut text)?;
                    }
                }
                v5::Content::Stats(counters) if form == Form::Keys => {
                    let line = json::counters(context, datagram, &counters);
                    let written = json::write_line(&mut text, &line);
                    give(Kind::Statistics, None, written, &mut text)?;
                }
                v5::Content::Stats(_) => {}
            },
        }
    }
    Ok(())
}

fn context<'a>(received: &Received<'a>) -> Context<'a> {
    let stream = received.stream;
    let own = match &received.datagram {
        Datagram::V4(_) => None,
        Datagram::V5(datagram) => datagram.sensor_name(),
    };
    // One that the sensor gives itself is told by the record.
    let is_own = match own {
        Some(own) => stream.sensor == Sensor::Name(own).to_string(),
        None => stream.sensor == stream.source.ip().to_string(),
    };
    Context {
        time: received.time,
        source: stream.source,
        sequence: received.datagram.sequence(),
        name: (!is_own).then_some(stream.sensor.as_str()),
    }
}
