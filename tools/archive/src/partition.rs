//! Which folder a row belongs to.

use std::path::PathBuf;

use crate::table::Table;

/// How many microseconds an hour and a day have.
const HOUR_MICROS: i64 = 3_600_000_000;
const DAY_MICROS: i64 = 24 * HOUR_MICROS;

/// 2000-01-01 00:00 UTC, in microseconds: a sensor that says an earlier time has no clock.
const EARLIEST_MICROS: i64 = 946_684_800_000_000;

/// What one folder holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partition {
    /// The rows of an hour: `date=YYYY-MM-DD/hour=HH`.
    Hour,
    /// The rows of a day: `date=YYYY-MM-DD`.
    Day,
}

impl Partition {
    fn micros(self) -> i64 {
        match self {
            Self::Hour => HOUR_MICROS,
            Self::Day => DAY_MICROS,
        }
    }

    /// The hour or day of a time in microseconds, counted from 1970.
    #[must_use]
    pub fn of(self, micros: i64) -> i64 {
        micros.div_euclid(self.micros())
    }

    /// The hour or day of a row: that of its own time, if that can be; else that of when it came.
    #[must_use]
    pub fn of_row(self, time: i64, received: i64) -> i64 {
        let latest = received.saturating_add(DAY_MICROS);
        let is_likely = (EARLIEST_MICROS..=latest).contains(&time);
        self.of(if is_likely { time } else { received })
    }

    /// When an hour or day begins, in microseconds since 1970.
    #[must_use]
    pub fn start(self, number: i64) -> i64 {
        number.saturating_mul(self.micros())
    }

    /// When an hour or day ends, in microseconds since 1970.
    #[must_use]
    pub fn end(self, number: i64) -> i64 {
        number.saturating_add(1).saturating_mul(self.micros())
    }

    /// The folder of an hour or day, below that of its table.
    #[must_use]
    pub fn folder(self, number: i64) -> String {
        let start = self.start(number);
        let (year, month, day) = date(start.div_euclid(DAY_MICROS));
        let hour = start.rem_euclid(DAY_MICROS) / HOUR_MICROS;
        match self {
            Self::Hour => format!("date={year:04}-{month:02}-{day:02}/hour={hour:02}"),
            Self::Day => format!("date={year:04}-{month:02}-{day:02}"),
        }
    }

    /// The hour or day of a folder that [`Partition::folder`] names.
    #[must_use]
    pub fn number_of(self, folder: &str) -> Option<i64> {
        let (date, hour) = match self {
            Self::Hour => folder.split_once('/')?,
            Self::Day => (folder, "hour=0"),
        };
        let mut numbers = date.strip_prefix("date=")?.splitn(3, '-');
        let mut next = || numbers.next()?.parse::<i64>().ok();
        let days = days(next()?, next()?, next()?);
        let hours: i64 = hour.strip_prefix("hour=")?.parse().ok()?;
        let micros = days.checked_mul(DAY_MICROS)?;
        let number = self.of(micros.checked_add(hours.checked_mul(HOUR_MICROS)?)?);
        (self.folder(number) == folder).then_some(number)
    }
}

/// The folder of a table's hour or day, relative to that of the store.
#[must_use]
pub fn table_folder(by: Partition, table: Table, number: i64) -> PathBuf {
    PathBuf::from(table.folder()).join(by.folder(number))
}

/// Year, month and day of a number of days since 1970-01-01, in the Gregorian calendar. The year
/// starts in March here, so that the leap day is its last one.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (year + era * 400 + carry, month, day)
}

/// The reverse of [`date`].
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 {
        year.saturating_sub(1)
    } else {
        year
    };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let month = if month > 2 {
        month.saturating_sub(3)
    } else {
        month.saturating_add(9)
    };
    let of_year = month.saturating_mul(153).saturating_add(2) / 5;
    era.saturating_mul(146_097)
        .saturating_add(of_era * 365 + of_era / 4 - of_era / 100)
        .saturating_add(of_year.saturating_add(day).saturating_sub(1))
        .saturating_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_have_dates() {
        let hour = Partition::Hour.of(1_709_210_096_789_000);
        assert_eq!(Partition::Hour.folder(hour), "date=2024-02-29/hour=12");
        let day = Partition::Day.of(1_709_210_096_789_000);
        assert_eq!(Partition::Day.folder(day), "date=2024-02-29");
        assert_eq!(Partition::Hour.folder(0), "date=1970-01-01/hour=00");
    }

    #[test]
    fn a_folder_is_read_back() {
        for number in (0..600_000).step_by(977) {
            for partition in [Partition::Hour, Partition::Day] {
                let folder = partition.folder(number);
                assert_eq!(partition.number_of(&folder), Some(number), "{folder}");
            }
        }
        for folder in [
            "",
            "date=x",
            "date=2024-13-01/hour=00",
            "date=2024-01-01/hour=24",
        ] {
            assert_eq!(Partition::Hour.number_of(folder), None, "{folder}");
        }
        assert_eq!(
            Partition::Hour.number_of("date=9999999999999999-1-1/hour=0"),
            None
        );
    }

    #[test]
    fn what_can_not_be_goes_by_when_it_came() {
        let received = 1_709_210_096_789_000;
        let hour = Partition::Hour.of(received);
        let of = |time| Partition::Hour.of_row(time, received);
        assert_eq!(of(received - HOUR_MICROS), hour - 1);
        assert_eq!(of(received + HOUR_MICROS), hour + 1);
        assert_eq!(of(received + 25 * HOUR_MICROS), hour);
        assert_eq!(of(0), hour);
        assert_eq!(of(i64::MAX), hour);
    }
}
