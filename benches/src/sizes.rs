//! How many bytes a response takes in each version of the records: the records alone, and the datagrams with
//! their headers and padding, as a collector gets them.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dnsflow_capfile::Records;
use dnsflow_packet::{Decoder, Selection};
use dnsflow_wire::encode::Encode;
use dnsflow_wire::v4;
use serde::Serialize;

use crate::cases::selection;
use crate::collector::{Arrived, Collecting};
use crate::parts::{detailed_selection, encoder_v5, send, shard, whole_by};
use crate::report::{Target, table};
use crate::steps::{exporter_of, receiver};

/// Longest wait for a datagram that the loopback has taken.
const ARRIVAL_TIME: Duration = Duration::from_secs(5);

/// Name of the default mix of the generator in tables.
pub const MIX: &str = "generator's default mix";

/// Bytes of the exports of one traffic.
#[derive(Clone, Debug, Serialize)]
pub struct Sizes {
    /// Which traffic.
    pub name: String,
    /// In version 4.
    pub v4: Export,
    /// In version 5.
    pub v5: Export,
}

/// Bytes of one export, of all responses.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Export {
    /// How many.
    pub responses: u64,
    /// Of the records.
    pub records: u64,
    /// Of the UDP payloads, headers and padding included.
    pub datagrams: u64,
}

impl Sizes {
    /// Of responses with addresses in a capture in memory; `None` if there are none.
    ///
    /// # Errors
    /// If a socket is not available, or if a datagram was lost.
    pub fn of(name: &str, capture: &[u8]) -> Result<Option<Self>, Box<dyn Error>> {
        let v4 = export(capture, selection(), v4::Encoder::default())?;
        let v5 = export(capture, detailed_selection(), encoder_v5())?;
        Ok((v4.responses > 0 && v5.responses > 0).then(|| Self {
            name: name.to_owned(),
            v4,
            v5,
        }))
    }

    /// The sum of several.
    #[must_use]
    pub fn sum(name: &str, all: &[Self]) -> Self {
        let sum = |of: fn(&Self) -> Export| {
            all.iter()
                .map(of)
                .fold(Export::default(), |sum, next| Export {
                    responses: sum.responses + next.responses,
                    records: sum.records + next.records,
                    datagrams: sum.datagrams + next.datagrams,
                })
        };
        Self {
            name: name.to_owned(),
            v4: sum(|sizes| sizes.v4),
            v5: sum(|sizes| sizes.v5),
        }
    }

    /// Bytes of a response in the datagrams of version 5, of those of version 4.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.v5.wire() / self.v4.wire()
    }

    /// What version 5 may take, and what it does.
    #[must_use]
    pub fn target(&self) -> Target {
        let what = format!("version 5, of version 4: bytes on the wire, {}", self.name);
        Target::new(what, 0.80, "", Some(self.ratio()))
    }
}

impl Export {
    /// Bytes of a response in records.
    fn record(&self) -> f64 {
        divided(self.records, self.responses)
    }

    /// Bytes of a response in datagrams.
    fn wire(&self) -> f64 {
        divided(self.datagrams, self.responses)
    }
}

/// The captures in a folder and those below it, by path; files that are none are left out, and so are those that
/// hold no responses.
///
/// # Errors
/// As [`Sizes::of`], and if the folder can't be read.
pub fn captures(folder: &Path) -> Result<Vec<Sizes>, Box<dyn Error>> {
    let mut sizes = Vec::new();
    for path in files(folder)? {
        let bytes = fs::read(&path)?;
        if is_whole(&bytes) {
            let name = path.strip_prefix(folder).unwrap_or(&path);
            sizes.extend(Sizes::of(&name.display().to_string(), &bytes)?);
        }
    }
    if sizes.is_empty() {
        return Err(format!("{}: no captures with responses", folder.display()).into());
    }
    Ok(sizes)
}

/// The sizes as a table: bytes a response.
#[must_use]
pub fn text(sizes: &[Sizes]) -> String {
    let rows: Vec<_> = sizes
        .iter()
        .map(|sizes| {
            let Sizes { v4, v5, .. } = sizes;
            let mut row = vec![sizes.name.clone(), v4.responses.to_string()];
            for (v4, v5) in [(v4.record(), v5.record()), (v4.wire(), v5.wire())] {
                row.extend([format!("{v4:.1}"), format!("{v5:.1}")]);
                row.push(format!("{:.2}", v5 / v4));
            }
            row
        })
        .collect();
    let head = [
        "bytes a response",
        "responses",
        "records, v4",
        "records, v5",
        "v5 of v4",
        "datagrams, v4",
        "datagrams, v5",
        "v5 of v4",
    ];
    table(&head, &rows)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let list = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut found = Vec::new();
    for entry in list {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Whether it is a capture that is read to its end.
fn is_whole(bytes: &[u8]) -> bool {
    let Ok(mut records) = Records::open(bytes) else {
        return false;
    };
    loop {
        match records.next_frame() {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// Exports a capture to a collector on the loopback, as datagrams of one size where they leave together.
fn export<E: Encode>(
    capture: &[u8],
    selection: Selection,
    encoder: E,
) -> Result<Export, Box<dyn Error>> {
    let socket = receiver(true)?;
    let mut shard = shard(Decoder::new(selection), exporter_of(encoder, &socket)?);
    let mut collecting = Collecting::new(Instant::now());
    let mut failed = None;
    let mut send_and_take = |export: &mut dnsflow::export::Export<E>| {
        send(export);
        // Before the next send, so that the socket has room.
        while collecting
            .receive(&socket)
            .unwrap_or_else(|error| failed.replace(error).is_some())
        {}
    };
    let counters = whole_by(capture, &mut shard, &mut send_and_take);
    shard.export.finish();
    send_and_take(&mut shard.export);
    if let Some(error) = failed {
        return Err(error.into());
    }
    let sent = shard.export.sent();
    let start = Instant::now();
    while collecting.datagrams() < sent.datagrams && start.elapsed() < ARRIVAL_TIME {
        collecting.receive(&socket)?;
    }
    let Arrived {
        datagrams,
        records,
        record_bytes,
        bytes,
        ..
    } = collecting.end();
    if datagrams != sent.datagrams || records != sent.sets {
        return Err(format!("{datagrams} of {} datagrams arrived", sent.datagrams).into());
    }
    Ok(Export {
        responses: counters.exported,
        records: record_bytes,
        datagrams: bytes,
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "bytes of one export are less than 2^53"
)]
fn divided(count: u64, of: u64) -> f64 {
    count as f64 / of.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::Case;

    #[test]
    fn all_responses_of_the_mix_are_measured() {
        let case = Case::mix();
        let sizes = Sizes::of(MIX, &case.capture());
        let sizes = sizes.expect("a loopback").expect("responses");
        for export in [sizes.v4, sizes.v5] {
            assert_eq!(usize::try_from(export.responses), Ok(case.responses));
            assert!(export.record() > 20.0, "{sizes:?}");
            assert!(export.records < export.datagrams, "{sizes:?}");
        }
        let twice = Sizes::sum("both", &[sizes.clone(), sizes.clone()]);
        assert_eq!(twice.v5.datagrams, 2 * sizes.v5.datagrams);
        assert!((twice.ratio() - sizes.ratio()).abs() < 1e-9);
    }
}
