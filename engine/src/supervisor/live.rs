//! The sensor on interfaces, from the start of the first shard to the end of the last.
//!
//! The supervisor sleeps until something happens or is due. Shards tell it what they can't see to themselves; it tells
//! them what changes.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;

use dnsflow_filters::Program;
use log::{error, info, warn};

use super::Reload;
use super::event::{Asker, Event, Events};
use super::interfaces::Interfaces;
use super::names::Names;
use super::output::{Output, Outputs};
use super::reload::{self, Pending};
use super::requirements;
use super::shards::Shards;
use crate::capture::interface::default_interface;
use crate::capture::socket::Tap;
use crate::capture::stock::Stock;
use crate::observe::inquiry::Inquiry;
use crate::observe::metrics::Listening;
use crate::observe::watch::Watch;
use crate::shard::command::{Change, Command, Notice};
use crate::shard::intake::Intake;
use crate::shard::live::Live;
use crate::shard::{Report, Shard};
use crate::start::destination::Destination;
use crate::start::error::StartError;
use crate::start::settings::{Capture, Settings};
use dnsflow_packet::Decoder;

/// What runs, and what it was asked for.
struct Sensor {
    settings: Settings,
    events: Events,
    interfaces: Interfaces,
    shards: Shards,
    /// The shards that have not ended.
    running: BTreeSet<usize>,
    names: Names,
    /// Who is told how it goes, from when shards run.
    watch: Option<Watch>,
    /// Changes so far.
    changes: u64,
    /// Whether settings are being read.
    is_loading: bool,
    /// The change that shards are about to make.
    pending: Option<Pending>,
    /// What came meanwhile.
    put_off: PutOff,
}

/// What has to wait until a change is made.
#[derive(Debug, Default)]
struct PutOff {
    reload: bool,
    found: Option<Vec<Destination>>,
}

/// Runs until somebody wants it to stop, all shards have failed, or it can't go on; gives what shards report, and
/// what was in the way.
pub(super) fn run(
    settings: Settings,
    mut names: Vec<String>,
    cpus: &[usize],
    stock: Stock,
    reload: Reload,
) -> Result<(Vec<Report>, Result<(), StartError>), StartError> {
    if names.is_empty() {
        names.push(default_interface()?);
    }
    let listed = names.join(", ");
    let listening = settings.metrics.map(Listening::on).transpose()?;
    let watched = names.clone();
    let taps = taps(&settings, names, cpus.len())?;
    let (interfaces, intakes) = Interfaces::open(taps, stock, &settings.capture)?;
    let outputs = Outputs::open(&settings.output, cpus.len())?;
    if let Some(user) = &settings.user {
        user.assume()?;
        // Locked memory is counted for that user from here on.
        requirements::check(cpus.len())?;
    }
    // It starts a thread, which is to have no more privileges than we have now.
    let events = Events::watch(true)?;
    info!("capturing on {listed}; cores: {}", cpus.len());
    info!("filter: {}", interfaces.filter_name());
    let mut sensor = Sensor {
        names: Names::start(&settings.output.collectors, reload, events.sender())?,
        settings,
        events,
        interfaces,
        shards: Shards::new(),
        running: (0..cpus.len()).collect(),
        watch: None,
        changes: 0,
        is_loading: false,
        pending: None,
        put_off: PutOff::default(),
    };
    for ((intakes, cpu), output) in intakes.into_iter().zip(cpus).zip(outputs) {
        sensor.spawn(*cpu, intakes, output)?;
    }
    let inquiry = Inquiry::new(Asker::new(sensor.events.sender()), cpus.len());
    sensor.watch = Some(Watch::start(inquiry, listening, &watched)?);
    let ended = sensor.supervise();
    sensor.watch = None;
    sensor.shards.stop();
    // Sockets that are left take time to close, in which shards send what is left.
    drop(sensor.interfaces);
    Ok((sensor.shards.reports()?, ended))
}

fn taps(settings: &Settings, names: Vec<String>, shards: usize) -> Result<Vec<Tap>, StartError> {
    let spread = settings.capture.spread()?;
    let tap = |interface| Tap {
        interface,
        promiscuous: settings.promiscuous,
        shards,
        ring_bytes: settings.ring_bytes,
        spread: spread.clone(),
    };
    Ok(names.into_iter().map(tap).collect())
}

impl Sensor {
    fn spawn(
        &mut self,
        cpu: usize,
        intakes: Vec<Intake>,
        output: Output,
    ) -> Result<(), StartError> {
        let Capture { sample, .. } = self.settings.capture;
        let selection = self.settings.capture.selection.clone();
        let core = self.shards.count();
        let events = self.events.sender();
        let tell = Box::new(move |notice| {
            // Nobody listens any more when the supervisor is ending itself.
            let _ = events.send(Event::Notice(core, notice));
        });
        let work = move |control| async move {
            let flush = output.flush();
            let shard = Shard::new(Decoder::new(selection), output.export(), sample);
            let live = Live::new(core, shard, intakes, flush, tell);
            live.run(control).await
        };
        self.shards.spawn(cpu, self.events.sender(), work)
    }

