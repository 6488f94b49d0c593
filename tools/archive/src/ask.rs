//! Questions about the names of addresses at a time: many at once, each page read once for all.
//!
//! A name held from the first time that the client was given the address until the TTL and a time of
//! grace after the last one. Rows are rolled up by the hour (or day) that a folder has, so that it is
//! not known whether a name was asked for all through it: it counts as if it was.
//!
//! The archive has the name asked for and the owner of the address; the aliases between them are in
//! `responses` alone, and no part of the answer.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dnsflow_names::confidence::{self, NEXT_FACTOR};
use dnsflow_names::{Answer, Candidate, Match, Question, Time};

use crate::archive::{Archive, ArchiveError, text};
use crate::listing::Folder;
use crate::reading::Reading;
use crate::roll::{NamesRow, Roll};
use crate::sought::{RowRef, Sought};
use crate::visit::Gather;

/// What stands for the client where rows of all clients are added.
const ANYONE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// What bounds an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long after its TTL a name still holds: connections outlive it.
    pub grace: Duration,
    /// The TTL of rows that have none: those of records before version 5.
    pub default_ttl: Duration,
    /// How long before the time of a question names are looked for.
    pub lookback: Duration,
    /// Most names of an answer.
    pub candidates: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(300),
            default_ttl: Duration::from_secs(300),
            lookback: Duration::from_secs(24 * 60 * 60),
            candidates: 8,
        }
    }
}

/// Answers, and what was read for them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// One for each question, in their order.
    pub answers: Vec<Answer>,
    /// What was read.
    pub reading: Reading,
}

/// A question with its time in microseconds.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    question: Question,
    at: Time,
    since: i64,
    until: i64,
}

/// Rows of a folder by address and client.
type Rows = HashMap<(IpAddr, IpAddr), Vec<NamesRow>>;

/// As [`Roll`], of all clients together.
#[derive(Debug, Default)]
struct Anyone(Roll);

impl Gather for Anyone {
    fn take(&mut self, row: &RowRef<'_>) -> bool {
        self.0.take(&RowRef {
            client: b"0.0.0.0",
            ..*row
        })
    }
}

impl Archive {
    /// Answers questions. A question without a time is about now.
    ///
    /// Questions are sorted for the files, so that many at once cost little more than one: those of
    /// flows of the same minutes should come together.
    ///
    /// # Errors
    ///
    /// As [`Archive::names_of_address`].
    pub fn ask(&self, questions: &[Question], limits: &Limits) -> Result<Asked, ArchiveError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = Time(now.unwrap_or_default());
        let wanted = questions.iter().map(|question| {
            let at = question.at.unwrap_or(now);
            Wanted {
                question: Question {
                    client: question.client.map(|client| client.to_canonical()),
                    address: question.address.to_canonical(),
                    at: Some(at),
                },
                at,
                since: Time(at.0.saturating_sub(limits.lookback)).micros(),
                until: Time(at.0.saturating_add(confidence::TOLERANCE)).micros(),
            }
        });
        let wanted: Vec<_> = wanted.collect();
        let of_clients: Vec<_> = wanted
            .iter()
            .filter(|wanted| wanted.question.client.is_some())
            .collect();
        let (rolls, mut reading) = self.read::<Roll>(&of_clients)?;
        let rows = by_client(rolls);
        let mut answers: Vec<_> = wanted
            .iter()
            .map(|wanted| {
                let key = (
                    wanted.question.address,
                    wanted.question.client.unwrap_or(ANYONE),
                );
                answer(wanted, rows.get(&key), limits)
            })
            .collect();
        let open = answers.iter().zip(&wanted);
        let open = open.filter(|(answer, _)| answer.matched == Match::None);
        let open: Vec<_> = open.map(|(_, wanted)| wanted).collect();
        let (rolls, read) = self.read::<Anyone>(&open)?;
        reading.add(read);
        let rows = by_client(rolls.into_iter().map(|Anyone(roll)| roll).collect());
        for (answer, wanted) in answers.iter_mut().zip(&wanted) {
            if answer.matched == Match::None {
                others(
                    answer,
                    wanted,
                    rows.get(&(wanted.question.address, ANYONE)),
                    limits,
                );
            }
            answer.names.truncate(limits.candidates);
        }
        for (answer, question) in answers.iter_mut().zip(questions) {
            (answer.client, answer.address) = (question.client, question.address);
        }
        Ok(Asked { answers, reading })
    }

    /// Reads what questions are about, of each folder what concerns its time.
    fn read<G: Gather + ForQuestions>(
        &self,
        wanted: &[&Wanted],
    ) -> Result<(Vec<G>, Reading), ArchiveError> {
        let since = wanted.iter().map(|wanted| wanted.since).min();
        let until = wanted.iter().map(|wanted| wanted.until).max();
        let (Some(since), Some(until)) = (since, until) else {
            return Ok((Vec::new(), Reading::default()));
        };
        self.search(since, until, |folder: &Folder| {
            let of_folder = wanted
                .iter()
                .filter(|wanted| folder.start <= wanted.until && folder.end > wanted.since);
            let mut addresses = BTreeSet::new();
            let mut pairs = BTreeSet::new();
            for wanted in of_folder {
                let address = text(wanted.question.address);
                if G::OF_CLIENTS
                    && let Some(client) = wanted.question.client
                {
                    pairs.insert((address.clone(), text(client)));
                }
                addresses.insert(address);
            }
            let clients: BTreeSet<_> = pairs.iter().map(|(_, client)| client.clone()).collect();
            let sought = Sought {
                addresses: Some(addresses.into_iter().collect()),
                clients: G::OF_CLIENTS.then(|| clients.into_iter().collect()),
                pairs: G::OF_CLIENTS.then(|| pairs.into_iter().collect()),
                name: None,
                // All of an hour, so that its rows are the same whatever else is asked.
                since: i64::MIN,
                until: i64::MAX,
            };
            sought
                .addresses
                .as_ref()
                .is_some_and(|addresses| !addresses.is_empty())
                .then_some(sought)
        })
    }
}

