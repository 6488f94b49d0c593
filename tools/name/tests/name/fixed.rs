//! A source whose names are given by the test: also those that no resolver would let through.

use std::net::IpAddr;

use dnsflow_name::answers::Answers;
use dnsflow_name::namer::{Namer, Records, name_all};
use dnsflow_name::source::Source;
use dnsflow_name::time::Clock;
use dnsflow_name::{NameError, SourceError};
use dnsflow_names::{Match, Question};

/// Names of 203.0.113.7 for 192.0.2.10, and of 203.0.113.8 for anyone.
pub(crate) struct Fixed(pub(crate) Vec<(String, f32)>);

impl Default for Fixed {
    fn default() -> Self {
        let name = |name: &str, confidence| (name.to_owned(), confidence);
        Self(vec![
            name("www.example.org", 0.875),
            name("cdn.example.net", 0.109_375),
        ])
    }
}

impl Source for Fixed {
    fn ask(
        &mut self,
        questions: &[Question],
        most: usize,
        answers: &mut Answers,
    ) -> Result<(), SourceError> {
        for question in questions {
            let (client, address) = (question.client.unwrap(), question.address);
            let matched = match address {
                _ if address == IpAddr::from([203, 0, 113, 8]) => Match::Others,
                _ if address != IpAddr::from([203, 0, 113, 7]) => Match::None,
                _ if client == IpAddr::from([192, 0, 2, 10]) => Match::Client,
                _ if client == IpAddr::from([192, 0, 2, 11]) => Match::ClientExpired,
                _ => Match::None,
            };
            let names = self.0.iter().take(most);
            answers.push(matched, names.map(|(name, share)| (name.as_str(), *share)));
        }
        Ok(())
    }
}

/// A filter that has its names from the source.
pub(crate) fn namer(records: &Records, source: Fixed, candidates: usize) -> Namer {
    let labels = "dnsflow_".parse().unwrap();
    Namer::new(records, Box::new(source), labels, candidates, Clock::utc())
}

/// What becomes of all of `flows`.
pub(crate) fn named(records: &Records, flows: &str, candidates: usize) -> String {
    let mut namer = namer(records, Fixed::default(), candidates);
    let mut output = Vec::new();
    let result: Result<(), NameError> = name_all(&mut namer, flows.as_bytes(), &mut output);
    result.unwrap();
    String::from_utf8(output).unwrap()
}
