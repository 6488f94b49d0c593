//! A reload, as a state machine: which settings are in force, and what has to happen next.
//!
//! ```text
//! Idle --Requested--> Reading --Read--> Preparing --Prepared--> Changing --all answered--> Idle
//!                        |                  |                      |
//!                     an error           an error        a core could not change
//!                        v                  v                      v
//!                       Idle               Idle               RollingBack --all answered--> Idle
//! ```
//!
//! [`Reload::step`] has no side effects: it returns what the supervisor has to do, and the result
//! of that comes back as the next input. What arrives while cores change their settings is deferred
//! until they have.

mod applicable;
mod change;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::capture::rates::Rates;
use crate::export::destination::Destination;
use crate::shard::command::Change;
use crate::start::error::StartError;
use crate::start::settings::{Capture, Settings};
pub use applicable::waits_for_start;

/// What has happened.
#[derive(Debug)]
pub(super) enum Input {
    /// The settings are to be read again.
    Requested,
    /// The result of [`Action::Read`].
    Read(Box<Result<Settings, StartError>>),
    /// The result of [`Action::Prepare`].
    Prepared(Result<Prepared, StartError>),
    /// A core has made the change of this number, or could not.
    Answered {
        core: usize,
        number: u64,
        failure: Option<String>,
    },
    /// A core has ended, and will not answer.
    Ended(usize),
    /// The collectors, some of which have other addresses now.
    Found(Vec<Destination>),
}

/// What a change of all cores needs.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The capture filters of each interface, in the order of `-i`.
    pub(super) filters: Vec<Rates>,
    /// The cores that have not ended.
    pub(super) cores: BTreeSet<usize>,
}

/// What the supervisor has to do, in this order.
#[derive(Debug)]
pub(super) enum Action {
    /// Have the settings read.
    Read,
    /// Compile the filters of all interfaces, and have the kernel divide packets, as these settings
    /// say.
    Prepare(Box<Capture>),
    /// Say that this option takes effect at the next start.
    Postpone(&'static str),
    /// Tell all cores.
    Tell(Arc<Change>),
    /// Say why the settings stay as they were.
    Refuse(String),
    /// Say why cores could not get the settings before the reload back.
    Diverge(String),
    /// The reload is over; [`Reload::settings`] are in force.
    Finish {
        /// Whether these are the new ones.
        is_applied: bool,
    },
}

/// The settings, and the reload that is under way.
#[derive(Debug)]
pub(super) struct Reload {
    settings: Settings,
    state: State,
    /// Number of the last change that cores were told.
    last_change: u64,
    deferred: Deferred,
}

#[derive(Debug)]
enum State {
    Idle,
    Reading,
    Preparing {
        new: Box<Settings>,
        postponed: Vec<&'static str>,
    },
    Changing {
        answers: Answers,
        old: Box<Settings>,
    },
    /// `None` until the filters are prepared.
    RollingBack(Option<Answers>),
}

/// Answers to a change.
#[derive(Debug)]
struct Answers {
    number: u64,
    /// Cores that have not answered.
    missing: BTreeSet<usize>,
    /// What the first core said that could not change.
    failure: Option<String>,
}

/// Inputs that came while cores were changing their settings.
#[derive(Debug, Default)]
struct Deferred {
    is_requested: bool,
    found: Option<Vec<Destination>>,
}

impl Answers {
    fn new(number: u64, cores: BTreeSet<usize>) -> Self {
        Self {
            number,
            missing: cores,
            failure: None,
        }
    }

    fn add(&mut self, core: usize, failure: Option<String>) {
        self.missing.remove(&core);
        self.failure = self.failure.take().or(failure);
    }

