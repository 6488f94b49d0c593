//! The program for people: draws twice a second, and when a key is pressed.

use std::time::{Duration, Instant};

use crossterm::event::{self, Event};
use dnsflow_tally::Snapshot;

use crate::TopError;
use crate::feed::{State, Watch};
use crate::screen::Screen;
use crate::show::{self, Shown, Theme, View};
use crate::stop::{PATIENCE, Stop};

/// How often what is shown is taken anew.
const REFRESH: Duration = Duration::from_millis(500);

/// Items of a list that can be scrolled to.
const ROWS: usize = 1000;

/// Shows `feed` until `q`, a signal, or the end of the terminal.
pub(crate) fn run(feed: &dyn Watch, stop: &Stop) -> Result<(), TopError> {
    let mut screen = Screen::enter().map_err(TopError::Terminal)?;
    let watched = watch(feed, &mut screen, stop);
    // What is said from here on is said on the user's own screen.
    drop(screen);
    watched?;
    feed.failure().map_or(Ok(()), Err)
}

/// What was taken last.
struct Taken {
    snapshot: Snapshot,
    state: State,
    at: Instant,
}

impl Taken {
    fn now(watch: &dyn Watch) -> Self {
        // First: a source that had ended has nothing that the snapshot lacks.
        let state = watch.state();
        Self {
            snapshot: watch.snapshot(ROWS),
            state,
            at: Instant::now(),
        }
    }

    /// Takes what is there now; when it is paused, only what came since.
    fn renew(&mut self, watch: &dyn Watch, is_paused: bool) {
        if is_paused {
            (self.state, self.at) = (watch.state(), Instant::now());
        } else {
            *self = Self::now(watch);
        }
    }
}

fn watch(watch: &dyn Watch, screen: &mut Screen, stop: &Stop) -> Result<(), TopError> {
    let theme = Theme::of_environment();
    let mut view = View::default();
    let mut taken = Taken::now(watch);
    while !stop.wanted() && !view.is_over() {
        let shown = Shown {
            title: watch.title(),
            snapshot: &taken.snapshot,
            state: &taken.state,
        };
        let Some(terminal) = screen.terminal() else {
            return Err(TopError::Reader);
        };
        let drawn = terminal.draw(|frame| show::draw(frame, &shown, &mut view, &theme));
        drawn.map_err(TopError::Terminal)?;
        // Until something is to be drawn.
        while !stop.wanted() {
            let left = REFRESH.saturating_sub(taken.at.elapsed());
            if left.is_zero() {
                if Screen::has_hung_up() {
                    return Ok(());
                }
                taken.renew(watch, view.is_paused());
                break;
            }
            if keys(&mut view, left.min(PATIENCE))? {
                break;
            }
        }
    }
    Ok(())
}

/// Waits for keys, and takes all that are there. Returns whether there were any.
fn keys(view: &mut View, patience: Duration) -> Result<bool, TopError> {
    let mut is_changed = false;
    let mut patience = patience;
    while event::poll(patience).map_err(TopError::Terminal)? {
        patience = Duration::ZERO;
        is_changed = true;
        if let Event::Key(key) = event::read().map_err(TopError::Terminal)? {
            view.key(key);
        }
        if view.is_over() {
            break;
        }
    }
    Ok(is_changed)
}
