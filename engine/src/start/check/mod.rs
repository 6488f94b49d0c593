//! `dnsflow check`: what would keep a run with the same options from capturing, or make it lose
//! packets, and how to fix it.
//!
//! It makes the same system calls as a run, as the same user. It changes nothing and captures no
//! packet. Each topic is a file, which reads the state of the machine apart from judging it, so
//! that judgements are tested as functions.

mod clock;
mod finding;
mod interface;
mod memory;
mod offloads;
mod queues;
mod rights;
mod sending;

use std::io::{self, IsTerminal, Write};

use crate::capture::inherited::InheritedSockets;
use crate::capture::interface::{ANY, default_interface, interfaces, look_up};
use crate::start::error::StartError;
use crate::start::settings::{Input, Settings};
use finding::{Finding, Level};

/// Checks everything, with the sockets that were handed over, and prints a line for each finding.
/// Returns whether a run could capture.
///
/// # Errors
/// If the options read a file, or standard output can't be written.
pub fn run(settings: &Settings, mut inherited: InheritedSockets) -> Result<bool, StartError> {
    let Input::Live(names) = &settings.input else {
        let message = "check is about live capture: leave out --read".to_owned();
        return Err(StartError::Usage(message));
    };
    let findings = look(settings, names, &mut inherited);
    let stdout = io::stdout();
    let is_coloured = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut stdout = stdout.lock();
    for finding in &findings {
        let line = finding.line(is_coloured);
        writeln!(stdout, "{line}").map_err(|source| StartError::System {
            what: "can't write to standard output",
            source,
        })?;
    }
    let failed = findings.iter().filter(|one| one.level == Level::Fail);
    let failed = failed.count();
    if failed > 0 {
        log::error!("a run could not capture; checks that failed: {failed}");
    }
    Ok(failed == 0)
}

fn look(settings: &Settings, names: &[String], inherited: &mut InheritedSockets) -> Vec<Finding> {
    let mut findings = vec![rights::io_uring()];
    let cpus = rights::cpus(settings, &mut findings);
    findings.push(rights::locked_memory(cpus.len()));
    let capability = rights::capture(inherited);
    let may_capture = capability.level != Level::Fail;
    findings.push(capability);
    findings.extend(rights::user(settings));
    let names = match (names, default_interface()) {
        ([], Ok(name)) => vec![name],
        ([], Err(error)) => {
            findings.push(Finding::fail("interface", error.to_string(), "-i NAME"));
            Vec::new()
        }
        (names, _) => names.to_vec(),
    };
    findings.extend(memory::rings(settings, cpus.len() * names.len()));
    findings.extend(memory::group(cpus.len()));
    for name in names {
        if may_capture {
            findings.push(interface::capture(settings, &name, cpus.len(), inherited));
        }
        for single in singles(&name) {
            findings.extend(interface::link(&single));
            // Offloads have no effect on the loopback.
            if !look_up(&single).is_some_and(|it| it.has(libc::IFF_LOOPBACK)) {
                findings.extend(offloads::look(&single));
            }
            findings.extend(queues::look(&single, &cpus, settings.capture.fanout));
            findings.extend(interface::drops(&single));
        }
    }
    findings.extend(sending::look(&settings.output));
    findings.extend(clock::look());
    findings
}

/// The interface of that name; for [`ANY`], all that are up.
fn singles(name: &str) -> Vec<String> {
    if name != ANY {
        return vec![name.to_owned()];
    }
    let up = interfaces().into_iter();
    up.filter(|(_, it)| it.has(libc::IFF_UP))
        .map(|(name, _)| name)
        .collect()
}