    fn are_complete(&self) -> bool {
        self.missing.is_empty()
    }
}

impl Reload {
    /// No reload; these settings are in force.
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            state: State::Idle,
            last_change: 0,
            deferred: Deferred::default(),
        }
    }

    /// The settings that are in force, or that cores were told last.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Takes an input; returns what it leads to.
    pub(super) fn step(&mut self, input: Input) -> Vec<Action> {
        let mut actions = Vec::new();
        match input {
            Input::Requested => self.requested(&mut actions),
            Input::Read(read) => self.read(*read, &mut actions),
            Input::Prepared(prepared) => self.prepared(prepared, &mut actions),
            Input::Answered {
                core,
                number,
                failure,
            } => {
                if let Some(answers) = self.answers().filter(|it| it.number == number) {
                    answers.add(core, failure.map(|why| format!("core {core}: {why}")));
                    self.settle(&mut actions);
                }
            }
            Input::Ended(core) => {
                if let Some(answers) = self.answers() {
                    answers.add(core, None);
                    self.settle(&mut actions);
                }
            }
            Input::Found(collectors) => self.found(collectors, &mut actions),
        }
        actions
    }

    fn requested(&mut self, actions: &mut Vec<Action>) {
        if !matches!(self.state, State::Idle) {
            self.deferred.is_requested = true;
            return;
        }
        self.state = State::Reading;
        actions.push(Action::Read);
    }

    fn read(&mut self, read: Result<Settings, StartError>, actions: &mut Vec<Action>) {
        match read {
            Ok(new) => {
                let (new, postponed) = applicable::applicable(&self.settings, new);
                // Without --udp records would be printed; that has to wait for a start.
                if new.output.is_nowhere() {
                    let why = "no --udp is left, and --write and --print can't be changed by a reload: records would \
                               go nowhere";
                    return self.refuse(&StartError::Usage(why.to_owned()), actions);
                }
                actions.push(Action::Prepare(Box::new(new.capture.clone())));
                self.state = State::Preparing {
                    new: Box::new(new),
                    postponed,
                };
            }
            Err(error) => self.refuse(&error, actions),
        }
    }

    fn prepared(&mut self, prepared: Result<Prepared, StartError>, actions: &mut Vec<Action>) {
        match (std::mem::replace(&mut self.state, State::Idle), prepared) {
            (State::Preparing { new, postponed }, Ok(prepared)) => {
                actions.extend(postponed.into_iter().map(Action::Postpone));
                let old = Box::new(std::mem::replace(&mut self.settings, *new));
                let answers = self.tell(prepared, actions);
                self.state = State::Changing { answers, old };
                self.settle(actions);
            }
            (State::RollingBack(_), Ok(prepared)) => {
                let answers = self.tell(prepared, actions);
                self.state = State::RollingBack(Some(answers));
                self.settle(actions);
            }
            (State::Preparing { .. }, Err(error)) => self.refuse(&error, actions),
            (State::RollingBack(_), Err(error)) => {
                actions.push(Action::Diverge(error.to_string()));
                self.finish(false, actions);
            }
            // Nobody has asked for it.
            (state, _) => self.state = state,
        }
    }

    /// Tells all cores the settings; they are to answer.
    fn tell(&mut self, prepared: Prepared, actions: &mut Vec<Action>) -> Answers {
        let number = self.next_change();
        let change = change::whole(number, &self.settings, prepared.filters);
        actions.push(Action::Tell(change));
        Answers::new(number, prepared.cores)
    }

    /// The answers that are being waited for.
    fn answers(&mut self) -> Option<&mut Answers> {
        match &mut self.state {
            State::Changing { answers, .. } => Some(answers),
            State::RollingBack(answers) => answers.as_mut(),
            State::Idle | State::Reading | State::Preparing { .. } => None,
        }
    }

    /// Goes on if all answers are there.
    fn settle(&mut self, actions: &mut Vec<Action>) {
        if !self.answers().is_some_and(|it| it.are_complete()) {
            return;
        }
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Changing { answers, old } => match answers.failure {
                None => self.finish(true, actions),
                Some(why) => {
                    self.settings = *old;
                    self.state = State::RollingBack(None);
                    actions.push(Action::Refuse(why));
                    actions.push(Action::Prepare(Box::new(self.settings.capture.clone())));
                }
            },
            State::RollingBack(answers) => {
                let failure = answers.and_then(|answers| answers.failure);
                actions.extend(failure.map(Action::Diverge));
                self.finish(false, actions);
            }
            state => self.state = state,
        }
    }

    fn refuse(&mut self, error: &StartError, actions: &mut Vec<Action>) {
        actions.push(Action::Refuse(error.to_string()));
        self.finish(false, actions);
    }

    /// Ends the reload, and takes the inputs that were deferred.
    fn finish(&mut self, is_applied: bool, actions: &mut Vec<Action>) {
        self.state = State::Idle;
        actions.push(Action::Finish { is_applied });
        let deferred = std::mem::take(&mut self.deferred);
        if let Some(collectors) = deferred.found {
            self.found(collectors, actions);
        }
        if deferred.is_requested {
            self.requested(actions);
        }
    }

    /// Collectors have other addresses. Cores that move to them can't fail, so that no answer is
    /// waited for.
    fn found(&mut self, collectors: Vec<Destination>, actions: &mut Vec<Action>) {
        if !matches!(self.state, State::Idle | State::Reading) {
            self.deferred.found = Some(collectors);
            return;
        }
        change::readdress(&mut self.settings, &collectors);
        let number = self.next_change();
        actions.push(Action::Tell(change::output_only(number, &self.settings)));
    }

    fn next_change(&mut self) -> u64 {
        self.last_change += 1;
        self.last_change
    }
}

#[cfg(test)]
mod tests;
