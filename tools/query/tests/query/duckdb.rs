//! DuckDB, which reads the same files. `.ci/setup test` installs it.

use std::path::Path;
use std::process::{Command, Stdio};

const PYTHON: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../venv/bin/python");

/// Prints each row as a line of JSON.
const PROGRAM: &str = r#"
import json, sys, duckdb
for row in duckdb.sql(sys.argv[1]).fetchall():
    print(json.dumps(row, separators=(",", ":")))
"#;

/// The lines of a query's rows.
pub(crate) fn query(sql: &str) -> Vec<String> {
    let output = Command::new(PYTHON)
        .args(["-c", PROGRAM, sql])
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{PYTHON}: {error}; run .ci/setup test"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{sql}: {errors}");
    let text = String::from_utf8(output.stdout).expect("JSON is text");
    text.lines().map(str::to_owned).collect()
}

/// The rows of `names` that have what `condition` says, added, each as a list in order.
pub(crate) fn names(folder: &Path, condition: &str) -> Vec<String> {
    let mut rows = query(&format!(
        "select address, client, lower(name), lower(question), epoch_us(min(first)), \
         epoch_us(max(last)), sum(count)::ubigint, min(ttl) \
         from read_parquet('{}/names/**/*.parquet') where {condition} \
         group by 1, 2, 3, 4",
        folder.display()
    ));
    rows.sort();
    rows
}
