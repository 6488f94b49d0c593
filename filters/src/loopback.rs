//! A prologue that drops the outgoing copy of each loopback packet.

use crate::Prologue;
use crate::assembler::{Assembler, To};
use crate::instruction::code;
use crate::operation::Ancillary;

/// Type of a packet that this machine sends (`PACKET_OUTGOING`, `linux/if_packet.h`).
const OUTGOING: u32 = 4;

/// A prologue for a socket that is bound to all interfaces. On the loopback such a socket sees
/// every packet twice, outgoing and incoming; this drops the outgoing copy. `loopback_index` is the
/// number of that interface, 1 in every network namespace (`LOOPBACK_IFINDEX`,
/// `net/net_namespace.h`).
///
/// ```text
///       if interface != loopback: go on
///       if packet type != outgoing: go on
///       drop
/// ```
#[must_use]
pub fn without_loopback_echo(loopback_index: u32) -> Prologue {
    let mut program = Assembler::new();
    let keep = program.label();
    program.load_ancillary(Ancillary::InterfaceIndex);
    program.branch(code::JEQ, loopback_index, To::Next, To::Label(keep));
    program.load_ancillary(Ancillary::PacketType);
    program.branch(code::JEQ, OUTGOING, To::Next, To::Label(keep));
    program.emit(code::RET | code::K, 0);
    program.bind(keep);
    Prologue::new("the loopback once".to_owned(), program.finish())
}

#[cfg(test)]
mod tests {
    use dnsflow_packet::{LinkType, Selection};

    use super::*;
    use crate::{FilterError, Interpreter, capture_filter};

    #[test]
    fn only_a_kernel_can_tell() {
        let filter = capture_filter(&Selection::default(), LinkType::Network(0), 0)
            .expect("a short program");
        let program = without_loopback_echo(1).then(filter);
        let program = program.expect("a short program");
        assert!(program.name().starts_with("the loopback once, then from"));
        let listing = program.to_string();
        assert!(
            listing.contains("#0x1") && listing.contains("#0x4"),
            "{listing}"
        );
        let refused = Interpreter::new(&program).expect_err("no interfaces in a file");
        assert!(matches!(refused, FilterError::KernelOnly { index: 0, .. }));
    }
}
