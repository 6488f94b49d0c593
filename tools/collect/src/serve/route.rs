//! From requests to answers.
//!
//! ```text
//! GET  /name?client=192.0.2.1&address=203.0.113.7&at=2026-12-01T10:15:00Z      an answer
//! POST /name          a question a line, as JSON: an answer or {"error":..} a line, in their order
//! GET  /search?q=www.example.org     who was told what
//! GET  /live?rows=10  rates and top lists, with --page
//! GET  /              what there is; with --page the page
//! ```
//!
//! The questions of a request are read whole before the first answer is sent: many clients read nothing until
//! they have sent everything, and would wait forever for a service that waits for them. Answers are
//! made as they are sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::{Buf as _, Bytes};
use dnsflow_names::{Question, Time};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;

use super::parameters::Parameters;
use super::{Naming, Refusal, live, search};

/// Bytes of the questions of a request at most.
const MAX_BODY_BYTES: usize = 4 << 20;

/// Questions of a request at most.
const MAX_LINES: usize = 50_000;

/// Bytes of a question at most.
const MAX_LINE_BYTES: usize = 1024;

/// How long the questions of a request may take to come.
const BODY_TIME: Duration = Duration::from_secs(60);

/// Bytes of answers that are made at a time, roughly.
const PIECE_BYTES: usize = 64 << 10;

/// Rows of each list of `/live`, if nothing else is said.
const DEFAULT_LIVE_ROWS: usize = 10;

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";
const TEXT: &str = "text/plain; charset=utf-8";

const HELP: &str = "\
dnsflow-collect, which names an address stood for

GET  /name?client=ADDRESS&address=ADDRESS&at=TIME   an answer, as JSON; client and at may be left out
POST /name                                          a question a line: {\"client\":..,\"address\":..,\"at\":..}
GET  /search?q=ADDRESS-OR-NAME&since=TIME&until=TIME   who was told what; also address=, client=, name=, suffix=1
GET  /live?rows=NUMBER                              with --page: rates, losses and top lists
";

/// What is sent back.
pub(super) enum Answers {
    /// Something that is there.
    Whole(Bytes),
    /// Answers to the questions of a body.
    Each(Questions),
}

/// Questions that are being answered.
pub(super) struct Questions {
    naming: Arc<Naming>,
    /// Those that are left.
    lines: Bytes,
    now: Time,
}

impl Body for Answers {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match self.get_mut() {
            Self::Whole(bytes) => std::mem::take(bytes),
            Self::Each(questions) => questions.piece(),
        };
        let frame = (!piece.is_empty()).then(|| Ok(Frame::data(piece)));
        Poll::Ready(frame)
    }
}

impl Questions {
    /// The next answers; nothing if all are given.
    fn piece(&mut self) -> Bytes {
        let mut piece = Vec::with_capacity(PIECE_BYTES * 2);
        let map = self.naming.read();
        while piece.len() < PIECE_BYTES && !self.lines.is_empty() {
            let end = self.lines.iter().position(|byte| *byte == b'\n');
            let line = self.lines.split_to(end.unwrap_or(self.lines.len()));
            if !self.lines.is_empty() {
                self.lines.advance(1);
            }
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            match question_of(line) {
                Ok(question) => {
                    let answer = self.naming.answer(&map, &question, self.now);
                    write(&mut piece, &answer);
                }
                Err(reason) => {
                    self.naming.refuse(Refusal::Question);
                    write(&mut piece, &Problem { error: &reason });
                }
            }
            piece.push(b'\n');
        }
        Bytes::from(piece)
    }
}

fn question_of(line: &[u8]) -> Result<Question, String> {
    if line.len() > MAX_LINE_BYTES {
        return Err(format!("a question has at most {MAX_LINE_BYTES} bytes"));
    }
    serde_json::from_slice(line).map_err(|error| {
        format!(r#"no question: {error}; expected {{"client":..,"address":..,"at":..}}"#)
    })
}

/// What is wrong, as it is sent.
#[derive(Serialize)]
struct Problem<'a> {
    error: &'a str,
}

