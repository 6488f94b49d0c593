//! A capture of what sensors send, or what `dnsflow -w` has written: read once into a map in
//! memory.

use std::path::Path;
use std::time::Duration;

use dnsflow_capfile::input::{self, RegularFile};
use dnsflow_capfile::{FileError, Records};
use dnsflow_names::map::Limits;
use dnsflow_names::{Map, Question};
use dnsflow_records::frame;
use dnsflow_records::record::records;
use dnsflow_service::progress;
use dnsflow_wire::datagram::Datagram;

use super::{Source, SourceError};
use crate::answers::Answers;

/// Packets between two steps of the progress bar.
const PACKETS: u64 = 4096;

/// A map of what a file says.
pub struct Captured {
    map: Map,
    learned: Learned,
}

/// What a file had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// Packets in it.
    pub packets: u64,
    /// Datagrams of sensors in them.
    pub datagrams: u64,
    /// Records in them.
    pub records: u64,
    /// Look-ups that had no room in the map's memory, or were too many of one client and address.
    pub forgotten: u64,
}

impl Captured {
    /// Reads a file to its end.
    ///
    /// # Errors
    ///
    /// If it can't be opened or read to its end, or has no datagram of a sensor.
    pub fn read(path: &Path, limits: Limits) -> Result<Self, SourceError> {
        let open = |error| SourceError::File {
            path: path.to_owned(),
            error,
        };
        let size = RegularFile::open(path).map_err(open)?;
        let bar = progress::bar(size.and_then(|file| file.capture_bytes()));
        let source = input::open(path).and_then(input::unpacked).map_err(open)?;
        let mut read = Self {
            map: Map::new(limits),
            learned: Learned::default(),
        };
        let result = Records::open(source).and_then(|mut records| {
            while let Some(frame) = records.next_frame()? {
                read.learned.packets += 1;
                let at = Duration::new(frame.at.seconds, frame.at.nanoseconds);
                if let Ok(payload) = frame::payload(frame.link, frame.bytes) {
                    read.learn(at, payload.bytes);
                }
                if read.learned.packets.is_multiple_of(PACKETS) {
                    bar.set_position(records.offset());
                }
            }
            Ok::<_, FileError>(())
        });
        bar.finish_and_clear();
        let (path, packets) = (path.to_owned(), read.learned.packets);
        match result {
            Err(error) => Err(SourceError::Damaged {
                path,
                error,
                packets,
            }),
            Ok(()) if read.learned.datagrams == 0 => Err(SourceError::NoRecords { path, packets }),
            Ok(()) => {
                let counts = read.map.counts();
                read.learned.forgotten = counts.evicted + counts.dropped;
                Ok(read)
            }
        }
    }

    /// What was learned from the file.
    #[must_use]
    pub fn learned(&self) -> Learned {
        self.learned
    }

    /// Learns a datagram that came at that time; what is none, or is cut, gives what can be read.
    fn learn(&mut self, at: Duration, datagram: &[u8]) {
        let Ok(datagram) = Datagram::parse(datagram) else {
            return;
        };
        self.learned.datagrams += 1;
        for record in records(&datagram) {
            let time = record.time(at);
            self.map.learn(time, &record);
            self.learned.records += 1;
        }
    }
}

impl From<Map> for Captured {
    fn from(map: Map) -> Self {
        Self {
            map,
            learned: Learned::default(),
        }
    }
}

impl Source for Captured {
    fn ask(
        &mut self,
        questions: &[Question],
        most: usize,
        answers: &mut Answers,
    ) -> Result<(), SourceError> {
        for question in questions {
            let at = question.at.unwrap_or_default();
            let found = self.map.best(question.client, question.address, at);
            let names = found.names().iter().take(most);
            answers.push(
                found.matched,
                names.map(|view| (view.name(), view.confidence)),
            );
        }
        Ok(())
    }

    fn forgotten(&self) -> u64 {
        self.learned.forgotten
    }
}
