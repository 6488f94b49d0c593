//! The parameters of a request, which anyone may write.

use std::borrow::Cow;
use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

use dnsflow_names::Time;

/// Characters of a wrong value that are shown.
const SHOWN_CHARS: usize = 64;

/// The parameters of a query string. One without a value is as if it were not there.
#[derive(Debug)]
pub(super) struct Parameters<'q> {
    given: Vec<(&'static str, Cow<'q, str>)>,
    expected: &'static str,
}

impl<'q> Parameters<'q> {
    /// Reads those of these names; `expected` is what an error says.
    pub(super) fn parse(
        query: &'q str,
        names: &[&'static str],
        expected: &'static str,
    ) -> Result<Self, String> {
        let mut given: Vec<(&'static str, Cow<'q, str>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let Some(known) = names.iter().find(|known| **known == name) else {
                return Err(format!("{:?} is no parameter; {expected}", shown(&name)));
            };
            if value.is_empty() {
                continue;
            }
            if given.iter().any(|(given, _)| given == known) {
                return Err(format!("{known} is there twice; {expected}"));
            }
            given.push((known, value));
        }
        Ok(Self { given, expected })
    }

    /// The value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let given = self.given.iter().find(|(given, _)| *given == name);
        given.map(|(_, value)| &**value)
    }

    /// An address.
    pub(super) fn address(&self, name: &str) -> Result<Option<IpAddr>, String> {
        self.value(name, |value, _: &<IpAddr as FromStr>::Err| {
            format!(
                "{name}: {:?} is no address; {}",
                shown(value),
                self.expected
            )
        })
    }

    /// A time.
    pub(super) fn time(&self, name: &str) -> Result<Option<Time>, String> {
        self.value(name, |_, error: &dnsflow_names::TimeError| {
            format!("{name}: {error}")
        })
    }

    /// A number of rows from 1 to `most`; `default` if there is none.
    pub(super) fn rows(&self, name: &str, default: usize, most: usize) -> Result<usize, String> {
        let wrong =
            |value: &str| format!("{name}: {:?} is no number from 1 to {most}", shown(value));
        let rows: Option<usize> =
            self.value(name, |value, _: &std::num::ParseIntError| wrong(value))?;
        match rows {
            None => Ok(default),
            Some(rows) if (1..=most).contains(&rows) => Ok(rows),
            Some(rows) => Err(wrong(&rows.to_string())),
        }
    }

    fn value<T: FromStr<Err = E>, E: Display>(
        &self,
        name: &str,
        wrong: impl Fn(&str, &E) -> String,
    ) -> Result<Option<T>, String> {
        let value = self.get(name);
        let parsed = value.map(|value| value.parse().map_err(|error| wrong(value, &error)));
        parsed.transpose()
    }
}

/// The start of what is wrong.
pub(super) fn shown(value: &str) -> String {
    value.chars().take(SHOWN_CHARS).collect()
}
