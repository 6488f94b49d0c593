//! Records of version 5, by both of the ways to them.

use dnsflow_wire::dns::{
    Answers, Dialect, Extent, MessageReject, Outcome, Outcomes, Rules, Scratch, Types,
};
use dnsflow_wire::encode::{Draft, Encode, Fill, NoRoom};
use dnsflow_wire::response::{Envelope, Response};
use dnsflow_wire::text::write_record_and_fields;
use dnsflow_wire::v5::{Content, Datagram, Encoder, Identity, MIN_DATAGRAM_BYTES};

use crate::text::assert_printable;

/// A datagram with room for the records of any message, nearly.
const LARGE_BYTES: usize = 65_507;

/// Both ways say the same of a message, by itself and behind another one in a datagram; and what is divided
/// can be read back.
///
/// # Panics
/// If one of that does not hold.
pub(crate) fn check(before: &[u8], message: &[u8], envelope: &Envelope) {
    let all = Rules {
        outcomes: Outcomes::ALL,
        types: Types::any(),
        authoritative: true,
        details: true,
    };
    let usual = Rules {
        outcomes: Outcomes::NONE.with(Outcome::Answered),
        details: true,
        ..Rules::default()
    };
    for rules in [all, usual] {
        let slow = told(&rules, &[message], envelope, &[Way::Slow], LARGE_BYTES);
        let fast = told(&rules, &[message], envelope, &[Way::Fast], LARGE_BYTES);
        if !fast.results.is_empty() {
            assert_eq!(fast, slow);
        }
        // What is divided may be so in other places behind another message.
        if slow.lines.len() > 1 {
            continue;
        }
        let both = told(
            &rules,
            &[before, message],
            envelope,
            &[Way::Slow; 2],
            LARGE_BYTES,
        );
        assert!(both.lines.ends_with(&slow.lines));
        let mixed = [Way::Either, Way::Either];
        assert_eq!(
            told(&rules, &[before, message], envelope, &mixed, LARGE_BYTES),
            both
        );
        let small = told(
            &rules,
            &[before, message],
            envelope,
            &mixed,
            MIN_DATAGRAM_BYTES,
        );
        assert_eq!(small.results, both.results);
        assert!(small.lines.len() >= both.lines.len());
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Fast,
    Slow,
    Either,
}

/// What becomes of messages: whether each has records, and the records as lines.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    results: Vec<Result<(), MessageReject>>,
    lines: Vec<String>,
}

struct Stream {
    encoder: Encoder,
    memory: Vec<u8>,
    fill: Fill,
    limit: usize,
    lines: Vec<String>,
}

/// Puts messages into datagrams of at most `limit` bytes. A way that has no result adds none.
fn told(
    rules: &Rules,
    messages: &[&[u8]],
    envelope: &Envelope,
    ways: &[Way],
    limit: usize,
) -> Told {
    let encoder = Encoder::new(rules.clone(), Identity::default(), 0);
    let mut stream = Stream {
        fill: Fill::new(encoder.header_bytes(), Encoder::MAX_SETS),
        encoder,
        memory: vec![0xee; limit + size_of::<Draft>()],
        limit,
        lines: Vec::new(),
    };
    let mut results = Vec::new();
    for (message, way) in messages.iter().zip(ways) {
        let fast = if *way == Way::Slow {
            None
        } else {
            stream.fast(message, envelope)
        };
        match (fast, way) {
            (None, Way::Fast) => {}
            (None, _) => results.push(stream.slow(rules, message, envelope)),
            (Some(result), _) => results.push(result),
        }
    }
    stream.close();
    Told {
        results,
        lines: stream.lines,
    }
}

impl Stream {
    fn fast(&mut self, message: &[u8], envelope: &Envelope) -> Option<Result<(), MessageReject>> {
        for _ in 0..2 {
            let at = self.fill.next();
            let written = self
                .encoder
                .transcribe(message, envelope, &mut self.memory, at)?;
            match written {
                Err(reason) => return Some(Err(reason)),
                Ok(size) if self.fill.fits(size, self.limit) => {
                    self.wrote(size);
                    return Some(Ok(()));
                }
                Ok(_) => self.close(),
            }
        }
        None
    }

    fn slow(
        &mut self,
        rules: &Rules,
        message: &[u8],
        envelope: &Envelope,
    ) -> Result<(), MessageReject> {
        let mut scratch = Scratch::default();
        let (dialect, extent) = (Dialect::Unicast, Extent::Whole);
        let answers = Answers::parse_by(rules, message, dialect, extent, &mut scratch)?;
        let response = Response {
            envelope: *envelope,
            answers,
        };
        let mut parts = self.encoder.parts(&response, self.limit);
        loop {
            let datagram = &mut self.memory[..self.limit];
            match self
                .encoder
                .next_part(&mut parts, datagram, self.fill.next())
            {
                None => return Ok(()),
                Some(Ok(size)) => self.wrote(size),
                Some(Err(NoRoom)) => {
                    assert!(!self.fill.is_empty(), "an empty datagram has room");
                    self.close();
                }
            }
        }
    }

    fn wrote(&mut self, size: usize) {
        self.encoder.stays();
        self.fill.wrote(size);
        assert!(self.fill.len() <= self.limit);
        // Nothing may lead to what is behind.
        let next = self.fill.next();
        self.memory[next..].fill(0xee);
    }

    /// Ends the datagram and reads it.
    fn close(&mut self) {
        let length = self.fill.len();
        if length == 0 {
            return;
        }
        let datagram = &mut self.memory[..length];
        self.encoder.finish(self.fill.sets(), 7, datagram);
        let datagram = Datagram::parse(datagram).expect("a header was written");
        let Content::Records(records) = datagram.content() else {
            panic!("statistics");
        };
        let before = self.lines.len();
        for record in records {
            let mut line = String::new();
            let record = record.expect("what was written can be read");
            let _ = write_record_and_fields(&mut line, None, &record);
            assert_printable(line.strip_suffix('\n').expect("a line ends"));
            self.lines.push(line);
        }
        assert_eq!(self.lines.len() - before, self.fill.sets());
        self.fill = Fill::new(self.encoder.header_bytes(), Encoder::MAX_SETS);
    }
}
