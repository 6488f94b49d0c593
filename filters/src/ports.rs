//! Sets of ports as ranges of adjacent ports, each of which costs one test.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// The ranges of adjacent ports, ascending.
pub(crate) fn runs(ports: &BTreeSet<u16>) -> Vec<RangeInclusive<u16>> {
    let mut runs: Vec<RangeInclusive<u16>> = Vec::new();
    for &port in ports {
        match runs.last_mut() {
            Some(run) if run.end().checked_add(1) == Some(port) => *run = *run.start()..=port,
            _ => runs.push(port..=port),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjacent_ports_are_one_run() {
        let of = |ports: &[u16]| runs(&ports.iter().copied().collect());
        assert_eq!(
            of(&[5300, 53, 54, 5301, 53, 55, 5353]),
            [53..=55, 5300..=5301, 5353..=5353]
        );
        assert_eq!(of(&[u16::MAX, u16::MAX - 1, 0]), [0..=0, 65534..=65535]);
        assert_eq!(of(&[]), []);
    }
}
