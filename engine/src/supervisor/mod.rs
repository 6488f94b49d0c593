//! From settings to running shards, and from their reports to a summary.
//!
//! The supervisor opens what the shards need, gives each its part, and then waits for events:
//! signals, ends of shards, notices. It shares no memory with them while packets flow. Changes are
//! commands, which a shard handles between two blocks.

pub(crate) mod event;
mod interfaces;
mod live;
mod offline;
mod opening;
mod output;
mod progress;
mod reload;
mod requirements;
mod resolver;
mod shards;
mod summary;

use log::debug;

use crate::capture::inherited::InheritedSockets;
use crate::start::error::StartError;
use crate::start::pidfile::PidFile;
use crate::start::privileges::Identity;
use crate::start::settings::{Input, Settings};
use event::{Caught, Events};
pub use reload::waits_for_start;
pub use resolver::ReadSettings;
use summary::summarise;

/// Runs the sensor to its end, and logs a summary. `inherited` has the packet sockets that were
/// handed over; `read` reads the settings for a reload.
///
/// Returns false if a file was damaged, or a shard or an output failed, which is then logged.
///
/// # Errors
/// What kept the sensor from starting, or from going on.
pub fn run(
    settings: Settings,
    inherited: InheritedSockets,
    read: ReadSettings,
) -> Result<bool, StartError> {
    let cpus = settings
        .cores
        .choose(&requirements::cpus()?)
        .map_err(|error| StartError::Usage(error.to_string()))?;
    debug!("CPUs: {cpus:?}; {settings:?}");
    requirements::check(cpus.len())?;
    requirements::check_limits(&settings, cpus.len())?;
    settings.user.iter().try_for_each(Identity::check)?;
    let _pidfile = settings.pidfile.as_deref().map(PidFile::hold).transpose()?;
    match settings.input.clone() {
        Input::Live(names) => {
            let (reports, outputs, ended) = live::run(settings, names, &cpus, inherited, read)?;
            let all_well = summarise(&reports, &outputs, "");
            ended.map(|()| all_well)
        }
        Input::File(path) => {
            let events = Events::watch(Caught::new(false)?)?;
            let (reports, outputs) = offline::run(&settings, &path, &cpus, &events)?;
            Ok(summarise(
                &reports,
                &outputs,
                &format!("{}: ", path.display()),
            ))
        }
    }
}
