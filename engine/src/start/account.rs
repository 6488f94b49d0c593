//! The value of `--user`, as it is written. [`Identity`](super::privileges::Identity) looks it up.

use std::fmt;
use std::str::FromStr;

/// `USER` or `USER:GROUP`, as names or numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub(super) user: String,
    pub(super) group: Option<String>,
}

impl FromStr for Account {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        if user.is_empty() || group.is_some_and(str::is_empty) {
            return Err("expected USER or USER:GROUP".to_owned());
        }
        Ok(Self {
            user: user.to_owned(),
            group: group.map(str::to_owned),
        })
    }
}

impl fmt::Display for Account {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.user)?;
        match &self.group {
            Some(group) => write!(to, ":{group}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts() {
        assert_eq!(
            "nobody".parse(),
            Ok(Account {
                user: "nobody".to_owned(),
                group: None
            })
        );
        assert_eq!(
            "a:b".parse::<Account>().map(|account| account.to_string()),
            Ok("a:b".to_owned())
        );
        for wrong in ["", ":b", "a:"] {
            assert!(wrong.parse::<Account>().is_err(), "{wrong}");
        }
    }
}
