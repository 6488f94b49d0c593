//! What a server refuses, and whether trying again can help.

use std::io;

use super::options::Options;
use crate::sink::SinkError;

/// Characters of a server's text that are shown.
pub(super) const SHOWN_CHARACTERS: usize = 400;

/// What a server's error means. All but those of a right that is missing end the connection.
pub(super) fn refusal(options: &Options, text: &str) -> SinkError {
    let shown: String = text
        .chars()
        .take(SHOWN_CHARACTERS)
        .filter(|one| !one.is_control())
        .collect();
    let lower = shown.to_ascii_lowercase();
    if lower.starts_with("permissions violation") {
        return unfit(format!(
            "{shown}; to mend it, give this user {}",
            options.rights()
        ));
    }
    let is_of_login = lower.contains("authorization") || lower.contains("authentication");
    if is_of_login && !lower.contains("timeout") {
        return unfit(format!(
            "{shown}; give user and password as nats://user:password@host or by password_file, \
             a token by token_file, or credentials by creds"
        ));
    }
    if lower.starts_with("maximum payload") {
        return unfit(format!(
            "{shown}; give message, in bytes, or raise max_payload of the server"
        ));
    }
    if lower.contains("tls") {
        return unfit(format!("{shown}; give nats+tls://"));
    }
    away(shown)
}

pub(super) fn not_nats() -> SinkError {
    unfit("what answers there is no NATS server")
}

/// An error of TLS, which nothing but a change of one side mends.
pub(super) fn handshake(error: &io::Error) -> SinkError {
    unfit(format!(
        "TLS: {error}; ca=FILE says which authorities are trusted"
    ))
}

/// An error that may pass.
pub(super) fn away(text: impl ToString) -> SinkError {
    SinkError::Away(format!("nats: {}", text.to_string()))
}

/// An error that somebody has to mend.
pub(super) fn unfit(text: impl ToString) -> SinkError {
    SinkError::Unfit(format!("nats: {}", text.to_string()))
}
