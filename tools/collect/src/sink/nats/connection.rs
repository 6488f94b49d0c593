//! A connection to one server: made, and used for one thing at a time.
//!
//! Everything waits for the server, for a bounded time. What a server says in between, such as its
//! PING, is answered while something is waited for.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use super::failure::{away, handshake, not_nats, refusal, unfit};
use super::link::{Link, connect};
use super::login::{self, Proof};
use super::options::{Options, Server};
use super::wire::{self, Connect, Info, Message, Operation};
use crate::sink::SinkError;

/// Bytes that are read at once.
const READ_BYTES: usize = 16 << 10;

/// A connection that messages can be published on.
pub(super) struct Connection {
    link: Link,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Where answers come to.
    inbox: String,
    /// The number of the next answer.
    next: u64,
    options: Options,
    pub(super) info: Info,
}

/// An answer to what was published.
pub(super) struct Answer {
    /// The number that [`Connection::publish`] gave.
    pub(super) number: u64,
    pub(super) message: Message,
}

impl Connection {
    /// Connects to the first of the servers, from number `first` on, that can be reached.
    pub(super) fn open(options: &Options, first: usize) -> Result<Self, SinkError> {
        let mut error = away("there is no server");
        let count = options.servers.len();
        for server in options.servers.iter().cycle().skip(first).take(count) {
            match Self::to(options, server) {
                Ok(connection) => return Ok(connection),
                // What has to be mended is told even if another server is away.
                Err(unfit @ SinkError::Unfit(_)) => return Err(unfit),
                Err(other) => error = other,
            }
        }
        Err(error)
    }

    fn to(options: &Options, server: &Server) -> Result<Self, SinkError> {
        let named = |error: io::Error| away(format!("{}:{}: {error}", server.host, server.port));
        let socket = connect(server, options.timeout).map_err(named)?;
        let mut connection = Self {
            link: Link::Plain(socket),
            input: Vec::new(),
            output: Vec::new(),
            inbox: format!("_INBOX.{:016x}", crate::backlog::random_id()),
            next: 0,
            options: options.clone(),
            info: Info::default(),
        };
        let said = connection.operation(Instant::now() + options.timeout)?;
        let Operation::Info(text) = said else {
            return Err(not_nats());
        };
        connection.info = serde_json::from_str(&text).map_err(|_| not_nats())?;
        let has_tls = connection.secure(options, server)?;
        connection.log_in(options, has_tls)?;
        Ok(connection)
    }

    /// Goes on by TLS, if either side wants it. Returns whether it does.
    fn secure(&mut self, options: &Options, server: &Server) -> Result<bool, SinkError> {
        if !options.wants_tls && !self.info.tls_required {
            return Ok(false);
        }
        if !self.info.tls_required && !self.info.tls_available {
            return Err(unfit(
                "the server has no TLS: give its configuration a block tls { }, or use nats://",
            ));
        }
        #[cfg(feature = "tls")]
        if let Link::Plain(socket) = &self.link {
            let socket = socket.try_clone().map_err(|error| away(&error))?;
            // Whatever came in plain text behind INFO is nobody's word.
            self.input.clear();
            self.link = Link::Tls(super::tls::start(options, server, socket)?);
        }
        #[cfg(not(feature = "tls"))]
        return Err(unfit(format!(
            "{}: the server demands TLS, and this build has none: build it with the feature tls",
            server.host
        )));
        #[cfg(feature = "tls")]
        Ok(true)
    }

    fn log_in(&mut self, options: &Options, has_tls: bool) -> Result<(), SinkError> {
        if !self.info.headers {
            return Err(unfit(format!(
                "the server has version {} and no headers: 2.2 or later is wanted",
                self.info.version
            )));
        }
        let proof = login::proof(options, &self.info)?;
        let Proof {
            user,
            password,
            token,
            jwt,
            key,
            signature,
        } = &proof;
        let connect = Connect {
            tls_required: has_tls,
            lang: "rust",
            version: env!("CARGO_PKG_VERSION"),
            name: "dnsflow-collect",
            protocol: 1,
            headers: true,
            no_responders: true,
            user: user.as_deref(),
            pass: password.as_deref(),
            auth_token: token.as_deref(),
            jwt: jwt.as_deref(),
            nkey: key.as_deref(),
            sig: signature.as_deref(),
            ..Connect::default()
        };
        let text = serde_json::to_string(&connect).map_err(|error| unfit(&error))?;
        let lines = format!("CONNECT {text}\r\nSUB {}.* 1\r\n", self.inbox);
        self.output.extend(lines.bytes());
        self.ping()
    }

