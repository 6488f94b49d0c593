//! The sensor on interfaces, from the start of the first shard to the end of the last.
//!
//! The supervisor sleeps until there is an event or a deadline. Shards report what they can't
//! handle themselves, and it tells them what changes.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use dnsflow_service::monitoring::Listening;
use log::{error, info, warn};

use super::event::{Caught, Event, Events};
use super::interfaces::Interfaces;
use super::opening;
use super::output::{Output, Outputs};
use super::reload::{Action, Input, Prepared, Reload};
use super::requirements;
use super::resolver::{ReadSettings, ResolverThread};
use super::shards::Shards;
use crate::capture::inherited::InheritedSockets;
use crate::capture::interface::default_interface;
use crate::capture::rates::Rates;
use crate::capture::socket::Tap;
use crate::observe::inquiry::Inquiry;
use crate::observe::watch::Watch;
use crate::shard::command::{Command, Notice};
use crate::shard::intake::Intake;
use crate::shard::live::Live;
use crate::shard::{Report, Shard};
use crate::start::cli::Format;
use crate::start::error::StartError;
use crate::start::settings::{Capture, Settings};
use dnsflow_packet::Decoder;
use dnsflow_wire::v4;

/// A sensor that runs.
struct Sensor {
    events: Events,
    interfaces: Interfaces,
    shards: Shards,
    /// The shards that have not ended.
    running: BTreeSet<usize>,
    resolver: ResolverThread,
    /// Metrics and the service manager, once shards run.
    watch: Option<Watch>,
    /// The settings, and how they change.
    reload: Reload,
}

/// The reports of the shards, the outputs, and the error that ended the run, if one did.
type Ended = (Vec<Report>, Outputs, Result<(), StartError>);

