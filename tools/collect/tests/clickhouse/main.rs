//! The sink of ClickHouse against Debian's server, which is of 2018: it has no `IPv6`, no
//! `DateTime64` and no tokens, but the same HTTP. RowBinary is blind to types, so its tables have
//! others with the same bytes. What needs a server of today is in `clickhouse_engine`.

mod batches;
mod server;

use std::path::Path;
use std::thread;

use dnsflow_collect::sink::clickhouse::ClickHouse;
use dnsflow_collect::sink::{Sink, SinkError};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::requirements;

use batches::{of_responses, of_vectors};
use server::{PASSWORD, PROGRAM, PROGRAM_PATH, Server};

/// Whether the server is installed.
fn is_there(test: &str) -> bool {
    let found = Path::new(PROGRAM_PATH).is_file();
    if !found {
        requirements::skip(test, &format!("the program {PROGRAM}"));
    }
    found
}

/// Writes a batch as a collector does, again and again while the server is away.
fn write(sink: &mut ClickHouse, number: u64, count: u32) {
    let batch = of_responses(number, count);
    until("the batch to be stored", || match sink.write(&batch) {
        Ok(()) => Some(()),
        Err(SinkError::Away(_)) => None,
        Err(error) => panic!("batch {number}: {error}"),
    });
    assert_eq!(sink.stored(), Some(number));
}

#[test]
fn rows_are_stored_with_each_compression_that_it_knows() {
    if !is_there("rows_are_stored_with_each_compression_that_it_knows") {
        return;
    }
    let server = Server::start();
    server.create_tables();
    let mut number = 0;
    for parameters in [
        "?compression=none",
        "?compression=gzip",
        "?compression=none&rows=70",
    ] {
        let mut sink = server.sink("", parameters);
        assert_eq!(sink.open().expect("the tables fit"), None);
        number += 1;
        write(&mut sink, number, 1000);
        let counts =
            "SELECT count(), uniq(sequence, index), any(length(answers.owner)) FROM dns.responses";
        assert_eq!(
            server.execute(counts),
            format!("{}\t{}\t3", 1000 * number, 1000 * number)
        );
        let named = "SELECT sum(count) FROM dns.names UNION ALL SELECT sum(count) FROM dns.clients";
        let twice = 2000 * number;
        assert_eq!(server.execute(named), format!("{twice}\n{twice}"));
    }
    let one = "SELECT DISTINCT IPv6NumToString(source), core, client_port, transport, qtype, qclass, \
        rcode, flags, ttl, IPv6NumToString(assumeNotNull(resolver)), incomplete FROM dns.responses";
    assert_eq!(
        server.execute(one),
        "::ffff:192.0.2.1\t3\t40000\tudp\tA\tIN\tNOERROR\t['rd','ra']\t60\t::ffff:192.0.2.53\t0"
    );
    let reversed = "SELECT count() FROM dns.clients WHERE reversed LIKE 'org.example.www%.edge'";
    assert_ne!(server.execute(reversed), "0");
}

#[test]
fn every_vector_of_the_protocol_is_taken() {
    if !is_there("every_vector_of_the_protocol_is_taken") {
        return;
    }
    let server = Server::start();
    server.create_tables();
    let mut sink = server.sink("", "?compression=gzip");
    sink.open().expect("the tables fit");
    let batch = of_vectors(1);
    sink.write(&batch).expect("it is stored");
    let mut rows = 0;
    let counted: Result<(), ()> = batch.each_row(|_| {
        rows += 1;
        Ok(())
    });
    assert_eq!(counted, Ok(()));
    assert!(rows > 10);
    let stored = server.execute("SELECT count() FROM dns.responses");
    assert_eq!(stored, rows.to_string());
}

#[test]
fn what_does_not_fit_is_told_with_what_mends_it() {
    if !is_there("what_does_not_fit_is_told_with_what_mends_it") {
        return;
    }
    let server = Server::start();
    let unfit = |who: &str, parameters: &str| match server.sink(who, parameters).open() {
        Err(SinkError::Unfit(text)) => text,
        other => panic!("{who}{parameters}: {other:?}"),
    };
    let none = "?compression=none";
    let missing = unfit("", none);
    assert!(
        missing.contains("there is no table responses in dns"),
        "{missing}"
    );
    assert!(
        missing.contains("CREATE TABLE IF NOT EXISTS `dns`.`responses` (`time` DateTime64"),
        "{missing}"
    );
    server.create_tables();
    let password = unfit("writer:wrong@", none);
    assert!(password.contains("password_file"), "{password}");
    let user = unfit("nobody@", none);
    assert!(user.contains("password_file"), "{user}");
    let right = format!("writer:{}@", PASSWORD.replace('%', "%25"));
    server
        .sink(&right, none)
        .open()
        .expect("user and password are right");
    let rights = unfit("reader@", none);
    assert!(
        rights.contains("GRANT SELECT, INSERT ON `dns`.`responses` TO `reader`"),
        "{rights}"
    );
    server.execute("ALTER TABLE dns.names DROP COLUMN ttl");
    let column = unfit("", none);
    assert!(
        column.contains("ALTER TABLE `dns`.`names` ADD COLUMN `ttl` SimpleAggregate"),
        "{column}"
    );
    server.execute("ALTER TABLE dns.names ADD COLUMN ttl String");
    let other = unfit("", none);
    assert!(
        other.contains("column ttl of names has another type"),
        "{other}"
    );
    assert!(other.contains("MODIFY COLUMN `ttl`"), "{other}");
    server
        .sink("", "?compression=none&names=")
        .open()
        .expect("names are not written");
}

