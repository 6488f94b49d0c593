//! `dnsflow-query` as its users meet it, over files that the real collector wrote, held against DuckDB.

mod duckdb;
mod service;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use dnsflow_names::Time;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::process::{Ended, Process};
use dnsflow_testkit::programs::Programs;

/// The programs that are tested, as cargo has built them.
const BUILT: Programs = Programs::beside(env!("CARGO_BIN_EXE_dnsflow-query"));

fn run(name: &str, arguments: &[&str]) -> Ended {
    let mut command = Command::new(BUILT.path(name));
    command.env_remove("DNSFLOW_FROM").env("TZ", "UTC");
    Process::spawn(name, command.args(arguments)).wait()
}

/// Files of generated traffic, of a sensor and of the collector; made once.
fn store() -> &'static Path {
    static STORE: OnceLock<(Folder, PathBuf)> = OnceLock::new();
    let (_, path) = STORE.get_or_init(|| {
        let folder = Folder::new();
        let path = |name: &str| folder.argument(name);
        let (packets, export) = (path("packets.pcap"), path("v5.pcap"));
        let generate = ["-w", &packets, "-n", "20000", "--cname-depth", "2"];
        run("dnsflow-gen", &generate).assert_success();
        run(
            "dnsflow",
            &["--read", &packets, "-w", &export, "--format", "v5"],
        )
        .assert_success();
        let to = format!("parquet:{}?rows=3000", path("store"));
        run("dnsflow-collect", &["--read", &export, "--to", &to]).assert_success();
        let store = folder.path("store");
        (folder, store)
    });
    path
}

/// What the program says of the store.
fn ask(arguments: &[&str]) -> Ended {
    let store = store().to_str().expect("a path of UTF-8");
    let mut all = arguments.to_vec();
    all.extend(["--from", store]);
    run("dnsflow-query", &all)
}

/// The rows that it finds, as DuckDB's are written, sorted.
fn rows(arguments: &[&str]) -> Vec<String> {
    let mut all = vec!["--json", "--limit", "0"];
    all.extend(arguments);
    let ended = ask(&all);
    ended.assert_success();
    let mut rows: Vec<_> = ended.text().lines().map(row).collect();
    rows.sort();
    rows
}

fn row(line: &str) -> String {
    let row: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
    let micros = |name: &str| {
        let time: Time = row[name].as_str().expect("a time").parse().expect("a time");
        time.micros()
    };
    format!(
        "[{},{},{},{},{},{},{},{}]",
        row["address"],
        row["client"],
        row["name"],
        row["question"],
        micros("first"),
        micros("last"),
        row["count"],
        row["ttl"]
    )
}

/// Values of a column: some, the most frequent first.
fn some(column: &str, many: usize) -> Vec<String> {
    let sql = format!(
        "select {column} from read_parquet('{}/names/**/*.parquet') group by 1 order by \
         count(*) desc, 1 limit {many}",
        store().display()
    );
    let lines = duckdb::query(&sql);
    let texts = lines
        .iter()
        .map(|line| serde_json::from_str::<[String; 1]>(line));
    texts.map(|text| text.expect("a text")[0].clone()).collect()
}

#[test]
fn what_is_found_is_what_duckdb_finds() {
    for address in some("address", 5) {
        let found = rows(&[&address]);
        assert_eq!(
            found,
            duckdb::names(store(), &format!("address = '{address}'"))
        );
        assert!(!found.is_empty());
        for client in some("client", 2) {
            let condition = format!("address = '{address}' and client = '{client}'");
            let found = rows(&[&address, "--client", &client]);
            assert_eq!(found, duckdb::names(store(), &condition));
        }
    }
    for client in some("client", 3) {
        let found = rows(&["--client", &client]);
        assert_eq!(
            found,
            duckdb::names(store(), &format!("client = '{client}'"))
        );
        assert!(!found.is_empty());
    }
    for name in some("question", 2).into_iter().chain(some("name", 2)) {
        let quoted = name.to_lowercase();
        let condition = format!("lower(name) = '{quoted}' or lower(question) = '{quoted}'");
        let found = rows(&["--name", &name.to_uppercase()]);
        assert_eq!(found, duckdb::names(store(), &condition));
        assert!(!found.is_empty());
        let suffix = quoted.split_once('.').expect("it has labels").1;
        let below = |column: &str| {
            format!("lower({column}) = '{suffix}' or ends_with(lower({column}), '.{suffix}')")
        };
        let condition = format!("{} or {}", below("name"), below("question"));
        let found = rows(&["--suffix", "--name", suffix]);
        assert_eq!(found, duckdb::names(store(), &condition));
    }
}

#[test]
fn a_time_leaves_out_what_is_not_of_it() {
    let address = &some("address", 1)[0];
    let folder = store().display();
    let middle = duckdb::query(&format!(
        "select epoch_us(min(first)) + (epoch_us(max(last)) - epoch_us(min(first))) // 2 \
         from read_parquet('{folder}/names/**/*.parquet') where address = '{address}'"
    ));
    let middle: [i64; 1] = serde_json::from_str(&middle[0]).expect("a number");
    let time = Time::from_micros(middle[0]).to_string();
    let of = format!("address = '{address}'");
    let found = rows(&[address, "--since", &time]);
    assert_eq!(
        found,
        duckdb::names(store(), &format!("{of} and last >= '{time}'"))
    );
    let found = rows(&[address, "--until", &time]);
    assert_eq!(
        found,
        duckdb::names(store(), &format!("{of} and first <= '{time}'"))
    );
    let nothing = ask(&[address, "--until", "2000-01-01"]);
    nothing.assert_success();
    assert_eq!(nothing.text(), "");
    assert!(
        nothing.stderr.contains("nothing found; read 0 files"),
        "{}",
        nothing.stderr
    );
}

