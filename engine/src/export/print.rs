//! `--print`: each response as a line of text, so that nobody needs a collector to see it.

use std::io::{self, Write};
use std::time::Duration;

use dnsflow_wire::response::Response;
use dnsflow_wire::text;

use super::ExportError;
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

    pub(super) fn push(&mut self, response: &Response<'_>, at: Timestamp) {
        let time = Duration::new(at.seconds, at.nanoseconds);
        // Writing to a string does not fail.
        let _ = text::write_response(&mut self.lines, None, time, response);
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