/// Writes JSON. Answers and problems have no part that JSON can't say, and memory takes everything.
fn write(to: &mut Vec<u8>, value: &impl Serialize) {
    let _ = serde_json::to_writer(to, value);
}

/// The answer to a request that may ask.
pub(super) async fn answer(naming: &Arc<Naming>, request: Request<Incoming>) -> Response<Answers> {
    let query = request.uri().query().unwrap_or_default();
    match (request.uri().path(), request.method()) {
        ("/", &Method::GET | &Method::HEAD) => whole(StatusCode::OK, TEXT, HELP.into()),
        ("/name", &Method::GET | &Method::HEAD) => one(naming, query),
        ("/name", &Method::POST) => many(naming, request.into_body()).await,
        ("/search", &Method::GET | &Method::HEAD) => many_entries(naming, query).await,
        ("/live", &Method::GET | &Method::HEAD) => live(naming, query),
        ("/" | "/name" | "/search" | "/live", _) => {
            let reason = "GET it, or POST questions to /name";
            let mut response = wrong(naming, Refusal::NotFound, reason);
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            let allowed = HeaderValue::from_static("GET, HEAD, POST");
            response.headers_mut().insert(ALLOW, allowed);
            response
        }
        _ => wrong(
            naming,
            Refusal::NotFound,
            "there is no such page: GET / lists them",
        ),
    }
}

/// Answers the question of a query string.
fn one(naming: &Naming, query: &str) -> Response<Answers> {
    match question_of_query(query) {
        Ok(question) => json(&naming.answer(&naming.read(), &question, now())),
        Err(reason) => wrong(naming, Refusal::Question, &reason),
    }
}

fn question_of_query(query: &str) -> Result<Question, String> {
    const EXPECTED: &str = "expected /name?client=ADDRESS&address=ADDRESS&at=TIME";
    let given = Parameters::parse(query, &["client", "address", "at"], EXPECTED)?;
    let address = given.address("address")?;
    Ok(Question {
        client: given.address("client")?,
        address: address.ok_or_else(|| format!("there is no address; {EXPECTED}"))?,
        at: given.time("at")?,
    })
}

/// Searches by a query string.
async fn many_entries(naming: &Naming, query: &str) -> Response<Answers> {
    match search::wanted(query) {
        Ok(wanted) => json(&search::search(naming, wanted).await),
        Err(reason) => wrong(naming, Refusal::Question, &reason),
    }
}

/// Says what comes at this moment.
fn live(naming: &Naming, query: &str) -> Response<Answers> {
    let Some(live) = &naming.live else {
        let reason =
            "rates and lists are counted for the page alone: start the collector with --page";
        return wrong(naming, Refusal::NotFound, reason);
    };
    let given = Parameters::parse(query, &["rows"], "expected /live?rows=NUMBER");
    let rows = given.and_then(|given| given.rows("rows", DEFAULT_LIVE_ROWS, live::MAX_ROWS));
    match rows {
        Ok(rows) => json(&live.snapshot(rows)),
        Err(reason) => wrong(naming, Refusal::Question, &reason),
    }
}

/// Answers the questions of a body.
async fn many(naming: &Arc<Naming>, body: Incoming) -> Response<Answers> {
    let collected = Limited::new(body, MAX_BODY_BYTES).collect();
    let lines = match tokio::time::timeout(BODY_TIME, collected).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return too_large(naming),
        Ok(Err(_)) => return wrong(naming, Refusal::Connection, "the questions ended too early"),
        Err(_) => {
            let reason = "the questions took too long to come: send fewer at a time";
            return wrong(naming, Refusal::Connection, reason);
        }
    };
    if lines.iter().filter(|byte| **byte == b'\n').count() > MAX_LINES {
        return too_large(naming);
    }
    let questions = Questions {
        naming: Arc::clone(naming),
        lines,
        now: now(),
    };
    response(StatusCode::OK, LINES, Answers::Each(questions))
}

