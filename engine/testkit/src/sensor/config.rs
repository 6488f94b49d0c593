//! A configuration file that changes while the sensor runs.

use std::fs;

use crate::collector::Collector;
use crate::folder::Folder;

/// A file for `--config`, whose text comes and goes.
#[derive(Debug)]
pub struct Config {
    path: String,
}

impl Config {
    /// Writes the file.
    ///
    /// # Panics
    /// As [`Config::write`].
    #[must_use]
    pub fn new(folder: &Folder, text: &str) -> Self {
        let path = folder.argument("dnsflow.toml");
        let config = Self { path };
        config.write(text);
        config
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Puts another text in its place: who reads it has the one or the other, whole.
    ///
    /// # Panics
    /// If it can't be written.
    pub fn write(&self, text: &str) {
        let new = format!("{}.new", self.path);
        fs::write(&new, text).expect("a file in a folder of ours");
        fs::rename(&new, &self.path).expect("a file in a folder of ours");
    }
}

/// The text `udp = [..]`, and what else there is.
#[must_use]
pub fn collecting(collectors: &[&Collector], rest: &str) -> String {
    let addresses: Vec<String> = collectors
        .iter()
        .map(|collector| format!("{:?}", collector.address()))
        .collect();
    format!("udp = [{}]\n{rest}\n", addresses.join(", "))
}
