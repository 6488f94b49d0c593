//! Offloads that put packets together before anybody sees them.

use super::finding::Finding;
use dnsflow_sys::{self, Merging};

/// Nothing for what is no interface of this machine.
pub(super) fn look(name: &str) -> Option<Finding> {
    dnsflow_sys::merging(name)
        .ok()
        .map(|merging| judge(name, merging))
}

fn judge(name: &str, merging: Merging) -> Finding {
    let topic = format!("offloads of {name}");
    let on = match (merging.generic, merging.large) {
        (false, false) => return Finding::ok(topic, "none merges packets"),
        (true, false) => "gro",
        (false, true) => "lro",
        (true, true) => "gro lro",
    };
    let words = on.to_uppercase().replace(' ', " and ");
    Finding::warn(
        topic,
        format!("{words} merges TCP segments, which so are larger than on the wire and come later"),
        format!("ethtool -K {name} {} off", on.replace(' ', " off ")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_with_its_command() {
        let mend = |generic, large| judge("eth0", Merging { generic, large }).mend;
        assert_eq!(mend(false, false), None);
        assert_eq!(
            mend(true, false).as_deref(),
            Some("ethtool -K eth0 gro off")
        );
        assert_eq!(
            mend(true, true).as_deref(),
            Some("ethtool -K eth0 gro off lro off")
        );
    }
}
