//! Live rates and top lists of what dnsflow sensors export, in a terminal or as a table.
//!
//! ```text
//! socket or file -> feed (a thread) -> board of dnsflow-tally
//! naming service -> feed (a thread) ---> | snapshot, twice a second
//!                   keys -> view ------> draw -> terminal
//!                                        once -> standard output
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | `options`, `error` | the command line, and what can go wrong |
//! | `feed` | where snapshots come from: a thread that reads a socket or a file, or asks the naming service |
//! | `show` | what of a snapshot is on the screen: `view` is chosen by keys, `draw` makes cells of it |
//! | `text` | numbers and names as text, in which nothing can control a terminal |
//! | `once` | the table of `--once` |
//! | [`screen`] | the terminal, given back however the program ends |
//!
//! It exists to see at a glance what comes, from whom, and whether something is lost. All figures are
//! those of [`dnsflow_tally`]; a view of another source is one more `feed::Watch`. It refuses to
//! store anything.

mod error;
mod feed;
mod interactive;
mod once;
mod options;
pub mod screen;
mod show;
mod stop;
mod text;

use std::io::{self, IsTerminal, Write};

pub use error::TopError;
pub use options::Options;

use stop::Stop;

/// Shows what `options` name until `q` or a signal; with `--once`, prints it and returns.
///
/// # Errors
///
/// A [`TopError`] if the input can't be opened, or ends other than it should; what came before was
/// shown. A reader of standard output that went away is no error.
pub fn run(options: &Options) -> Result<(), TopError> {
    let is_once = options.once.is_some();
    if !is_once && !io::stdout().is_terminal() {
        return Err(TopError::NoTerminal);
    }
    let stop = Stop::on_signals()?;
    let feed = feed::start(options, is_once)?;
    if !is_once {
        return interactive::run(&*feed, &stop);
    }
    let snapshot = once::wait(&*feed, options, &stop);
    let printed = once::print(&mut io::stdout().lock(), &snapshot, options);
    match printed.and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(TopError::Output(error)),
        _ => feed.failure().map_or(Ok(()), Err),
    }
}
