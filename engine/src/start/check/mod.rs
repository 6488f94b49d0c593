//! `dnsflow check`: what a run with the same options would find on this machine, each with its mend.
//!
//! It looks as a run would: with the same system calls, as the same user. It changes nothing, and lets no packet
//! in. Whether something is worth a word is decided by functions of what was read, apart from reading it.

mod clock;
mod finding;
mod interface;
mod memory;
mod offloads;
mod queues;
mod rights;
mod sending;

use std::io::{self, IsTerminal, Write};

use crate::capture::interface::{ANY, default_interface, interfaces, look_up};
use crate::capture::stock::Stock;
use crate::start::error::StartError;
use crate::start::settings::{Input, Settings};
use finding::{Finding, Level};

/// Looks at everything, with the sockets that were handed over, and prints a line for each finding.
///
/// Returns whether a run could capture.
///
/// # Errors
/// If a file was to be read, or nobody takes the lines.
pub fn run(settings: &Settings, mut stock: Stock) -> Result<bool, StartError> {
    let Input::Live(names) = &settings.input else {
        let message = "check is about live capture: leave out --read".to_owned();
        return Err(StartError::Usage(message));
    };
    let findings = look(settings, names, &mut stock);
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
    Ok(findings.iter().all(|finding| finding.level != Level::Fail))
}

fn look(settings: &Settings, names: &[String], stock: &mut Stock) -> Vec<Finding> {
    let mut findings = vec![rights::io_uring()];
    let cpus = rights::cpus(settings, &mut findings);
    findings.push(rights::locked_memory(cpus.len()));
    let capability = rights::capture(stock);
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
            findings.push(interface::capture(settings, &name, cpus.len(), stock));
        }
        for single in singles(&name) {
            findings.extend(interface::link(&single));
            // No offload does anything to a loopback's packets.
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

/// The interfaces that a name stands for: itself, or for [`ANY`] those that are up.
fn singles(name: &str) -> Vec<String> {
    if name != ANY {
        return vec![name.to_owned()];
    }
    let up = interfaces().into_iter();
    up.filter(|(_, it)| it.has(libc::IFF_UP))
        .map(|(name, _)| name)
        .collect()
}
