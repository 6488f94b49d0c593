//! What the library and the brokers say, and whether trying again can help.

use std::sync::Mutex;

use log::debug;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};

use super::options::Options;
use crate::lock::lock;
use crate::sink::SinkError;

/// Characters of the library's text that are shown.
const SHOWN_CHARACTERS: usize = 400;

/// What became of messages, as the library's thread tells while it is asked.
#[derive(Debug, Default)]
pub(super) struct Reports {
    /// Lines of the batch that have come to an end, with the error of those that were not stored.
    ended: Mutex<Vec<(usize, Option<RDKafkaErrorCode>)>>,
    /// Why the last connection failed.
    reason: Mutex<Option<(RDKafkaErrorCode, String)>>,
}

impl Reports {
    pub(super) fn take(&self) -> Vec<(usize, Option<RDKafkaErrorCode>)> {
        std::mem::take(&mut *lock(&self.ended))
    }

    /// Forgets why connections failed before.
    pub(super) fn forget(&self) {
        *lock(&self.reason) = None;
    }

    /// What `code` means; `what` was tried.
    pub(super) fn error(&self, options: &Options, code: RDKafkaErrorCode, what: &str) -> SinkError {
        let reason = lock(&self.reason).clone();
        let (code, text) = match reason {
            // Of a connection that failed, the library says only later that nothing arrived.
            Some((cause, text)) if is_vague(code) => (cause, format!("{what}: {text}")),
            _ => (code, format!("{what}: {code}")),
        };
        let topic = &options.topic;
        match code {
            RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed => {
                unfit(format!(
                    "{text}; give user and password as kafka://user:password@host or by \
                     password_file, and the mechanism by sasl"
                ))
            }
            RDKafkaErrorCode::SSL => unfit(format!(
                "{text}; ca=FILE says which authorities are trusted"
            )),
            RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownPartition => unfit(format!(
                "{text}; to mend it: {}",
                options.create_topic(topic)
            )),
            RDKafkaErrorCode::TopicAuthorizationFailed => {
                unfit(format!("{text}; to mend it: {}", options.allow(topic)))
            }
            RDKafkaErrorCode::ClusterAuthorizationFailed => unfit(format!(
                "{text}; to mend it: {} --operation IdempotentWrite --cluster",
                options.allow(topic)
            )),
            RDKafkaErrorCode::MessageSizeTooLarge => unfit(format!(
                "{text}; raise max.message.bytes of the topic, or give message, in bytes"
            )),
            RDKafkaErrorCode::UnsupportedFeature => unfit(format!(
                "{text}; brokers of 0.11 or later are wanted, and of 2.1 for zstd"
            )),
            _ => away(text),
        }
    }
}

/// Whether a code says no more than that nothing arrived.
fn is_vague(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::MessageTimedOut
    )
}

impl ClientContext for Reports {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, text: &str) {
        debug!("librdkafka: {facility}: {text}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        // That all are down follows what has happened to the last one.
        let Some(code) = code.filter(|code| *code != RDKafkaErrorCode::AllBrokersDown) else {
            return;
        };
        let text: String = reason.chars().take(SHOWN_CHARACTERS).collect();
        *lock(&self.reason) = Some((code, text.replace(char::is_control, " ")));
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, line: usize) {
        let error = match result {
            Ok(_) => None,
            Err((error, _)) => Some(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)),
        };
        lock(&self.ended).push((line, error));
    }
}

/// An error that may pass.
pub(super) fn away(text: impl ToString) -> SinkError {
    SinkError::Away(format!("kafka: {}", text.to_string()))
}

/// An error that somebody has to mend.
pub(super) fn unfit(text: impl ToString) -> SinkError {
    SinkError::Unfit(format!("kafka: {}", text.to_string()))
}
