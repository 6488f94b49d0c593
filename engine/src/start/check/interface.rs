//! Whether an interface can be captured on, whether something comes in, and what it has lost so far.

use std::fs;

use super::finding::Finding;
use crate::capture::interface::{drops_of_one, look_up};
use crate::capture::socket::Tap;
use crate::capture::stock::Stock;
use crate::start::error::StartError;
use crate::start::settings::Settings;

/// Opens everything as a run would, and lets no packet in.
pub(super) fn capture(settings: &Settings, name: &str, cores: usize, stock: &mut Stock) -> Finding {
    match open(settings, name, cores, stock) {
        Ok(text) => Finding::ok(name, text),
        Err(error) => {
            let (text, mend) = refusal(&error, name);
            Finding::fail(name, text, mend)
        }
    }
}

fn open(
    settings: &Settings,
    name: &str,
    cores: usize,
    stock: &mut Stock,
) -> Result<String, StartError> {
    let tap = Tap {
        interface: name.to_owned(),
        promiscuous: settings.promiscuous,
        shards: cores,
        ring_bytes: settings.ring_bytes,
        spread: settings.capture.spread()?,
    };
    let source = tap.source()?;
    let program = settings.capture.program(source.link)?;
    tap.open(source, stock)?;
    let mode = if settings.promiscuous {
        ", promiscuous"
    } else {
        ""
    };
    Ok(format!(
        "can be captured on{mode}; the filter has {} instructions",
        program.instructions().len()
    ))
}

/// What is wrong, and what mends it.
fn refusal(error: &StartError, name: &str) -> (String, String) {
    let (text, mend) = match error {
        StartError::NoInterface { .. } => {
            let mend = "another -i; ip link lists those of this machine";
            return ("there is no such interface".to_owned(), mend.to_owned());
        }
        StartError::InterfaceDown { .. } => {
            return ("it is down".to_owned(), format!("ip link set {name} up"));
        }
        StartError::Ring { source, .. } => (
            format!("the rings can't be had: {source}"),
            "less --ring or fewer --cores",
        ),
        StartError::Filter(_) => (error.to_string(), "another --filter; pcap-filter(7)"),
        _ => (error.to_string(), "docs/operators.md has a line about it"),
    };
    (text, mend.to_owned())
}

/// Whether the other end is there.
pub(super) fn link(name: &str) -> Option<Finding> {
    // Can't be read while the interface is down, which was said already.
    let carrier = fs::read_to_string(format!("/sys/class/net/{name}/carrier")).ok()?;
    (carrier.trim() == "0").then(|| {
        Finding::warn(
            name,
            "no carrier: nothing will come in",
            "the cable, or the other end",
        )
    })
}

/// Nothing for what is no interface of this machine.
pub(super) fn drops(name: &str) -> Option<Finding> {
    look_up(name).map(|_| judge_drops(name, drops_of_one(name)))
}

fn judge_drops(name: &str, drops: u64) -> Finding {
    let topic = format!("drops of {name}");
    if drops == 0 {
        return Finding::ok(topic, "none since it is there");
    }
    Finding::warn(
        topic,
        format!("{drops} packets since it is there, before any program saw them"),
        format!(
            "larger rings (ethtool -G {name} rx N), more queues (ethtool -L {name} combined N)"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::start::check::finding::Level;

    #[test]
    fn drops_are_worth_a_word() {
        assert_eq!(judge_drops("eth0", 0).level, Level::Ok);
        let some = judge_drops("eth0", 7);
        assert_eq!(some.level, Level::Warn);
        assert!(some.text.starts_with("7 packets"));
    }
}