    /// Sees to what happens until the end.
    fn supervise(&mut self) -> Result<(), StartError> {
        while !self.running.is_empty() {
            match self.events.next(self.interfaces.deadline()) {
                Some(Event::End) => return Ok(()),
                Some(Event::Ended(core)) => {
                    self.running.remove(&core);
                    self.answered(core, None);
                }
                Some(Event::Reload) => self.reload(),
                Some(Event::Loaded(loaded)) => self.loaded(*loaded),
                Some(Event::Found(collectors)) => self.found(collectors),
                Some(Event::Notice(core, notice)) => self.heed(core, notice),
                Some(Event::Ask(asker)) => self.shards.ask(&asker),
                None => {}
            }
            self.interfaces.look(&self.settings.capture, &self.shards)?;
        }
        Ok(())
    }

    /// What a shard tells by itself.
    fn heed(&mut self, core: usize, notice: Notice) {
        match notice {
            Notice::Down(index) => self.interfaces.went_down(core, index),
            Notice::Undelivered => self.names.undelivered(),
            Notice::Changed(number, made) => {
                if self.pending.as_ref().is_some_and(|it| it.number == number) {
                    let failure = made.err().map(|error| format!("core {core}: {error}"));
                    self.answered(core, failure);
                }
            }
        }
    }

    /// Somebody wants the settings to be read again.
    fn reload(&mut self) {
        if self.is_loading || self.pending.is_some() {
            self.put_off.reload = true;
            return;
        }
        info!("reading the settings again");
        self.watch.iter().for_each(Watch::reloading);
        self.is_loading = true;
        self.names.load();
    }

    /// Gives shards what was read, if all of it can be had.
    fn loaded(&mut self, loaded: Result<Settings, StartError>) {
        self.is_loading = false;
        let applied = loaded.and_then(|new| {
            let (applied, waiting) = reload::applicable(&self.settings, new);
            let filters = self.interfaces.filters(&applied.capture)?;
            self.interfaces.respread(&applied.capture)?;
            Ok((applied, waiting, filters))
        });
        match applied {
            Ok((applied, waiting, filters)) => {
                for option in waiting {
                    warn!("--{option} takes effect at the next start");
                }
                self.apply(applied, filters);
            }
            Err(error) => self.refuse(&error),
        }
    }

    fn apply(&mut self, new: Settings, filters: Vec<Program>) {
        let old = std::mem::replace(&mut self.settings, new);
        let change = reload::change(self.next_change(), &self.settings, filters);
        self.pending = Some(Pending::new(change.number, self.running.clone(), old));
        self.give(&change);
    }

    /// A shard has made the change, could not, or has ended.
    fn answered(&mut self, core: usize, failure: Option<String>) {
        let Some(pending) = &mut self.pending else {
            return;
        };
        pending.answered(core, failure);
        if !pending.is_over() {
            return;
        }
        if let Some(pending) = self.pending.take() {
            self.confirm(pending);
        }
    }

    /// All shards have answered.
    fn confirm(&mut self, pending: Pending) {
        if let Some(failure) = pending.failure() {
            self.settings = pending.old.clone();
            self.take_back();
            self.refuse(&failure);
            return;
        }
        log::set_max_level(self.settings.log_level);
        self.names.watch(&self.settings.output.collectors);
        info!("the settings are applied");
        self.finish(true);
    }

    fn refuse(&mut self, why: &dyn Display) {
        error!("{why}; the settings stay as they were");
        self.finish(false);
    }

    /// A reload is over: what came meanwhile is seen to.
    fn finish(&mut self, is_applied: bool) {
        self.watch.iter().for_each(|it| it.reloaded(is_applied));
        let put_off = std::mem::take(&mut self.put_off);
        if let Some(collectors) = put_off.found {
            self.found(collectors);
        }
        if put_off.reload {
            self.reload();
        }
    }

    /// Gives all shards the settings that held before.
    fn take_back(&mut self) {
        let capture = &self.settings.capture;
        let filters = self.interfaces.filters(capture);
        match filters.and_then(|filters| self.interfaces.respread(capture).map(|()| filters)) {
            Ok(filters) => {
                let change = reload::change(self.next_change(), &self.settings, filters);
                self.give(&change);
            }
            Err(error) => error!("{error}"),
        }
    }

    /// Collectors have other addresses.
    fn found(&mut self, collectors: Vec<Destination>) {
        if self.pending.is_some() {
            self.put_off.found = Some(collectors);
            return;
        }
        reload::readdress(&mut self.settings, &collectors);
        let change = reload::move_collectors(self.next_change(), &self.settings);
        self.give(&change);
    }

    fn give(&self, change: &Arc<Change>) {
        self.shards.tell(|| Command::Change(Arc::clone(change)));
    }

    fn next_change(&mut self) -> u64 {
        self.changes += 1;
        self.changes
    }
}
