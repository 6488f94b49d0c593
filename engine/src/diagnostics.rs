//! What the sensor tells the person who runs it: lines on standard error.
//!
//! Each leaves in one piece, so that those of several threads don't mix. Where nobody takes them, because
//! the disk is full or the reader has gone, there is nobody to tell, and the work goes on.

use std::fmt::Arguments;
use std::io::Write;

/// Says one line: `dnsflow: ` and the text.
pub fn say(text: Arguments<'_>) {
    let _ = std::io::stderr().write_all(format!("dnsflow: {text}\n").as_bytes());
}
