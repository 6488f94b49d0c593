//! The search for the start of a message in a stream that has lost synchronisation.
//!
//! A message starts with a length and the header of a response with one question, of a valid name
//! and a known class. If it ends inside the bytes that are there, another such message or nothing
//! follows. Random bytes pass this less than once in 10⁹ tries.
//!
//! Each place is looked at a bounded number of times, whatever the bytes are and however they are
//! divided into segments. Nearly all places are refused by their header. What is behind the first
//! place that is not refused waits until that one is decided, which takes at most the 273 bytes of
//! the longest question; its walk through the name goes on where it ran out of bytes. Places that
//! are looked at, and labels walked, are limited to a part of the bytes that came: beyond that, all
//! places are refused unseen. The name of a question has no pointer, since no name precedes it.

use super::{HEADER_BYTES, LENGTH_BYTES, message_length};

/// Bytes that tell whether a place can be the start of a message: length and header.
const START_BYTES: usize = LENGTH_BYTES + HEADER_BYTES;

/// Longest name (RFC 1035, section 2.3.4).
const NAME_BYTES: usize = 255;

/// Bytes of type and class behind the name of a question.
const TYPE_AND_CLASS_BYTES: usize = 4;

/// Most bytes needed to recognise a message.
#[cfg(test)]
const QUESTION_BYTES: usize = START_BYTES + NAME_BYTES + TYPE_AND_CLASS_BYTES;

/// Smallest question: a root name, type and class.
const MIN_QUESTION_BYTES: usize = 1 + TYPE_AND_CLASS_BYTES;

/// Smallest record: a root owner, ten bytes, no RDATA.
const MIN_RECORD_BYTES: usize = 11;

/// Bytes that have to come for one label to be walked.
const BYTES_PER_LABEL: usize = 4;

/// Bytes that have to come for one place to be looked at beyond its header.
const BYTES_PER_PLACE: usize = 32;

/// Bytes whose labels a stream has at first: those of the longest name.
const FIRST_CREDIT_BYTES: usize = BYTES_PER_LABEL * 128;

/// Most bytes whose labels a stream keeps for later.
const MAX_CREDIT_BYTES: usize = 2 * FIRST_CREDIT_BYTES;

/// Places that are looked at together.
const BLOCK: usize = 32;

/// The state of a search.
#[derive(Debug)]
pub(super) struct Search {
    /// Bytes that came and were not yet spent on labels.
    credit: usize,
    /// Where the name at the first place goes on, in bytes from there; 0 if it was not looked at.
    cursor: usize,
}

/// The outcome of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A message starts here.
    Message(usize),
    /// All places before this one are refused. It may be the start of a message once there are more
    /// bytes.
    Undecided(usize),
}

/// What a walk through a question came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Valid,
    Invalid,
    /// The bytes end before it does.
    Short,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            credit: FIRST_CREDIT_BYTES,
            cursor: 0,
        }
    }
}

impl Search {
    /// Counts bytes that came.
    pub(super) fn earn(&mut self, bytes: usize) {
        self.credit = self.credit.saturating_add(bytes).min(MAX_CREDIT_BYTES);
    }

    /// Whether there is so much credit, which is then spent.
    fn spend(&mut self, bytes: usize) -> bool {
        let left = self.credit.checked_sub(bytes);
        self.credit = left.unwrap_or(self.credit);
        left.is_some()
    }

    /// Starts again: what was undecided is no longer there.
    pub(super) fn restart(&mut self) {
        self.cursor = 0;
    }

