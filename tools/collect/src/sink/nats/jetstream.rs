//! Questions to JetStream, and what its answers mean.
//!
//! It is asked by messages to subjects below `$JS.API`, and answers in JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::connection::Connection;
use super::failure::{SHOWN_CHARACTERS, away, unfit};
use super::message::Subject;
use super::options::Options;
use super::wire::Message;
use crate::sink::SinkError;
use crate::sink::lines::{Form, Kind};

/// The status of a message that nobody has taken.
const NO_RESPONDERS: u16 = 503;

/// No message of that subject (`JSNoMessageFoundErr`).
const NO_MESSAGE: u32 = 10_037;

/// JetStream is off, on the server or for the account.
const NOT_ENABLED: [u32; 2] = [10_076, 10_039];

/// A message is larger than the stream takes (`JSStreamMessageExceedsMaximumErr`).
const TOO_LARGE: u32 = 10_054;

/// The stream is another one than was expected (`JSStreamNotMatchErr`).
const OTHER_STREAM: u32 = 10_060;

/// No stream can be called so: with it, a message is refused by whatever stream takes its subject.
const NO_STREAM: &str = ".";

/// The streams that take what is written, by the kind of lines.
pub(super) type Streams = Vec<(Kind, String)>;

#[derive(Deserialize)]
struct Names {
    #[serde(default)]
    streams: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Stream {
    config: Config,
}

/// How a stream is.
#[derive(Deserialize)]
#[serde(default)]
struct Config {
    subjects: Vec<String>,
    no_ack: bool,
    sealed: bool,
    /// Bytes with headers; negative if there is no bound.
    max_msg_size: i64,
    /// Nanoseconds.
    duplicate_window: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            subjects: Vec::new(),
            no_ack: false,
            sealed: false,
            max_msg_size: -1,
            duplicate_window: 0,
        }
    }
}

#[derive(Deserialize)]
struct Last {
    message: Stored,
}

#[derive(Deserialize)]
struct Stored {
    /// In base64.
    #[serde(default)]
    hdrs: String,
}

/// An answer, or the error that it is.
#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    error: Option<ApiError>,
}

#[derive(Debug, Deserialize)]
struct ApiError {
    #[serde(default)]
    err_code: u32,
    #[serde(default)]
    description: String,
}

/// Finds the streams for everything that is written, and checks that they are as they have to be.
pub(super) fn streams(to: &mut Connection, options: &Options) -> Result<Streams, SinkError> {
    let message = u64::try_from(options.message).unwrap_or(u64::MAX);
    if to.info.max_payload < message {
        return Err(unfit(format!(
            "the server takes messages of {} bytes, and message={message} is more; to mend it: give \
             message={} or less, or raise max_payload of the server",
            to.info.max_payload, to.info.max_payload
        )));
    }
    let mut streams = Streams::new();
    for kind in [Kind::Responses, Kind::Statistics] {
        if kind == Kind::Statistics && options.form == Form::Ecs {
            continue;
        }
        let subject = Subject::every(options, kind);
        let name = match &options.stream {
            Some(name) => name.clone(),
            None => name(to, options, &subject)?,
        };
        check(to, options, &name, &subject)?;
        streams.push((kind, name));
    }
    // A right that is missing shows here and not with the first batch.
    let subject = Subject::probe(options);
    for (_, name) in &streams {
        last_id(to, options, name, &subject)?;
    }
    let asked = to.ask(&subject, &[("Nats-Expected-Stream", NO_STREAM)], b"")?;
    match outcome(options, &subject, &asked) {
        Err(Refusal {
            code: OTHER_STREAM, ..
        }) => Ok(streams),
        Err(refusal) => Err(refusal.error),
        Ok(()) => Err(unfit(
            "the stream takes what it was told to refuse: no JetStream is known that does",
        )),
    }
}

/// The stream that takes a subject.
fn name(to: &mut Connection, options: &Options, subject: &str) -> Result<String, SinkError> {
    let question = json!({ "subject": subject }).to_string();
    let names: Names = ask(to, options, "$JS.API.STREAM.NAMES", &question)?;
    let mut names = names.streams.unwrap_or_default().into_iter();
    match (names.next(), names.next()) {
        (Some(name), None) => Ok(name),
        (None, _) => Err(unfit(format!(
            "no stream takes {subject}; to mend it: {}",
            options.add_stream()
        ))),
        (Some(first), Some(second)) => Err(unfit(format!(
            "{subject} is divided among streams, such as {first} and {second}; to mend it, give one \
             of them the subject {subject}, or another prefix as in nats://host/prefix"
        ))),
    }
}

/// Whether a stream is as it has to be.
fn check(
    to: &mut Connection,
    options: &Options,
    name: &str,
    subject: &str,
) -> Result<(), SinkError> {
    let stream: Stream = ask(to, options, &format!("$JS.API.STREAM.INFO.{name}"), "")?;
    let config = stream.config;
    let message = i64::try_from(options.message).unwrap_or(i64::MAX);
    let takes = |filter: &String| covers(filter, subject);
    let (wrong, mended) = if !config.subjects.iter().any(takes) {
        let mut subjects = config.subjects.clone();
        subjects.push(subject.to_owned());
        let all = subjects.join(",");
        (
            format!("does not take {subject}"),
            format!("nats stream edit {name} --subjects '{all}'"),
        )
    } else if config.no_ack {
        (
            "does not say what it has stored".to_owned(),
            format!("nats stream edit {name} --ack"),
        )
    } else if config.sealed {
        (
            "is sealed and takes nothing".to_owned(),
            options.add_stream(),
        )
    } else if (0..message).contains(&config.max_msg_size) {
        (
            format!(
                "takes messages of {} bytes, and message={message} is more",
                config.max_msg_size
            ),
            format!("nats stream edit {name} --max-msg-size {message}, or give message"),
        )
    } else if config.duplicate_window == 0 {
        (
            "does not know a message that comes again, which would be stored twice".to_owned(),
            format!("nats stream edit {name} --dupe-window 1h"),
        )
    } else {
        return Ok(());
    };
    Err(unfit(format!(
        "stream {name} {wrong}; to mend it: {mended}"
    )))
}

