//! Snapshots of the naming service of `dnsflow-collect --serve --page`.
//!
//! A thread asks for one after the other. A service that goes away is said, and its last snapshot stays
//! until it is back.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use dnsflow_ask::{AskError, Service};
use dnsflow_tally::Snapshot;

use super::{State, Watch};
use crate::TopError;

/// Time between two questions.
const PAUSE: Duration = Duration::from_secs(1);

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Rows of each list that are asked for.
const ROWS: usize = 200;

/// Bytes of an answer that are read: those rows with the longest names, and all sensors.
const ANSWER_BYTES: u64 = 16 << 20;

/// A service that is asked again and again.
#[derive(Debug)]
pub(crate) struct Remote {
    title: String,
    shared: Arc<Mutex<Content>>,
}

#[derive(Debug, Default)]
struct Content {
    snapshot: Snapshot,
    /// Why the last question has no answer.
    problem: Option<AskError>,
}

impl Remote {
    /// Asks a first time. A service that is away is waited for; one that refuses is not.
    pub(crate) fn start(url: &str, token_file: Option<&Path>) -> Result<Self, TopError> {
        let service = Service::new(url, token_file, "dnsflow-top", TIMEOUT)?;
        let title = service.url().to_owned();
        let mut content = Content::default();
        content.take(ask(&service));
        if let Some(AskError::Refused { .. }) = &content.problem {
            return Err(failed(&title, content.problem.take()));
        }
        let shared = Arc::new(Mutex::new(content));
        let to_thread = Arc::clone(&shared);
        let run = move || {
            loop {
                thread::sleep(PAUSE);
                let answer = ask(&service);
                lock(&to_thread).take(answer);
            }
        };
        let thread = thread::Builder::new().name("service".to_owned());
        thread.spawn(run).map_err(TopError::Start)?;
        Ok(Self { title, shared })
    }
}

impl Content {
    fn take(&mut self, answer: Result<Snapshot, AskError>) {
        match answer {
            Ok(snapshot) => {
                self.snapshot = snapshot;
                self.problem = None;
            }
            Err(problem) => self.problem = Some(problem),
        }
    }
}

fn ask(service: &Service) -> Result<Snapshot, AskError> {
    let mut text = Vec::new();
    let rows = [("rows", ROWS.to_string())];
    service.get("/live", &rows, ANSWER_BYTES, &mut text)?;
    let snapshot = serde_json::from_slice(&text);
    // Another program may be there until the service is back.
    snapshot.map_err(|error| AskError::Away(format!("no answer of dnsflow-collect: {error}")))
}

fn failed(url: &str, problem: Option<AskError>) -> TopError {
    TopError::Service {
        url: url.to_owned(),
        reason: problem.map_or_else(String::new, |problem| problem.to_string()),
    }
}

/// A thread that panicked left a snapshot that is as good as before.
fn lock(content: &Mutex<Content>) -> MutexGuard<'_, Content> {
    content.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch for Remote {
    fn title(&self) -> &str {
        &self.title
    }

    fn snapshot(&self, rows: usize) -> Snapshot {
        let mut snapshot = lock(&self.shared).snapshot.clone();
        for list in snapshot.lists.values_mut() {
            list.items.truncate(rows);
        }
        snapshot
    }

    fn state(&self) -> State {
        let content = lock(&self.shared);
        let note = |problem: &AskError| format!("away: {problem}; trying again");
        State {
            records: content.snapshot.total.records,
            has_ended: false,
            notes: content.problem.iter().map(note).collect(),
        }
    }

    fn wait(&self, patience: Duration) -> bool {
        thread::sleep(patience);
        false
    }

    fn failure(&self) -> Option<TopError> {
        let problem = lock(&self.shared).problem.take()?;
        Some(failed(&self.title, Some(problem)))
    }
}
