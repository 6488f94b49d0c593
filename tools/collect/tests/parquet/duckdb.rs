//! DuckDB, which reads the files as users do. `.ci/setup test` installs it.

use std::path::Path;
use std::process::{Command, Stdio};

const PYTHON: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../venv/bin/python");

/// Prints each row as a line of JSON.
const PROGRAM: &str = r#"
import json, sys, duckdb
for row in duckdb.sql(sys.argv[1]).fetchall():
    print(json.dumps(row, separators=(",", ":")))
"#;

/// Columns of `responses` in their order, with times in microseconds.
const RESPONSES: &str = "epoch_us(time), epoch_us(received), sensor, source, core, boot, sequence, \
    index, client, client_port, resolver, resolver_port, transport, query, qtype, qclass, rcode, \
    flags, names, addresses, ttl, answers, subnet, interface, vlan, inner_vlan, vni, sampling, \
    incomplete, continues, has_more";

/// The lines of a query's rows, in order.
pub(crate) fn query(sql: &str) -> Vec<String> {
    let output = Command::new(PYTHON)
        .args(["-c", PROGRAM, sql])
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{PYTHON}: {error}; run .ci/setup test"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{sql}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn files(folder: &Path, table: &str) -> String {
    format!("read_parquet('{}/{table}/**/*.parquet')", folder.display())
}

/// All rows of `responses`.
pub(crate) fn responses(folder: &Path) -> Vec<String> {
    query(&format!(
        "select {RESPONSES} from {}",
        files(folder, "responses")
    ))
}

/// All rows of `names`, those of several files and hours added.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    query(&format!(
        "select address, client, name, question, epoch_us(min(first)), epoch_us(max(last)), \
         sum(count)::ubigint, min(ttl) from {} group by all",
        files(folder, "names")
    ))
}
