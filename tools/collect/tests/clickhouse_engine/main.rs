//! The sink of ClickHouse against its engine of today: that it creates tables, that what they hold
//! is what the records say, that an insert which comes again is stored once, and that questions
//! find what they should.

#[path = "../clickhouse/batches.rs"]
mod batches;
mod engine;
mod rows;

use dnsflow_collect::sink::{Sink, SinkError};
use dnsflow_testkit::requirements;
use serde_json::Value;

use batches::{of_responses, of_vectors};
use engine::{Engine, python};

/// Whether the engine is installed.
fn is_there(test: &str) -> bool {
    let found = python().is_file();
    if !found {
        requirements::skip(test, "chdb, which '.ci/setup system' installs");
    }
    found
}

#[test]
fn contents_are_what_records_say() {
    if !is_there("contents_are_what_records_say") {
        return;
    }
    let engine = Engine::start();
    let batches = [of_vectors(1), of_responses(2, 3000)];
    for coding in ["none", "lz4", "gzip"] {
        let parameters = format!(
            "?create=1&retention=36500d&table=r_{coding}&names=n_{coding}&clients=c_{coding}&compression={coding}"
        );
        let mut sink = engine.sink(&parameters);
        sink.open().expect("the tables are created");
        for batch in &batches {
            sink.write(batch).expect("it is stored");
        }
        let stored = engine.execute(&format!(
            "SELECT {} FROM dns.r_{coding} ORDER BY boot, sequence, index FORMAT JSONCompactEachRow",
            rows::COLUMNS
        ));
        let stored: Vec<Value> = stored
            .lines()
            .map(|line| serde_json::from_str(line).expect("it is JSON"))
            .collect();
        let expected: Vec<Value> = batches
            .iter()
            .flat_map(|batch| rows::expected(batch))
            .collect();
        assert_eq!(stored.len(), expected.len());
        for (stored, expected) in stored.iter().zip(&expected) {
            assert_eq!(stored, expected);
        }
    }
}

/// The number of rows and of what they count, of each table.
fn counts(engine: &Engine) -> [String; 3] {
    [
        engine.execute("SELECT count(), uniqExact(boot, sequence, index) FROM dns.responses"),
        engine.execute("SELECT sum(count), uniqExact(address, client, name) FROM dns.names"),
        engine.execute("SELECT sum(count), uniqExact(reversed, client) FROM dns.clients"),
    ]
}

#[test]
fn what_comes_again_is_stored_once() {
    if !is_there("what_comes_again_is_stored_once") {
        return;
    }
    let mut engine = Engine::start();
    let parameters = "?create=1&rows=900";
    let mut sink = engine.sink(parameters);
    sink.open().expect("the tables are created");
    let batches = [1, 2, 3].map(|number| of_responses(number, 2000));
    for batch in &batches {
        sink.write(batch).expect("it is stored");
    }
    let before = counts(&engine);
    assert_eq!(before[0], "6000\t6000");
    assert!(before[1].starts_with("12000\t"), "{}", before[1]);
    // The collector starts again and knows nothing; then the server was killed besides.
    for kills in [false, true] {
        if kills {
            engine.kill();
            engine.start_again();
        }
        let mut again = engine.sink(parameters);
        assert_eq!(again.open().expect("the tables fit"), None);
        for batch in &batches {
            again.write(batch).expect("it is known");
        }
        assert_eq!(counts(&engine), before);
    }
    // Responses were stored, and the collector was killed before names were.
    let fourth = of_responses(4, 2000);
    let mut responses_alone = engine.sink("?rows=900&names=&clients=");
    responses_alone.open().expect("the table fits");
    responses_alone.write(&fourth).expect("it is stored");
    let mut all = engine.sink(parameters);
    all.open().expect("the tables fit");
    all.write(&fourth).expect("the rest is stored");
    let after = counts(&engine);
    assert_eq!(after[0], "8000\t8000");
    assert!(after[1].starts_with("16000\t"), "{}", after[1]);
    assert!(after[2].starts_with("16000\t"), "{}", after[2]);
}