/// Whether rows are gathered by client.
trait ForQuestions {
    const OF_CLIENTS: bool;
}

impl ForQuestions for Roll {
    const OF_CLIENTS: bool = true;
}

impl ForQuestions for Anyone {
    const OF_CLIENTS: bool = false;
}

fn by_client(rolls: Vec<Roll>) -> Rows {
    let mut rows = Rows::new();
    for row in rolls.into_iter().flat_map(Roll::rows) {
        rows.entry((row.address, row.client)).or_default().push(row);
    }
    rows
}

/// A name, and what its rows say together.
#[derive(Debug)]
struct Tally {
    candidate: Candidate,
    held: bool,
    count: u64,
}

/// The names that rows have for a question: those that held, those that began slightly later, and those that no
/// longer held; of each the nearest first.
fn tallies(wanted: &Wanted, rows: Option<&Vec<NamesRow>>, limits: &Limits) -> Vec<Tally> {
    let mut tallies: Vec<Tally> = Vec::new();
    let mut known: HashMap<(&str, &str), usize> = HashMap::new();
    let rows = rows
        .into_iter()
        .flatten()
        .filter(|row| row.first.micros() <= wanted.until && row.last.micros() >= wanted.since);
    for row in rows {
        let ttl = row.ttl.map(|ttl| Duration::from_secs(ttl.into()));
        let ttl = ttl.unwrap_or(limits.default_ttl);
        let expiry = Time(row.last.0.saturating_add(ttl).saturating_add(limits.grace));
        let last = row.last.min(wanted.at.max(row.first));
        let held = wanted.at <= expiry;
        let place = *known.entry((row.asked(), &row.name)).or_insert_with(|| {
            let mut chain = vec![row.asked().to_owned()];
            if row.asked() != row.name {
                chain.push(row.name.clone());
            }
            tallies.push(Tally {
                candidate: Candidate {
                    name: row.asked().to_owned(),
                    chain,
                    first: row.first,
                    last,
                    expiry,
                    confidence: 0.0,
                },
                held: false,
                count: 0,
            });
            tallies.len() - 1
        });
        if let Some(tally) = tallies.get_mut(place) {
            let candidate = &mut tally.candidate;
            candidate.first = candidate.first.min(row.first);
            candidate.last = candidate.last.max(last);
            candidate.expiry = candidate.expiry.max(expiry);
            tally.held |= held;
            tally.count = tally.count.saturating_add(row.count);
        }
    }
    tallies.sort_by(|one, other| {
        let order = |Tally {
                         candidate,
                         held,
                         count,
                     }: &Tally| {
            let began = candidate.first <= wanted.at;
            let distance = candidate.last.0.abs_diff(wanted.at.0);
            (*held, began, Reverse(distance), *count)
        };
        let by_name = || one.candidate.chain.cmp(&other.candidate.chain);
        order(other).cmp(&order(one)).then_with(by_name)
    });
    tallies
}

/// What a client's own rows say.
fn answer(wanted: &Wanted, rows: Option<&Vec<NamesRow>>, limits: &Limits) -> Answer {
    let mut tallies = tallies(wanted, rows, limits);
    let matched = match tallies.first() {
        None => Match::None,
        Some(tally) if tally.held => Match::Client,
        Some(_) => Match::ClientExpired,
    };
    let sum = confidence::CLIENT * decay(wanted, &tallies);
    tallies.retain(|tally| tally.held || matched == Match::ClientExpired);
    tallies.truncate(limits.candidates);
    let mut names: Vec<_> = tallies.into_iter().map(|tally| tally.candidate).collect();
    let mut weight = 1.0;
    let mut weights = 0.0;
    for name in &mut names {
        name.confidence = weight;
        weights += weight;
        weight *= NEXT_FACTOR;
    }
    for name in &mut names {
        name.confidence *= sum / weights;
    }
    Answer {
        client: wanted.question.client,
        address: wanted.question.address,
        at: wanted.at,
        matched,
        names,
    }
}

/// By how much the confidence is less because none of the names held any more.
fn decay(wanted: &Wanted, tallies: &[Tally]) -> f32 {
    if tallies.iter().any(|tally| tally.held) {
        return 1.0;
    }
    let expiry = tallies.iter().map(|tally| tally.candidate.expiry).max();
    let expired_for = expiry.map(|expiry| wanted.at.0.saturating_sub(expiry.0));
    confidence::decay(expired_for.unwrap_or_default())
}

/// What the rows of all clients say: each name is as likely as its share of the responses, of those
/// names that held if there are any.
fn others(answer: &mut Answer, wanted: &Wanted, rows: Option<&Vec<NamesRow>>, limits: &Limits) {
    let mut tallies = tallies(wanted, rows, limits);
    let together = confidence::OTHERS * decay(wanted, &tallies);
    if tallies.iter().any(|tally| tally.held) {
        tallies.retain(|tally| tally.held);
    }
    if tallies.is_empty() {
        return;
    }
    let sum: f64 = tallies.iter().map(|tally| tally.count as f64).sum();
    tallies.sort_by_key(|tally| Reverse(tally.count));
    answer.matched = Match::Others;
    answer.names = tallies
        .into_iter()
        .map(|tally| {
            #[allow(clippy::cast_possible_truncation, reason = "a share, from 0 to 1")]
            let share = (tally.count as f64 / sum.max(1.0)) as f32;
            Candidate {
                confidence: share * together,
                ..tally.candidate
            }
        })
        .collect();
}
