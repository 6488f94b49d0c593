//! Rows as lines for programs: JSON, the Passive DNS Common Output Format, comma-separated values.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;

use serde::Serialize;

use crate::row::{Row, shown};

/// A line for each row.
pub(crate) fn json(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    rows.iter().try_for_each(|row| line(out, row))
}

fn line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// A record of the format (draft-dulaunoy-dnsop-passive-dns-cof, section 3.3).
#[derive(Debug, Serialize)]
struct Cof<'r> {
    rrname: &'r str,
    rrtype: &'static str,
    rdata: IpAddr,
    /// Seconds since 1970.
    time_first: u64,
    time_last: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
}

/// A line for each address of a name: the format has no clients, whose rows are added.
pub(crate) fn cof(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    let mut records: BTreeMap<(&str, IpAddr), Cof<'_>> = BTreeMap::new();
    for row in rows {
        let (first, last) = (row.first.0.as_secs(), row.last.0.as_secs());
        records
            .entry((&row.name, row.address))
            .and_modify(|known| {
                known.time_first = known.time_first.min(first);
                known.time_last = known.time_last.max(last);
                let both = known.count.zip(row.count);
                known.count = both.map(|(one, other)| one.saturating_add(other));
            })
            .or_insert(Cof {
                rrname: &row.name,
                rrtype: if row.address.is_ipv4() { "A" } else { "AAAA" },
                rdata: row.address,
                time_first: first,
                time_last: last,
                count: row.count,
            });
    }
    records.values().try_for_each(|record| line(out, record))
}

/// A header and a line for each row (RFC 4180). What is absent is empty.
pub(crate) fn csv(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    write!(
        out,
        "address,client,name,question,first,last,count,ttl,matched,confidence\r\n"
    )?;
    for row in rows {
        let optional = |text: Option<String>| text.unwrap_or_default();
        let fields = [
            row.address.to_string(),
            optional(row.client.map(|client| client.to_string())),
            quoted(&row.name),
            optional(row.question.as_deref().map(quoted)),
            row.first.to_string(),
            row.last.to_string(),
            optional(row.count.map(|count| count.to_string())),
            optional(row.ttl.map(|ttl| ttl.to_string())),
            optional(row.matched.map(crate::text::matched).map(str::to_owned)),
            optional(row.confidence.map(|confidence| format!("{confidence:.3}"))),
        ];
        write!(out, "{}\r\n", fields.join(","))?;
    }
    Ok(())
}

/// A name as a field: between quotes if it has a comma or quote.
fn quoted(name: &str) -> String {
    let name = shown(name);
    match name.contains([',', '"']) {
        true => format!("\"{}\"", name.replace('"', "\"\"")),
        false => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dnsflow_names::Time;

    fn row(name: &str, client: &str, first: i64, count: u64) -> Row {
        Row {
            address: "192.0.2.80".parse().unwrap(),
            client: client.parse().ok(),
            name: name.to_owned(),
            question: Some(format!("www.{name}")),
            first: Time::from_micros(first * 1_000_000),
            last: Time::from_micros((first + 5) * 1_000_000),
            count: Some(count),
            ttl: None,
            matched: None,
            confidence: None,
        }
    }

    fn text(write: impl Fn(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_common_output_format_adds_clients() {
        let rows = [
            row("a.example", "10.0.0.1", 100, 2),
            row("a.example", "10.0.0.2", 90, 3),
        ];
        assert_eq!(
            text(|out| cof(out, &rows)),
            "{\"rrname\":\"a.example\",\"rrtype\":\"A\",\"rdata\":\"192.0.2.80\",\
             \"time_first\":90,\"time_last\":105,\"count\":5}\n"
        );
    }

    #[test]
    fn no_name_breaks_a_line() {
        for name in ["a,b", "\"", "a\nb", "a\r\n", "\u{1b}[31m", "é", ",\",\n"] {
            let rows = [row(name, "10.0.0.1", 1, 1)];
            let lines = text(|out| csv(out, &rows));
            assert_eq!(lines.lines().count(), 2, "{lines}");
            let lines = text(|out| json(out, &rows));
            assert_eq!(lines.lines().count(), 1, "{lines}");
            let value: serde_json::Value = serde_json::from_str(&lines).unwrap();
            assert_eq!(value["name"], name);
        }
        let lines = text(|out| csv(out, &[row("a,\"b", "10.0.0.1", 1, 1)]));
        assert!(
            lines.contains("10.0.0.1,\"a,\"\"b\",\"www.a,\"\"b\","),
            "{lines}"
        );
    }
}
