//! Time stamps in RFC 3339, of any value that a capture can hold.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

/// 9999-12-31T23:59:59Z, the last second that RFC 3339 can say.
pub const LAST_SECOND: u64 = 253_402_300_799;

/// A time since 1970-01-01 00:00 UTC, shown as RFC 3339 in UTC with microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Timestamp(pub Duration);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sayable = self.0.min(Duration::from_secs(LAST_SECOND));
        humantime::format_rfc3339_micros(SystemTime::UNIX_EPOCH + sayable).fmt(f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The time of a packet as libpcap gives it; before 1970 counts as 1970.
#[must_use]
pub fn since_epoch(seconds: i64, microseconds: i64) -> Duration {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    let microseconds = u64::try_from(microseconds).unwrap_or(0);
    Duration::from_secs(seconds).saturating_add(Duration::from_micros(microseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_time_can_be_shown() {
        let show = |seconds, micros| Timestamp(since_epoch(seconds, micros)).to_string();
        assert_eq!(show(1_700_000_000, 42), "2023-11-14T22:13:20.000042Z");
        assert_eq!(show(-5, -5), "1970-01-01T00:00:00.000000Z");
        assert_eq!(show(i64::MAX, i64::MAX), "9999-12-31T23:59:59.000000Z");
    }
}
