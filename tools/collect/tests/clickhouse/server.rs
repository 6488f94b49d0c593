//! A server of Debian's, in a folder of its own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use dnsflow_collect::sink::clickhouse::{ClickHouse, Options};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::patience::until;
use dnsflow_testkit::process::Process;

/// The program.
pub(crate) const PROGRAM: &str = "clickhouse-server";

/// Where Debian has it, which is in no user's PATH.
pub(crate) const PROGRAM_PATH: &str = "/usr/sbin/clickhouse-server";

/// The password of the user `writer`.
pub(crate) const PASSWORD: &str = "p:w%rd";

const USERS: &str = "<yandex>
<profiles><default></default><readonly><readonly>1</readonly></readonly></profiles>
<quotas><default></default></quotas>
<users>
<default><password></password><networks><ip>127.0.0.1</ip></networks>
<profile>default</profile><quota>default</quota></default>
<writer><password>p:w%rd</password><networks><ip>127.0.0.1</ip></networks>
<profile>default</profile><quota>default</quota></writer>
<reader><password></password><networks><ip>127.0.0.1</ip></networks>
<profile>readonly</profile><quota>default</quota></reader>
</users>
</yandex>";

/// A server that may be down.
pub(crate) struct Server {
    folder: Folder,
    pub(crate) port: u16,
    process: Option<Process>,
}

impl Server {
    /// One that runs, with a database `dns` without tables.
    pub(crate) fn start() -> Self {
        let free = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = free.local_addr().expect("it is bound").port();
        drop(free);
        let folder = Folder::new();
        let path = |name: &str| folder.argument(name);
        let config = format!(
            "<yandex><logger><level>warning</level><console>1</console></logger>
<http_port>{port}</http_port><listen_host>127.0.0.1</listen_host>
<path>{}/</path><tmp_path>{}/</tmp_path><user_files_path>{}/</user_files_path>
<users_config>{}</users_config><default_profile>default</default_profile>
<default_database>default</default_database>
<mark_cache_size>16777216</mark_cache_size></yandex>",
            path("data"),
            path("tmp"),
            path("files"),
            path("users.xml"),
        );
        let _ = folder.file("users.xml", USERS.as_bytes());
        let _ = folder.file("config.xml", config.as_bytes());
        let mut server = Self {
            folder,
            port,
            process: None,
        };
        server.start_again();
        server.execute("CREATE DATABASE dns");
        server
    }

    pub(crate) fn start_again(&mut self) {
        let config = self.folder.argument("config.xml");
        let mut command = Command::new(PROGRAM_PATH);
        command.arg(format!("--config-file={config}"));
        let mut process = Process::spawn(PROGRAM, command.current_dir(self.folder.path("")));
        until("the server to answer", || {
            assert!(
                process.is_running(),
                "the server has ended: {}",
                process.said()
            );
            self.ask("SELECT 1").ok()
        });
        self.process = Some(process);
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    pub(crate) fn signal(&mut self, name: &str) {
        self.process.as_mut().expect("it runs").signal(name);
    }

    /// What a statement gives; the text of the error if it fails.
    pub(crate) fn ask(&self, statement: &str) -> Result<String, String> {
        let mut socket =
            TcpStream::connect(("127.0.0.1", self.port)).map_err(|error| error.to_string())?;
        socket
            .set_read_timeout(Some(Duration::from_secs(120)))
            .expect("it is not 0");
        let head = format!(
            "POST / HTTP/1.0\r\nContent-Length: {}\r\n\r\n",
            statement.len()
        );
        let sent = socket.write_all(&[head.as_bytes(), statement.as_bytes()].concat());
        sent.map_err(|error| error.to_string())?;
        let mut answer = String::new();
        socket
            .read_to_string(&mut answer)
            .map_err(|error| error.to_string())?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
        match head.contains(" 200 ") {
            true => Ok(body.trim_end().to_owned()),
            false => Err(body.to_owned()),
        }
    }

    pub(crate) fn execute(&self, statement: &str) -> String {
        self.ask(statement)
            .unwrap_or_else(|error| panic!("{statement}: {error}"))
    }

    /// Tables of types that it has, with the layout of those that are written.
    pub(crate) fn create_tables(&self) {
        let order = [
            "time",
            "(address, client, hour)",
            "(reversed, client, hour)",
        ];
        for ((table, columns), order) in TABLES.iter().zip(order) {
            self.execute(&format!(
                "CREATE TABLE dns.{table} ({columns}) ENGINE = MergeTree ORDER BY {order}"
            ));
        }
    }

    /// A sink that is not open yet.
    pub(crate) fn sink(&self, who: &str, parameters: &str) -> ClickHouse {
        let url = format!("http://{who}127.0.0.1:{}/dns{parameters}", self.port);
        let options: Options = url.parse().expect("the URL is right");
        ClickHouse::new(options)
    }
}

const TABLES: [(&str, &str); 3] = [
    (
        "responses",
        "time UInt64, received Int64, sensor String, source FixedString(16), core Nullable(UInt16), \
         boot String, sequence UInt64, `index` UInt16, client FixedString(16), \
         client_port Nullable(UInt16), resolver Nullable(FixedString(16)), \
         resolver_port Nullable(UInt16), transport Nullable(String), query String, \
         qtype Nullable(String), qclass Nullable(String), rcode Nullable(String), \
         flags Array(String), names Array(String), addresses Array(FixedString(16)), \
         ttl Nullable(UInt32), answers Nested(owner String, type String, class String, ttl UInt32, data String), \
         subnet Nullable(String), interface Nullable(String), vlan Nullable(UInt16), \
         inner_vlan Nullable(UInt16), vni Nullable(UInt32), sampling Nullable(UInt32), \
         incomplete UInt8, continues UInt8, has_more UInt8",
    ),
    (
        "names",
        "address FixedString(16), client FixedString(16), name String, question String, \
         hour DateTime, day Date, first UInt64, last UInt64, count UInt64, ttl Nullable(UInt32)",
    ),
    (
        "clients",
        "reversed String, client FixedString(16), hour DateTime, day Date, first UInt64, \
         last UInt64, count UInt64",
    ),
];
