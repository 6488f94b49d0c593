//! What went wrong, and whether trying again can help.
//!
//! A server tells the number of its exception, which says more than the status of HTTP: that is 500
//! for a wrong password with old servers. What is not known is tried again; a batch is given up
//! only for numbers that say that the data can't be read.

use crate::sink::SinkError;

/// Numbers of exceptions (`ErrorCodes.cpp` of ClickHouse) of a server that is not as it has to be.
const UNFIT: &[u32] = &[
    8,   // THERE_IS_NO_COLUMN
    10,  // NOT_FOUND_COLUMN_IN_BLOCK
    16,  // NO_SUCH_COLUMN_IN_TABLE
    20,  // NUMBER_OF_COLUMNS_DOESNT_MATCH
    36,  // BAD_ARGUMENTS
    44,  // ILLEGAL_COLUMN
    46,  // UNKNOWN_FUNCTION
    47,  // UNKNOWN_IDENTIFIER
    48,  // NOT_IMPLEMENTED
    50,  // UNKNOWN_TYPE
    56,  // UNKNOWN_STORAGE
    60,  // UNKNOWN_TABLE
    62,  // SYNTAX_ERROR
    73,  // UNKNOWN_FORMAT
    81,  // UNKNOWN_DATABASE
    115, // UNKNOWN_SETTING
    164, // READONLY
    170, // BAD_GET, of a cluster that isn't there with old servers
    192, // UNKNOWN_USER
    193, // WRONG_PASSWORD
    194, // REQUIRED_PASSWORD
    195, // IP_ADDRESS_NOT_ALLOWED
    291, // DATABASE_ACCESS_DENIED
    344, // SUPPORT_IS_DISABLED
    452, // SETTING_CONSTRAINT_VIOLATION
    497, // ACCESS_DENIED
    516, // AUTHENTICATION_FAILED
    701, // CLUSTER_DOESNT_EXIST
];

/// Those of wrong names and passwords.
const WHO: &[u32] = &[192, 193, 194, 195, 516];

/// Those of missing rights.
const RIGHTS: &[u32] = &[164, 291, 497];

/// Those of data that the server can't read.
const REFUSED: &[u32] = &[
    6,   // CANNOT_PARSE_TEXT
    27,  // CANNOT_PARSE_INPUT_ASSERTION_FAILED
    32,  // ATTEMPT_TO_READ_AFTER_EOF
    33,  // CANNOT_READ_ALL_DATA
    53,  // TYPE_MISMATCH
    69,  // ARGUMENT_OUT_OF_BOUND
    117, // INCORRECT_DATA
    128, // TOO_LARGE_ARRAY_SIZE
    131, // TOO_LARGE_STRING_SIZE
    321, // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
    469, // VIOLATED_CONSTRAINT
];

/// Why a request was not fulfilled.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nobody answered, or not in time.
    Unreachable(String),
    /// There can't be an answer, whenever it is tried.
    Never(String),
    /// The server answered with an error.
    Server {
        status: u16,
        /// The number of its exception.
        code: Option<u32>,
        text: String,
    },
}

impl Failure {
    /// Of an answer with another status than 200, or with an exception.
    pub(super) fn server(status: u16, code: Option<u32>, text: &str) -> Self {
        let line = text.lines().find(|line| !line.trim().is_empty());
        let shown: String = line.unwrap_or("no text").chars().take(400).collect();
        // Servers before 19 tell the number in text alone: `Code: 60, e.displayText() = ..`.
        let digits = || {
            let (_, behind) = text.split_once("Code: ")?;
            behind
                .split(|one: char| !one.is_ascii_digit())
                .next()?
                .parse()
                .ok()
        };
        Self::Server {
            status,
            code: code.or_else(digits),
            text: shown.replace(char::is_control, " "),
        }
    }

    /// Whether a right is missing.
    pub(super) fn is_of_rights(&self) -> bool {
        matches!(self, Self::Server { code: Some(code), .. } if RIGHTS.contains(code))
    }

    /// What it means for a batch; `what` was tried.
    pub(super) fn into_error(self, what: &str) -> SinkError {
        let (status, code, text) = match self {
            Self::Unreachable(text) => {
                return SinkError::Away(format!("clickhouse: {what}: {text}"));
            }
            Self::Never(text) => return SinkError::Unfit(format!("clickhouse: {what}: {text}")),
            Self::Server { status, code, text } => (status, code, text),
        };
        let told = format!("clickhouse: {what}: HTTP {status}: {text}");
        match (code, status) {
            (Some(code), _) if WHO.contains(&code) => SinkError::Unfit(format!(
                "{told}; give user and password as http://user:password@host or by password_file"
            )),
            (Some(code), _) if UNFIT.contains(&code) => SinkError::Unfit(told),
            (Some(code), _) if REFUSED.contains(&code) => SinkError::Refused(told),
            (Some(_), _) | (None, 408 | 429 | 500..) => SinkError::Away(told),
            (None, 413) => SinkError::Unfit(format!(
                "{told}; raise the limit of the proxy in between, or lower rows"
            )),
            (None, 401 | 403 | 407) => {
                SinkError::Unfit(format!("{told}; something in between refuses"))
            }
            (None, 300..400 | 404 | 405) => SinkError::Unfit(format!(
                "{told}; this is not the HTTP interface of ClickHouse"
            )),
            (None, 400..500) => SinkError::Refused(told),
            (None, _) => SinkError::Unfit(told),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, code: Option<u32>, text: &str) -> &'static str {
        match Failure::server(status, code, text).into_error("insert") {
            SinkError::Away(_) => "away",
            SinkError::Again(_) | SinkError::Gone(_) => "other",
            SinkError::Refused(_) => "refused",
            SinkError::Unfit(_) => "unfit",
        }
    }

    #[test]
    fn numbers_of_exceptions_come_before_the_status() {
        for (status, code, text, wanted) in [
            (500, Some(241), "Memory limit", "away"),
            (500, Some(252), "Too many parts", "away"),
            (
                404,
                None,
                "Code: 60, e.displayText() = DB::Exception: Table",
                "unfit",
            ),
            (
                500,
                None,
                "Code: 193, e.displayText() = DB::Exception: Wrong password",
                "unfit",
            ),
            (403, Some(516), "Code: 516. DB::Exception", "unfit"),
            (
                400,
                None,
                "Code: 33, e.displayText() = DB::Exception: Cannot read all data",
                "refused",
            ),
            (
                500,
                Some(999_999),
                "Code: 999999. what is not known",
                "away",
            ),
            (502, None, "<html>Bad gateway</html>", "away"),
            (503, None, "", "away"),
            (429, None, "slow down", "away"),
            (413, None, "too large", "unfit"),
            (404, None, "nothing here", "unfit"),
            (301, None, "moved", "unfit"),
            (400, None, "bad request", "refused"),
        ] {
            assert_eq!(kind(status, code, text), wanted, "{status} {text}");
        }
    }

    #[test]
    fn text_is_one_line_without_controls() {
        let failure = Failure::server(500, None, "\n a\u{1b}[31m b\nc\n");
        let error = failure.into_error("insert").to_string();
        assert_eq!(error, "clickhouse: insert: HTTP 500:  a [31m b");
    }
}
