//! One run: from options to sockets, sinks and their end.

mod error;
mod sinks;
pub(crate) mod start;

use std::cell::Cell;
use std::sync::Arc;
use std::sync::mpsc::{Receiver as Channel, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use dnsflow_service::monitoring::Listening;
use dnsflow_service::notify::{Notify, Status as ServiceStatus};
use log::{info, warn};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

pub use error::RunError;
use error::system;
use sinks::Started;

use crate::backlog::Backlog;
use crate::options::Options;
use crate::receive::{Admission, Closing, Intake, Listener, Receiver, Receivers, read};
use crate::serve::{Naming, server};
use crate::watch::Watch;

/// How often what is in the spool is made to survive a loss of power.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// How often rates are logged.
const RATES_INTERVAL: Duration = Duration::from_secs(60);

/// How long receivers may take to tell what they have.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// Reads the options again, for a reload.
pub type Reload = dyn Fn() -> Result<Options, String>;

/// Runs until a signal, or to the end of the files.
///
/// # Errors
///
/// Why it can't start, and at the end what was lost.
pub fn run(options: &Options, reload: &Reload) -> Result<(), RunError> {
    start::validate(options)?;
    let signals = signals()?;
    let backlog = Arc::new(start::backlog(options)?);
    let listeners = start::listeners(options)?;
    let metrics = options.metrics.map(Listening::on).transpose()?;
    let naming = start::naming(options, start::disguise(options)?);
    let serving = options.serve.map(server::listen).transpose()?;
    let access = start::access(options)?;
    let sinks = sinks::start(options, &backlog, naming.as_ref())?;
    // After the snapshot is there: an answer without it would be wrong.
    let served = serving.zip(naming.clone());
    let served = served.map(|(listener, naming)| server::start(listener, naming, access));
    let served = served.transpose().map_err(system("serve names"))?;
    let run = Run {
        options,
        signals,
        backlog,
        sinks,
        naming,
    };
    let received = if options.read.is_empty() {
        run.receive(listeners, metrics, reload)
    } else {
        run.read_files().map(|goes_on| {
            if served.is_some() && goes_on {
                info!("all files are read; names are served until SIGTERM or SIGINT");
                run.wait_for_end();
            }
        })
    };
    drop(served);
    let drain = Duration::from_secs(options.drain_time.into());
    let left = run.sinks.finish(&run.backlog, drain);
    sinks::report_end(options, &left)?;
    received
}

/// A run whose sinks have started.
struct Run<'o> {
    options: &'o Options,
    signals: Channel<i32>,
    backlog: Arc<Backlog>,
    sinks: Started,
    naming: Option<Arc<Naming>>,
}

impl Run<'_> {
    /// Receives until a signal, or until a sink has ended.
    fn receive(
        &self,
        listeners: Vec<Vec<Listener>>,
        metrics: Option<Listening>,
        reload: &Reload,
    ) -> Result<(), RunError> {
        let receivers = listeners.into_iter().map(|listeners| Receiver {
            listeners,
            intake: self.intake(),
        });
        let receivers: Vec<_> = receivers.collect();
        let receivers = Receivers::start(receivers, Arc::clone(&self.backlog), self.closing())
            .map_err(system("start a thread"))?;
        let sinks = self.sinks.shared.clone();
        let naming = self.naming.clone();
        let watch = Watch::new(receivers.shared(), Arc::clone(&self.backlog), sinks, naming);
        let watch = Arc::new(watch);
        if let Some(Ok(address)) = metrics.as_ref().map(Listening::address) {
            info!("metrics on http://{address}/metrics");
        }
        let served = metrics.map(|metrics| {
            let watch = Arc::clone(&watch);
            metrics.serve(move || watch.look())
        });
        let _served = served.transpose().map_err(system("serve metrics"))?;
        let asked = Arc::clone(&watch);
        let notify = Notify::start("storing what is left", move || {
            let view = asked.look();
            ServiceStatus {
                line: view.line(),
                is_well: view.is_well(),
            }
        });
        let notify = notify.map_err(system("start a thread"))?;
        self.wait(&watch, &receivers, notify.as_ref(), reload);
        drop(notify);
        receivers.finish();
        Ok(())
    }

    fn intake(&self) -> Intake {
        Intake::new(
            Arc::new(Admission::of(self.options)),
            self.backlog.recovered(),
        )
    }

    fn closing(&self) -> Closing {
        Closing {
            bytes: (self.options.batch_size as usize) << 20,
            age: Duration::from_secs(self.options.batch_time.into()),
        }
    }

    /// Waits for the signal that ends the run, and does meanwhile what is due.
    fn wait(&self, watch: &Watch, receivers: &Receivers, notify: Option<&Notify>, reload: &Reload) {
        let mut rates = Instant::now() + RATES_INTERVAL;
        let mut before = watch.look();
        let mut can_sync = true;
        loop {
            match self.signals.recv_timeout(SYNC_INTERVAL) {
                Ok(SIGHUP) => {
                    if let Some(notify) = notify {
                        notify.reloading();
                    }
                    match reload() {
                        Ok(options) => {
                            receivers.shared().admit(Arc::new(Admission::of(&options)));
                            info!(
                                "reloaded: --allow and --sensor are as they are now; other options need a restart"
                            );
                        }
                        Err(error) => warn!("not reloaded, all is as before: {error}"),
                    }
                    if let Some(notify) = notify {
                        notify.reloaded();
                    }
                }
                Ok(_) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.sinks.has_ended() {
                return;
            }
            let synced = self.backlog.sync();
            if let (Err(error), true) = (&synced, can_sync) {
                warn!("can't write the spool to the disk: {error}");
            }
            can_sync = synced.is_ok();
            if Instant::now() >= rates {
                rates += RATES_INTERVAL;
                let now = watch.look();
                info!("{}", now.rates_since(&before));
                before = now;
            }
        }
    }

    /// Waits for the signal that ends the run.
    fn wait_for_end(&self) {
        loop {
            let signal = self.signals.recv_timeout(SYNC_INTERVAL);
            let is_over = match signal {
                Ok(signal) => signal != SIGHUP,
                Err(error) => error == RecvTimeoutError::Disconnected,
            };
            if is_over || self.sinks.has_ended() {
                return;
            }
        }
    }

    /// Reads all files, one behind the other. Returns whether no signal has ended that.
    fn read_files(&self) -> Result<bool, RunError> {
        let mut intake = self.intake();
        let mut result: Result<(), RunError> = Ok(());
        let ended = Cell::new(false);
        let ends = || {
            let signal = self.signals.try_recv();
            if self.sinks.has_ended() || matches!(signal, Ok(SIGTERM | SIGINT)) {
                ended.set(true);
            }
            ended.get()
        };
        for path in &self.options.read {
            match read(path, &mut intake, &self.backlog, self.closing(), &ends) {
                Ok(found) => info!(
                    "{}: {} packets, {} of them no datagram",
                    path.display(),
                    found.packets,
                    found.others
                ),
                Err(error) => {
                    warn!("{error}");
                    result = Err(error.into());
                }
            }
            if ended.get() {
                break;
            }
        }
        let (streams, _) = intake.streams();
        info!("{}", crate::watch::summary(&streams, &intake.refused()));
        result.map(|()| !ended.get())
    }
}

/// A channel of the signals that come.
fn signals() -> Result<Channel<i32>, RunError> {
    let mut signals =
        Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(system("wait for signals"))?;
    let (sender, receiver) = channel();
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in signals.forever() {
                if sender.send(signal).is_err() {
                    return;
                }
            }
        })
        .map_err(system("start a thread"))?;
    Ok(receiver)
}
