//! Offloads that merge packets before they are captured.

use super::finding::Finding;
use dnsflow_sys::{self, Merging};

/// `None` if there is no interface of that name.
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
        format!(
            "{words} merges TCP segments, which are then larger than on the wire and arrive later"
        ),
        format!("ethtool -K {name} {} off", on.replace(' ', " off ")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_command() {
        let fix = |generic, large| judge("eth0", Merging { generic, large }).fix;
        assert_eq!(fix(false, false), None);
        assert_eq!(fix(true, false).as_deref(), Some("ethtool -K eth0 gro off"));
        assert_eq!(
            fix(true, true).as_deref(),
            Some("ethtool -K eth0 gro off lro off")
        );
    }
}
