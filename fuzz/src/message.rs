//! DNS messages from a small language: most bytes of an input become a name, a pointer or a record
//! that fits, and some become one that does not.
//!
//! ```text
//! flags 1 | [header flags 2] | name | type 1 | count 1 | record .. | trailing bytes
//! record: owner 1 | [name] | type 1 | [type 2] | [name | bytes]
//! name:   labels 4 bits, end 4 bits | label: length 1 | .. | [pointer 1 or 2]
//! ```

use crate::input::Input;

/// Flags of a recursive resolver's response: QR, RD, RA.
const RESPONSE: u16 = 0x8180;
/// Flags of a multicast DNS response: QR, AA.
const MULTICAST: u16 = 0x8400;

/// Bytes after which a message gets no further record.
const ENOUGH_BYTES: usize = 60_000;

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const TYPES: [u16; 12] = [A, A, CNAME, AAAA, A, AAAA, CNAME, 46, 16, 65, 39, 255];
const QUESTIONS: [u16; 8] = [A, AAAA, 255, A, AAAA, A, 15, 65];

/// A message that is being built, and where its labels are.
#[derive(Debug, Default)]
struct Message {
    bytes: Vec<u8>,
    labels: Vec<u16>,
}

/// Builds a message.
pub fn message(input: &mut Input<'_>) -> Vec<u8> {
    let flags = input.byte();
    let mut message = Message::default();
    message.half(0x1234);
    message.half(match flags & 3 {
        1 => input.half(),
        2 => MULTICAST,
        _ => RESPONSE,
    });
    let questions = u16::from(flags & 4 == 0);
    message.half(questions + u16::from(flags & 0xc0 == 0xc0));
    let count_at = message.bytes.len();
    for _ in 0..3 {
        message.half(0);
    }
    if questions == 1 {
        message.name(input);
        message.half(input.choice(&QUESTIONS));
        message.half(1);
    }
    // With many records, those behind the end of the input are addresses.
    let many = flags & 8 != 0;
    let records = usize::from(input.byte()) << if many { 3 } else { 0 };
    let mut written: u16 = 0;
    for _ in 0..records {
        if message.bytes.len() > ENOUGH_BYTES || input.is_empty() && !many {
            break;
        }
        message.record(input);
        written += 1;
    }
    let counted = written.wrapping_add(u16::from(flags & 0x10 != 0));
    message.bytes[count_at..count_at + 2].copy_from_slice(&counted.to_be_bytes());
    if flags & 0x20 != 0 {
        let trailing = usize::from(input.byte());
        message.bytes.extend(input.take(trailing));
    }
    message.bytes
}

impl Message {
    fn half(&mut self, half: u16) {
        self.bytes.extend(half.to_be_bytes());
    }

    fn offset(&self) -> u16 {
        u16::try_from(self.bytes.len()).unwrap_or(u16::MAX)
    }

    fn pointer(&mut self, to: u16) {
        self.half(0xc000 | to);
    }

    /// A pointer to the label before that many others.
    fn pointer_back(&mut self, by: u8) {
        let index = self.labels.len().checked_sub(1 + usize::from(by));
        let to = index.and_then(|index| self.labels.get(index)).copied();
        self.pointer(to.unwrap_or(12) & 0x3fff);
    }

    fn name(&mut self, input: &mut Input<'_>) {
        let shape = input.byte();
        for _ in 0..shape >> 4 {
            self.labels.push(self.offset());
            let length = input.byte();
            if length & 0x80 == 0 {
                let length = length & 0x3f;
                self.bytes.push(length);
                self.bytes.extend(std::iter::repeat_n(b'x', length.into()));
            } else {
                let label = input.take(usize::from(length & 0x3f).max(1));
                self.bytes.push(u8::try_from(label.len()).unwrap_or(0));
                self.bytes.extend(label);
            }
        }
        match shape & 7 {
            0 | 1 => self.bytes.push(0),
            2 => self.pointer(12),
            3 | 4 => {
                let by = input.byte();
                self.pointer_back(by);
            }
            5 => {
                let to = input.half();
                self.pointer(to & 0x3fff);
            }
            6 => self.bytes.push(input.byte()),
            _ => {
                let behind = self.offset().saturating_add(2 + u16::from(input.byte()));
                self.pointer(behind & 0x3fff);
            }
        }
    }

    fn record(&mut self, input: &mut Input<'_>) {
        let shape = input.byte();
        match shape & 3 {
            0 | 1 => self.pointer(12),
            2 => self.pointer_back(shape >> 5),
            _ => self.name(input),
        }
        let kind = match input.byte() {
            0xff => input.half(),
            chosen => TYPES[usize::from(chosen) % TYPES.len()],
        };
        self.half(kind);
        self.half(1);
        self.bytes.extend([0, 0, 1, 44]);
        let length_at = self.bytes.len();
        self.half(0);
        match kind {
            _ if shape & 0x18 == 0x18 => {
                let count = usize::from(input.byte());
                self.bytes.extend(input.take(count));
            }
            A => self.bytes.extend(input.word().to_be_bytes()),
            AAAA => {
                let low = input.word().to_be_bytes();
                self.bytes
                    .extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0]);
                self.bytes.extend(low);
            }
            CNAME | 39 => self.name(input),
            _ => {
                let count = usize::from(input.byte() & 0x3f);
                self.bytes.extend(std::iter::repeat_n(0xc0, count));
            }
        }
        let length = self.bytes.len() - length_at - 2;
        let wrong = u16::from(shape & 0x1c == 0x14);
        let length = u16::try_from(length)
            .unwrap_or(u16::MAX)
            .wrapping_add(wrong);
        self.bytes[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
    }
}