/// Runs until it is told to end, all shards have failed, or it can't go on. Returns the reports of
/// the shards and the outputs, and the error that ended it, if one did.
///
/// # Errors
/// What kept it from starting.
pub(super) fn run(
    settings: Settings,
    mut names: Vec<String>,
    cpus: &[usize],
    inherited: InheritedSockets,
    read: ReadSettings,
) -> Result<Ended, StartError> {
    if names.is_empty() {
        names.push(default_interface()?);
    }
    let listed = names.join(", ");
    let listening = settings.metrics.map(Listening::on).transpose()?;
    let watched = names.clone();
    let taps = taps(&settings, names, cpus.len())?;
    let capture = settings.capture.clone();
    let caught = Caught::new(true)?;
    let opened = opening::unless_told_to_end(move || Interfaces::open(taps, inherited, &capture));
    let (interfaces, intakes) = opened?;
    let outputs = Outputs::open(&settings.output, false)?;
    if let Some(user) = &settings.user {
        user.assume()?;
        // From here on, locked memory counts against the limit of that user.
        requirements::check(cpus.len())?;
    }
    if settings.output.privacy.key.is_some() {
        // Another user id has the system allow them again.
        dnsflow_privacy::forbid_core_dumps().map_err(|source| StartError::System {
            what: "can't forbid core dumps",
            source,
        })?;
    }
    // This starts a thread, which inherits the privileges of this one: they have to be dropped
    // before.
    let events = Events::watch(caught)?;
    outputs.start(&events.sender())?;
    let divided_output = outputs.divide(&settings.output, cpus.len());
    info!("capturing on {listed}; cores: {}", cpus.len());
    info!("filter: {}", interfaces.filter_name());
    let mut sensor = Sensor {
        resolver: ResolverThread::start(&settings.output.collectors, read, events.sender())?,
        reload: Reload::new(settings),
        events,
        interfaces,
        shards: Shards::new(),
        running: (0..cpus.len()).collect(),
        watch: None,
    };
    for ((intakes, cpu), output) in intakes.into_iter().zip(cpus).zip(divided_output) {
        sensor.spawn(*cpu, intakes, output)?;
    }
    let questions = sensor.events.sender();
    let inquiry = Inquiry::new(cpus.len(), move |question| {
        // A supervisor that has ended drops the question.
        let _ = questions.send(Event::Ask(question));
    });
    sensor.watch = Some(Watch::start(inquiry, listening, &watched)?);
    let ended = sensor.supervise();
    sensor.watch = None;
    sensor.shards.stop();
    // Closing unused sockets takes time, in which shards send what is left.
    drop(sensor.interfaces);
    let reports = sensor.shards.reports();
    outputs.hurry();
    outputs.finish(&sensor.events);
    Ok((reports?, outputs, ended))
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
        let capture = &self.reload.settings().capture;
        let (selection, sample) = (capture.selection.clone(), capture.sample);
        let privacy = self.reload.settings().output.privacy.clone();
        let core = self.shards.count();
        let events = self.events.sender();
        let tell = Box::new(move |notice| {
            // It fails only once the supervisor has ended.
            let _ = events.send(Event::Notice(core, notice));
        });
        let work = move |control, uring| async move {
            let flush = output.flush();
            let rules = selection.rules.clone();
            let decoder = Decoder::new(selection);
            match output.format() {
                Format::V4 => {
                    let export = output.export(v4::Encoder::new(rules));
                    let mut shard = Shard::new(decoder, export, sample);
                    shard.disguise(&privacy);
                    let live = Live::new(core, shard, intakes, flush, tell);
                    live.run(control, uring).await
                }
                Format::V5 => {
                    let encoder = output.v5(rules, sample);
                    let mut shard = Shard::new(decoder, output.export(encoder), sample);
                    shard.disguise(&privacy);
                    let live = Live::new(core, shard, intakes, flush, tell);
                    live.run(control, uring).await
                }
            }
        };
        self.shards.spawn(cpu, self.events.sender(), work)
    }

    /// Handles events until the end.
    fn supervise(&mut self) -> Result<(), StartError> {
        while !self.running.is_empty() {
            match self.events.next(self.interfaces.deadline()) {
                Some(Event::End) => return Ok(()),
                Some(Event::Ended(core)) => {
                    self.running.remove(&core);
                    self.step(Input::Ended(core));
                }
                Some(Event::Reload) => self.step(Input::Requested),
                Some(Event::Loaded(loaded)) => self.step(Input::Read(loaded)),
                Some(Event::Compiled(capture, filters)) => {
                    let prepared = self.prepare(&capture, filters);
                    self.step(Input::Prepared(prepared));
                }
                Some(Event::Found(collectors)) => self.step(Input::Found(collectors)),
                Some(Event::Notice(core, notice)) => self.on_notice(core, notice),
                Some(Event::Ask(question)) => self.shards.ask(&question),
                Some(Event::Written) | None => {}
            }
            let capture = &self.reload.settings().capture;
            self.interfaces.look(capture, &self.shards)?;
        }
        Ok(())
    }

    fn on_notice(&mut self, core: usize, notice: Notice) {
        match notice {
            Notice::Down(index) => self.interfaces.went_down(core, index),
            Notice::Undelivered => self.resolver.undelivered(),
            Notice::Changed(number, made) => self.step(Input::Answered {
                core,
                number,
                failure: made.err().map(|error| error.to_string()),
            }),
        }
    }

    /// Gives the reload an input, and carries out everything that follows from it.
    fn step(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for action in self.reload.step(input) {
                inputs.extend(self.carry_out(action));
            }
        }
    }

    /// Carries out an action; its result is the next input, if it has one.
    fn carry_out(&mut self, action: Action) -> Option<Input> {
        match action {
            Action::Read => {
                info!("reading the settings again");
                self.watch.iter().for_each(Watch::reloading);
                self.resolver.load();
            }
            Action::Prepare(capture) => {
                return self
                    .compile(capture)
                    .err()
                    .map(|error| Input::Prepared(Err(error)));
            }
            Action::Postpone(option) => warn!("--{option} takes effect at the next start"),
            Action::Tell(change) => self.shards.tell(|| Command::Change(Arc::clone(&change))),
            Action::Refuse(why) => error!("{why}; the settings stay as they were"),
            Action::Diverge(why) => error!(
                "{why}; not all cores have the settings from before the reload. Restart the sensor"
            ),
            Action::Finish { is_applied } => self.finish(is_applied),
        }
        None
    }

    /// Compiles on a thread, since that may take long; [`Event::Compiled`] answers.
    fn compile(&self, capture: Box<Capture>) -> Result<(), StartError> {
        let events = self.events.sender();
        let compile = self.interfaces.compiler();
        opening::spawn(move || {
            let filters = opening::said_to_take_long(|| compile(&capture));
            // It fails only once the supervisor has ended.
            let _ = events.send(Event::Compiled(capture, filters));
        })
        .map(drop)
    }

    fn prepare(
        &mut self,
        capture: &Capture,
        filters: Result<Vec<Rates>, StartError>,
    ) -> Result<Prepared, StartError> {
        let filters = filters?;
        if let Err(error) = self.interfaces.respread(capture) {
            // Interfaces before the one that failed divide packets by these settings already. The
            // first error is the one to report.
            let _ = self.interfaces.respread(&self.reload.settings().capture);
            return Err(error);
        }
        Ok(Prepared {
            filters,
            cores: self.running.clone(),
        })
    }

    fn finish(&mut self, is_applied: bool) {
        if is_applied {
            let settings = self.reload.settings();
            log::set_max_level(settings.log_level);
            self.resolver.watch(&settings.output.collectors);
            info!("the settings are applied");
        }
        self.watch.iter().for_each(|it| it.reloaded(is_applied));
    }
}
