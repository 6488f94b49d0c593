//! `--print`: each response as one line of text on standard output.
//!
//! On the fast path a line is made from the encoded set, so that it shows what collectors receive.
//! A response from [`Export::push`](super::Export::push) may need several sets; its one line is
//! made from its fields.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use dnsflow_wire::encode::Encode;
use dnsflow_wire::response::Response;
use dnsflow_wire::text;

use super::local::LocalOutput;
use dnsflow_packet::Timestamp;

/// Bytes of lines that are buffered before they are written.
const BUFFER_BYTES: usize = 32 << 10;

/// A buffer of lines for standard output. Several shards may print; each write has whole lines
/// only.
#[derive(Debug)]
pub struct Print {
    output: Arc<LocalOutput>,
    lines: String,
    /// Number of `lines`.
    count: u64,
}

/// The header line, which names the fields.
#[must_use]
pub fn header() -> Vec<u8> {
    format!("{}\n", text::HEADER).into_bytes()
}

impl Print {
    /// Prints to `output`, whose header is [`header`].
    #[must_use]
    pub fn new(output: Arc<LocalOutput>) -> Self {
        Self {
            output,
            lines: String::with_capacity(2 * BUFFER_BYTES),
            count: 0,
        }
    }

    /// Where it prints.
    pub(super) fn output(&self) -> &LocalOutput {
        &self.output
    }

    /// Adds the line of a response that was captured at `at`.
    pub(super) fn push(&mut self, response: &Response<'_>, at: Timestamp) {
        // Writing to a String does not fail.
        let _ = text::write_response(&mut self.lines, None, since_epoch(at), response);
        self.write_if_full();
    }

    /// Adds the line of a set that `E` has encoded, of a response captured at `at`.
    pub(super) fn push_set<E: Encode>(&mut self, set: &[u8], at: Timestamp) {
        E::write_line(set, since_epoch(at), &mut self.lines);
        self.write_if_full();
    }

    fn write_if_full(&mut self) {
        self.count += 1;
        if self.lines.len() > BUFFER_BYTES {
            self.write();
        }
    }

    /// Writes all buffered lines.
    pub(super) fn write(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        let sizes = self.lines.split_inclusive('\n').map(str::len);
        let slices = &mut [IoSlice::new(self.lines.as_bytes())];
        self.output.write(slices, self.count, sizes);
        self.lines.clear();
        self.count = 0;
    }
}

fn since_epoch(at: Timestamp) -> Duration {
    Duration::new(at.seconds, at.nanoseconds)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use dnsflow_wire::dns::{Answers, Dialect, Extent, Scratch};
    use dnsflow_wire::response::{Endpoints, Envelope};
    use dnsflow_wire::v4::Encoder;

    use super::super::local::{Manner, Unit};
    use super::super::{Export, Sinks};
    use super::*;

    /// `a` has the CNAME `b`, which has the address 192.0.2.1.
    const MESSAGE: &[u8] = b"\x12\x34\x81\x80\x00\x01\x00\x02\x00\x00\x00\x00\
        \x01a\x00\x00\x01\x00\x01\
        \xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x03\x01b\x00\
        \xc0\x1f\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01";

    #[test]
    fn both_paths_print_the_same_line_and_printing_keeps_the_fast_path() {
        let endpoints = Endpoints::V4 {
            client: [10, 0, 0, 1],
            resolver: [10, 0, 0, 2],
        };
        let at = Timestamp {
            seconds: 3600,
            nanoseconds: 0,
        };
        let manner = Manner {
            unit: Unit::Lines,
            header: header(),
            is_patient: true,
            is_alone: true,
        };
        let output = LocalOutput::open(Path::new("/dev/null"), manner);
        let output = Arc::new(output.expect("/dev/null"));
        let sinks = || Sinks {
            print: Some(Print::new(Arc::clone(&output))),
            ..Sinks::default()
        };
        let lines = |export: Export<Encoder>| export.sinks.print.expect("it prints").lines;

        let mut fast = Export::new(Encoder::default(), 1472, sinks());
        assert_eq!(
            fast.transcribe(
                MESSAGE,
                &Envelope {
                    at,
                    ..endpoints.into()
                }
            ),
            Some(Ok(()))
        );

        let mut by_fields = Export::new(Encoder::default(), 1472, sinks());
        let mut scratch = Scratch::default();
        let answers = Answers::parse(MESSAGE, Dialect::Unicast, Extent::Whole, &mut scratch);
        let answers = answers.expect("the message is chosen");
        by_fields.push(
            &Response {
                envelope: endpoints.into(),
                answers,
            },
            at,
        );

        let wanted = "|10.0.0.2|10.0.0.1|01:00:00|a,b|192.0.2.1|\n";
        assert_eq!(
            (lines(fast).as_str(), lines(by_fields).as_str()),
            (wanted, wanted)
        );
    }
}
