//! Whether the tables are as they have to be; what is not comes with the statement that mends it.

use std::collections::HashMap;

use super::failure::Failure;
use super::http::Http;
use super::layout;
use super::options::{Compression, Options, Table};
use super::row_binary::Reader;
use super::schema;
use crate::sink::SinkError;

/// Settings of inserts, and their values. Servers refuse what they don't know, so they are asked
/// first. The token is set for each insert.
const SETTINGS: &[(&str, &str)] = &[
    // An answer has to mean that the rows are stored.
    ("async_insert", "0"),
    ("insert_distributed_sync", "1"),
    ("insert_deduplicate", "1"),
    (TOKEN, ""),
];

/// What tells an insert that comes again.
pub(super) const TOKEN: &str = "insert_deduplication_token";

/// Creates what is missing, if that is wanted, and checks the rest. Returns the settings for
/// inserts.
pub(super) fn open(
    http: &Http,
    options: &Options,
) -> Result<Vec<(&'static str, &'static str)>, SinkError> {
    let names: Vec<String> = SETTINGS
        .iter()
        .map(|(name, _)| schema::literal(name))
        .collect();
    let question = format!(
        "SELECT name FROM system.settings WHERE name IN ({})",
        names.join(", ")
    );
    let known: Vec<[String; 1]> = ask(http, "settings", &question)?;
    let settings: Vec<_> = SETTINGS
        .iter()
        .filter(|(name, _)| known.iter().any(|[known]| known == name))
        .copied()
        .collect();
    if options.create {
        create(http, options)?;
    }
    columns(http, options)?;
    if settings.iter().any(|(name, _)| *name == TOKEN) {
        window(http, options)?;
    }
    for table in options.tables() {
        let statement = insert(options, table);
        let tried = http.insert(&[("query", &statement)], Compression::None, b"");
        tried.map_err(|failure| with_grant(options, table, failure))?;
    }
    Ok(settings)
}

/// The statement for rows of a table.
pub(super) fn insert(options: &Options, table: Table) -> String {
    let columns: Vec<String> = table
        .columns()
        .iter()
        .map(|(name, ..)| schema::quoted(name))
        .collect();
    let name = schema::full_name(options, options.name(table));
    format!(
        "INSERT INTO {name} ({}) FORMAT RowBinary",
        columns.join(", ")
    )
}

/// An error of an insert; of missing rights with the statement that grants them.
fn with_grant(options: &Options, table: Table, failure: Failure) -> SinkError {
    let name = options.name(table);
    let is_of_rights = failure.is_of_rights();
    let error = failure.into_error(&format!("insert into {name}"));
    match error {
        SinkError::Unfit(text) if is_of_rights => SinkError::Unfit(format!(
            "{text}; to mend it: GRANT SELECT, INSERT ON {} TO {}",
            schema::full_name(options, name),
            options.grantee()
        )),
        error => error,
    }
}

fn create(http: &Http, options: &Options) -> Result<(), SinkError> {
    let run = |statement: &str, what: &str| match http.execute(statement) {
        Ok(_) => Ok(()),
        Err(failure) => {
            let is_of_rights = failure.is_of_rights();
            match failure.into_error(what) {
                SinkError::Unfit(text) if is_of_rights => Err(SinkError::Unfit(format!(
                    "{text}; to mend it: GRANT CREATE, SELECT, INSERT ON {}.* TO {}, or let \
                     somebody else execute: {statement}",
                    schema::quoted(&options.database),
                    options.grantee()
                ))),
                error => Err(error),
            }
        }
    };
    let database = schema::literal(&options.database);
    let question = format!("SELECT name FROM system.databases WHERE name = {database}");
    let found: Vec<[String; 1]> = ask(http, "databases", &question)?;
    if found.is_empty() {
        run(&schema::create_database(options), "create the database")?;
    }
    for table in options.tables() {
        for statement in schema::create(options, table) {
            run(&statement, &format!("create {}", options.name(table)))?;
        }
    }
    Ok(())
}

