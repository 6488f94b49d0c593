//! Whether an interface can be captured on, whether it has a carrier, and how many packets it has
//! lost.

use std::fs;

use super::finding::Finding;
use crate::capture::error::CaptureError;
use crate::capture::inherited::InheritedSockets;
use crate::capture::interface::{drops_of_one, look_up};
use crate::capture::socket::Tap;
use crate::start::error::StartError;
use crate::start::settings::Settings;

/// Opens everything that a run would, without letting a packet in.
pub(super) fn capture(
    settings: &Settings,
    name: &str,
    cores: usize,
    inherited: &mut InheritedSockets,
) -> Finding {
    match open(settings, name, cores, inherited) {
        Ok(text) => Finding::ok(name, text),
        Err(error) => {
            let (text, fix) = refusal(&error, name);
            Finding::fail(name, text, fix)
        }
    }
}

fn open(
    settings: &Settings,
    name: &str,
    cores: usize,
    inherited: &mut InheritedSockets,
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
    // What `--overload sample` attaches later is made at the start.
    settings.capture.rates(&source)?;
    tap.open(source, inherited)?;
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

/// What is wrong, and how to fix it.
fn refusal(error: &StartError, name: &str) -> (String, String) {
    let (text, fix) = match error {
        StartError::Capture(CaptureError::NoInterface { .. }) => {
            let fix = "choose another -i; `ip link` lists the interfaces of this machine";
            return ("there is no such interface".to_owned(), fix.to_owned());
        }
        StartError::Capture(CaptureError::InterfaceDown { .. }) => {
            return ("it is down".to_owned(), format!("ip link set {name} up"));
        }
        StartError::Capture(CaptureError::Ring { source, .. }) => (
            format!("the rings can't be allocated: {source}"),
            "a smaller --ring or fewer --cores",
        ),
        StartError::Filter(_) => (error.to_string(), "correct --filter; see pcap-filter(7)"),
        _ => (error.to_string(), "see docs/operators.md"),
    };
    (text, fix.to_owned())
}

/// Whether the interface has a carrier.
pub(super) fn link(name: &str) -> Option<Finding> {
    // The file can't be read while the interface is down, which is a finding of its own.
    let carrier = fs::read_to_string(format!("/sys/class/net/{name}/carrier")).ok()?;
    (carrier.trim() == "0").then(|| {
        Finding::warn(
            name,
            "no carrier: no packet will arrive",
            "check the cable and the other end",
        )
    })
}

/// `None` if there is no interface of that name.
pub(super) fn drops(name: &str) -> Option<Finding> {
    look_up(name).map(|_| judge_drops(name, drops_of_one(name)))
}

fn judge_drops(name: &str, drops: u64) -> Finding {
    let topic = format!("drops of {name}");
    if drops == 0 {
        return Finding::ok(topic, "none since the interface was created");
    }
    Finding::warn(
        topic,
        format!(
            "{drops} packets since the interface was created, before any program could receive them"
        ),
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
    fn drops_are_a_warning() {
        assert_eq!(judge_drops("eth0", 0).level, Level::Ok);
        let some = judge_drops("eth0", 7);
        assert_eq!(some.level, Level::Warn);
        assert!(some.text.starts_with("7 packets"));
    }
}
