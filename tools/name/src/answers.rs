//! The answers to a batch of questions, in memory that is used again for the next.

use std::ops::Range;

use dnsflow_names::Match;

/// The names of many questions, in their order.
#[derive(Debug, Default)]
pub struct Answers {
    found: Vec<Found>,
    names: Vec<(Range<usize>, f32)>,
    text: String,
}

#[derive(Debug)]
struct Found {
    matched: Match,
    names: Range<usize>,
}

/// The names of one question, of which there is at least one.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// How they were found.
    pub matched: Match,
    names: &'a [(Range<usize>, f32)],
    text: &'a str,
}

impl Answers {
    /// Forgets all answers.
    pub fn clear(&mut self) {
        self.found.clear();
        self.names.clear();
        self.text.clear();
    }

    /// Adds the answer to the next question: names with their confidence, the likeliest first.
    pub fn push<'n>(&mut self, matched: Match, names: impl IntoIterator<Item = (&'n str, f32)>) {
        let first = self.names.len();
        for (name, confidence) in names {
            let start = self.text.len();
            self.text.push_str(name);
            self.names.push((start..self.text.len(), confidence));
        }
        self.found.push(Found {
            matched,
            names: first..self.names.len(),
        });
    }

    /// How many questions are answered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The answer to a question by its number; none if there is no name.
    #[must_use]
    pub fn get(&self, number: usize) -> Option<Named<'_>> {
        let found = self.found.get(number)?;
        let names = self.names.get(found.names.clone())?;
        if found.matched == Match::None || names.is_empty() {
            return None;
        }
        Some(Named {
            matched: found.matched,
            names,
            text: &self.text,
        })
    }
}

impl<'a> Named<'a> {
    /// The likeliest name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.all().next().map_or("", |(name, _)| name)
    }

    /// How likely it is, from 0 to 1.
    #[must_use]
    pub fn confidence(&self) -> f32 {
        self.all().next().map_or(0.0, |(_, confidence)| confidence)
    }

    /// The other names.
    pub fn others(&self) -> impl Iterator<Item = (&'a str, f32)> + use<'a> {
        self.all().skip(1)
    }

    /// How they were found, as JSON has it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.matched {
            Match::Client => "client",
            Match::ClientExpired => "client-expired",
            Match::Others => "others",
            Match::None => "none",
        }
    }

    fn all(&self) -> impl Iterator<Item = (&'a str, f32)> + use<'a> {
        let text = self.text;
        let one = move |(range, confidence): &(Range<usize>, f32)| {
            (text.get(range.clone()).unwrap_or_default(), *confidence)
        };
        self.names.iter().map(one)
    }
}
