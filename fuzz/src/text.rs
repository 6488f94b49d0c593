//! What every line of text has to be.

use dnsflow_wire::text::HEADER;

/// Holds that text is one line of printable ASCII, with the fields of a record.
///
/// # Panics
/// If it is not.
pub fn assert_line(text: &str) {
    let line = text.strip_suffix('\n').expect("a line ends");
    assert_printable(line);
    let bars = |text: &str| text.bytes().filter(|byte| *byte == b'|').count();
    assert_eq!(bars(line), bars(HEADER), "{line}");
}

/// Holds that nothing in a line can control a terminal.
///
/// # Panics
/// If something can.
pub fn assert_printable(line: &str) {
    let is_printable = |byte: u8| matches!(byte, 0x20..=0x7e);
    assert!(line.bytes().all(is_printable), "{line:?}");
}