#[test]
fn questions_are_answered() {
    if !is_there("questions_are_answered") {
        return;
    }
    let engine = Engine::start();
    let mut sink = engine.sink("?create=1");
    sink.open().expect("the tables are created");
    for number in 1..=3 {
        sink.write(&of_responses(number, 5000))
            .expect("it is stored");
    }
    let address = "SELECT name, question, sum(count), max(ttl), min(first) <= max(last) FROM dns.names \
        WHERE address = toIPv6('203.0.0.1') GROUP BY name, question ORDER BY name LIMIT 1";
    let names = engine.execute(address);
    let parts: Vec<&str> = names.split('\t').collect();
    assert_eq!(parts[0], format!("edge.{}", parts[1]));
    assert_eq!(parts[3..], ["60", "1"]);
    let all = engine.execute("SELECT sum(count) FROM dns.names");
    assert_eq!(all, "30000");
    // What merges of the server roll up says the same.
    engine.execute("OPTIMIZE TABLE dns.names FINAL");
    engine.execute("OPTIMIZE TABLE dns.clients FINAL");
    assert_eq!(engine.execute(address), names);
    assert_eq!(engine.execute("SELECT sum(count) FROM dns.names"), all);
    let domain = "SELECT uniqExact(client) > 0, sum(count) FROM dns.clients \
        WHERE reversed LIKE 'org.example.%'";
    assert_eq!(engine.execute(domain), "1\t30000");
    let joined = "SELECT count() FROM dns.responses ARRAY JOIN answers \
        WHERE answers.type = 'CNAME' AND answers.ttl = 300";
    assert_eq!(engine.execute(joined), "15000");
    let comment =
        engine.execute("SELECT comment FROM system.tables WHERE name = 'responses' FORMAT TSVRaw");
    assert!(
        comment.contains("replaceOne(toString(client), '::ffff:', '')"),
        "{comment}"
    );
}

/// The statement that an error offers mends what it tells.
#[test]
fn what_does_not_fit_is_mended_by_what_is_told() {
    if !is_there("what_does_not_fit_is_mended_by_what_is_told") {
        return;
    }
    let engine = Engine::start();
    for statement in engine.options("").statements() {
        engine.execute(&statement);
    }
    engine.sink("").open().expect("the tables fit");
    engine.execute("ALTER TABLE dns.names RESET SETTING non_replicated_deduplication_window");
    engine.execute("ALTER TABLE dns.responses DROP COLUMN vni");
    engine.execute("ALTER TABLE dns.responses MODIFY COLUMN vlan Nullable(UInt32)");
    engine.execute("ALTER TABLE dns.clients DROP COLUMN last");
    let mut mended = 0;
    while let Err(error) = engine.sink("").open() {
        assert!(matches!(error, SinkError::Unfit(_)), "{error}");
        let text = error.to_string();
        let (_, statement) = text
            .split_once("; to mend it: ")
            .expect("it says what to do");
        engine.execute(statement);
        mended += 1;
        assert!(mended <= 4, "{text}");
    }
    assert_eq!(mended, 4);
}

/// There is no cluster here, but the engine reads the statements.
#[test]
fn statements_of_a_cluster_can_be_read() {
    if !is_there("statements_of_a_cluster_can_be_read") {
        return;
    }
    let engine = Engine::start();
    let options = engine.options("?create=1&cluster=all%20of&retention=30d");
    let statements = options.statements();
    assert_eq!(statements.len(), 7);
    for statement in statements {
        let tree = engine.execute(&format!("EXPLAIN AST {statement}"));
        assert!(tree.contains("CreateQuery"), "{tree}");
        assert!(statement.contains("ON CLUSTER `all of`"));
    }
    let error = engine
        .sink("?create=1&cluster=none")
        .open()
        .expect_err("there is no cluster");
    assert!(matches!(error, SinkError::Unfit(_)), "{error}");
}
