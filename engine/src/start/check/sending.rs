//! Buffers of the sockets to collectors.

use std::fs;

use super::finding::Finding;
use crate::export::batch::MAX_RUN_BYTES;
use crate::start::settings::Output;

/// The kernel counts what a packet takes, about twice what is in it.
const OVERHEAD: usize = 2;

/// Nothing where there are no collectors, or where the kernel doesn't say.
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

/// A socket has what net.core.wmem_default says; what is sent at once should fit in.
fn judge(buffer: usize) -> Finding {
    const TOPIC: &str = "send buffers";
    let need = MAX_RUN_BYTES * OVERHEAD;
    let text = format!(
        "{} KiB a collector and core; what is sent at once needs {} KiB",
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
    fn what_is_sent_at_once_should_fit() {
        // What Linux has by itself suffices.
        assert_eq!(judge(212_992).level, Level::Ok);
        assert_eq!(judge(65_536).level, Level::Warn);
    }
}
