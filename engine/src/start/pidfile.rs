//! The pid file. It stays locked while the process lives, so that a second process with the same
//! file does not start.
//!
//! The lock is that of flock(2), which whoever can open the file can take. So only its owner and
//! root can open it: they are also who may signal the process.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::start::error::StartError;

/// Permissions of the file.
const MODE: u32 = 0o600;

/// A pid file that is locked. Dropping it removes the file, or empties it where removing is not
/// permitted any more.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: File,
}

impl PidFile {
    /// Creates the file if needed, locks it, and writes the id of this process to it. Symbolic links
    /// are not followed.
    ///
    /// # Errors
    /// If another process holds the lock, the path is that of anything but a regular file with one
    /// name, or the file can't be written.
    pub fn hold(path: &Path) -> Result<Self, StartError> {
        let failed = |source: io::Error| StartError::File {
            path: path.to_owned(),
            source,
        };
        let mut file = loop {
            let file = open(path).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(held(path, &file)),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
            // A process that ended meanwhile may have removed it: then the lock is on nothing.
            if is_at(path, &file).map_err(failed)? {
                break file;
            }
        };
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }
}

/// Opens the file, which is created if it is not there.
fn open(path: &Path) -> io::Result<File> {
    // O_NONBLOCK: the open of what is no regular file returns too.
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(MODE)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path);
    let refused = |why: &str| io::Error::new(io::ErrorKind::InvalidInput, why);
    let file = opened.map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP) => refused("it is a symbolic link, and the pid file may not be one"),
        _ => error,
    })?;
    let found = file.metadata()?;
    if !found.is_file() || found.nlink() > 1 {
        return Err(refused(
            "it is not a regular file with one name, as the pid file has to be",
        ));
    }
    if found.mode() & 0o777 != MODE {
        // One that is left from another program. It fails for who is not the owner.
        let _ = file.set_permissions(Permissions::from_mode(MODE));
    }
    Ok(file)
}

fn held(path: &Path, mut file: &File) -> StartError {
    let mut text = String::new();
    let pid = file
        .read_to_string(&mut text)
        .ok()
        .and_then(|_| text.trim().parse::<u32>().ok());
    StartError::PidHeld {
        path: path.to_owned(),
        holder: pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default(),
    }
}

/// Whether the path is still that of the file.
fn is_at(path: &Path, file: &File) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Before the lock is released: a process that starts now creates another file.
        let is_ours = is_at(&self.path, &self.file).unwrap_or(false);
        if !is_ours || fs::remove_file(&self.path).is_err() {
            // Only root may write to the directory, and the process has switched to another user.
            let _ = self.file.set_len(0);
        }
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use dnsflow_testkit::folder::Folder;

    use super::*;

    /// Starts and ends at the same time: there is never more than one that holds the file.
    #[test]
    fn one_at_a_time() {
        let folder = Folder::new();
        let path = folder.path("pid");
        let (holders, starts) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        let Ok(held) = PidFile::hold(&path) else {
                            continue;
                        };
                        assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                        starts.fetch_add(1, Ordering::SeqCst);
                        thread::yield_now();
                        holders.fetch_sub(1, Ordering::SeqCst);
                        drop(held);
                    }
                });
            }
        });
        assert!(starts.into_inner() > 0);
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_file_of_its_own_is_left_alone() {
        let folder = Folder::new();
        let precious = folder.file("precious", b"precious");
        let [link, dangling, second] = ["link", "dangling", "second"].map(|name| folder.path(name));
        symlink(&precious, &link).expect("a link");
        symlink(folder.path("nowhere"), &dangling).expect("a link");
        fs::hard_link(&precious, &second).expect("a link");
        for (path, word) in [
            (&link, "symbolic link"),
            (&dangling, "symbolic link"),
            (&second, "one name"),
            (&PathBuf::from("/dev/null"), "regular file"),
        ] {
            let error = PidFile::hold(path).expect_err("it is refused").to_string();
            assert!(error.contains(word), "{error}");
        }
        assert_eq!(fs::read(&precious).ok().as_deref(), Some(&b"precious"[..]));
        assert!(!folder.path("nowhere").exists());
    }

    /// Who can't open it can't lock it.
    #[test]
    fn it_is_its_owner_s_alone() {
        let folder = Folder::new();
        let path = folder.file("pid", b"");
        fs::set_permissions(&path, Permissions::from_mode(0o666)).expect("a file of ours");
        for _ in 0..2 {
            let held = PidFile::hold(&path).expect("nobody holds it");
            let found = fs::metadata(&path).expect("it is there");
            assert_eq!(found.mode() & 0o777, 0o600);
            drop(held);
        }
    }
}
