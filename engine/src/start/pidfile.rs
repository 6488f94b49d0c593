//! The pid file: locked for as long as the process lives, so that a second start on it is refused.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::start::error::StartError;

/// A pid file that is held. Removed when dropped, or emptied where that is not allowed any more.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: File,
}

impl PidFile {
    /// Locks the file, which is made where there is none, and writes this process's id to it.
    ///
    /// # Errors
    /// If another process holds it, or it can't be written.
    pub fn hold(path: &Path) -> Result<Self, StartError> {
        let failed = |source: io::Error| StartError::File {
            path: path.to_owned(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let pid = file
                    .read_to_string(&mut text)
                    .ok()
                    .and_then(|_| text.trim().parse::<u32>().ok());
                let holder = pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
                return Err(StartError::PidHeld {
                    path: path.to_owned(),
                    holder,
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(PidFile {
            path: path.to_owned(),
            file,
        })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // While the lock is held: a start that comes now makes a file of its own.
        if fs::remove_file(&self.path).is_err() {
            // The folder is root's, and we are root no more.
            let _ = self.file.set_len(0);
        }
        let _ = self.file.unlock();
    }
}
