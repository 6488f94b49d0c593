//! Asks which names an address stood for, which addresses a name had, and what a client asked for.
//!
//! ```text
//! options -> question, times (when) -> from: a folder, the naming service, ClickHouse -> rows
//!                                                                rows -> text, or lines
//! ```
//!
//! It exists for people who look into one address, name or client. It refuses to name flows, which
//! `dnsflow-name` does, and to write to any store.

mod error;
mod from;
mod lines;
mod options;
mod question;
mod row;
mod text;
mod when;

pub use error::QueryError;
pub use options::Options;

use std::collections::HashSet;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::time::Instant;

use from::Source;
use options::Form;
use question::{Question, What};
use row::Row;

/// Asks what the options say, prints what was found to standard output, and what was read to standard
/// error. Returns whether all could be read.
///
/// # Errors
///
/// A [`QueryError`], which says what to do. A reader of standard output that went away is none.
pub fn run(options: &Options) -> Result<bool, QueryError> {
    let question = Question::of(options)?;
    let source = Source::of(options)?;
    let start = Instant::now();
    let mut found = source.ask(&question)?;
    let took = start.elapsed();
    let all = found.rows.len();
    if question.limit > 0 {
        found.rows.truncate(question.limit);
    }
    let stdout = io::stdout().lock();
    let style = text::Style {
        is_bold: stdout.is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty()),
    };
    let mut out = BufWriter::new(stdout);
    let printed = match options.form() {
        Form::Text => text::print(&mut out, &question, &found.rows, style),
        Form::Json => lines::json(&mut out, &found.rows),
        Form::Cof => lines::cof(&mut out, &found.rows),
        Form::Csv => lines::csv(&mut out, &found.rows),
    };
    match printed.and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        printed => printed?,
    }
    for problem in &found.problems {
        eprintln!("dnsflow-query: {}", row::shown(problem));
    }
    if all > found.rows.len() {
        eprintln!(
            "{} of {} rows are shown; --limit 0 shows all",
            text::grouped(found.rows.len() as u64),
            text::grouped(all as u64)
        );
    }
    if found.left_out > 0 {
        eprintln!(
            "{} rows were left out: there are too many; ask for a shorter time",
            text::grouped(found.left_out)
        );
    }
    let milliseconds = took.as_secs_f64() * 1000.0;
    let said = said(&question, &found.rows);
    eprintln!("{said}; {} in {milliseconds:.1} ms", found.read);
    Ok(found.problems.is_empty())
}

/// How much was found, in words.
fn said(question: &Question, rows: &[Row]) -> String {
    let (count, one, many) = match question.what {
        What::Name { .. } => {
            let addresses: HashSet<_> = rows.iter().map(|row| row.address).collect();
            (addresses.len(), "address", "addresses")
        }
        What::Address(_) | What::Client => {
            let names: HashSet<_> = rows.iter().map(Row::asked).collect();
            (names.len(), "name", "names")
        }
    };
    match count {
        0 => "nothing found".to_owned(),
        1 => format!("1 {one}"),
        _ => format!("{} {many}", text::grouped(count as u64)),
    }
}
