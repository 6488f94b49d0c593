//! Reads frames from capture files and interfaces, through libpcap.

use std::fmt;
use std::path::{Path, PathBuf};

use dnsflow_packet::LinkType;
use pcap::{Activated, Device};

use crate::ReadError;
use crate::error::words;
use crate::feed::{Feed, Source};
use crate::filter::{Expression, Filter};
use crate::session::Session;
use crate::stop::Stop;
use dnsflow_records::frame;
use dnsflow_records::timestamp::since_epoch;

/// Bytes taken of each frame: all that IP can carry.
const SNAP_LEN: i32 = 65_535 + 256;

/// The interface that is all interfaces; it has no promiscuous mode.
const ANY: &str = "any";

/// An open capture.
pub(crate) struct Capture {
    handle: pcap::Capture<dyn Activated>,
    link: LinkType,
    filter: Filter,
    origin: Origin,
}

/// Where the frames come from.
enum Origin {
    File { path: PathBuf, feed: Option<Feed> },
    Interface { name: String },
}

impl Capture {
    /// Opens a capture file; `-` is standard input.
    pub(crate) fn file(
        path: &Path,
        expression: &Expression,
        stop: &Stop,
    ) -> Result<Self, ReadError> {
        let source = Source::open(path, stop).map_err(|error| ReadError::File {
            path: path.into(),
            error,
        })?;
        let (opened, feed) = match source {
            Source::Plain => (pcap::Capture::from_file(path), None),
            Source::Fed(mut feed) => {
                let opened = pcap::Capture::from_file(feed.path());
                feed.opened();
                (opened, Some(feed))
            }
        };
        let handle = match opened {
            Ok(handle) => handle,
            Err(error) => {
                let reason = reason(&error, feed.as_ref());
                return Err(ReadError::NotACapture {
                    path: path.into(),
                    reason,
                });
            }
        };
        Self::filtered(
            handle.into(),
            expression,
            Origin::File {
                path: path.into(),
                feed,
            },
        )
    }

    /// Opens an interface.
    pub(crate) fn live(name: &str, expression: &Expression) -> Result<Self, ReadError> {
        let handle = pcap::Capture::from_device(name)
            .and_then(|inactive| {
                inactive
                    .promisc(name != ANY)
                    .snaplen(SNAP_LEN)
                    .immediate_mode(true)
                    .open()
            })
            .map_err(|error| refused(name, &error))?;
        Self::filtered(
            handle.into(),
            expression,
            Origin::Interface {
                name: name.to_owned(),
            },
        )
    }

    fn filtered(
        mut handle: pcap::Capture<dyn Activated>,
        expression: &Expression,
        origin: Origin,
    ) -> Result<Self, ReadError> {
        let linktype = handle.get_datalink();
        let link = frame::link_type(linktype.0).ok_or_else(|| ReadError::LinkType {
            input: origin.to_string(),
            number: linktype.0,
            name: linktype.get_name().unwrap_or_else(|_| "unknown".to_owned()),
        })?;
        let filter = Filter::set(expression, link, &mut handle)?;
        Ok(Self {
            handle,
            link,
            filter,
            origin,
        })
    }

    /// Whether packets come as they are captured: from an interface, or through a pipe.
    pub(crate) fn is_live(&self) -> bool {
        match &self.origin {
            Origin::File { feed, .. } => feed.as_ref().is_some_and(Feed::is_stream),
            Origin::Interface { .. } => true,
        }
    }

    /// Gives all packets to `session`, until it has enough, the input ends, or a signal comes.
    pub(crate) fn run(mut self, session: &mut Session<'_>, stop: &Stop) -> Result<(), ReadError> {
        if let Origin::Interface { .. } = self.origin {
            // libpcap's wait goes on over its timeout and over signals while no packet comes.
            let handle = self.handle.breakloop_handle();
            stop.wake(move || handle.breakloop())?;
        }
        let mut packets = 0;
        while !stop.wanted() && !session.is_full() {
            let packet = match self.handle.next_packet() {
                Ok(packet) => packet,
                Err(pcap::Error::TimeoutExpired) => continue,
                // A signal cuts a pipe short: not the pipe's fault.
                Err(_) if stop.wanted() => break,
                Err(error) => return self.ended(&error, packets),
            };
            packets += 1;
            if !self.filter.admits(packet.data) {
                continue;
            }
            let time = packet.header.ts;
            let time = since_epoch(time.tv_sec, time.tv_usec);
            match frame::payload(self.link, packet.data) {
                Ok(payload) => session.datagram(time, &payload)?,
                Err(reject) => session.bad_frame(time, reject),
            }
        }
        self.report_drops();
        Ok(())
    }

    /// What the end of the input means.
    fn ended(mut self, error: &pcap::Error, packets: u64) -> Result<(), ReadError> {
        self.report_drops();
        match self.origin {
            Origin::Interface { name } => Err(ReadError::Interface {
                name,
                reason: words(error),
            }),
            Origin::File { path, feed } => {
                let broken = feed.as_ref().and_then(Feed::failure);
                let reason = match (broken, error) {
                    (Some(broken), _) => broken.to_string(),
                    (None, pcap::Error::NoMorePackets) => return Ok(()),
                    (None, error) => words(error),
                };
                Err(ReadError::Damaged {
                    path,
                    packets,
                    reason,
                })
            }
        }
    }

    /// Says what the kernel had no room for; a file has nothing to say.
    fn report_drops(&mut self) {
        if let (Origin::Interface { name }, Ok(counters)) = (&self.origin, self.handle.stats()) {
            let (dropped, if_dropped) = (counters.dropped, counters.if_dropped);
            if dropped != 0 || if_dropped != 0 {
                eprintln!(
                    "dnsflow-read: {name}: {dropped} packets dropped because the buffer was full, {if_dropped} by the interface"
                );
            }
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, .. } => path.display().fmt(f),
            Self::Interface { name } => f.write_str(name),
        }
    }
}

/// Why a file can't be opened: what broke the decompression says more than what libpcap made of it.
fn reason(error: &pcap::Error, feed: Option<&Feed>) -> String {
    feed.and_then(Feed::failure)
        .map_or_else(|| words(error), |broken| broken.to_string())
}

/// Why an interface can't be opened. libpcap has one error for all of it; its words differ by
/// version.
fn refused(name: &str, error: &pcap::Error) -> ReadError {
    let reason = words(error);
    let name = name.to_owned();
    if reason.contains("No such device") || reason.contains("doesn't exist") {
        let known: Vec<_> = Device::list()
            .unwrap_or_default()
            .into_iter()
            .map(|device| device.name)
            .collect();
        return ReadError::NoInterface {
            name,
            known: known.join(", "),
        };
    }
    if reason.contains("permi") {
        return ReadError::Permission { name };
    }
    ReadError::Interface { name, reason }
}
