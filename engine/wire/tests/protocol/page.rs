//! The test vectors of `docs/protocol.md`.

use dnsflow_testkit::vectors::vectors;

use crate::{assert_line, lines};

#[test]
fn each_vector_says_what_the_page_says() {
    for vector in vectors() {
        let (lines, error) = lines(&vector.bytes);
        assert_eq!(error, None, "{}", vector.name);
        assert_eq!(lines, vector.lines, "{}", vector.name);
        lines.iter().for_each(|line| assert_line(line));
    }
}

#[test]
fn what_is_left_of_a_vector_is_the_start_of_it() {
    for vector in vectors() {
        for end in 0..vector.bytes.len() {
            let (lines, error) = lines(&vector.bytes[..end]);
            assert!(vector.lines.starts_with(&lines), "{} to {end}", vector.name);
            let is_whole = lines.len() == vector.lines.len();
            assert_eq!(error.is_none(), is_whole, "{} to {end}", vector.name);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "reads a datagram for each value of each byte")]
fn no_changed_byte_of_a_vector_breaks_a_line() {
    for mut vector in vectors() {
        for at in 0..vector.bytes.len() {
            let byte = vector.bytes[at];
            for changed in 0..=u8::MAX {
                vector.bytes[at] = changed;
                let (lines, error) = lines(&vector.bytes);
                lines.iter().for_each(|line| assert_line(line));
                if let Some(error) = error {
                    assert!(error.to_string().is_ascii());
                }
            }
            vector.bytes[at] = byte;
        }
    }
}
