//! A server of Debian's with JetStream, in a folder of its own, and a client that asks it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::patience::until;
use dnsflow_testkit::process::Process;
use dnsflow_testkit::requirements;
use serde_json::{Value, json};

/// The program, where Debian has it, which is in no user's PATH.
const PROGRAM: &str = "/usr/sbin/nats-server";

/// Whether the server is installed.
pub(crate) fn is_there(test: &str) -> bool {
    let found = Path::new(PROGRAM).is_file();
    if !found {
        requirements::skip(test, "the program nats-server");
    }
    found
}

/// A server that may be down.
pub(crate) struct Server {
    folder: Folder,
    pub(crate) port: u16,
    /// What a client says of itself besides, as JSON without braces.
    login: &'static str,
    process: Option<Process>,
}

/// A message of a stream.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) subject: String,
    pub(crate) headers: String,
    pub(crate) text: String,
}

impl Server {
    /// One with JetStream and the stream `S` of everything below `dnsflow`.
    pub(crate) fn start() -> Self {
        let server = Self::with(JETSTREAM, "");
        server.stream("S", json!({}));
        server
    }

    /// One with `config` behind port and folder; STORE there is a folder for JetStream, HERE the
    /// folder for anything else.
    pub(crate) fn with(config: &str, login: &'static str) -> Self {
        Self::of(Folder::new(), config, login)
    }

    pub(crate) fn of(folder: Folder, config: &str, login: &'static str) -> Self {
        let free = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = free.local_addr().expect("it is bound").port();
        drop(free);
        let mut server = Self {
            folder,
            port,
            login,
            process: None,
        };
        server.configure(config);
        server.start_again();
        server
    }

    /// Gives it another configuration, for the next start.
    pub(crate) fn configure(&self, config: &str) {
        let config = config
            .replace("STORE", &self.folder.argument("store"))
            .replace("HERE", &self.folder.argument(""));
        let config = format!("listen: \"127.0.0.1:{}\"\n{config}\n", self.port);
        let _ = self.folder.file("nats.conf", config.as_bytes());
    }

    pub(crate) fn start_again(&mut self) {
        let mut command = Command::new(PROGRAM);
        command.args(["-c", &self.folder.argument("nats.conf")]);
        let mut process = Process::spawn("nats-server", &mut command);
        until("the server to be ready", || {
            assert!(
                process.is_running(),
                "the server has ended: {}",
                process.said()
            );
            process.said().contains("Server is ready").then_some(())
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

    /// The answer to a message; `None` if nobody takes it or the server is away.
    pub(crate) fn try_ask(&self, subject: &str, headers: &str, body: &str) -> Option<Value> {
        let socket = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        socket
            .set_read_timeout(Some(Duration::from_secs(120)))
            .ok()?;
        let mut reader = BufReader::new(socket.try_clone().ok()?);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let head = match headers {
            "" => String::new(),
            _ => format!("NATS/1.0\r\n{headers}\r\n\r\n"),
        };
        let text = format!(
            "CONNECT {{\"verbose\":false,\"headers\":true,\"no_responders\":true{}}}\r\n\
             SUB inbox 1\r\nHPUB {subject} inbox {} {}\r\n{head}{body}\r\n",
            self.login,
            head.len(),
            head.len() + body.len()
        );
        // A message without headers has another name.
        let text = match headers {
            "" => text.replace(
                &format!("inbox 0 {}", body.len()),
                &format!("inbox {}", body.len()),
            ),
            _ => text,
        };
        let text = match headers {
            "" => text.replace("HPUB", "PUB"),
            _ => text,
        };
        (&socket).write_all(text.as_bytes()).ok()?;
        loop {
            line.clear();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line.starts_with("-ERR") {
                panic!("{subject}: {line}");
            }
            if line.starts_with("HMSG") {
                return None;
            }
            if line.starts_with("MSG") {
                let length = line
                    .trim()
                    .rsplit(' ')
                    .next()
                    .and_then(|digits| digits.parse().ok());
                let mut payload = vec![0; length.expect("a length")];
                reader.read_exact(&mut payload).ok()?;
                return Some(serde_json::from_slice(&payload).expect("JSON"));
            }
        }
    }

    /// The answer of JetStream, which is no error.
    pub(crate) fn api(&self, subject: &str, body: &Value) -> Value {
        let answer = until("JetStream to answer", || {
            let answer = self.try_ask(&format!("$JS.API.{subject}"), "", &body.to_string())?;
            // It is not there yet.
            (answer["error"]["code"] != 503).then_some(answer)
        });
        assert_eq!(answer["error"], Value::Null, "{subject} {body}");
        answer
    }

    /// Makes a stream, with what `change` says.
    pub(crate) fn stream(&self, name: &str, change: Value) {
        self.set_stream("CREATE", name, change);
    }

    /// Makes a stream (`CREATE`), or changes it (`UPDATE`).
    pub(crate) fn set_stream(&self, verb: &str, name: &str, change: Value) {
        let mut config = json!({
            "name": name, "subjects": ["dnsflow.>"], "retention": "limits", "storage": "file",
            "max_consumers": -1, "max_msgs": -1, "max_bytes": -1, "max_age": 0, "max_msg_size": -1,
            "discard": "new", "num_replicas": 1, "duplicate_window": 120_000_000_000_u64,
        });
        let object = config.as_object_mut().expect("an object");
        object.extend(change.as_object().expect("an object").clone());
        self.api(&format!("STREAM.{verb}.{name}"), &config);
    }

    /// The number of messages in the stream.
    pub(crate) fn count(&self) -> u64 {
        let info = self.try_ask("$JS.API.STREAM.INFO.S", "", "");
        info.and_then(|info| info["state"]["messages"].as_u64())
            .unwrap_or(0)
    }

    /// All messages of the stream.
    pub(crate) fn messages(&self) -> Vec<Message> {
        let info = self.api("STREAM.INFO.S", &json!({}));
        let number = |name: &str| info["state"][name].as_u64().expect("a number");
        let mut messages = Vec::new();
        for seq in number("first_seq")..=number("last_seq") {
            let asked = json!({ "seq": seq }).to_string();
            let answer = self
                .try_ask("$JS.API.STREAM.MSG.GET.S", "", &asked)
                .expect("an answer");
            // One that was deleted.
            if answer["error"]["err_code"] == 10_037 {
                continue;
            }
            let bytes = |name: &str| {
                let text = answer["message"][name].as_str().unwrap_or_default();
                STANDARD.decode(text).expect("base64")
            };
            messages.push(Message {
                subject: answer["message"]["subject"]
                    .as_str()
                    .expect("text")
                    .to_owned(),
                headers: String::from_utf8(bytes("hdrs")).expect("text"),
                text: String::from_utf8(bytes("data")).expect("text"),
            });
        }
        messages
    }

    /// All lines of the stream.
    pub(crate) fn lines(&self) -> Vec<String> {
        let messages = self.messages();
        let lines = messages.iter().flat_map(|message| message.text.lines());
        lines.map(str::to_owned).collect()
    }
}

/// A configuration with JetStream.
pub(crate) const JETSTREAM: &str = "jetstream { store_dir: \"STORE\" }";
