//! The key, and the keys that are derived from it.

use std::env;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use hkdf::Hkdf;
use nix::sys::prctl;
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// Bytes of a key file at most: 64 digits, and white space around them.
const MAX_FILE_BYTES: u64 = 256;

/// How a path begins that names a credential of systemd.
const CREDENTIAL: &str = "credential:";

/// Variable with the folder of credentials (systemd.exec(5)).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Seconds of a day.
const DAY: u64 = 86_400;

/// Days from the Monday before 1970-01-01, a Thursday, to that day.
const FROM_MONDAY: u64 = 3;

/// A key of 256 bits, which is zeroed when it is dropped.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; KEY_BYTES]>);

/// Shows its identifier alone.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:08x})", self.id())
    }
}

impl PartialEq for Key {
    /// Whether they have the same identifier: keys themselves are not compared, so that how long it takes says nothing.
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Key {}

/// Why a key can't be read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file can't be opened or read.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Others than the owner can read it.
    #[error("{}: others can read this key (mode {mode:03o}); chmod 600 {0}", path.display())]
    Readable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The process is no service with credentials.
    #[error(
        "{CREDENTIAL}{0}: there are no credentials; they are for a service with LoadCredential={0}:FILE in its unit"
    )]
    NoCredentials(String),
    /// The system may write core dumps of this process.
    #[error("core dumps, which would have the key, can't be forbidden: {0}")]
    CoreDumps(io::Error),
    /// It holds something else.
    #[error("{}: a key is 64 hexadecimal digits; 'openssl rand -hex 32' makes one", path.display())]
    Digits {
        /// The file.
        path: PathBuf,
    },
}

impl Key {
    /// A key of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads a file of 64 hexadecimal digits, with white space around them; of `credential:NAME`, the credential of
    /// that name that systemd gives a service. From then on the system writes no core dump of this process, which
    /// would have the key.
    ///
    /// # Errors
    /// If it can't be read, others than its owner can read it, or it holds something else. No error has
    /// anything of what the file holds. If the system does not refrain from core dumps.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        forbid_core_dumps().map_err(KeyError::CoreDumps)?;
        let credential = path.to_str().and_then(|path| path.strip_prefix(CREDENTIAL));
        if let Some(name) = credential {
            // Its folder protects it. The group bits of its mode are the mask of an access control list.
            let folder = env::var_os(CREDENTIALS);
            let folder = folder.ok_or_else(|| KeyError::NoCredentials(name.to_owned()))?;
            return Self::read_digits(&Path::new(&folder).join(name));
        }
        let metadata = File::open(path).and_then(|file| file.metadata());
        let metadata = metadata.map_err(|error| KeyError::File {
            path: path.to_owned(),
            error,
        })?;
        let mode = metadata.permissions().mode() & 0o777;
        if metadata.is_file() && mode & 0o077 != 0 {
            return Err(KeyError::Readable {
                path: path.to_owned(),
                mode,
            });
        }
        Self::read_digits(path)
    }

    fn read_digits(path: &Path) -> Result<Self, KeyError> {
        let failed = |error| KeyError::File {
            path: path.to_owned(),
            error,
        };
        let file = File::open(path).map_err(failed)?;
        let mut text = Zeroizing::new(Vec::with_capacity(512));
        let mut limited = file.take(MAX_FILE_BYTES + 1);
        limited.read_to_end(&mut text).map_err(failed)?;
        from_digits(text.trim_ascii()).ok_or_else(|| KeyError::Digits {
            path: path.to_owned(),
        })
    }

    /// What tells this key from others and does not help to find it: the first four bytes that HKDF-SHA-256 gives
    /// for `dnsflow key id`.
    #[must_use]
    pub fn id(&self) -> u32 {
        let mut id = [0; 4];
        self.derive("dnsflow key id", &mut id);
        u32::from_be_bytes(id)
    }

    /// The key for an algorithm in a period, by HKDF-SHA-256 (RFC 5869) without salt; its info is `dnsflow addresses`,
    /// the algorithm and the period, with spaces between.
    #[must_use]
    pub(crate) fn of(&self, algorithm: &str, period: Period) -> Zeroizing<[u8; KEY_BYTES]> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        self.derive(
            &format!("dnsflow addresses {algorithm} {period}"),
            &mut *key,
        );
        key
    }

    /// The key itself.
    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    fn derive(&self, info: &str, out: &mut [u8]) {
        let derived = Hkdf::<Sha256>::new(None, &*self.0).expand(info.as_bytes(), out);
        // At most 32 bytes are asked for, of 8,160 that there are.
        if derived.is_err() {
            out.zeroize();
        }
    }
}