/// A table that is changed while rows are written is no reason to give a batch up.
#[test]
fn a_table_that_changes_keeps_the_batch() {
    if !is_there("a_table_that_changes_keeps_the_batch") {
        return;
    }
    let server = Server::start();
    server.create_tables();
    let mut sink = server.sink("", "?compression=none");
    sink.open().expect("the tables fit");
    write(&mut sink, 1, 10);
    server.execute("DROP TABLE dns.clients");
    let error = sink
        .write(&of_responses(2, 10))
        .expect_err("a table is missing");
    let text = error.to_string();
    assert!(matches!(error, SinkError::Unfit(_)), "{text}");
    assert!(text.contains("there is no table clients"), "{text}");
    assert_eq!(sink.stored(), Some(1));
    server.execute("DROP TABLE dns.responses");
    server.execute("DROP TABLE dns.names");
    server.create_tables();
    sink.open().expect("the tables fit again");
    // Two of its inserts were confirmed before, and are gone with their tables.
    write(&mut sink, 2, 10);
    assert_eq!(server.execute("SELECT count() > 0 FROM dns.clients"), "1");
}

#[test]
fn a_server_that_is_away_gets_everything_later() {
    if !is_there("a_server_that_is_away_gets_everything_later") {
        return;
    }
    let mut server = Server::start();
    server.create_tables();
    let mut sink = server.sink("", "?compression=none&timeout=1s");
    sink.open().expect("the tables fit");
    write(&mut sink, 1, 500);
    server.signal("STOP");
    let batch = of_responses(2, 500);
    let error = sink.write(&batch).expect_err("nobody answers");
    assert!(matches!(error, SinkError::Away(_)), "{error}");
    let error = server
        .sink("", "?timeout=1s")
        .open()
        .expect_err("nobody answers");
    assert!(matches!(error, SinkError::Away(_)), "{error}");
    assert_eq!(sink.stored(), Some(1));
    server.signal("CONT");
    write(&mut sink, 2, 500);
    server.kill();
    let error = sink
        .write(&of_responses(3, 500))
        .expect_err("nobody listens");
    assert!(matches!(error, SinkError::Away(_)), "{error}");
    let error = server.sink("", "").open().expect_err("nobody listens");
    assert!(matches!(error, SinkError::Away(_)), "{error}");
    server.start_again();
    write(&mut sink, 3, 500);
    assert_eq!(
        server.execute("SELECT uniqExact(sequence, index) FROM dns.responses"),
        "1500"
    );
}

/// What was confirmed is there after the server was killed, and nothing that was not sent.
#[test]
fn nothing_is_lost_when_the_server_is_killed() {
    const BATCHES: u64 = 40;
    const ROWS: u32 = 2000;
    if !is_there("nothing_is_lost_when_the_server_is_killed") {
        return;
    }
    let mut server = Server::start();
    server.create_tables();
    let mut sink = server.sink("", "?compression=none&rows=700");
    sink.open().expect("the tables fit");
    let writer = thread::spawn(move || {
        for number in 1..=BATCHES {
            write(&mut sink, number, ROWS);
        }
    });
    for share in 1..=3 {
        until("rows to be stored", || {
            let stored = server
                .ask("SELECT uniqExact(sequence, index) FROM dns.responses")
                .ok()?;
            let stored: u64 = stored.parse().expect("it is a number");
            (stored > share * BATCHES / 5 * u64::from(ROWS)).then_some(())
        });
        server.kill();
        server.start_again();
    }
    writer.join().expect("all batches are stored");
    let wanted = BATCHES * u64::from(ROWS);
    let distinct = server.execute("SELECT uniqExact(sequence, index) FROM dns.responses");
    assert_eq!(distinct, wanted.to_string());
    // This server knows no insert that comes again: those that were not confirmed may be there
    // twice.
    let all: u64 = server
        .execute("SELECT count() FROM dns.responses")
        .parse()
        .expect("it is a number");
    assert!(all - wanted <= 3 * 700, "{all}");
}
