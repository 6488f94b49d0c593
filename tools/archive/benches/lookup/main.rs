//! What finding names in a day of files takes.
//!
//! ```text
//! make bench-query                                     10 million rows; ROWS=100000000 for more
//! cargo bench --package dnsflow-archive -- FOLDER ROWS
//! ```
//!
//! The files have the collector's layout and are as they are once its merges are done: one for each
//! hour. They are made if they are missing, and stay. A look-up is warm if the files are in the
//! kernel's page cache; for a cold one, the kernel is told to drop each file's pages before
//! (posix_fadvise(2), POSIX_FADV_DONTNEED), which leaves the disk's own cache. DuckDB, in the
//! environment of `.ci/setup test`, runs the same question over the same files.

mod writer;

use std::error::Error;
use std::fs::{self, File};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use dnsflow_archive::{Archive, Found, Limits, Name, Range};
use dnsflow_names::{Question, Time};
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::time::{ClockId, clock_gettime};
use writer::Row;

/// Hours of the files, from this one on since 1970.
const HOURS: i64 = 24;
const FIRST_HOUR: i64 = 480_000;
const HOUR_MICROS: i64 = 3_600_000_000;

/// Addresses and clients.
const ADDRESSES: usize = 200_000;
const CLIENTS: usize = 20_000;

/// Times that each look-up is repeated.
const WARM_ROUNDS: usize = 15;
const COLD_ROUNDS: usize = 5;

/// Flows of a batch of questions.
const QUESTIONS: usize = 4096;

/// The environment of `.ci/setup test`.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/venv/bin/python");

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap_or(0)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = std::env::args().skip(1);
    let arguments: Vec<_> = arguments.filter(|text| text != "--bench").collect();
    let [folder, rows] = &arguments[..] else {
        println!(
            "nothing to measure: give a folder for the files and a number of rows, or run make bench-query"
        );
        return Ok(());
    };
    let (folder, rows) = (PathBuf::from(folder), rows.parse::<usize>()?);
    if !folder.join("names").exists() {
        write(&folder, rows)?;
    }
    let files = files(&folder)?;
    let bytes: u64 = files.iter().map(|(_, bytes)| bytes).sum();
    println!(
        "{rows} rows in {} files, {} MB",
        files.len(),
        bytes / 1_000_000
    );
    println!("| look-up | found | cold, ms | warm, ms | warm, CPU ms | read | DuckDB warm, ms |");
    println!("|---|---|---|---|---|---|---|");
    let archive = Archive::open(&folder)?;
    let day = Range::default();
    let (usual, popular) = (address(ADDRESSES / 2), address(0));
    let one = client(client_of(ADDRESSES / 2, 0));
    let noon = FIRST_HOUR * HOUR_MICROS + 12 * HOUR_MICROS;
    let hour = Range {
        since: Some(Time::from_micros(noon)),
        until: Some(Time::from_micros(noon + HOUR_MICROS - 1)),
    };
    let absent: IpAddr = "203.0.113.77".parse()?;
    let of = |wanted: IpAddr| format!("address = '{wanted}'");
    let both = format!("{} and client = '{one}'", of(usual));
    let name = format!("s{}.example.org", 77);
    let named = format!("(lower(name) = '{name}' or lower(question) = '{name}')");
    let exact = Name::Exact(&name);
    type Ask<'a> = Box<dyn Fn() -> Result<Found, dnsflow_archive::ArchiveError> + 'a>;
    let look_ups: Vec<(&str, Ask<'_>, String)> = vec![
        (
            "an address",
            Box::new(|| archive.names_of_address(usual, None, day)),
            of(usual),
        ),
        (
            "an address and a client",
            Box::new(|| archive.names_of_address(usual, Some(one), day)),
            both,
        ),
        (
            "the same, of an hour",
            Box::new(|| archive.names_of_address(usual, Some(one), hour)),
            String::new(),
        ),
        (
            "the address with most clients",
            Box::new(|| archive.names_of_address(popular, None, day)),
            of(popular),
        ),
        (
            "an address that is not there",
            Box::new(|| archive.names_of_address(absent, None, day)),
            of(absent),
        ),
        (
            "a client",
            Box::new(|| archive.names_of_client(one, day)),
            format!("client = '{one}'"),
        ),
        (
            "a name, of an hour",
            Box::new(|| archive.addresses_of_name(exact, None, hour)),
            String::new(),
        ),
        (
            "a name",
            Box::new(|| archive.addresses_of_name(exact, None, day)),
            named,
        ),
    ];
    for (what, look_up, sql) in look_ups {
        let found = look_up()?;
        let cold = median((0..COLD_ROUNDS).map(|_| {
            forget(&files)?;
            time(&look_up)
        }))?;
        let before = cpu()?;
        let warm = median((0..WARM_ROUNDS).map(|_| time(&look_up)))?;
        let used = (cpu()? - before) / u32::try_from(WARM_ROUNDS)?;
        let counts = found.reading.counts;
        let duckdb = duckdb(&folder, &sql).unwrap_or_else(|| "-".to_owned());
        println!(
            "| {what} | {} | {:.1} | {:.1} | {:.1} | {} files, {} pages, {} kB | {duckdb} |",
            found.rows.len(),
            milliseconds(cold),
            milliseconds(warm),
            milliseconds(used),
            counts.files,
            counts.pages,
            counts.bytes / 1000,
        );
    }
    questions(&archive)
}