/// Compares the columns of all tables with what is written.
pub(super) fn columns(http: &Http, options: &Options) -> Result<(), SinkError> {
    let question = format!(
        "SELECT table, name, type, default_kind FROM system.columns WHERE database = {} AND table IN ({})",
        schema::literal(&options.database),
        names(options)
    );
    let rows: Vec<[String; 4]> = ask(http, "columns", &question)?;
    let mut found: HashMap<(&str, &str), (&str, &str)> = HashMap::new();
    for [table, name, kind, default] in &rows {
        found.insert((table, name), (kind, default));
    }
    for table in options.tables() {
        let name = options.name(table);
        if !rows.iter().any(|[table, ..]| table == name) {
            let statements = schema::create(options, table).join("; ");
            return Err(SinkError::Unfit(format!(
                "clickhouse: there is no table {name} in {}, or {} may not see it; to mend it: \
                 give create=1, or execute: {statements}; or GRANT SELECT, INSERT ON {} TO {}",
                options.database,
                options.grantee(),
                schema::full_name(options, name),
                options.grantee()
            )));
        }
        for (column, wanted, _) in table.columns() {
            let error = match found.get(&(name, *column)) {
                Some((_, "ALIAS" | "MATERIALIZED")) => "is computed and can't be written",
                Some((kind, _)) if layout::is_same(kind, wanted) => continue,
                Some(_) => "has another type",
                None => "is missing",
            };
            let verb = if error == "is missing" {
                "ADD"
            } else {
                "MODIFY"
            };
            return Err(SinkError::Unfit(format!(
                "clickhouse: column {column} of {name} {error}; to mend it: ALTER TABLE {} {verb} \
                 COLUMN {} {wanted}",
                schema::full_name(options, name),
                schema::quoted(column)
            )));
        }
    }
    Ok(())
}

/// Whether the tables remember inserts; those of MergeTree without replicas don't by themselves.
fn window(http: &Http, options: &Options) -> Result<(), SinkError> {
    const SETTING: &str = "non_replicated_deduplication_window";
    let question = format!("SELECT value FROM system.merge_tree_settings WHERE name = '{SETTING}'");
    let of_all: Vec<[String; 1]> = ask(http, "settings of MergeTree", &question)?;
    let is_set = of_all.iter().any(|[value]| value != "0");
    let question = format!(
        "SELECT name, engine, engine_full FROM system.tables WHERE database = {} AND name IN ({})",
        schema::literal(&options.database),
        names(options)
    );
    let tables: Vec<[String; 3]> = ask(http, "tables", &question)?;
    for [name, engine, text] in &tables {
        let by_itself = engine.starts_with("Replicated") || engine.starts_with("Shared");
        if by_itself || !engine.ends_with("MergeTree") {
            continue;
        }
        let own = text
            .split_once(&format!("{SETTING} = "))
            .map(|(_, value)| value);
        let remembers = own.map_or(is_set, |value| !value.starts_with('0'));
        if !remembers {
            return Err(SinkError::Unfit(format!(
                "clickhouse: {name} does not know an insert that comes again, which would be stored \
                 twice; to mend it: {}",
                schema::remember(options, name)
            )));
        }
    }
    Ok(())
}

/// The names of all tables, as a list.
fn names(options: &Options) -> String {
    let names: Vec<String> = options
        .tables()
        .map(|table| schema::literal(options.name(table)))
        .collect();
    names.join(", ")
}

/// Rows of `N` columns of `String`.
fn ask<const N: usize>(
    http: &Http,
    what: &str,
    question: &str,
) -> Result<Vec<[String; N]>, SinkError> {
    let answer = http
        .execute(&format!("{question} FORMAT RowBinary"))
        .map_err(|failure| failure.into_error(&format!("read the server's {what}")))?;
    let mut reader = Reader(&answer);
    let mut rows = Vec::new();
    while !reader.0.is_empty() {
        let row: Option<Vec<String>> = (0..N).map(|_| reader.string()).collect();
        let row = row.and_then(|row| <[String; N]>::try_from(row).ok());
        rows.push(row.ok_or_else(|| {
            SinkError::Unfit(format!(
                "clickhouse: read the server's {what}: this is no ClickHouse"
            ))
        })?);
    }
    Ok(rows)
}
