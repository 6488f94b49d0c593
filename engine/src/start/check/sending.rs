//! Send buffers of the sockets to collectors.

use std::fs;

use super::finding::Finding;
use crate::export::batch::MAX_RUN_BYTES;
use crate::start::settings::Output;

/// The kernel charges a packet with all the memory that it takes, about twice its payload.
const OVERHEAD: usize = 2;

/// `None` without collectors, or if the sysctl can't be read.
pub(super) fn look(output: &Output) -> Option<Finding> {
    if output.collectors.is_empty() {
        return None;
    }
    let read = |name: &str| {
        let text = fs::read_to_string(format!("/proc/sys/net/core/{name}")).ok()?;
        text.trim().parse::<usize>().ok()
    };
    Some(judge(read("wmem_default")?))
}

/// A socket has a buffer of net.core.wmem_default bytes, into which one send should fit.
fn judge(buffer: usize) -> Finding {
    const TOPIC: &str = "send buffers";
    let need = MAX_RUN_BYTES * OVERHEAD;
    let text = format!(
        "{} KiB a collector and core; one send needs {} KiB",
        buffer >> 10,
        need >> 10
    );
    if buffer >= need {
        return Finding::ok(TOPIC, text);
    }
    Finding::warn(TOPIC, text, format!("sysctl net.core.wmem_default={need}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::start::check::finding::Level;

    #[test]
    fn one_send_should_fit() {
        // The default of Linux.
        assert_eq!(judge(212_992).level, Level::Ok);
        assert_eq!(judge(65_536).level, Level::Warn);
    }
}
