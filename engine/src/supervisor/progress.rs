//! The progress bar of a run over a file.

use std::sync::Arc;

use dnsflow_service::progress;
use indicatif::ProgressBar;

use crate::shard::Progress;

/// A bar on standard error. It is hidden if that is no terminal, or if the size of the input is
/// unknown.
#[derive(Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
    divided: bool,
}

/// A bar for a capture of `size` bytes, the unit of shards' offsets; `None` if the size is not
/// known, as of a pipe or a compressed file. `divided` says that each shard reads a part of the
/// file.
pub(super) fn bar(size: Option<u64>, divided: bool) -> Bar {
    let bar = progress::bar(size);
    Bar { bar, divided }
}

impl Bar {
    /// Updates the bar: to the sum of all parts of a divided file, else to the offset of the
    /// slowest shard.
    pub(super) fn show(&self, shards: &[Arc<Progress>]) {
        let offsets = shards.iter().map(|shard| shard.offset());
        let position = if self.divided {
            Some(offsets.sum())
        } else {
            offsets.min()
        };
        if let Some(position) = position {
            self.bar.set_position(position);
        }
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, process};

    use dnsflow_capfile::input::RegularFile;
    use dnsflow_capfile::pcap::{Encoding, SNAP_LENGTH};
    use dnsflow_testkit::capture::gzip;

    use super::*;

    /// The length of the bar of a file by this name, with this content.
    fn length(name: &str, content: &[u8]) -> Option<u64> {
        let path = env::temp_dir().join(format!("dnsflow-progress-{}-{name}", process::id()));
        fs::write(&path, content).expect("a file");
        let file = RegularFile::open(&path);
        fs::remove_file(&path).expect("it is there");
        let size = file.expect("it opens").expect("a file").capture_bytes();
        bar(size, false).bar.length()
    }

    /// Shards count bytes after decompression, which only the size of an uncompressed file bounds.
    #[test]
    fn compression_is_told_by_the_content_not_by_the_name() {
        let plain = Encoding::default().file_header(1, SNAP_LENGTH);
        assert_eq!(length("gzip.pcap", &gzip(&plain)), None);
        assert_eq!(length("plain.pcap", &plain), Some(24));
        assert_eq!(length("plain.gz", &plain), Some(24));
    }
}
