//! The capture filter never rejects what the decoder would export.
//!
//! Each capture goes through the decoder twice: every packet of it, and only those that the filter keeps. Both
//! times the same responses have to come out. Packets are taken as a file has them, as a socket gets them,
//! whose outer tag the kernel has stripped, and as a socket without link layer gets them.

mod travels;

use std::path::Path;

use clap::Parser as _;
use dnsflow::start::cli::Cli;
use dnsflow::start::settings::Capture;
use dnsflow_capfile::Records;
use dnsflow_capfile::input;
use dnsflow_testkit::agreement::{Agreement, Seen};
use dnsflow_testkit::corpus::Corpus;

/// Command lines, each of which selects something else.
const CHOICES: [&str; 7] = [
    "",
    "--plain",
    "--decap all",
    "--plain --decap all",
    "--decap all -Y -J 30030 -X 30031",
    "--sample 2 --sample-by client",
    "--sample 2 --sample-by client --sample-key 1 --decap all -Y",
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

/// The command lines.
struct Choices(Vec<Agreement>);

impl Choices {
    fn new() -> Self {
        Choices(CHOICES.into_iter().map(choice).collect())
    }

    /// Responses of all choices.
    fn check(&mut self, from: &str, packets: &[Seen]) -> usize {
        let choices = self.0.iter_mut();
        choices.map(|choice| choice.check(from, packets)).sum()
    }
}

fn choice(options: &'static str) -> Agreement {
    let arguments = ["dnsflow"].into_iter().chain(options.split_whitespace());
    let capture = Capture::new(&Cli::parse_from(arguments).options);
    Agreement::new(options, capture.selection.clone(), move |link| {
        capture.program(link).expect("a default filter fits")
    })
}
