//! From settings to running shards, and from their reports to a summary.
//!
//! The supervisor opens what all shards need, gives each its part, and then only waits: for a signal, for
//! shards to end, for what they tell. While packets flow it shares nothing with them; what changes it tells them, and
//! they see to it between two blocks.

pub(crate) mod event;
mod interfaces;
mod live;
mod names;
mod offline;
mod output;
mod progress;
mod reload;
mod requirements;
mod shards;
mod summary;

use std::fs::File;
use std::path::Path;

use log::debug;

use crate::capture::stock::Stock;
use crate::start::error::StartError;
use crate::start::pidfile::PidFile;
use crate::start::privileges::Identity;
use crate::start::settings::{Input, Settings};
use event::Events;
pub use reload::waits_for_start;
use summary::summarise;

/// Reads the settings anew, as they are now.
pub type Reload = Box<dyn Fn() -> Result<Settings, StartError> + Send>;

/// Runs the sensor to its end and says on standard error what came of it. `stock` has the packet sockets that were
/// handed over.
///
/// Returns whether all went well: false if a file was damaged or a shard failed, which was said.
///
/// # Errors
/// What kept it from starting, or from going on.
pub fn run(settings: Settings, stock: Stock, reload: Reload) -> Result<bool, StartError> {
    let cpus = settings
        .cores
        .choose(&requirements::cpus()?)
        .map_err(|error| StartError::Usage(error.to_string()))?;
    debug!("CPUs: {cpus:?}; {settings:?}");
    requirements::check(cpus.len())?;
    settings.user.iter().try_for_each(Identity::check)?;
    let _pidfile = settings.pidfile.as_deref().map(PidFile::hold).transpose()?;
    match settings.input.clone() {
        Input::Live(names) => {
            let (reports, ended) = live::run(settings, names, &cpus, stock, reload)?;
            let all_well = summarise(&reports, "");
            ended.map(|()| all_well)
        }
        Input::File(path) => {
            let reports = offline::run(&settings, &path, &cpus, &Events::watch(false)?)?;
            Ok(summarise(&reports, &format!("{}: ", path.display())))
        }
    }
}

/// Opens a file for writing, or standard output for `-`.
fn create(path: &Path) -> Result<File, StartError> {
    let failed = |source| StartError::File {
        path: path.to_owned(),
        source,
    };
    if path.as_os_str() == "-" {
        use std::os::fd::AsFd;
        let descriptor = std::io::stdout()
            .as_fd()
            .try_clone_to_owned()
            .map_err(failed)?;
        return Ok(File::from(descriptor));
    }
    File::create(path).map_err(failed)
}
