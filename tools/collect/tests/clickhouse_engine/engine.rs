//! The engine of today behind the HTTP of `shim.py`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dnsflow_collect::sink::clickhouse::{ClickHouse, Options};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::patience::until;
use dnsflow_testkit::process::Process;

const SHIM: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/clickhouse_engine/shim.py"
);

/// The Python that has `chdb`, where `.ci/setup system` puts it.
pub(crate) fn python() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    target.expect("it is in target").join("chdb/bin/python")
}

/// An engine with its data.
pub(crate) struct Engine {
    folder: Folder,
    process: Option<Process>,
    port: u16,
}

impl Engine {
    pub(crate) fn start() -> Self {
        let mut engine = Self {
            folder: Folder::new(),
            process: None,
            port: 0,
        };
        engine.start_again();
        engine
    }

    pub(crate) fn start_again(&mut self) {
        let (data, file) = (self.folder.argument("data"), self.folder.path("port"));
        let mut command = Command::new(python());
        command.arg(SHIM).arg(data).arg(&file);
        let mut process = Process::spawn("shim.py", &mut command);
        self.port = until("the engine to listen", || {
            assert!(process.is_running(), "it has ended: {}", process.said());
            fs::read_to_string(&file).ok()?.parse().ok()
        });
        self.process = Some(process);
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.process = None;
        let _ = fs::remove_file(self.folder.path("port"));
    }

    pub(crate) fn options(&self, parameters: &str) -> Options {
        let url = format!("http://127.0.0.1:{}/dns{parameters}", self.port);
        url.parse().expect("the URL is right")
    }

    pub(crate) fn sink(&self, parameters: &str) -> ClickHouse {
        ClickHouse::new(self.options(parameters))
    }

    /// What a statement gives; the text of the error if it fails.
    pub(crate) fn ask(&self, statement: &str) -> Result<String, String> {
        use std::io::{Read, Write};
        let told = |error: std::io::Error| error.to_string();
        let mut socket = std::net::TcpStream::connect(("127.0.0.1", self.port)).map_err(told)?;
        let head = format!(
            "POST / HTTP/1.0\r\nContent-Length: {}\r\n\r\n",
            statement.len()
        );
        let request = [head.as_bytes(), statement.as_bytes()].concat();
        socket.write_all(&request).map_err(told)?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).map_err(told)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
        if head.contains(" 200 ") {
            return Ok(body.trim_end().to_owned());
        }
        Err(body.to_owned())
    }

    pub(crate) fn execute(&self, statement: &str) -> String {
        self.ask(statement)
            .unwrap_or_else(|error| panic!("{statement}: {error}"))
    }
}