/// Answers a batch of questions of one hour, as flows are named.
fn questions(archive: &Archive) -> Result<(), Box<dyn Error>> {
    let mut random = Random(7);
    let questions = (0..QUESTIONS).map(|_| {
        let at = random.below(ADDRESSES);
        Question {
            client: Some(client(client_of(at, random.below(4)))),
            address: address(at),
            at: Some(Time::from_micros(
                FIRST_HOUR * HOUR_MICROS + HOURS * HOUR_MICROS,
            )),
        }
    });
    let questions: Vec<_> = questions.collect();
    for hours in [1, 24] {
        let limits = Limits {
            lookback: Duration::from_secs(hours * 3600),
            ..Limits::default()
        };
        let start = Instant::now();
        let asked = archive.ask(&questions, &limits)?;
        let each = start.elapsed().as_secs_f64() / QUESTIONS as f64;
        println!(
            "{QUESTIONS} questions at once, {hours} h back: {:.0} a second; {} pages",
            1.0 / each,
            asked.reading.counts.pages
        );
    }
    Ok(())
}

/// CPU time of all threads: what a look-up takes on a machine that does something else besides.
fn cpu() -> Result<Duration, Box<dyn Error>> {
    Ok(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn time<T, E: Into<Box<dyn Error>>>(
    act: impl Fn() -> Result<T, E>,
) -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    act().map_err(Into::into)?;
    Ok(start.elapsed())
}

fn median(
    times: impl Iterator<Item = Result<Duration, Box<dyn Error>>>,
) -> Result<Duration, Box<dyn Error>> {
    let mut times = times.collect::<Result<Vec<_>, _>>()?;
    times.sort_unstable();
    Ok(times.get(times.len() / 2).copied().unwrap_or_default())
}

/// The address of a number. Those of small numbers have many clients.
fn address(number: usize) -> IpAddr {
    let number = u32::try_from(number)
        .unwrap_or(0)
        .wrapping_mul(2_654_435_761)
        % (1 << 26);
    IpAddr::from((0x6000_0000 + number).to_be_bytes())
}

fn client(number: usize) -> IpAddr {
    IpAddr::from((0x0a00_0000 + u32::try_from(number).unwrap_or(0)).to_be_bytes())
}

/// One of an address's clients.
fn client_of(address: usize, number: usize) -> usize {
    (address * 31 + number * 97) % CLIENTS
}

/// How many clients an address has in an hour: half of the rows go to all alike, half to few.
fn clients(address: usize, rows: usize) -> usize {
    let alike = rows / 2 / ADDRESSES;
    let share = rows as f64 / 2.0 / (address + 1) as f64 / (ADDRESSES as f64).ln();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a part of the rows"
    )]
    let share = share as usize;
    (alike + share).clamp(1, CLIENTS)
}

/// Writes a day.
fn write(folder: &Path, rows: usize) -> Result<(), Box<dyn Error>> {
    let mut addresses: Vec<_> = (0..ADDRESSES)
        .map(|number| (address(number).to_string(), number))
        .collect();
    addresses.sort();
    let rows = rows / usize::try_from(HOURS)?;
    for hour in FIRST_HOUR..FIRST_HOUR + HOURS {
        let mut random = Random(hour.unsigned_abs());
        let rows = addresses.iter().flat_map(|(text, number)| {
            let mut clients: Vec<_> = (0..clients(*number, rows))
                .map(|which| client(client_of(*number, which)).to_string())
                .collect();
            clients.sort();
            clients.dedup();
            let rows = clients.into_iter().map(|client| {
                let start = i64::try_from(random.below(3_500_000_000)).unwrap_or(0);
                let first = hour * HOUR_MICROS + start;
                let site = number % 30_000;
                Row {
                    address: text.clone(),
                    client,
                    name: format!("s{site}.example.org"),
                    question: Some(format!("www.s{}.example.org", site + number % 3)),
                    first,
                    last: first + i64::try_from(random.below(90_000_000)).unwrap_or(0),
                    count: i64::try_from(random.below(20)).unwrap_or(0) + 1,
                    ttl: Some(60),
                }
            });
            rows.collect::<Vec<_>>()
        });
        writer::write(folder, hour, (1, 9), rows)?;
    }
    Ok(())
}

/// All files, and their bytes.
fn files(folder: &Path) -> Result<Vec<(PathBuf, u64)>, Box<dyn Error>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.join("names")];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => folders.push(entry.path()),
                false => files.push((entry.path(), entry.metadata()?.len())),
            }
        }
    }
    Ok(files)
}

/// Has the kernel drop the pages of files.
fn forget(files: &[(PathBuf, u64)]) -> Result<(), Box<dyn Error>> {
    for (path, _) in files {
        let file = File::open(path)?;
        // Only what is written can be dropped.
        file.sync_all()?;
        posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
    }
    Ok(())
}

/// Milliseconds of DuckDB for the same, warm; `None` without it.
fn duckdb(folder: &Path, condition: &str) -> Option<String> {
    if condition.is_empty() {
        return None;
    }
    let program = "
import sys, time, duckdb
duckdb.sql('set TimeZone = \\'UTC\\'')
times = []
for round in range(6):
    start = time.monotonic()
    duckdb.sql(sys.argv[1]).fetchall()
    times.append(time.monotonic() - start)
print('%.0f' % (sorted(times[1:])[2] * 1000))
";
    let sql = format!(
        "select address, client, name, question, min(first), max(last), sum(count), min(ttl) \
         from read_parquet('{}/names/*/*/*.parquet') where {condition} group by all",
        folder.display()
    );
    let output = Command::new(PYTHON)
        .args(["-c", program, &sql])
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
