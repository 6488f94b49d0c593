//! The capture filter never rejects what the decoder would export.
//!
//! Each capture goes through the decoder twice: every packet of it, and only those that the filter keeps. Both
//! times the same responses have to come out. Packets are taken as a file has them, as a socket gets them,
//! whose outer tag the kernel has stripped, and as a socket without link layer gets them.

mod travels;
mod view;

use std::collections::BTreeMap;
use std::path::Path;

use clap::Parser as _;
use dnsflow::start::cli::Cli;
use dnsflow::start::settings::Capture;
use dnsflow_capfile::Records;
use dnsflow_capfile::input;
use dnsflow_filters::Interpreter;
use dnsflow_packet::LinkType;
use dnsflow_packet::{Decoder, Selection, Sets};
use dnsflow_testkit::corpus::Corpus;
use dnsflow_wire::v4::Encoder;
use view::{Seen, VIEWS};

/// Room for one set: what a datagram has at an MTU of 1500.
const SET_ROOM_BYTES: usize = 1464;

/// Command lines, each of which selects something else.
const CHOICES: [&str; 5] = [
    "",
    "--plain",
    "--decap all",
    "--plain --decap all",
    "--decap all -Y -J 30030 -X 30031",
];

#[test]
fn on_captures_of_the_project() {
    check(&Corpus::own(), 500);
}

#[test]
fn on_captures_of_others() {
    if let Some(corpus) = Corpus::of_others("on_captures_of_others") {
        check(&corpus, 1000);
    }
}

/// Takes all captures, of which more than `least` responses have to come.
fn check(corpus: &Corpus, least: usize) {
    let mut choices = Choices::new();
    let mut exported = 0;
    for path in corpus.captures() {
        exported += choices.check(&path.display().to_string(), &packets_of(&path));
    }
    assert!(exported > least, "{exported} responses");
}

#[test]
fn on_all_that_responses_travel_in() {
    let mut choices = Choices::new();
    for travel in travels::all() {
        let exported = choices.check(&travel.name, &travel.packets);
        assert!(exported > 0, "{}: nobody exports it", travel.name);
    }
}

/// As many as can be read, whatever is wrong with the file.
fn packets_of(path: &Path) -> Vec<Seen> {
    let source = input::open(path).and_then(input::unpacked);
    let mut packets = Vec::new();
    if let Ok(mut records) = Records::open(source.expect("the file can be read")) {
        while let Ok(Some(frame)) = records.next_frame() {
            packets.push(Seen::in_file(&frame));
        }
    }
    packets
}

/// The command lines, with their filters for each link type that was met.
struct Choices(Vec<Choice>);

struct Choice {
    options: &'static str,
    capture: Capture,
    decode: Selection,
    filters: BTreeMap<Option<u32>, Interpreter>,
}

impl Choices {
    fn new() -> Self {
        Choices(CHOICES.into_iter().map(Choice::new).collect())
    }

    /// Responses of all choices; each has to be there in every view, and with the filter as without.
    fn check(&mut self, name: &str, packets: &[Seen]) -> usize {
        let mut count = 0;
        for choice in &mut self.0 {
            let in_file = choice.exported(packets, false);
            count += in_file.len();
            for (view, see) in VIEWS {
                let seen: Vec<Seen> = packets.iter().map(see).collect();
                let name = format!("{name}, {view}, with {:?}", choice.options);
                assert_eq!(
                    choice.exported(&seen, false),
                    in_file,
                    "{name}: without the filter"
                );
                assert_eq!(
                    choice.exported(&seen, true),
                    in_file,
                    "{name}: with the filter"
                );
            }
        }
        count
    }
}

impl Choice {
    fn new(options: &'static str) -> Self {
        let arguments = ["dnsflow"].into_iter().chain(options.split_whitespace());
        let capture = Capture::new(&Cli::parse_from(arguments).options);
        Choice {
            options,
            decode: capture.selection.clone(),
            capture,
            filters: BTreeMap::new(),
        }
    }

    /// The sets that are exported of the packets, sorted.
    fn exported(&mut self, packets: &[Seen], filtered: bool) -> Vec<Vec<u8>> {
        let mut decoder = Decoder::new(self.decode.clone());
        let mut exported = Vec::new();
        let mut sink = Sets::new(Encoder::default(), SET_ROOM_BYTES, |set: &[u8], _| {
            exported.push(set.to_vec());
        });
        for packet in packets {
            if !filtered || self.keeps(packet) {
                decoder.decode(&packet.frame(), &mut sink);
            }
        }
        decoder.finish(&mut sink);
        exported.sort_unstable();
        exported
    }

    fn keeps(&mut self, packet: &Seen) -> bool {
        let Choice {
            capture, filters, ..
        } = self;
        let program = filters.entry(packet.link.dlt()).or_insert_with(|| {
            let program = capture.program(packet.link).expect("a default filter fits");
            Interpreter::new(&program).expect("it reads only what a packet has")
        });
        matches!(packet.link, LinkType::Unsupported(_)) || packet.passes(program)
    }
}
