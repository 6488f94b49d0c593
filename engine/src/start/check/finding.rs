//! One thing that was looked at, as a value and as a line.

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// A run would work, and may lose something.
    Warn,
    /// A run would not capture.
    Fail,
}

/// What was found, and what mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) level: Level,
    pub(super) topic: String,
    pub(super) text: String,
    /// A command where there is one.
    pub(super) mend: Option<String>,
}

impl Finding {
    pub(super) fn ok(topic: impl Into<String>, text: impl Into<String>) -> Self {
        Finding {
            level: Level::Ok,
            topic: topic.into(),
            text: text.into(),
            mend: None,
        }
    }

    pub(super) fn warn(
        topic: impl Into<String>,
        text: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Finding {
            level: Level::Warn,
            mend: Some(mend.into()),
            ..Finding::ok(topic, text)
        }
    }

    pub(super) fn fail(
        topic: impl Into<String>,
        text: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Finding {
            level: Level::Fail,
            ..Finding::warn(topic, text, mend)
        }
    }

    /// `LEVEL TOPIC: TEXT; mend: MEND`, the level in colour (ECMA-48, SGR) where that is wanted.
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
        let Finding { topic, text, .. } = self;
        match &self.mend {
            Some(mend) => format!("{level}  {topic}: {text}; mend: {mend}"),
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
            "\x1b[31mfail\x1b[0m  eth0: it is down; mend: ip link set eth0 up"
        );
    }
}
