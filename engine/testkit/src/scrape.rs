//! HTTP as small as it can be, and the text of metrics taken apart.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::network::Namespace;
use crate::patience::PATIENCE;

/// Samples by name and labels, as they stand in the text.
#[derive(Clone, Debug)]
pub struct Samples(BTreeMap<String, f64>);

/// Status and body of a page, in a namespace or in this one.
///
/// # Panics
/// If nobody answers to the end.
pub fn get<'n>(
    namespace: impl Into<Option<&'n Namespace>>,
    address: &str,
    path: &str,
) -> (u16, String) {
    let connect = || TcpStream::connect(address);
    let stream = match namespace.into() {
        Some(namespace) => namespace.enter(connect),
        None => connect(),
    };
    let mut stream = stream.unwrap_or_else(|error| panic!("{address}: {error}"));
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout that is not zero");
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .expect("a server that reads");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("an answer of text, to its end");
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .expect("an end of the headers");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (status.expect("a status"), body.to_owned())
}

impl Samples {
    /// What a program serves at `address` now.
    ///
    /// # Panics
    /// If it does not, or serves something else.
    pub fn at<'n>(namespace: impl Into<Option<&'n Namespace>>, address: &str) -> Self {
        let (status, text) = get(namespace, address, "/metrics");
        assert_eq!(status, 200, "{text}");
        let samples = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let (name, value) = line.rsplit_once(' ').expect("a value after the name");
                (name.to_owned(), value.parse().expect("a number"))
            });
        Self(samples.collect())
    }

    /// The sum of all samples of a metric whose labels hold `label`.
    ///
    /// # Panics
    /// If there are none.
    #[must_use]
    pub fn sum(&self, metric: &str, label: &str) -> f64 {
        let found: Vec<f64> = self
            .0
            .iter()
            .filter(|(name, _)| name.split('{').next() == Some(metric) && name.contains(label))
            .map(|(_, value)| *value)
            .collect();
        assert!(
            !found.is_empty(),
            "no {metric} with {label:?} in {:#?}",
            self.0
        );
        found.iter().sum()
    }

    /// Names of metrics, each part of a histogram as one of its own.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().filter_map(|name| name.split('{').next())
    }
}
