//! A capture of one link type, and the responses in it.

use std::time::Duration;

use super::File;
use crate::capture::Pcap;
use crate::packets::{ETHERNET, Ends, Response};

/// Frames, and the responses in them.
#[derive(Clone, Debug)]
pub struct Capture {
    /// What it is, in a word that a file can be named by.
    pub name: String,
    /// The LINKTYPE_ number of its frames.
    pub link: u16,
    /// Frames, in order.
    pub frames: Vec<Vec<u8>>,
    /// Responses, in the order in which the last frame of each comes.
    pub responses: Vec<Response>,
    /// Options that a sensor needs besides `--decap all`.
    pub options: Vec<String>,
    /// Options that tshark needs.
    pub dissect: Vec<String>,
}

impl Capture {
    /// No frames yet.
    #[must_use]
    pub fn new(link: u16) -> Self {
        Self {
            name: String::new(),
            link,
            frames: Vec::new(),
            responses: Vec::new(),
            options: Vec::new(),
            dissect: Vec::new(),
        }
    }

    /// Two more frames, with a response over IPv4 and one over IPv6.
    #[must_use]
    pub fn both(self, frame: impl Fn(&Response) -> Vec<u8>) -> Self {
        self.one(false, &frame).one(true, &frame)
    }

    /// One more frame.
    #[must_use]
    pub fn one(self, ipv6: bool, frame: impl Fn(&Response) -> Vec<u8>) -> Self {
        let response = self.next(ipv6, 1);
        let frame = frame(&response);
        self.with(response, vec![frame])
    }

    /// A response that is not in it yet.
    #[must_use]
    pub fn next(&self, ipv6: bool, addresses: u16) -> Response {
        let number = u8::try_from(self.responses.len() + 1).expect("few frames");
        let name = format!("n{number}.{}", super::DOMAIN);
        Response::new(Ends::new(ipv6, 7), &name, addresses).numbered(number)
    }

    /// One more response, in these frames.
    #[must_use]
    pub fn with(mut self, response: Response, frames: Vec<Vec<u8>>) -> Self {
        self.responses.push(response);
        self.and(frames)
    }

    /// More frames, which have no response.
    #[must_use]
    pub fn and(mut self, frames: Vec<Vec<u8>>) -> Self {
        self.frames.extend(frames);
        self
    }

    /// An option for the sensor, with its value.
    #[must_use]
    pub fn option(mut self, option: &str, value: &str) -> Self {
        self.options.extend([option.to_owned(), value.to_owned()]);
        self
    }

    /// What tshark has to be told.
    #[must_use]
    pub fn dissect(mut self, option: &str, value: &str) -> Self {
        self.dissect.extend([option.to_owned(), value.to_owned()]);
        self
    }

    /// The same under a name.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..self
        }
    }

    /// The set of each response.
    #[must_use]
    pub fn sets(&self) -> Vec<String> {
        self.responses.iter().map(Response::set).collect()
    }

    /// The bytes of a pcap file.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let records: Vec<Vec<u8>> = self.frames.iter().map(|frame| record(frame)).collect();
        [Pcap::of(self.link).empty(), records.concat()].concat()
    }

    /// It as a file of the corpus.
    #[must_use]
    pub fn file(&self) -> File {
        File {
            name: format!("{}.pcap", self.name),
            bytes: self.bytes(),
            expected: self.sets(),
        }
    }
}

/// A record of a pcap file.
#[must_use]
pub fn record(frame: &[u8]) -> Vec<u8> {
    Pcap::of(ETHERNET).record(Duration::from_secs(super::START), frame)
}
