//! Buffers of the sockets to collectors.

use std::fs;

use super::finding::Finding;
use crate::export::batch::BATCH_DATAGRAMS;
use crate::settings::Output;

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
    Some(judge(read("wmem_default")?, output.datagram_bytes()))
}

/// A socket has what net.core.wmem_default says; a batch should fit in.
fn judge(buffer: usize, datagram_bytes: usize) -> Finding {
    const TOPIC: &str = "send buffers";
    let need = BATCH_DATAGRAMS * datagram_bytes * OVERHEAD;
    let text = format!(
        "{} KiB a collector and core; a batch of datagrams needs {} KiB",
        buffer >> 10,
        need >> 10
    );
    if buffer >= need {
        return Finding::ok(TOPIC, text);
    }
    Finding::warn(
        TOPIC,
        text,
        format!("sysctl net.core.wmem_default={need}, or a smaller --mtu"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::finding::Level;

    #[test]
    fn a_batch_should_fit() {
        // What Linux has by itself suffices for an MTU of 1500, not for one of 9000.
        assert_eq!(judge(212_992, 1472).level, Level::Ok);
        assert_eq!(judge(212_992, 8972).level, Level::Warn);
    }
}
