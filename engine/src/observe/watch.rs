//! Those who watch a live sensor: Prometheus and the service manager, each where there is one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::inquiry::Inquiry;
use super::metrics::{Listening, Reloads, Serving, Usage, View};
use super::notify::Notify;
use crate::capture::interface::InterfaceDrops;
use crate::start::error::StartError;

/// What is told to whoever watches. Dropped, it tells them that the end has begun.
#[derive(Debug)]
pub(crate) struct Watch {
    notify: Option<Notify>,
    _serving: Option<Serving>,
    reloads: Arc<Mutex<Reloads>>,
}

impl Watch {
    /// Begins when shards run.
    pub(crate) fn start(
        inquiry: Inquiry,
        listening: Option<Listening>,
        interfaces: &[String],
    ) -> Result<Self, StartError> {
        let inquiry = Arc::new(inquiry);
        let reloads = Arc::<Mutex<Reloads>>::default();
        let serving = listening
            .map(|listening| listening.serve(view(&inquiry, &reloads, interfaces)))
            .transpose()?;
        Ok(Watch {
            notify: Notify::start(inquiry)?,
            _serving: serving,
            reloads,
        })
    }

    /// A reload has begun.
    pub(crate) fn reloading(&self) {
        self.notify.iter().for_each(Notify::reloading);
    }

    /// A reload is over, and was applied or refused.
    pub(crate) fn reloaded(&self, is_applied: bool) {
        let mut reloads = locked(&self.reloads);
        if is_applied {
            reloads.applied += 1;
        } else {
            reloads.refused += 1;
        }
        reloads.last_refused = !is_applied;
        self.notify.iter().for_each(Notify::reloaded);
    }
}

/// What metrics are made of, each time that somebody wants them.
fn view(
    inquiry: &Arc<Inquiry>,
    reloads: &Arc<Mutex<Reloads>>,
    interfaces: &[String],
) -> impl Fn() -> View + Send + Sync + 'static {
    let (inquiry, reloads) = (Arc::clone(inquiry), Arc::clone(reloads));
    let started = SystemTime::now();
    let named = |name: &String| (Arc::from(name.as_str()), InterfaceDrops::new(name));
    let drops: Mutex<Vec<(Arc<str>, InterfaceDrops)>> =
        Mutex::new(interfaces.iter().map(named).collect());
    move || View {
        cores: inquiry.cores(),
        snapshots: inquiry.ask(),
        interface_drops: locked(&drops)
            .iter_mut()
            .map(|(name, drops)| (Arc::clone(name), drops.since_start()))
            .collect(),
        reloads: *locked(&reloads),
        usage: Usage::now(started),
    }
}

/// None of those who hold these can leave them half changed.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
