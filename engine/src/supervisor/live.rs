//! The sensor on interfaces, from the start of the first shard to the end of the last.
//!
//! The supervisor sleeps until something happens or is due. Shards tell it what they can't see to themselves; it tells
//! them what changes.

use log::info;

use super::event::{Asker, Event, Events};
use super::inquiry::Inquiry;
use super::interfaces::Interfaces;
use super::metrics::Listening;
use super::output::{Output, Outputs};
use super::requirements;
use super::shards::Shards;
use super::watch::Watch;
use crate::capture::interface::default_interface;
use crate::capture::socket::Tap;
use crate::decode::Decoder;
use crate::error::StartError;
use crate::settings::{Capture, Settings};
use crate::shard::command::{Command, Notice};
use crate::shard::intake::Intake;
use crate::shard::live::Live;
use crate::shard::{Report, Shard};

/// What runs, and what it was asked for.
struct Sensor<'s> {
    settings: &'s Settings,
    events: Events,
    interfaces: Interfaces,
    shards: Shards,
}

/// Runs until somebody wants it to stop, or all shards have failed.
pub(super) fn run(
    settings: &Settings,
    names: &[String],
    cpus: &[usize],
) -> Result<Vec<Report>, StartError> {
    let names = match names {
        [] => vec![default_interface()?],
        names => names.to_vec(),
    };
    let listed = names.join(", ");
    let listening = settings.metrics.map(Listening::on).transpose()?;
    let watched = names.clone();
    let taps = taps(settings, names, cpus.len())?;
    let (interfaces, intakes) = Interfaces::open(taps, &settings.capture)?;
    let outputs = Outputs::open(&settings.output, cpus.len())?;
    if let Some(user) = &settings.user {
        user.assume()?;
        // Locked memory is counted for that user from here on.
        requirements::check(cpus.len())?;
    }
    // It starts a thread, which is to have no more privileges than we have now.
    let events = Events::watch()?;
    info!("capturing on {listed}; cores: {}", cpus.len());
    info!("filter: {}", interfaces.filter_name());
    let mut sensor = Sensor {
        settings,
        events,
        interfaces,
        shards: Shards::default(),
    };
    for ((intakes, cpu), output) in intakes.into_iter().zip(cpus).zip(outputs) {
        sensor.spawn(*cpu, intakes, output)?;
    }
    let inquiry = Inquiry::new(Asker::new(sensor.events.sender()), cpus.len());
    let watch = Watch::start(inquiry, listening, &watched)?;
    sensor.supervise();
    drop(watch);
    sensor.shards.stop();
    sensor.shards.reports()
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

impl Sensor<'_> {
    fn spawn(
        &mut self,
        cpu: usize,
        intakes: Vec<Intake>,
        output: Output,
    ) -> Result<(), StartError> {
        let Capture { sample, .. } = self.settings.capture;
        let selection = self.settings.capture.decode();
        let core = self.shards.count();
        let events = self.events.sender();
        let tell = Box::new(move |notice| {
            // Nobody listens any more when the supervisor is ending itself.
            let _ = events.send(Event::Notice(core, notice));
        });
        let work = move |control| async move {
            let flush = output.flush();
            let shard = Shard::new(Decoder::new(selection), output.export(), sample);
            let live = Live {
                core,
                shard,
                intakes,
                flush,
                tell,
            };
            live.run(control).await
        };
        self.shards.spawn(cpu, self.events.sender(), work)
    }

    /// Sees to what happens until the end.
    fn supervise(&mut self) {
        let mut running = self.shards.count();
        while running > 0 {
            match self.events.next(self.interfaces.deadline()) {
                Some(Event::End) => return,
                Some(Event::Ended) => running -= 1,
                Some(Event::Notice(core, notice)) => self.heed(core, notice),
                Some(Event::Ask(asker)) => self.shards.tell(|| Command::Report(asker.clone())),
                None => {}
            }
            self.interfaces.look(&self.settings.capture, &self.shards);
        }
    }

    /// What a shard tells by itself.
    fn heed(&mut self, core: usize, notice: Notice) {
        match notice {
            Notice::Down(index) => self.interfaces.went_down(core, index),
        }
    }
}
