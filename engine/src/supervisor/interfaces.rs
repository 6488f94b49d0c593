//! The interfaces that are captured on: which of them are there, and how one that was away is taken up again.
//!
//! An interface that goes down and up keeps its index, and the kernel takes our sockets up again by itself. One that
//! is made anew under its name has another, and gets new sockets. Nothing is looked at while all are there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dnsflow_filters::Program;
use log::{info, warn};

use super::shards::Shards;
use crate::capture::interface::InterfaceDrops;
use crate::capture::socket::{Armed, Source, Spread, Tap};
use crate::capture::stock::Stock;
use crate::shard::command::Command;
use crate::shard::intake::Intake;
use crate::start::error::StartError;
use crate::start::settings::Capture;
use dnsflow_sys::{self, PacketSocket};

/// Time between two looks at an interface that is away.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// All of them, in the order of `-i`.
#[derive(Debug)]
pub(super) struct Interfaces {
    all: Vec<Interface>,
    /// For those that come back.
    stock: Stock,
    look_at: Option<Instant>,
    /// What the capture filter keeps.
    filter_name: String,
}

#[derive(Debug)]
struct Interface {
    tap: Tap,
    source: Source,
    /// The first shard's: what holds for it holds for those of all.
    socket: PacketSocket,
    state: State,
    /// How often the sockets of each core were told that it went down. All are told of the same.
    downs: Vec<u64>,
    /// Why it can't be taken up again, as it was said.
    trouble: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    Down,
    Gone,
}

impl Interfaces {
    /// Opens the sockets of all shards on all interfaces, and then lets packets in. Gives each shard's.
    pub(super) fn open(
        taps: Vec<Tap>,
        mut stock: Stock,
        capture: &Capture,
    ) -> Result<(Self, Vec<Vec<Intake>>), StartError> {
        let shards = taps.first().map_or(0, |tap| tap.shards);
        let mut intakes: Vec<Vec<Intake>> = (0..shards).map(|_| Vec::new()).collect();
        let mut opened = Vec::new();
        for tap in taps {
            let source = tap.source()?;
            let filter = filter(&source, capture)?;
            let armed = tap.open(source, &mut stock)?;
            opened.push((tap, armed, filter));
        }
        let filter_name = opened
            .first()
            .map(|(_, _, filter)| filter.name().to_owned());
        let mut all = Vec::new();
        for (tap, armed, filter) in opened {
            armed.start(&filter)?;
            let name: Arc<str> = tap.interface.as_str().into();
            let drops = InterfaceDrops::new(&name);
            all.push(Interface {
                socket: first_socket(&armed)?,
                source: armed.source,
                state: State::Up,
                downs: vec![0; shards],
                trouble: None,
                tap,
            });
            for (ring, intakes) in armed.rings.into_iter().zip(&mut intakes) {
                intakes.push(Intake::new(Arc::clone(&name), ring, drops.clone()));
            }
        }
        let interfaces = Interfaces {
            all,
            stock,
            look_at: None,
            filter_name: filter_name.unwrap_or_default(),
        };
        Ok((interfaces, intakes))
    }

    /// What the capture filter keeps, as an expression.
    pub(super) fn filter_name(&self) -> &str {
        &self.filter_name
    }

    /// The capture filter of each; what they have to be for packets as they come now, or came last.
    pub(super) fn filters(&self, capture: &Capture) -> Result<Vec<Program>, StartError> {
        self.all
            .iter()
            .map(|interface| filter(&interface.source, capture))
            .collect()
    }

    /// Divides packets among cores as `capture` wants it from now on; which way stays as it was.
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
                    .map_err(|source| StartError::SocketOption {
                        what: "replace the fanout program",
                        source,
                    })?;
            }
            interface.tap.spread = spread.clone();
        }
        Ok(())
    }

    /// When [`Interfaces::look`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.look_at
    }

    /// Shard `core` says that an interface went down.
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

    /// Looks at those that are away, if it is time to, and takes up those that have come back.
    ///
    /// # Errors
    /// If one is back and only a new process can have the sockets for it, and all that such a process needs are there:
    /// the others would be deaf, too, until it can start.
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
            let looked = interface.look(index, capture, shards, &mut self.stock);
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
            interface.complain(&error);
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
        stock: &mut Stock,
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
            _ if is_up => self.take_up(index, capture, shards, stock)?,
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

    /// New sockets, on what has the name now; an error only if there are none to be had.
    fn take_up(
        &mut self,
        index: usize,
        capture: &Capture,
        shards: &Shards,
        stock: &mut Stock,
    ) -> Result<(), StartError> {
        let reopened = self.reopen(capture, stock);
        let name = &self.tap.interface;
        match reopened {
            Ok(armed) => {
                info!(interface = name.as_str(); "interface {name} is back; capturing on it again");
                self.state = State::Up;
                self.trouble = None;
                for (core, ring) in armed.rings.into_iter().enumerate() {
                    shards.tell_one(core, Command::Ring(index, ring));
                }
            }
            Err(error @ StartError::SocketsUsedUp { .. }) => return Err(error),
            Err(error) => self.complain(&error),
        }
        Ok(())
    }

    /// Says why it can't be taken up again, each reason once.
    fn complain(&mut self, error: &StartError) {
        let text = error.to_string();
        if self.trouble.as_ref() != Some(&text) {
            let name = self.tap.interface.as_str();
            warn!(interface = name; "interface {name} is back, but: {text}; trying again");
            self.trouble = Some(text);
        }
    }

    fn reopen(&mut self, capture: &Capture, stock: &mut Stock) -> Result<Armed, StartError> {
        let source = self.tap.source()?;
        // Sockets that are opened for nothing can't be used again, so all else comes before.
        let filter = filter(&source, capture)?;
        let armed = self.tap.open(source, stock)?;
        let socket = first_socket(&armed)?;
        armed.start(&filter)?;
        self.source = armed.source;
        self.socket = socket;
        Ok(armed)
    }
}

fn filter(source: &Source, capture: &Capture) -> Result<Program, StartError> {
    Ok(source.filter(capture.program(source.link)?)?)
}

fn first_socket(armed: &Armed) -> Result<PacketSocket, StartError> {
    let none = || std::io::ErrorKind::NotConnected.into();
    let first = armed.rings.first().ok_or_else(none);
    first
        .and_then(|ring| ring.socket())
        .map_err(StartError::socket)
}