/// Whether everything that fits the subject `inner` fits `filter`, both with wildcards.
fn covers(filter: &str, inner: &str) -> bool {
    let mut inner = inner.split('.');
    for token in filter.split('.') {
        match (token, inner.next()) {
            (">", Some(_)) => return true,
            ("*", Some(one)) if one != ">" => {}
            (token, Some(one)) if token == one => {}
            _ => return false,
        }
    }
    inner.next().is_none()
}

/// The Nats-Msg-Id of the last message of a subject, as the leader of the stream knows it.
pub(super) fn last_id(
    to: &mut Connection,
    options: &Options,
    stream: &str,
    subject: &str,
) -> Result<Option<String>, SinkError> {
    let question = json!({ "last_by_subj": subject }).to_string();
    let topic = format!("$JS.API.STREAM.MSG.GET.{stream}");
    let answer = to.ask(&topic, &[], question.as_bytes())?;
    let last: Last = match outcome(options, &topic, &answer) {
        Ok(()) => read(&answer)?,
        Err(Refusal {
            code: NO_MESSAGE, ..
        }) => return Ok(None),
        Err(refusal) => return Err(refusal.error),
    };
    let headers = STANDARD.decode(&last.message.hdrs).unwrap_or_default();
    let headers = String::from_utf8_lossy(&headers);
    let id = headers
        .lines()
        .find_map(|line| line.strip_prefix("Nats-Msg-Id:"));
    Ok(id.map(|id| id.trim().to_owned()))
}

/// Whether a message was stored, now or before, as its answer says.
pub(super) fn acknowledged(
    options: &Options,
    subject: &str,
    answer: &Message,
) -> Result<(), SinkError> {
    outcome(options, subject, answer).map_err(|refusal| refusal.error)
}

fn ask<T: DeserializeOwned>(
    to: &mut Connection,
    options: &Options,
    topic: &str,
    question: &str,
) -> Result<T, SinkError> {
    let answer = to.ask(topic, &[], question.as_bytes())?;
    outcome(options, topic, &answer).map_err(|refusal| match refusal.error {
        SinkError::Away(text) if answer.status.is_some() && !to.info.jetstream => {
            SinkError::Unfit(format!("{text}; JetStream is off: {ENABLE}"))
        }
        error => error,
    })?;
    read(&answer)
}

/// What turns JetStream on.
const ENABLE: &str =
    "to mend it, give the configuration of the server a block jetstream { }, or start it with -js";

/// What JetStream has refused.
struct Refusal {
    code: u32,
    error: SinkError,
}

fn outcome(options: &Options, subject: &str, answer: &Message) -> Result<(), Refusal> {
    let refused = |code, error| Err(Refusal { code, error });
    if let Some(status) = answer.status {
        let error = match status {
            NO_RESPONDERS => format!("{subject}: nobody answers (no responders)"),
            _ => format!("{subject}: status {status}"),
        };
        // A stream that is gone and a cluster that has no leader look the same.
        return refused(0, away(error));
    }
    let outcome: Outcome = match read(answer) {
        Ok(outcome) => outcome,
        Err(error) => return refused(0, error),
    };
    let Some(error) = outcome.error else {
        return Ok(());
    };
    let code = error.err_code;
    let shown: String = error.description.chars().take(SHOWN_CHARACTERS).collect();
    let told = format!(
        "{subject}: {} ({code})",
        shown.replace(char::is_control, " ")
    );
    let error = match code {
        _ if NOT_ENABLED.contains(&code) => unfit(format!("{told}; {ENABLE}")),
        // JSStreamNotFoundErr
        10_059 => unfit(format!("{told}; to mend it: {}", options.add_stream())),
        TOO_LARGE => unfit(format!(
            "{told}; raise max-msg-size of the stream, or give message"
        )),
        OTHER_STREAM => unfit(format!(
            "{told}; another stream takes this subject than before"
        )),
        // JSStreamStoreFailedF, of a stream that discards what is new
        10_077 => away(format!(
            "{told}; the stream has no room: consume or purge it, or raise its limits"
        )),
        _ => away(told),
    };
    refused(code, error)
}

fn read<T: DeserializeOwned>(answer: &Message) -> Result<T, SinkError> {
    serde_json::from_slice(&answer.payload)
        .map_err(|error| away(format!("an answer of JetStream can't be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn subjects_that_cover_others() {
        for (filter, inner, wanted) in [
            ("dnsflow.>", "dnsflow.*.responses", true),
            (">", "dnsflow.*.responses", true),
            ("dnsflow.*.*", "dnsflow.*.responses", true),
            ("dnsflow.*.responses", "dnsflow.*.responses", true),
            ("dnsflow.edge.>", "dnsflow.*.responses", false),
            ("dnsflow.*.statistics", "dnsflow.*.responses", false),
            ("dnsflow.*", "dnsflow.*.responses", false),
            ("dnsflow.*.responses.>", "dnsflow.*.responses", false),
        ] {
            assert_eq!(covers(filter, inner), wanted, "{filter} {inner}");
        }
    }
}
