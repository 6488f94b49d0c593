//! A folder of files, and what can be asked about it.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use dnsflow_names::Time;
use thiserror::Error;

use crate::listing::{self, Folder};
use crate::reading::Reading;
use crate::roll::{NamesRow, Roll};
use crate::sought::{NameSought, Sought};
use crate::table::Table;
use crate::visit::visit;

/// A folder that `dnsflow-collect --to parquet:FOLDER` writes.
///
/// Nothing of it is kept in memory between two questions.
#[derive(Clone, Debug)]
pub struct Archive {
    /// The folder of the table `names`.
    names: PathBuf,
}

/// Why nothing could be read.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// There is no such folder, or the collector has not written there.
    #[error(
        "{}: no folder of Parquet files of dnsflow-collect: there is no folder `names` in it; \
         name the one of --to parquet:FOLDER", .0.display()
    )]
    NoArchive(PathBuf),
    /// A folder can't be read.
    #[error("{}: {error}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// A time, both ends included; open where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// From when.
    pub since: Option<Time>,
    /// Until when.
    pub until: Option<Time>,
}

/// A name that is asked about, in any case, without a dot at its end but for the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name<'n> {
    /// This one.
    Exact(&'n str),
    /// This one, and all below it.
    Suffix(&'n str),
}

/// Rows that were found, the latest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Each for an address, client, name and question.
    pub rows: Vec<NamesRow>,
    /// What was read.
    pub reading: Reading,
}

/// An address as files have it.
pub(crate) fn text(address: IpAddr) -> Vec<u8> {
    address.to_canonical().to_string().into_bytes()
}

impl Archive {
    /// The files of a folder.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`] if it is none that a collector wrote to.
    pub fn open(root: &Path) -> Result<Self, ArchiveError> {
        let names = root.join(Table::Names.folder());
        match names.read_dir() {
            Ok(_) => Ok(Self { names }),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(ArchiveError::Folder { path: names, error })
            }
            Err(_) => Err(ArchiveError::NoArchive(root.to_owned())),
        }
    }

    /// Which names an address was given under: to a client, or to any.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Folder`]. A file that can't be read is a [`Problem`](crate::Problem).
    pub fn names_of_address(
        &self,
        address: IpAddr,
        client: Option<IpAddr>,
        range: Range,
    ) -> Result<Found, ArchiveError> {
        self.find(
            range,
            Sought {
                addresses: Some(vec![text(address)]),
                clients: client.map(|client| vec![text(client)]),
                ..Sought::default()
            },
        )
    }

    /// Which addresses were given for a name, whether it was asked for or is the end of a chain of
    /// aliases: to a client, or to any.
    ///
    /// Files are not in order of names: all of the time are read.
    ///
    /// # Errors
    ///
    /// As [`Archive::names_of_address`].
    pub fn addresses_of_name(
        &self,
        name: Name<'_>,
        client: Option<IpAddr>,
        range: Range,
    ) -> Result<Found, ArchiveError> {
        let name = match name {
            Name::Exact(name) => NameSought::Exact(name.as_bytes().to_vec()),
            Name::Suffix(name) => NameSought::Suffix(name.as_bytes().to_vec()),
        };
        self.find(
            range,
            Sought {
                clients: client.map(|client| vec![text(client)]),
                name: Some(name),
                ..Sought::default()
            },
        )
    }

    /// Which names a client was given addresses for.
    ///
    /// # Errors
    ///
    /// As [`Archive::names_of_address`].
    pub fn names_of_client(&self, client: IpAddr, range: Range) -> Result<Found, ArchiveError> {
        self.find(
            range,
            Sought {
                clients: Some(vec![text(client)]),
                ..Sought::default()
            },
        )
    }

    fn find(&self, range: Range, mut sought: Sought) -> Result<Found, ArchiveError> {
        sought.since = range.since.map_or(i64::MIN, Time::micros);
        sought.until = range.until.map_or(i64::MAX, Time::micros);
        let (rolls, mut reading) =
            self.search(sought.since, sought.until, |_| Some(sought.clone()))?;
        let mut all = Roll::default();
        for roll in rolls {
            reading.left_out += all.add(roll);
        }
        let rows = all.rows();
        Ok(Found { rows, reading })
    }

    /// Searches all folders of a time.
    pub(crate) fn search<G: crate::visit::Gather>(
        &self,
        since: i64,
        until: i64,
        sought: impl Fn(&Folder) -> Option<Sought> + Sync,
    ) -> Result<(Vec<G>, Reading), ArchiveError> {
        listing::folders(&self.names, since, until)
            .and_then(|folders| visit(&folders, sought))
            .map_err(|error| ArchiveError::Folder {
                path: self.names.clone(),
                error,
            })
    }
}
