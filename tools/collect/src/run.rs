//! One run: from options to sockets, sinks and their end.

use std::io;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::mpsc::{Receiver as Channel, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use dnsflow_service::monitoring::{ListenError, Listening};
use dnsflow_service::notify::{Notify, Status as ServiceStatus};
use log::{info, warn};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use thiserror::Error;

use crate::backlog::{Account, Backlog, Limits, OpenError, Spool};
use crate::options::Options;
use crate::receive::{
    Admission, Closing, FileError, Intake, Receiver, Receivers, SocketError, bind, read,
};
use crate::sink::SinkError;
use crate::sink::runner::{Deadline, Runner, Status};
use crate::watch::{Sinks, Watch};

/// How often what is in the spool is made to survive a loss of power.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// How often rates are logged.
const RATES_INTERVAL: Duration = Duration::from_secs(60);

/// MiB of a spool, unless it is told.
const SPOOL_MAX_MIB: u32 = 10_240;

/// How long receivers may take to tell what they have.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// Why a run can't start, or has not done its work.
#[derive(Debug, Error)]
pub enum RunError {
    /// Options that don't go together.
    #[error("{0}")]
    Options(&'static str),
    /// The spool can't be used.
    #[error(transparent)]
    Spool(#[from] OpenError),
    /// A socket can't be had.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// A store is not as it has to be.
    #[error("{name}: {source}")]
    Sink {
        /// Which one.
        name: String,
        /// What is wrong.
        source: SinkError,
    },
    /// The address of the metrics can't be used.
    #[error(transparent)]
    Metrics(#[from] ListenError),
    /// A file can't be read to its end.
    #[error(transparent)]
    File(#[from] FileError),
    /// Anything else of the system.
    #[error("can't {what}: {source}")]
    System {
        /// What failed.
        what: &'static str,
        /// The error.
        source: io::Error,
    },
    /// Records are lost at the end.
    #[error("{0} records were not stored and are lost; --spool keeps them for the next start")]
    Lost(u64),
}

impl RunError {
    /// The exit status: 2 for wrong usage.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Options(_) => 2,
            _ => 1,
        }
    }
}

/// Reads the options again, for a reload.
pub type Reload = dyn Fn() -> Result<Options, String>;

/// Runs until a signal, or to the end of the files.
///
/// # Errors
///
/// Why it can't start, and at the end what was lost.
pub fn run(options: &Options, reload: &Reload) -> Result<(), RunError> {
    validate(options)?;
    let signals = signals()?;
    let admission = Admission::of(options);
    let backlog = Arc::new(open_backlog(options)?);
    let listeners = if options.listen.is_empty() {
        Vec::new()
    } else {
        listeners(options)?
    };
    let metrics = options.metrics.map(Listening::on).transpose()?;
    if let Some(Ok(address)) = metrics.as_ref().map(Listening::address) {
        info!("metrics on http://{address}/metrics");
    }
    let sinks = start_sinks(options, &backlog)?;
    let closing = Closing {
        bytes: (options.batch_size as usize) << 20,
        age: Duration::from_secs(options.batch_time.into()),
    };
    let recovered = backlog.recovered();
    let intake =
        |admission: &Arc<Admission>| Intake::new(Arc::clone(admission), Arc::clone(&recovered));
    let admission = Arc::new(admission);
    let read = if listeners.is_empty() {
        read_files(options, intake(&admission), &backlog, closing, &|| {
            sinks.has_ended() || matches!(signals.try_recv(), Ok(SIGTERM | SIGINT))
        })
    } else {
        let receivers = listeners.into_iter().map(|listeners| Receiver {
            listeners,
            intake: intake(&admission),
        });
        let receivers = Receivers::start(receivers.collect(), Arc::clone(&backlog), closing)
            .map_err(system("start a thread"))?;
        let watch = Watch::new(
            receivers.shared(),
            Arc::clone(&backlog),
            sinks.shared.clone(),
        );
        let watch = Arc::new(watch);
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
        wait(
            &sinks,
            &signals,
            &backlog,
            &watch,
            &receivers,
            notify.as_ref(),
            reload,
        );
        drop(notify);
        receivers.finish();
        Ok(())
    };
    let drain = Duration::from_secs(options.drain_time.into());
    let left = sinks.finish(&backlog, drain);
    report_end(options, &left)?;
    read
}

/// What has to be given and can't be demanded by the parser, since the configuration file may have it.
fn validate(options: &Options) -> Result<(), RunError> {
    if options.listen.is_empty() && options.read.is_empty() {
        return Err(RunError::Options(
            "there is nothing to receive: give --listen ADDRESS:PORT, or --read FILE",
        ));
    }
    if options.to.is_empty() {
        return Err(RunError::Options(
            "there is nowhere to store: give --to URL, as in --to jsonl:-",
        ));
    }
    if options.spool_max.is_some() && options.spool.is_none() {
        return Err(RunError::Options(
            "--spool-max is the size of a spool, and there is none: give --spool FOLDER",
        ));
    }
    let mut names: Vec<&str> = options.to.iter().map(|to| to.name()).collect();
    names.sort_unstable();
    if names
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a == b))
    {
        return Err(RunError::Options(
            "two --to are the same place: each store is given once",
        ));
    }
    Ok(())
}

impl Admission {
    /// That of the options.
    #[must_use]
    pub fn of(options: &Options) -> Self {
        Self {
            allowed: options.allow.clone(),
            sensors: options.sensors.clone(),
        }
    }
}

fn open_backlog(options: &Options) -> Result<Backlog, OpenError> {
    let spool = options.spool.as_ref().map(|folder| Spool {
        folder: folder.clone(),
        max: u64::from(options.spool_max.map_or(SPOOL_MAX_MIB, NonZeroU32::get)) << 20,
    });
    let limits = Limits {
        memory: (options.memory.get() as usize) << 20,
        spool,
    };
    let names: Vec<String> = options.to.iter().map(|to| to.file_name()).collect();
    Backlog::open(&limits, &names, &mut |note| warn!("{note}"))
}

/// The sockets of each thread.
fn listeners(options: &Options) -> Result<Vec<Vec<crate::receive::Listener>>, SocketError> {
    let count = usize::from(options.threads.get());
    let buffer = (options.receive_buffer as usize) << 20;
    let mut threads: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
    for &address in &options.listen {
        let sockets = bind(address, count, buffer)?;
        if let Some(socket) = sockets.first() {
            info!("listening on {}", socket.address());
            if socket.receive_buffer() < buffer {
                warn!(
                    "the receive buffer is {} KiB and not {} MiB: raise net.core.rmem_max, or bursts may be lost",
                    socket.receive_buffer() >> 10,
                    options.receive_buffer
                );
            }
        }
        for (thread, socket) in threads.iter_mut().zip(sockets) {
            thread.push(socket);
        }
    }
    Ok(threads)
}

/// The sinks of a run, started.
struct Started {
    threads: Vec<JoinHandle<()>>,
    deadline: Arc<Deadline>,
    shared: Sinks,
}

fn start_sinks(options: &Options, backlog: &Arc<Backlog>) -> Result<Started, RunError> {
    let deadline = Arc::new(Deadline::default());
    let mut runners = Vec::new();
    let mut shared = Sinks::default();
    for (index, to) in options.to.iter().enumerate() {
        let status = Arc::new(Status::default());
        shared.push((to.name().to_owned(), Arc::clone(&status)));
        let mut runner = Runner {
            name: to.name().to_owned(),
            sink: to.sink(backlog.collector()),
            backlog: Arc::clone(backlog),
            index,
            status,
            deadline: Arc::clone(&deadline),
        };
        let opened = runner.open();
        opened.map_err(|source| RunError::Sink {
            name: to.name().to_owned(),
            source,
        })?;
        runners.push(runner);
    }
    let threads: io::Result<Vec<_>> = runners.into_iter().map(Runner::start).collect();
    Ok(Started {
        threads: threads.map_err(system("start a thread"))?,
        deadline,
        shared,
    })
}

impl Started {
    /// Whether a sink has ended by itself: its store will never take anything again.
    fn has_ended(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Lets the sinks store what is left, for `drain` at most. Returns their accounts.
    fn finish(self, backlog: &Backlog, drain: Duration) -> Vec<Account> {
        if let Err(error) = backlog.close() {
            warn!("can't write the accounts of streams to the spool: {error}");
        }
        self.deadline.set(Instant::now() + drain);
        for thread in self.threads {
            if thread.join().is_err() {
                warn!("a sink has ended by a panic");
            }
        }
        if let Err(error) = backlog.sync() {
            warn!("can't write the spool to the disk: {error}");
        }
        backlog.accounts()
    }
}

/// Says what is left at the end.
fn report_end(options: &Options, left: &[Account]) -> Result<(), RunError> {
    let mut lost = 0;
    for (to, account) in options.to.iter().zip(left) {
        let spooled = account.waiting_records - account.unspooled_records;
        if spooled > 0 {
            info!(
                "{}: {spooled} records are in the spool, for the next start",
                to.name()
            );
        }
        lost += account.unspooled_records;
        if account.lost > 0 {
            warn!("{}: {} records were lost", to.name(), account.lost_records);
        }
    }
    if lost > 0 {
        return Err(RunError::Lost(lost));
    }
    Ok(())
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

/// Waits for the signal that ends the run, and does meanwhile what is due.
fn wait(
    sinks: &Started,
    signals: &Channel<i32>,
    backlog: &Backlog,
    watch: &Watch,
    receivers: &Receivers,
    notify: Option<&Notify>,
    reload: &Reload,
) {
    let mut rates = Instant::now() + RATES_INTERVAL;
    let mut before = watch.look();
    let mut can_sync = true;
    loop {
        match signals.recv_timeout(SYNC_INTERVAL) {
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
        if sinks.has_ended() {
            return;
        }
        let synced = backlog.sync();
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

/// Reads all files, one behind the other.
fn read_files(
    options: &Options,
    mut intake: Intake,
    backlog: &Backlog,
    closing: Closing,
    ends: &dyn Fn() -> bool,
) -> Result<(), RunError> {
    let mut result = Ok(());
    let ended = std::cell::Cell::new(false);
    let ends = || {
        if ends() {
            ended.set(true);
        }
        ended.get()
    };
    for path in &options.read {
        match read(path, &mut intake, backlog, closing, &ends) {
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
    result
}

fn system(what: &'static str) -> impl FnOnce(io::Error) -> RunError {
    move |source| RunError::System { what, source }
}
