//! The interfaces that are captured on: whether they are up, and how capture goes on after one was
//! away.
//!
//! An interface that goes down and up keeps its index, and the kernel resumes its sockets by
//! itself. An interface that is created again under its name has another index, and gets new
//! sockets. While all interfaces are up, nothing is polled.

use std::sync::Arc;
use std::time::{Duration, Instant};

use log::{info, warn};

use super::shards::Shards;
use crate::capture::error::CaptureError;
use crate::capture::inherited::InheritedSockets;
use crate::capture::interface::InterfaceDrops;
use crate::capture::rates::Rates;
use crate::capture::socket::{Armed, Source, Spread, Tap};
use crate::shard::command::Command;
use crate::shard::intake::Intake;
use crate::start::error::StartError;
use crate::start::settings::Capture;
use dnsflow_sys::{self, PacketSocket};

/// Time between two checks of an interface that is away.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

const _: () = assert!(
    LOOK_AGAIN.as_secs() < 2,
    "an interface that is back is captured on again within 2 s"
);

/// All interfaces, in the order of `-i`.
#[derive(Debug)]
pub(super) struct Interfaces {
    all: Vec<Interface>,
    /// Sockets for interfaces that come back.
    inherited: InheritedSockets,
    look_at: Option<Instant>,
    /// The expression of what the capture filter keeps.
    filter_name: String,
}

#[derive(Debug)]
struct Interface {
    tap: Tap,
    source: Source,
    /// The socket of the first shard; those of the others are in the same state.
    socket: PacketSocket,
    state: State,
    /// How often each core has reported that it went down. Each time, all cores report it.
    downs: Vec<u64>,
    /// Why it can't be captured on again, as it was logged.
    last_error: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    Down,
    Gone,
}

impl Interfaces {
    /// Opens the sockets of all shards on all interfaces, and then lets packets in. Returns the
    /// intakes of each shard.
    pub(super) fn open(
        taps: Vec<Tap>,
        mut inherited: InheritedSockets,
        capture: &Capture,
    ) -> Result<(Self, Vec<Vec<Intake>>), StartError> {
        let shards = taps.first().map_or(0, |tap| tap.shards);
        let mut intakes: Vec<Vec<Intake>> = (0..shards).map(|_| Vec::new()).collect();
        let mut opened = Vec::new();
        for tap in taps {
            let source = tap.source()?;
            let rates = filters(&source, capture)?;
            let armed = tap.open(source, &mut inherited)?;
            opened.push((tap, armed, rates));
        }
        let filter_name = opened
            .first()
            .map(|(_, _, rates)| rates.first().name().to_owned());
        let mut all = Vec::new();
        for (tap, armed, rates) in opened {
            armed.start(rates.first())?;
            let name: Arc<str> = tap.interface.as_str().into();
            let drops = InterfaceDrops::new(&name);
            all.push(Interface {
                socket: first_socket(&armed)?,
                source: armed.source,
                state: State::Up,
                downs: vec![0; shards],
                last_error: None,
                tap,
            });
            for (ring, intakes) in armed.rings.into_iter().zip(&mut intakes) {
                let filters = rates.clone();
                intakes.push(Intake::new(Arc::clone(&name), ring, filters, drops.clone()));
            }
        }
        let interfaces = Self {
            all,
            inherited,
            look_at: None,
            filter_name: filter_name.unwrap_or_default(),
        };
        Ok((interfaces, intakes))
    }

    /// The expression of what the capture filter keeps.
    pub(super) fn filter_name(&self) -> &str {
        &self.filter_name
    }

    /// What compiles the capture filters of each interface, for the link layer that it has now or
    /// had last.
    pub(super) fn compiler(
        &self,
    ) -> impl FnOnce(&Capture) -> Result<Vec<Rates>, StartError> + Send + use<> {
        let sources: Vec<Source> = self.all.iter().map(|interface| interface.source).collect();
        move |capture| {
            sources
                .iter()
                .map(|source| filters(source, capture))
                .collect()
        }
    }

    /// Divides packets among cores by the ports of `capture` from now on; the mode of the fanout
    /// stays.
    pub(super) fn respread(&mut self, capture: &Capture) -> Result<(), StartError> {
        let spread = capture.spread()?;
        for interface in &mut self.all {
            if interface.tap.shards > 1
                && interface.tap.spread != spread
                && let Spread::Program(program) = &spread
            {
                interface
                    .socket
                    .set_fanout_program(program)
                    .map_err(|source| CaptureError::SocketOption {
                        what: "replace the fanout program",
                        source,
                    })?;
            }
            interface.tap.spread = spread.clone();
        }
        Ok(())
    }

