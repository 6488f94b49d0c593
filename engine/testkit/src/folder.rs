//! Folders for the files of a test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

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
