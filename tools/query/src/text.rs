//! Rows for people: at most 80 columns, names whole.

use std::io::{self, Write};

use dnsflow_names::{Match, Time};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::question::{Question, What};
use crate::row::{Row, shown};

/// Columns of a line.
const COLUMNS: usize = 80;

/// How a terminal is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) is_bold: bool,
}

/// A match in a word, as in JSON.
pub(crate) fn matched(matched: Match) -> &'static str {
    match matched {
        Match::Client => "client",
        Match::ClientExpired => "client-expired",
        Match::Others => "others",
        Match::None => "none",
    }
}

/// Prints rows; nothing at all if there are none.
pub(crate) fn print(
    out: &mut impl Write,
    question: &Question,
    rows: &[Row],
    style: Style,
) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let zone = question.zone.iana_name().unwrap_or("the local zone");
    writeln!(out, "Times are in {zone}.")?;
    if let Some(of) = rows.first().and_then(|row| row.matched) {
        let words = match of {
            Match::Client => "The client had been told these, and they held.",
            Match::ClientExpired => "The client had been told these; they no longer held.",
            Match::Others => "Other clients had been told these.",
            Match::None => "",
        };
        writeln!(out, "{words}")?;
    }
    rows.iter()
        .try_for_each(|row| print_row(out, question, row, style))
}

fn print_row(out: &mut impl Write, question: &Question, row: &Row, style: Style) -> io::Result<()> {
    let by_name = matches!(question.what, What::Name { .. });
    let heading = match by_name {
        true => row.address.to_string(),
        false => shown(row.asked()),
    };
    writeln!(out)?;
    for (number, piece) in wrapped(&heading, COLUMNS - 4).into_iter().enumerate() {
        let indent = if number == 0 { "" } else { "    " };
        match style.is_bold {
            true => writeln!(out, "{indent}\x1b[1m{piece}\x1b[0m")?,
            false => writeln!(out, "{indent}{piece}")?,
        }
    }
    let is_asked =
        matches!(&question.what, What::Name { name, is_suffix: false } if name == row.asked());
    if by_name && !is_asked {
        field(out, "asked for", &shown(row.asked()))?;
    }
    if row.name != row.asked() {
        field(out, "alias of", &shown(&row.name))?;
    }
    if question.what == What::Client {
        field(out, "address", &row.address.to_string())?;
    }
    if let Some(client) = row.client.filter(|_| question.client.is_none()) {
        field(out, "client", &client.to_string())?;
    }
    field(out, "time", &span(row.first, row.last, &question.zone))?;
    let times = row.count.map(|count| match count {
        1 => "once".to_owned(),
        _ => format!("{} times", grouped(count)),
    });
    let ttl = row.ttl.map(|ttl| format!("TTL {} s", grouped(ttl.into())));
    let confidence = row
        .confidence
        .map(|share| format!("{:.0} %", share * 100.0));
    let parts: Vec<_> = [times, ttl].into_iter().flatten().collect();
    if !parts.is_empty() {
        field(out, "seen", &parts.join(", "))?;
    }
    confidence.map_or(Ok(()), |confidence| field(out, "likely", &confidence))
}

/// A word and what it says.
fn field(out: &mut impl Write, word: &str, text: &str) -> io::Result<()> {
    let mut word = word;
    for piece in wrapped(text, COLUMNS - 14) {
        writeln!(out, "  {word:<10}  {piece}")?;
        word = "";
    }
    Ok(())
}

/// A text in lines of at most `columns`, behind dots where there are some. It is of ASCII.
fn wrapped(text: &str, columns: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while rest.len() > columns {
        let line = rest.get(..columns).unwrap_or(rest);
        let end = line.rfind('.').map_or(columns, |dot| dot + 1);
        let (line, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
        lines.push(line);
        rest = behind;
    }
    lines.push(rest);
    lines
}

/// From when to when; the day once if it is the same.
fn span(first: Time, last: Time, zone: &TimeZone) -> String {
    let zoned = |time: Time| {
        Some(
            Timestamp::from_microsecond(time.micros())
                .ok()?
                .to_zoned_datetime(zone.clone()),
        )
    };
    let (Some(from), Some(to)) = (zoned(first), zoned(last)) else {
        return format!("{first} to {last}");
    };
    let (start, end) = (
        from.strftime("%F %T").to_string(),
        to.strftime("%F %T").to_string(),
    );
    match (start == end, from.date() == to.date()) {
        (true, _) => start,
        (_, true) => format!("{start} to {}", to.strftime("%T")),
        _ => format!("{start} to {end}"),
    }
}

/// A number with commas.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use dnsflow_archive::Range;

    #[test]
    fn hostile_names_stay_within_their_columns() {
        let long = "a".repeat(63) + "." + &"b".repeat(200) + "\u{1b}[2J\n.é";
        let row = Row {
            address: "192.0.2.80".parse().unwrap(),
            client: "10.0.0.1".parse().ok(),
            name: long.clone(),
            question: Some(format!("www.{long}")),
            first: Time::from_micros(1_700_000_000_000_000),
            last: Time::from_micros(1_700_000_005_000_000),
            count: Some(1234),
            ttl: Some(60),
            matched: None,
            confidence: None,
        };
        let question = Question {
            what: What::Address(row.address),
            client: None,
            range: Range::default(),
            at: None,
            limit: 0,
            zone: TimeZone::UTC,
        };
        let mut out = Vec::new();
        print(&mut out, &question, &[row], Style { is_bold: false }).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.lines().all(|line| line.len() <= COLUMNS
                && line.bytes().all(|byte| (0x20..0x7f).contains(&byte))),
            "{text}"
        );
        let joined: String = text.split_whitespace().collect();
        assert!(joined.contains("bbb\\027[2J\\010.\\195\\169"), "{text}");
        assert!(
            text.contains("2023-11-14 22:13:20 to 22:13:25")
                && text.contains("1,234 times, TTL 60 s"),
            "{text}"
        );
        assert_eq!(
            [0, 7, 999, 1000, 1_234_567].map(grouped),
            ["0", "7", "999", "1,000", "1,234,567"]
        );
    }
}