    /// When [`Interfaces::look`] is due; `None` while all interfaces are up.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.look_at
    }

    /// Shard `core` reports that an interface went down.
    pub(super) fn went_down(&mut self, core: usize, index: usize) {
        let Some(interface) = self.all.get_mut(index) else {
            return;
        };
        let most = interface.downs.iter().copied().max().unwrap_or(0);
        if let Some(downs) = interface.downs.get_mut(core) {
            *downs += 1;
            if *downs > most && interface.state == State::Up {
                let name = interface.tap.interface.as_str();
                warn!(interface = name; "interface {name} went down; waiting for it");
            }
        }
        if interface.state == State::Up {
            interface.state = State::Down;
        }
        self.look_at = Some(Instant::now());
    }

    /// Checks the interfaces that are away, if it is due, and captures again on those that are
    /// back.
    ///
    /// # Errors
    /// If interfaces are back for which only a new process can get sockets, and none is still away.
    /// While one is away, a new process could not start, and the other interfaces would lose
    /// packets.
    pub(super) fn look(&mut self, capture: &Capture, shards: &Shards) -> Result<(), StartError> {
        let now = Instant::now();
        if self.look_at.is_none_or(|at| now < at) {
            return Ok(());
        }
        let mut away = 0;
        let mut used_up = Vec::new();
        for (index, interface) in self.all.iter_mut().enumerate() {
            if interface.state == State::Up {
                continue;
            }
            let looked = interface.look(index, capture, shards, &mut self.inherited);
            if interface.state != State::Up {
                away += 1;
            }
            if let Err(error) = looked {
                used_up.push((interface, error));
            }
        }
        if away == used_up.len()
            && let Some((interface, error)) = used_up.pop()
        {
            let name = interface.tap.interface.as_str();
            warn!(interface = name; "interface {name} is back, and too few packet sockets are left for it; ending");
            return Err(error);
        }
        for (interface, error) in used_up {
            interface.log_error(&error);
        }
        self.look_at = (away > 0).then(|| now + LOOK_AGAIN);
        Ok(())
    }
}

impl Interface {
    fn look(
        &mut self,
        index: usize,
        capture: &Capture,
        shards: &Shards,
        inherited: &mut InheritedSockets,
    ) -> Result<(), StartError> {
        let name = &self.tap.interface;
        let is_bound = self
            .socket
            .bound_to()
            .is_ok_and(|at| at == self.source.index);
        let found = dnsflow_sys::interface(&self.socket, name).ok();
        let is_up = found.is_some_and(|found| found.has(libc::IFF_UP));
        let is_same = is_bound && found.is_some_and(|found| found.index == self.source.index);
        match self.state {
            State::Down if is_same && is_up => {
                info!(interface = name.as_str(); "interface {name} is up again");
                self.state = State::Up;
            }
            _ if is_same => {}
            _ if is_up => self.reopen_and_tell(index, capture, shards, inherited)?,
            State::Down => {
                warn!(interface = name.as_str(); "interface {name} is gone; waiting for one of that name");
                self.state = State::Gone;
            }
            State::Up | State::Gone => {}
        }
        let present = self.state == State::Up;
        shards.tell(|| Command::Present(index, present));
        Ok(())
    }

    /// Opens new sockets on the interface that has the name now. It is an error only if there are
    /// no sockets left.
    fn reopen_and_tell(
        &mut self,
        index: usize,
        capture: &Capture,
        shards: &Shards,
        inherited: &mut InheritedSockets,
    ) -> Result<(), StartError> {
        let reopened = self.reopen(capture, inherited);
        let name = &self.tap.interface;
        match reopened {
            Ok((armed, filters)) => {
                info!(interface = name.as_str(); "interface {name} is back; capturing on it again");
                self.state = State::Up;
                self.last_error = None;
                for (core, ring) in armed.rings.into_iter().enumerate() {
                    shards.tell_one(core, Command::Ring(index, ring, filters.clone()));
                }
            }
            Err(error @ StartError::Capture(CaptureError::SocketsUsedUp { .. })) => {
                return Err(error);
            }
            Err(error) => self.log_error(&error),
        }
        Ok(())
    }

    /// Logs why it can't be captured on again, each reason once.
    fn log_error(&mut self, error: &StartError) {
        let text = error.to_string();
        if self.last_error.as_ref() != Some(&text) {
            let name = self.tap.interface.as_str();
            warn!(interface = name; "interface {name} is back, but: {text}; trying again");
            self.last_error = Some(text);
        }
    }

    fn reopen(
        &mut self,
        capture: &Capture,
        inherited: &mut InheritedSockets,
    ) -> Result<(Armed, Box<Rates>), StartError> {
        let source = self.tap.source()?;
        // Sockets that were bound can't be used again, so that everything else that may fail comes
        // before.
        let filters = filters(&source, capture)?;
        let armed = self.tap.open(source, inherited)?;
        let socket = first_socket(&armed)?;
        armed.start(filters.first())?;
        self.source = armed.source;
        self.socket = socket;
        Ok((armed, Box::new(filters)))
    }
}

fn filters(source: &Source, capture: &Capture) -> Result<Rates, StartError> {
    Ok(capture.rates(source)?)
}

fn first_socket(armed: &Armed) -> Result<PacketSocket, StartError> {
    let none = || std::io::ErrorKind::NotConnected.into();
    let first = armed.rings.first().ok_or_else(none);
    first
        .and_then(|ring| ring.socket())
        .map_err(CaptureError::socket)
        .map_err(StartError::from)
}