/// Has the system write no core dump of this process. Another user id takes that back.
///
/// # Errors
/// If the system refuses.
pub fn forbid_core_dumps() -> io::Result<()> {
    Ok(prctl::set_dumpable(false)?)
}

fn from_digits(text: &[u8]) -> Option<Key> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    if text.len() != 2 * KEY_BYTES {
        return None;
    }
    for (byte, digits) in key.iter_mut().zip(text.chunks_exact(2)) {
        for digit in digits {
            let value = char::from(*digit).to_digit(16)?;
            *byte = *byte << 4 | u8::try_from(value).ok()?;
        }
    }
    Some(Key(key))
}

/// How often another key is derived, so that pseudonyms of different periods can't be linked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// One key for all times.
    #[default]
    Never,
    /// One a day, in UTC.
    Daily,
    /// One a week, which begins on Monday, in UTC.
    Weekly,
}

impl Rotation {
    /// The period of a time, in seconds since 1970.
    #[must_use]
    pub(crate) fn period(self, seconds: u64) -> Period {
        let days = seconds / DAY;
        match self {
            Self::Never => Period::Never,
            Self::Daily => Period::Day(days),
            Self::Weekly => Period::Week((days + FROM_MONDAY) / 7),
        }
    }
}

/// A text that is no rotation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of daily, weekly and never")]
pub struct ParseRotationError(String);

impl FromStr for Rotation {
    type Err = ParseRotationError;

    fn from_str(text: &str) -> Result<Self, ParseRotationError> {
        match text {
            "daily" => Ok(Self::Daily),
            "weekly" => Ok(Self::Weekly),
            "never" => Ok(Self::Never),
            _ => Err(ParseRotationError(text.chars().take(64).collect())),
        }
    }
}

impl fmt::Display for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Never => "never",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
        })
    }
}

/// A time for which there is one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Period {
    /// All times.
    Never,
    /// A day, counted from 1970-01-01 in UTC.
    Day(u64),
    /// A week, counted from Monday, 1969-12-29 in UTC.
    Week(u64),
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Day(number) => write!(f, "day {number}"),
            Self::Week(number) => write!(f, "week {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    #[test]
    fn a_key_is_read_from_a_file_of_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let write = |text: &str, mode| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            Key::read(&path)
        };
        let digits = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
        let key = write(&format!("{digits}\n"), 0o600).unwrap();
        assert_eq!(key.bytes()[..3], [0, 0x11, 0x22]);
        assert_eq!(format!("{key:?}"), format!("Key({:08x})", key.id()));
        assert!(matches!(
            write(digits, 0o640),
            Err(KeyError::Readable { mode: 0o640, .. })
        ));
        for wrong in [
            "",
            &digits[1..],
            &format!("{digits}00"),
            &digits.replace('f', "g"),
            &"0".repeat(1000),
        ] {
            let error = write(wrong, 0o400).unwrap_err();
            assert!(
                error
                    .to_string()
                    .ends_with("'openssl rand -hex 32' makes one"),
                "{error}"
            );
        }
        fs::remove_file(&path).unwrap();
        assert!(matches!(Key::read(&path), Err(KeyError::File { .. })));
    }

    #[test]
    fn periods_begin_at_midnight_and_on_monday() {
        // 2026-11-30 was a Monday.
        let monday = 20_787 * DAY;
        let week = |seconds| Rotation::Weekly.period(seconds);
        assert_ne!(week(monday - 1), week(monday));
        assert_eq!(week(monday), week(monday + 7 * DAY - 1));
        assert_eq!(Rotation::Weekly.period(0), Period::Week(0));
        let day = |seconds| Rotation::Daily.period(seconds);
        assert_eq!(day(DAY - 1), Period::Day(0));
        assert_eq!(day(DAY), Period::Day(1));
        let key = Key::new([7; KEY_BYTES]);
        assert_ne!(
            key.of("ipcrypt", Period::Day(1)),
            key.of("ipcrypt", Period::Day(2))
        );
        assert_ne!(
            key.of("ipcrypt", Period::Day(1)),
            key.of("ipcrypt", Period::Week(1))
        );
        assert_ne!(
            key.of("ipcrypt", Period::Never),
            key.of("ipcrypt-pfx", Period::Never)
        );
    }
}