fn too_large(naming: &Naming) -> Response<Answers> {
    let reason = format!(
        "a request has at most {MAX_LINES} questions, and {} MiB: send several",
        MAX_BODY_BYTES >> 20
    );
    wrong(naming, Refusal::TooLarge, &reason)
}

/// The answer to a request that may not ask.
pub(super) fn refused(naming: &Naming, refusal: Refusal) -> Response<Answers> {
    let reason = match refusal {
        Refusal::Host => {
            "the Host header is no name of this service: ask it by its address, or start it with --serve-host NAME"
        }
        Refusal::Origin => "pages of another origin may not ask",
        _ => "ask with the header Authorization: Bearer TOKEN; the token is that of --token-file",
    };
    wrong(naming, refusal, reason)
}

fn wrong(naming: &Naming, refusal: Refusal, reason: &str) -> Response<Answers> {
    naming.refuse(refusal);
    let status = match refusal {
        Refusal::Host => StatusCode::MISDIRECTED_REQUEST,
        Refusal::Origin => StatusCode::FORBIDDEN,
        Refusal::Token => StatusCode::UNAUTHORIZED,
        Refusal::NotFound => StatusCode::NOT_FOUND,
        Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::Connection => StatusCode::REQUEST_TIMEOUT,
        Refusal::Busy => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::Question => StatusCode::BAD_REQUEST,
    };
    let mut text = Vec::new();
    write(&mut text, &Problem { error: reason });
    text.push(b'\n');
    let mut response = whole(status, JSON, text.into());
    if refusal == Refusal::Token {
        let scheme = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    }
    response
}

fn json(value: &impl Serialize) -> Response<Answers> {
    let mut text = Vec::new();
    write(&mut text, value);
    text.push(b'\n');
    whole(StatusCode::OK, JSON, text.into())
}

pub(super) fn whole(
    status: StatusCode,
    media_type: &'static str,
    bytes: Bytes,
) -> Response<Answers> {
    response(status, media_type, Answers::Whole(bytes))
}

fn response(status: StatusCode, media_type: &'static str, body: Answers) -> Response<Answers> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, media_type),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'"),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

pub(super) fn now() -> Time {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Time(now.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_of_query_strings() {
        let question = |query: &str| question_of_query(query);
        let full = question("client=192.0.2.1&address=2001%3Adb8%3A%3A1&at=1700000000").unwrap();
        assert_eq!(full.at, Some(Time(Duration::from_secs(1_700_000_000))));
        assert_eq!(
            full.address,
            "2001:db8::1".parse::<std::net::IpAddr>().unwrap()
        );
        assert!(
            question("address=192.0.2.1&client=&at=")
                .unwrap()
                .client
                .is_none()
        );
        for (wrong, said) in [
            ("", "no address"),
            ("client=192.0.2.1", "no address"),
            ("address=host.example", "is no address"),
            ("address=192.0.2.1&address=192.0.2.2", "twice"),
            ("address=192.0.2.1&when=5", "no parameter"),
            ("address=192.0.2.1&at=yesterday", "no time"),
        ] {
            let error = question(wrong).unwrap_err();
            assert!(error.contains(said), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_line_that_is_no_question_has_an_error_in_its_place() {
        let naming = Arc::new(Naming::new(dnsflow_names::Limits::default()));
        let long = "x".repeat(2000);
        let lines = format!(
            "{{\"address\":\"192.0.2.1\"}}\n\n{{}}\n{long}\n\"\u{1}<script>\"\r\n{{\"address\":\"192.0.2.2\"}}"
        );
        let mut questions = Questions {
            naming: Arc::clone(&naming),
            lines: lines.into(),
            now: now(),
        };
        let text = String::from_utf8(questions.piece().to_vec()).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let wrong = lines.iter().map(|line| line.get("error").is_some());
        assert_eq!(wrong.collect::<Vec<_>>(), [false, true, true, true, false]);
        assert!(questions.piece().is_empty());
        assert_eq!(naming.done().asked, [0, 0, 0, 2]);
    }
}
