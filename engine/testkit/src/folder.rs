//! Folders for the files of a test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process, thread};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// A folder of its own for a test. Dropped, it is removed with all that is in it.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes a folder whose name holds this process's id, so that two runs never share one.
    ///
    /// # Panics
    /// If the folder for temporary files can't be written to.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each one is another folder")]
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("dnsflow-test-{}-{number}", process::id()));
        fs::create_dir_all(&path).expect("a folder for temporary files");
        Self(path)
    }

    /// Runs `work` on a thread with a folder that has room for so many bytes. The thread, and what is started on it,
    /// see the folder; nobody else does, so that nothing is left of it.
    ///
    /// # Panics
    /// If `work` does, or without CAP_SYS_ADMIN.
    pub fn small<T: Send>(bytes: usize, work: impl FnOnce(&Self) -> T + Send) -> T {
        let folder = Self::new();
        let mounted = &folder;
        thread::scope(|scope| {
            let thread = scope.spawn(move || {
                let none: Option<&str> = None;
                unshare(CloneFlags::CLONE_NEWNS).expect("CAP_SYS_ADMIN is held");
                let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
                mount(none, "/", none, private, none).expect("mounts of its own");
                let size = format!("size={bytes}");
                let (path, flags) = (mounted.0.as_path(), MsFlags::empty());
                mount(Some("tmpfs"), path, Some("tmpfs"), flags, Some(&*size))
                    .expect("a tmpfs can be mounted");
                work(mounted)
            });
            thread.join().expect("work in a small folder succeeds")
        })
    }

    /// The path of a file in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The same as an argument of a command line.
    #[must_use]
    pub fn argument(&self, name: &str) -> String {
        argument(&self.path(name))
    }

    /// Writes a file and gives its path.
    ///
    /// # Panics
    /// If it can't be written.
    #[must_use]
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("a temporary file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn argument(path: &Path) -> String {
    path.to_str().expect("a path of UTF-8").to_owned()
}
