//! Capture files: pcap and pcapng, read, divided, decompressed and written.
//!
//! - [`input`] opens what a program is given to read, and decompresses it.
//! - [`probe`] tells what a file is by its first bytes. Everything that has to know asks it.
//! - [`Records`] reads a capture from front to back through one buffer and lends out each packet from there;
//!   memory does not grow with the file.
//! - [`input::RegularFile`] is a file on a disk, which can be divided among several readers.
//! - [`pcap`] is the one definition of the classic format's headers, and has its [`Writer`](pcap::Writer).
//!
//! A file that is cut or damaged gives every packet before the damage, then an error with its
//! offset. Readers guess nothing: after damage there is no next packet. pcapng is read and never
//! written.
//!
//! From a capture file, compressed or not, to frames:
//!
//! ```
//! use std::path::Path;
//!
//! use dnsflow_capfile::{Records, input, pcap};
//! use dnsflow_packet::{Frame, LinkType, Timestamp};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let path = std::env::temp_dir().join(format!("dnsflow-capfile-example-{}.pcap", std::process::id()));
//! # let path: &Path = &path;
//! let mut writer = pcap::Writer::new(std::fs::File::create(path)?, LinkType::Ethernet)?;
//! writer.write(&Frame {
//!     bytes: b"destinsource\x08\x00..",
//!     wire_bytes: 60,
//!     at: Timestamp { seconds: 1_700_000_000, nanoseconds: 0 },
//!     link: LinkType::Ethernet,
//!     vlan: None,
//! })?;
//!
//! let mut records = Records::open(input::unpacked(input::open(path)?)?)?;
//! while let Some(frame) = records.next_frame()? {
//!     println!("{:?}: {} of {} bytes", frame.at, frame.bytes.len(), frame.wire_bytes);
//! #   assert_eq!((frame.bytes.len(), frame.wire_bytes), (16, 60));
//! }
//! # std::fs::remove_file(path)?;
//! # Ok(())
//! # }
//! ```

mod byte_order;
mod error;
pub mod input;
pub mod pcap;
mod pcapng;
mod probe;
mod records;
mod split;
mod window;
mod zstd;

pub use byte_order::ByteOrder;
pub use error::FileError;
pub use probe::{HEAD_BYTES, Kind, probe};
pub use records::{Ready, Records};

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Fills `out` from an offset on, as far as the file goes; returns the bytes read.
fn read_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < out.len() {
        let from = offset + u64::try_from(filled).unwrap_or(0);
        match file.read_at(&mut out[filled..], from) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
