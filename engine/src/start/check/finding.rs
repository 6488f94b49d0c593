//! The result of one check, as a value and as a line of text.

/// Severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Nothing to fix.
    Ok,
    /// A run would capture, but may lose or delay packets.
    Warn,
    /// A run would not capture.
    Fail,
}

/// What was found, and how to fix it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) level: Level,
    pub(super) topic: String,
    pub(super) text: String,
    /// A command, if there is one.
    pub(super) fix: Option<String>,
}

impl Finding {
    pub(super) fn ok(topic: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            level: Level::Ok,
            topic: topic.into(),
            text: text.into(),
            fix: None,
        }
    }

    pub(super) fn warn(
        topic: impl Into<String>,
        text: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Warn,
            fix: Some(fix.into()),
            ..Self::ok(topic, text)
        }
    }

    pub(super) fn fail(
        topic: impl Into<String>,
        text: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Fail,
            ..Self::warn(topic, text, fix)
        }
    }

    /// `LEVEL TOPIC: TEXT; fix: FIX`, with the level in colour (ECMA-48, SGR) if asked for.
    pub(super) fn line(&self, is_coloured: bool) -> String {
        let (word, colour) = match self.level {
            Level::Ok => ("ok  ", 32),
            Level::Warn => ("warn", 33),
            Level::Fail => ("fail", 31),
        };
        let level = if is_coloured {
            format!("\x1b[{colour}m{word}\x1b[0m")
        } else {
            word.to_owned()
        };
        let Self { topic, text, .. } = self;
        match &self.fix {
            Some(fix) => format!("{level}  {topic}: {text}; fix: {fix}"),
            None => format!("{level}  {topic}: {text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let fine = Finding::ok("clock", "synchronised");
        assert_eq!(fine.line(false), "ok    clock: synchronised");
        let bad = Finding::fail("eth0", "it is down", "ip link set eth0 up");
        assert_eq!(
            bad.line(true),
            "\x1b[31mfail\x1b[0m  eth0: it is down; fix: ip link set eth0 up"
        );
    }
}
