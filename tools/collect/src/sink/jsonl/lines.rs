//! The lines of a batch.

use std::io;

use dnsflow_records::{Context, ecs, json};
use dnsflow_wire::datagram::Datagram;
use dnsflow_wire::text::Sensor;
use dnsflow_wire::{v4, v5};

use super::options::Form;
use crate::batch::{Batch, Received};

/// Adds a line for each record to `to`, and one for each statistics unless they are events.
pub(super) fn write(to: &mut Vec<u8>, batch: &Batch, form: Form) -> io::Result<()> {
    for received in batch.datagrams() {
        let context = context(&received);
        match &received.datagram {
            Datagram::V4(datagram) => match datagram.content() {
                Ok(v4::Content::Sets(sets)) => {
                    for set in sets.map_while(Result::ok) {
                        match form {
                            Form::Keys => json::write_line(&mut *to, &json::set(context, &set))?,
                            Form::Ecs => json::write_line(&mut *to, &ecs::set(context, &set))?,
                        }
                    }
                }
                Ok(v4::Content::Stats(stats)) if form == Form::Keys => {
                    json::write_line(&mut *to, &json::stats(context, &stats))?;
                }
                _ => {}
            },
            Datagram::V5(datagram) => match datagram.content() {
                v5::Content::Records(records) => {
                    for record in records.map_while(Result::ok) {
                        match form {
                            Form::Keys => {
                                let line = json::record(context, datagram, &record);
                                json::write_line(&mut *to, &line)?;
                            }
                            Form::Ecs => {
                                let line = ecs::record(context, datagram, &record);
                                json::write_line(&mut *to, &line)?;
                            }
                        }
                    }
                }
                v5::Content::Stats(counters) if form == Form::Keys => {
                    let line = json::counters(context, datagram, &counters);
                    json::write_line(&mut *to, &line)?;
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
