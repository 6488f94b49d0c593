//! Metrics and the service manager together, each if there is one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use dnsflow_service::http::Server;
use dnsflow_service::monitoring::Listening;
use dnsflow_service::notify::Notify;
use dnsflow_service::process::Usage;

use super::inquiry::Inquiry;
use super::metrics::{Reloads, View};
use super::status;
use crate::capture::interface::InterfaceDrops;
use crate::start::error::StartError;

/// The line of status from the end of the run on.
const LAST_STATUS: &str = "sending the remaining records";

/// Both observers. Dropping it tells them that the run is ending.
#[derive(Debug)]
pub(crate) struct Watch {
    notify: Option<Notify>,
    _serving: Option<Server>,
    reloads: Arc<Mutex<Reloads>>,
}

impl Watch {
    /// Starts both. To be called once shards run.
    ///
    /// # Errors
    /// If a thread can't be started.
    pub(crate) fn start(
        inquiry: Inquiry,
        listening: Option<Listening>,
        interfaces: &[String],
    ) -> Result<Self, StartError> {
        let inquiry = Arc::new(inquiry);
        let reloads = Arc::<Mutex<Reloads>>::default();
        let serving = listening
            .map(|listening| listening.serve(view(&inquiry, &reloads, interfaces)))
            .transpose()
            .map_err(|source| StartError::System {
                what: "can't start the thread for metrics",
                source,
            })?;
        let notify = Notify::start(LAST_STATUS, status::of_cores(inquiry)).map_err(|source| {
            StartError::System {
                what: "can't start the thread for the service manager",
                source,
            }
        })?;
        Ok(Self {
            notify,
            _serving: serving,
            reloads,
        })
    }

    /// A reload has begun.
    pub(crate) fn reloading(&self) {
        self.notify.iter().for_each(Notify::reloading);
    }

    /// A reload is over; it was applied or refused.
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

/// What a page of metrics is made of, for each request.
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

/// Locks a value that no holder can leave half changed by a panic.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
