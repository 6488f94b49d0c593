//! The reader: prints the records that sensors export, and counts those that were lost on the way.
//!
//! ```text
//! capture (file, pipe, interface) -> frame -+
//!                                           +-> session -> lines, and sources at the end
//! listen (UDP socket) ----------------------+
//! ```
//!
//! It exists for people who look at a stream of dnsflow datagrams: at a collector, on a tap, or in
//! a file that a sensor wrote. Damage costs only what is damaged: a bad datagram is described and
//! counted, a cut file gives every whole packet first. It refuses to store, forward or aggregate
//! records.

mod capture;
mod decrypt;
mod error;
mod feed;
mod filter;
mod listen;
mod options;
mod output;
mod session;
mod stop;
mod summary;

pub use error::ReadError;
pub use options::Options;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use capture::Capture;
use dnsflow_records::frame::Payload;
use listen::Listener;
use output::Output;
use session::Session;
use stop::Stop;

/// Reads the input that `options` name to its end, to a signal, or to the count asked for; then
/// prints the summary.
///
/// # Errors
///
/// A [`ReadError`] if the input can't be opened, or ends other than it should; what came before was
/// printed, and so was the summary. A reader of standard output that went away is no error.
pub fn run(options: &Options) -> Result<(), ReadError> {
    match read(options) {
        Err(ReadError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Prints datagrams to `output` as [`run`] prints those of its input, and what is wrong with them to
/// `errors`. Of `options`, the input, its filter and the key are ignored.
///
/// Each datagram is the payload of a UDP packet, with the time of its arrival since 1970-01-01 UTC and
/// its sender.
///
/// ```
/// use std::net::SocketAddr;
/// use std::time::Duration;
///
/// use clap::Parser;
/// use dnsflow_read::{Options, print};
/// use dnsflow_wire::v4::Stats;
///
/// let options = Options::parse_from(["dnsflow-read", "--read", "-", "--no-header", "--count", "1"]);
/// let datagram = Stats { captured: 7, ..Stats::default() }.datagram(1);
/// let sender = SocketAddr::from(([192, 0, 2, 1], 1));
/// let datagrams = [(Duration::ZERO, sender, &datagram[..])];
/// let (mut output, mut errors) = (Vec::new(), Vec::new());
/// print(&options, datagrams, &mut output, &mut errors)?;
/// assert!(output.starts_with(b"STATS|192.0.2.1|00:00:00|captured:7|"));
/// assert!(errors.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// Those of `output`.
pub fn print<'d>(
    options: &Options,
    datagrams: impl IntoIterator<Item = (Duration, SocketAddr, &'d [u8])>,
    output: impl Write,
    errors: impl Write,
) -> io::Result<()> {
    let output = Output::to(output, session::format(options));
    let mut session = Session::to(options, output, errors);
    session.start()?;
    for (time, source, bytes) in datagrams {
        if session.is_full() {
            break;
        }
        let payload = Payload {
            source,
            bytes,
            missing: 0,
        };
        session.datagram(time, &payload)?;
    }
    session.finish()
}

fn read(options: &Options) -> Result<(), ReadError> {
    let stop = Stop::on_signals()?;
    let decrypt = options.decrypt.read()?;
    let input = Input::open(options, &stop)?;
    let mut session = Session::new(options, input.is_live()).decrypting(decrypt);
    session.start()?;
    let ended = match input {
        Input::Capture(capture) => capture.run(&mut session, &stop),
        Input::Listener(listener) => listener.run(&mut session, &stop),
    };
    if let Err(ReadError::Output(_)) = ended {
        return ended;
    }
    session.finish()?;
    ended
}

/// Where datagrams come from.
enum Input {
    Capture(Capture),
    Listener(Listener),
}

impl Input {
    fn open(options: &Options, stop: &Stop) -> Result<Self, ReadError> {
        let filter = options.expression();
        let input = &options.input;
        if let Some(address) = input.listen {
            return Listener::bind(address).map(Self::Listener);
        }
        if let Some(interface) = &input.interface {
            return Capture::live(interface, &filter).map(Self::Capture);
        }
        // The options demand one of the three.
        let path = input.read.as_deref().unwrap_or_else(|| "-".as_ref());
        Capture::file(path, &filter, stop).map(Self::Capture)
    }

    /// Whether each line is flushed at once.
    fn is_live(&self) -> bool {
        match self {
            Self::Capture(capture) => capture.is_live(),
            Self::Listener(_) => true,
        }
    }
}
