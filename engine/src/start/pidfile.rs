//! The pid file. It stays locked while the process lives, so that a second process with the same
//! file does not start.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::start::error::StartError;

/// A pid file that is locked. Dropping it removes the file, or empties it where removing is not
/// permitted any more.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: File,
}

impl PidFile {
    /// Creates the file if needed, locks it, and writes the id of this process to it.
    ///
    /// # Errors
    /// If another process holds the lock, or the file can't be written.
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
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Before the lock is released: a process that starts now creates another file.
        if fs::remove_file(&self.path).is_err() {
            // Only root may write to the directory, and the process has switched to another user.
            let _ = self.file.set_len(0);
        }
        let _ = self.file.unlock();
    }
}