#[test]
fn text_fits_a_terminal_and_says_what_was_read() {
    let address = &some("address", 1)[0];
    let ended = ask(&[address, "--limit", "2", "--utc"]);
    ended.assert_success();
    let text = ended.text();
    assert!(text.starts_with("Times are in UTC.\n\n"), "{text}");
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    assert!(
        !text.contains('\x1b') && text.contains("\n  client      "),
        "{text}"
    );
    for said in [
        "2 of ",
        "--limit 0 shows all",
        " pages, ",
        " rows, ",
        " kB in ",
    ] {
        assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
    }
}

#[test]
fn programs_get_lines() {
    let address = &some("address", 1)[0];
    let cof = ask(&[address, "--cof", "--limit", "0"]);
    cof.assert_success();
    for line in cof.text().lines() {
        let record: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        assert_eq!(record["rdata"], address.as_str());
        let kind = if address.contains(':') { "AAAA" } else { "A" };
        assert_eq!(record["rrtype"], kind);
        assert!(record["time_first"].as_u64() <= record["time_last"].as_u64());
        assert!(record["count"].as_u64().is_some_and(|count| count > 0));
    }
    let csv = ask(&[address, "--csv", "--limit", "0"]);
    csv.assert_success();
    assert!(
        csv.text()
            .starts_with("address,client,name,question,first,last,count,ttl,")
    );
    assert_eq!(csv.text().lines().count(), rows(&[address]).len() + 1);
}

#[test]
fn an_address_at_a_time_has_the_names_that_held() {
    let row = &rows(&[&some("address", 1)[0]])[0];
    let row: serde_json::Value = serde_json::from_str(row).expect("JSON");
    let (address, client) = (row[0].as_str().unwrap(), row[1].as_str().unwrap());
    let at = |micros: i64| Time::from_micros(row[4].as_i64().unwrap() + micros).to_string();
    let matched = |arguments: &[&str]| {
        let mut all = vec![address, "--json"];
        all.extend(arguments);
        let ended = ask(&all);
        ended.assert_success();
        let lines = ended.text().lines();
        let lines: Vec<serde_json::Value> = lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        lines
            .first()
            .map(|line| line["matched"].as_str().unwrap().to_owned())
    };
    let client_of = ["--client", client];
    let with = |at: &str| matched(&[&client_of[..], &["--at", at]].concat());
    assert_eq!(with(&at(0)).as_deref(), Some("client"));
    assert_eq!(
        with(&at(20 * 3_600_000_000)).as_deref(),
        Some("client-expired")
    );
    assert_eq!(with("2000-01-01"), None);
    let other = matched(&["--client", "203.0.113.250", "--at", &at(0)]);
    assert_eq!(other.as_deref(), Some("others"));
}

#[test]
fn what_is_wrong_is_told() {
    let store = store().to_str().expect("text");
    for (arguments, status, said) in [
        (&["--from", store][..], 2, "required"),
        (&["a.example"], 1, "nowhere to look: give --from FOLDER"),
        (
            &["a.example", "--from", "/nowhere/at/all"],
            1,
            "--to parquet:FOLDER",
        ),
        (
            &["a.example", "--since", "soon", "--from", store],
            1,
            "yesterday 14:00",
        ),
        (
            &[
                "192.0.2.1",
                "--since",
                "-1h",
                "--until",
                "-2h",
                "--from",
                store,
            ],
            1,
            "before --since",
        ),
        (
            &["a.example", "--at", "now", "--from", store],
            1,
            "--at is for addresses",
        ),
        (
            &["192.0.2.1", "--suffix", "--from", store],
            1,
            "--suffix is for names",
        ),
        (&["2001:db8:::1", "--from", store], 1, "is no address"),
        (&["b\u{fc}cher.example", "--from", store], 1, "xn--"),
        (
            &["a.example", "--json", "--csv", "--from", store],
            2,
            "cannot be used with",
        ),
        (
            &["a.example", "--from", "http://127.0.0.1:9"],
            1,
            "http://127.0.0.1:9: ",
        ),
        (
            &["192.0.2.1", "--from", "http://127.0.0.1:9"],
            1,
            "http://127.0.0.1:9: ",
        ),
        (
            &["192.0.2.1", "--from", "clickhouse:ftp://h"],
            1,
            "clickhouse:http://[user",
        ),
    ] {
        let ended = run("dnsflow-query", arguments);
        assert_eq!(
            ended.status.code(),
            Some(status),
            "{arguments:?}: {}",
            ended.stderr
        );
        assert!(
            ended.stderr.contains(said),
            "{arguments:?}: {}",
            ended.stderr
        );
        assert_eq!(ended.text(), "", "{arguments:?}");
    }
}

#[test]
fn a_damaged_file_is_told_and_the_others_are_read() {
    let address = some("address", 1)[0].clone();
    let expected = rows(&[&address]).len();
    let folder = Folder::new();
    let copy = folder.argument("copy");
    let copied = Command::new("cp")
        .args(["-r", store().to_str().unwrap(), &copy])
        .status();
    assert!(copied.expect("there is cp").success());
    let broken = folder.path("copy/names/date=2026-01-01");
    fs::create_dir_all(&broken).unwrap();
    fs::write(broken.join("broken.parquet"), "PAR1 of something else PAR1").unwrap();
    let ended = run(
        "dnsflow-query",
        &[&address, "--json", "--limit", "0", "--from", &copy],
    );
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert_eq!(ended.text().lines().count(), expected);
    assert!(
        ended
            .stderr
            .contains("broken.parquet: damaged, or no file of"),
        "{}",
        ended.stderr
    );
}
