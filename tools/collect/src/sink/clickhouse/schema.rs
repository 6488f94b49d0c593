//! The tables: their columns, and the statements that create them.
//!
//! Addresses are `IPv6`, and those of IPv4 are mapped into it, as is usual with ClickHouse: one
//! column has both. `replaceOne(toString(client), '::ffff:', '')` shows them plainly.
//!
//! Answers are nested: five arrays of the same length, for `ARRAY JOIN answers`. Servers of any age
//! have these.
//!
//! Tables are partitioned by the day of receipt, by the clock of the collector. The time of a
//! record is the sensor's, and whoever can send a datagram could make a partition for each day of a
//! century with it.

use super::options::{Options, Table};

/// A column: name, type, and what it means.
pub(super) type Column = (&'static str, &'static str, &'static str);

/// Columns of `responses`, a row for each record.
const RESPONSES: &[Column] = &[
    (
        "time",
        "DateTime64(6, 'UTC')",
        "when it was captured; of versions 0 to 4, when it was received",
    ),
    (
        "received",
        "DateTime64(6, 'UTC')",
        "when its datagram was received",
    ),
    (
        "sensor",
        "LowCardinality(String)",
        "name of the sensor, or its address",
    ),
    ("source", "IPv6", "address of the sensor"),
    ("core", "Nullable(UInt16)", "core of the sensor"),
    (
        "boot",
        "LowCardinality(String)",
        "run of the sensor, 16 hex digits",
    ),
    ("sequence", "UInt64", "number of the datagram"),
    ("index", "UInt16", "number of the record in it, from 0"),
    ("client", "IPv6", "who asked"),
    ("client_port", "Nullable(UInt16)", "its port"),
    ("resolver", "Nullable(IPv6)", "who answered"),
    ("resolver_port", "Nullable(UInt16)", "its port"),
    (
        "transport",
        "LowCardinality(Nullable(String))",
        "udp or tcp",
    ),
    (
        "query",
        "String",
        "name asked for, case as received, other bytes as \\DDD",
    ),
    (
        "qtype",
        "LowCardinality(Nullable(String))",
        "type asked for",
    ),
    (
        "qclass",
        "LowCardinality(Nullable(String))",
        "class asked for",
    ),
    ("rcode", "LowCardinality(Nullable(String))", "response code"),
    (
        "flags",
        "Array(LowCardinality(String))",
        "flags that are set: aa tc rd ra z ad cd",
    ),
    (
        "names",
        "Array(String)",
        "the query, then targets of aliases",
    ),
    (
        "addresses",
        "Array(IPv6)",
        "of A records, then of AAAA records",
    ),
    (
        "ttl",
        "Nullable(UInt32)",
        "smallest TTL of aliases and addresses, in seconds",
    ),
    ("answers.owner", "Array(String)", "owner of each answer"),
    ("answers.type", "Array(LowCardinality(String))", "its type"),
    (
        "answers.class",
        "Array(LowCardinality(String))",
        "its class",
    ),
    ("answers.ttl", "Array(UInt32)", "its TTL, in seconds"),
    (
        "answers.data",
        "Array(String)",
        "what it says, as in zone files",
    ),
    (
        "subnet",
        "Nullable(String)",
        "EDNS client subnet: address/source prefix/scope prefix",
    ),
    (
        "interface",
        "LowCardinality(Nullable(String))",
        "interface of the sensor",
    ),
    ("vlan", "Nullable(UInt16)", "VLAN identifier"),
    (
        "inner_vlan",
        "Nullable(UInt16)",
        "identifier of the inner VLAN",
    ),
    ("vni", "Nullable(UInt32)", "identifier of the tunnel"),
    (
        "sampling",
        "Nullable(UInt32)",
        "N if 1 of N packets was kept",
    ),
    (
        "incomplete",
        "Bool",
        "its end was not captured; false of versions 0 to 4",
    ),
    (
        "continues",
        "Bool",
        "it continues the record before; false of versions 0 to 4",
    ),
    (
        "has_more",
        "Bool",
        "more of the response is in the next record; false of versions 0 to 4",
    ),
];

/// Columns of `names`: which name an address had, for whom, and when.
const NAMES: &[Column] = &[
    ("address", "IPv6", "address in an answer"),
    ("client", "IPv6", "who asked"),
    (
        "name",
        "String",
        "name that has the address, lower case; of versions 0 to 4, the last alias",
    ),
    ("question", "String", "name asked for, lower case"),
    ("hour", "DateTime('UTC')", "hour of the time"),
    ("day", "Date", "day of receipt"),
    (
        "first",
        "SimpleAggregateFunction(min, DateTime64(6, 'UTC'))",
        "first time",
    ),
    (
        "last",
        "SimpleAggregateFunction(max, DateTime64(6, 'UTC'))",
        "last time",
    ),
    (
        "count",
        "SimpleAggregateFunction(sum, UInt64)",
        "number of answers",
    ),
    (
        "ttl",
        "SimpleAggregateFunction(max, Nullable(UInt32))",
        "largest TTL of the address, in seconds",
    ),
];

/// Columns of `clients`: who had to do with a name, and when.
const CLIENTS: &[Column] = &[
    (
        "reversed",
        "String",
        "name asked for or target of an alias, lower case, labels reversed: org.example.www",
    ),
    ("client", "IPv6", "who asked"),
    ("hour", "DateTime('UTC')", "hour of the time"),
    ("day", "Date", "day of receipt"),
    (
        "first",
        "SimpleAggregateFunction(min, DateTime64(6, 'UTC'))",
        "first time",
    ),
    (
        "last",
        "SimpleAggregateFunction(max, DateTime64(6, 'UTC'))",
        "last time",
    ),
    (
        "count",
        "SimpleAggregateFunction(sum, UInt64)",
        "number of times that records have the name",
    ),
];

/// Inserts that a table remembers, to know one that comes again. A partition's part of an insert
/// counts as one.
const DEDUPLICATION_WINDOW: u32 = 10_000;

/// For how long one with replicas remembers them, in seconds.
const DEDUPLICATION_SECONDS: u32 = 7 * 24 * 60 * 60;

/// What is said of all tables.
const COMMENT: &str = "DNS responses, by dnsflow. IPv4 addresses are mapped into IPv6: \
    replaceOne(toString(client), ''::ffff:'', '''') shows them plainly.";

impl Table {
    /// Its columns in the order in which they are written.
    pub(super) fn columns(self) -> &'static [Column] {
        match self {
            Self::Responses => RESPONSES,
            Self::Names => NAMES,
            Self::Clients => CLIENTS,
        }
    }

    /// By what it is ordered.
    fn order(self) -> &'static str {
        match self {
            Self::Responses => "toStartOfHour(time), client, time",
            Self::Names => "address, client, hour, name, question, day",
            Self::Clients => "reversed, client, hour, day",
        }
    }

    /// The day of receipt.
    fn day(self) -> &'static str {
        match self {
            Self::Responses => "toDate(received)",
            Self::Names | Self::Clients => "day",
        }
    }
}