    /// Asks whether the server is there still, and has taken everything before.
    pub(super) fn ping(&mut self) -> Result<(), SinkError> {
        self.output.extend(b"PING\r\n");
        self.flush()?;
        let deadline = Instant::now() + self.options.timeout;
        while self.operation(deadline)? != Operation::Pong {}
        Ok(())
    }

    /// Sends a message and returns the number of its answer.
    pub(super) fn publish(
        &mut self,
        subject: &str,
        headers: &[(&str, &str)],
        payload: &[u8],
    ) -> Result<u64, SinkError> {
        let number = self.next;
        self.next += 1;
        let reply = format!("{}.{number}", self.inbox);
        wire::publish(&mut self.output, subject, &reply, headers, payload);
        self.flush()?;
        Ok(number)
    }

    /// Waits for an answer.
    pub(super) fn answer(&mut self) -> Result<Answer, SinkError> {
        let deadline = Instant::now() + self.options.timeout;
        loop {
            let Operation::Message(message) = self.operation(deadline)? else {
                continue;
            };
            let number = message.subject.rsplit('.').next();
            if let Some(number) = number.and_then(|digits| digits.parse().ok()) {
                return Ok(Answer { number, message });
            }
        }
    }

    /// Sends a message and waits for its answer.
    pub(super) fn ask(
        &mut self,
        subject: &str,
        headers: &[(&str, &str)],
        payload: &[u8],
    ) -> Result<Message, SinkError> {
        let asked = self.publish(subject, headers, payload)?;
        loop {
            let answer = self.answer()?;
            if answer.number == asked {
                return Ok(answer.message);
            }
        }
    }

    /// The next operation that is not the server's PING.
    fn operation(&mut self, deadline: Instant) -> Result<Operation, SinkError> {
        loop {
            match wire::parse(&self.input).map_err(|_| not_nats())? {
                Some((operation, length)) => {
                    self.input.drain(..length);
                    match operation {
                        Operation::Ping => {
                            self.output.extend(b"PONG\r\n");
                            self.flush()?;
                        }
                        Operation::Error(text) => return Err(refusal(&self.options, &text)),
                        // A server tells of others, and of its end, by another INFO.
                        operation => return Ok(operation),
                    }
                }
                None => self.fill(deadline)?,
            }
        }
    }

    fn fill(&mut self, deadline: Instant) -> Result<(), SinkError> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(self.silent());
        }
        let mut bytes = [0; READ_BYTES];
        let socket = self.link.socket();
        socket
            .set_read_timeout(Some(left))
            .map_err(|error| away(&error))?;
        match self.link.read(&mut bytes) {
            Ok(0) => Err(away("the server has closed the connection")),
            Ok(count) => {
                self.input.extend(bytes.iter().take(count));
                Ok(())
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Err(self.silent()),
                io::ErrorKind::Interrupted => Ok(()),
                io::ErrorKind::InvalidData => Err(handshake(&error)),
                _ => Err(away(&error)),
            },
        }
    }

    fn silent(&self) -> SinkError {
        away(format!(
            "no answer within {} s",
            self.options.timeout.as_secs()
        ))
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        let written = self
            .link
            .write_all(&self.output)
            .and_then(|()| self.link.flush());
        self.output.clear();
        self.output.shrink_to(READ_BYTES);
        match written {
            Ok(()) => Ok(()),
            // A server that ends the connection says why before.
            Err(error) => Err(self.last_word().unwrap_or_else(|| match error.kind() {
                io::ErrorKind::InvalidData => handshake(&error),
                _ => away(&error),
            })),
        }
    }

    /// The error that the server has sent before it ended the connection.
    fn last_word(&mut self) -> Option<SinkError> {
        let mut bytes = [0; READ_BYTES];
        let _ = self
            .link
            .socket()
            .set_read_timeout(Some(Duration::from_secs(1)));
        while let Ok(count @ 1..) = self.link.read(&mut bytes) {
            self.input.extend(bytes.iter().take(count));
            if self.input.len() > READ_BYTES {
                break;
            }
        }
        while let Ok(Some((operation, length))) = wire::parse(&self.input) {
            self.input.drain(..length);
            if let Operation::Error(text) = operation {
                return Some(refusal(&self.options, &text));
            }
        }
        None
    }
}