    /// Searches `bytes`, which start with the place that was undecided last. If they are all that
    /// there will be (`ended`), no place is undecided but the end.
    pub(super) fn next(&mut self, bytes: &[u8], ended: bool) -> Next {
        let mut at = 0;
        while let Some(passed) = bytes.get(at..).and_then(first_start) {
            if passed > 0 {
                self.restart();
            }
            at += passed;
            if self.cursor == 0 && !self.spend(BYTES_PER_PLACE) {
                break;
            }
            match self.look_at(&bytes[at..]) {
                Question::Valid => {
                    self.restart();
                    return Next::Message(at);
                }
                Question::Short if !ended => return Next::Undecided(at),
                Question::Short | Question::Invalid => {
                    self.restart();
                    at += 1;
                }
            }
        }
        Next::Undecided(if ended {
            bytes.len()
        } else {
            at.max((bytes.len() + 1).saturating_sub(START_BYTES))
        })
    }

    /// Looks at a place whose header is that of a response.
    fn look_at(&mut self, bytes: &[u8]) -> Question {
        let mut cursor = self.cursor.max(START_BYTES);
        let question = self.question(bytes, &mut cursor);
        self.cursor = cursor;
        let Some(behind) =
            message_length(bytes).and_then(|length| bytes.get(LENGTH_BYTES + length..))
        else {
            return question;
        };
        match (question, behind.first_chunk()) {
            (Question::Valid, Some(start)) if !is_start(start) => Question::Invalid,
            (Question::Valid, Some(_)) => match self.question(behind, &mut { START_BYTES }) {
                Question::Invalid => Question::Invalid,
                Question::Valid | Question::Short => Question::Valid,
            },
            _ => question,
        }
    }

    /// Walks the question of the message that `bytes` start with, from the label at `cursor` on.
    fn question(&mut self, bytes: &[u8], cursor: &mut usize) -> Question {
        let end = LENGTH_BYTES + message_length(bytes).unwrap_or(0);
        loop {
            if *cursor + MIN_QUESTION_BYTES > end || *cursor >= START_BYTES + NAME_BYTES {
                return Question::Invalid;
            }
            let label = match bytes.get(*cursor) {
                None => return Question::Short,
                Some(0) => break,
                Some(label @ 1..=63) => *label,
                Some(_) => return Question::Invalid,
            };
            if !self.spend(BYTES_PER_LABEL) {
                return Question::Invalid;
            }
            *cursor += 1 + usize::from(label);
        }
        match bytes.get(*cursor + 3..*cursor + 5) {
            None => Question::Short,
            Some([0, 1 | 3 | 4 | 254 | 255]) => Question::Valid,
            Some(_) => Question::Invalid,
        }
    }
}

/// The first place at which length and header are those of a response.
fn first_start(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(block) = bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk::<{ BLOCK + START_BYTES - 1 }>)
    {
        // Without branches, so that the places are looked at in one register.
        let mut found = false;
        for place in 0..BLOCK {
            found |= (block[place + 4] & RESPONSE_MASK == RESPONSE)
                & (block[place + 6] == 0)
                & (block[place + 7] == 1);
        }
        if found && let Some(place) = block.windows(START_BYTES).position(is_start_of) {
            return Some(at + place);
        }
        at += BLOCK;
    }
    let rest = bytes.get(at..)?.windows(START_BYTES);
    rest.into_iter()
        .position(is_start_of)
        .map(|place| at + place)
}

/// QR, opcode 0.
const RESPONSE: u8 = 0x80;
const RESPONSE_MASK: u8 = 0xf8;

fn is_start_of(bytes: &[u8]) -> bool {
    bytes.first_chunk().is_some_and(is_start)
}

/// Whether these can be the length and the header of a response with one question (RFC 1035,
/// section 4.1.1).
///
/// ```text
/// length 2 | ID 2 | QR, opcode 4 bits, 3 bits | 8 bits | questions 2 | answers 2 | authorities 2 | additional 2
/// ```
fn is_start(bytes: &[u8; START_BYTES]) -> bool {
    let number = |at: usize| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    let smallest = || {
        let records = number(8) + number(10) + number(12);
        HEADER_BYTES + MIN_QUESTION_BYTES + records * MIN_RECORD_BYTES
    };
    number(6) == 1 && bytes[4] & RESPONSE_MASK == RESPONSE && number(0) >= smallest()
}

#[cfg(test)]
mod tests;
