//! `--print`: each response as a line of text, so that nobody needs a collector to see it.
//!
//! A line is made of the set that was written, so that it shows what collectors get. A response that was read before
//! may be more sets than one, and is one line all the same: that line is made of its fields.

use std::io::{self, Write};
use std::time::Duration;

use dnsflow_wire::encode::Encode;
use dnsflow_wire::response::Response;
use dnsflow_wire::text;

use super::error::ExportError;
use dnsflow_packet::Timestamp;

/// Bytes of lines that are gathered before they are written.
const GATHER_BYTES: usize = 32 << 10;

/// Lines on their way to standard output. Several shards may print: each writes whole lines.
#[derive(Debug)]
pub struct Print {
    lines: String,
    failure: Option<io::Error>,
}

impl Default for Print {
    fn default() -> Self {
        Print {
            lines: String::with_capacity(2 * GATHER_BYTES),
            failure: None,
        }
    }
}

impl Print {
    /// Writes the line that names the fields.
    ///
    /// # Errors
    /// What the system says.
    pub fn write_header() -> io::Result<()> {
        writeln!(io::stdout().lock(), "{}", text::HEADER)
    }

    /// Takes a response that was captured at `at`.
    pub(super) fn push(&mut self, response: &Response<'_>, at: Timestamp) {
        // Writing to a string does not fail.
        let _ = text::write_response(&mut self.lines, None, since_epoch(at), response);
        self.gathered();
    }

    /// Takes the set that `E` has written of a response.
    pub(super) fn push_set<E: Encode>(&mut self, set: &[u8], at: Timestamp) {
        E::write_line(set, since_epoch(at), &mut self.lines);
        self.gathered();
    }

    fn gathered(&mut self) {
        if self.lines.len() > GATHER_BYTES {
            self.write_lines();
        }
    }

    pub(super) fn write(&mut self) -> Result<(), ExportError> {
        self.write_lines();
        self.failure
            .take()
            .map_or(Ok(()), |error| Err(ExportError::Print(error)))
    }

    fn write_lines(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        if self.failure.is_none() {
            let mut out = io::stdout().lock();
            let written = out
                .write_all(self.lines.as_bytes())
                .and_then(|()| out.flush());
            self.failure = written.err();
        }
        self.lines.clear();
    }
}

fn since_epoch(at: Timestamp) -> Duration {
    Duration::new(at.seconds, at.nanoseconds)
}

#[cfg(test)]
mod tests {
    use dnsflow_wire::dns::{Answers, Dialect, Extent, Scratch};
    use dnsflow_wire::response::Endpoints;
    use dnsflow_wire::v4::Encoder;

    use super::super::{Export, Sinks};
    use super::*;

    /// `a` is an alias of `b`, which has the address 192.0.2.1.
    const MESSAGE: &[u8] = b"\x12\x34\x81\x80\x00\x01\x00\x02\x00\x00\x00\x00\
        \x01a\x00\x00\x01\x00\x01\
        \xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x03\x01b\x00\
        \xc0\x1f\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01";

    #[test]
    fn a_line_is_the_same_on_either_path_and_printing_keeps_the_fast_one() {
        let endpoints = Endpoints::V4 {
            client: [10, 0, 0, 1],
            resolver: [10, 0, 0, 2],
        };
        let at = Timestamp {
            seconds: 3600,
            nanoseconds: 0,
        };
        let sinks = || Sinks {
            print: Some(Print::default()),
            ..Sinks::default()
        };
        let lines = |export: Export| export.sinks.print.expect("it prints").lines;

        let mut fast = Export::new(Encoder::default(), 1472, sinks());
        assert_eq!(fast.transcribe(MESSAGE, &endpoints, at), Some(Ok(())));

        let mut by_fields = Export::new(Encoder::default(), 1472, sinks());
        let mut scratch = Scratch::default();
        let answers = Answers::parse(MESSAGE, Dialect::Unicast, Extent::Whole, &mut scratch);
        let answers = answers.expect("the message is chosen");
        by_fields.push(&Response { endpoints, answers }, at);

        let wanted = "|10.0.0.2|10.0.0.1|01:00:00|a,b|192.0.2.1|\n";
        assert_eq!(
            (lines(fast).as_str(), lines(by_fields).as_str()),
            (wanted, wanted)
        );
    }
}