/// A name between backquotes.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

/// A table's name with its database's.
pub(super) fn full_name(options: &Options, name: &str) -> String {
    format!("{}.{}", quoted(&options.database), quoted(name))
}

/// Text between single quotes.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The statements that create a table, one after the other: with a cluster, that of each server and
/// the distributed one.
pub(super) fn create(options: &Options, table: Table) -> Vec<String> {
    let name = options.name(table);
    let Some(cluster) = &options.cluster else {
        return vec![local(options, table, name, "")];
    };
    let on = format!(" ON CLUSTER {}", quoted(cluster));
    let each = format!("{name}_local");
    let distributed = format!(
        "CREATE TABLE IF NOT EXISTS {}{on} AS {} \
         ENGINE = Distributed({}, {}, {}, cityHash64(client)) COMMENT '{COMMENT}'",
        full_name(options, name),
        full_name(options, &each),
        literal(cluster),
        literal(&options.database),
        literal(&each),
    );
    vec![local(options, table, &each, &on), distributed]
}

/// The statement that creates the database.
pub(super) fn create_database(options: &Options) -> String {
    let on = options.cluster.as_deref().map(quoted);
    let on = on.map_or(String::new(), |cluster| format!(" ON CLUSTER {cluster}"));
    format!(
        "CREATE DATABASE IF NOT EXISTS {}{on}",
        quoted(&options.database)
    )
}

/// The statement that makes a table remember inserts.
pub(super) fn remember(options: &Options, name: &str) -> String {
    format!(
        "ALTER TABLE {} MODIFY SETTING non_replicated_deduplication_window = {DEDUPLICATION_WINDOW}",
        full_name(options, name)
    )
}

/// The statement for a table that stores rows.
fn local(options: &Options, table: Table, name: &str, on: &str) -> String {
    let columns: Vec<String> = table
        .columns()
        .iter()
        .map(|(name, kind, comment)| {
            format!("{} {kind} COMMENT {}", quoted(name), literal(comment))
        })
        .collect();
    let merging = match table {
        Table::Responses => "",
        Table::Names | Table::Clients => "Aggregating",
    };
    let replicated = if on.is_empty() { "" } else { "Replicated" };
    let window = if on.is_empty() {
        format!("non_replicated_deduplication_window = {DEDUPLICATION_WINDOW}")
    } else {
        format!(
            "replicated_deduplication_window = {DEDUPLICATION_WINDOW}, \
             replicated_deduplication_window_seconds = {DEDUPLICATION_SECONDS}"
        )
    };
    let day = table.day();
    let kept = options.retention_days.map_or(String::new(), |days| {
        format!(" TTL {day} + INTERVAL {days} DAY DELETE")
    });
    // A batch is forgotten once it is stored: it has to survive the server's machine too.
    format!(
        "CREATE TABLE IF NOT EXISTS {}{on} ({}) ENGINE = {replicated}{merging}MergeTree \
         PARTITION BY {day} ORDER BY ({}){kept} SETTINGS {window}, ttl_only_drop_parts = 1, \
         fsync_after_insert = 1, fsync_part_directory = 1 COMMENT '{COMMENT}'",
        full_name(options, name),
        columns.join(", "),
        table.order(),
    )
}
