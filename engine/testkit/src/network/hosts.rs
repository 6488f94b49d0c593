//! Names that only the programs of one namespace know.

use std::fs;
use std::path::{Path, PathBuf};

use super::Namespace;

/// What programs in a namespace find in /etc/hosts. Dropped, it is removed.
#[derive(Debug)]
pub struct Hosts(PathBuf);

impl Hosts {
    /// Writes the file before the programs start: ip-netns(8) puts it in its place for them.
    ///
    /// # Panics
    /// If /etc can't be written to.
    #[must_use]
    pub fn new(namespace: &Namespace, text: &str) -> Self {
        let folder = Path::new("/etc/netns").join(&namespace.name);
        fs::create_dir_all(&folder).expect("root may make a folder in /etc");
        let hosts = Self(folder);
        hosts.write(text);
        hosts
    }

    /// Writes it anew.
    ///
    /// # Panics
    /// If it can't be written.
    pub fn write(&self, text: &str) {
        fs::write(self.0.join("hosts"), text).expect("a file in a folder of ours");
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
