//! A message as the `domain` crate reads it, and where the sensor is meant to differ.
//!
//! | | `domain` | sensor |
//! |---|---|---|
//! | a pointer that does not point back, or to labels that go on past the name | refused | followed |
//! | pointers in one name | 255 at most | 127 at most |
//! | names of a message | all | the first ones, if all have more than 2 KiB |
//! | names that have more than 4 times the message's bytes | read | refused |

use std::net::{Ipv4Addr, Ipv6Addr};

use dnsflow_wire::dns::{Answers, MessageReject};
use domain::base::iana::Rcode;
use domain::base::name::ParsedName;
use domain::base::{Message, Rtype};
use domain::rdata::{A, Aaaa, Cname};

/// Pointers that the sensor follows in one name.
const MAX_POINTERS: usize = 127;

/// Bytes of names, uncompressed, that the sensor keeps at least.
const NAMES_BYTES: usize = 2048;

/// Bytes of names, uncompressed, for each byte of a message that the sensor reads at least.
const NAMES_RATIO: usize = 4;

/// Bytes of the header.
const HEADER_BYTES: usize = 12;

/// What a message says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Opinion {
    /// Labels of each name, without the root.
    names: Vec<Vec<Vec<u8>>>,
    ipv4: Vec<Ipv4Addr>,
    ipv6: Vec<Ipv6Addr>,
}

impl Opinion {
    /// Leaves out the names that the sensor leaves out, beyond [`NAMES_BYTES`].
    fn limited_as(mut self, sensor: &Self) -> Self {
        let kept = sensor.names.len();
        if let Some(names) = self.names.get(..=kept) {
            let bytes =
                |name: &Vec<Vec<u8>>| 1 + name.iter().map(|label| 1 + label.len()).sum::<usize>();
            let bytes: usize = names.iter().map(bytes).sum();
            assert!(
                bytes > NAMES_BYTES,
                "{kept} names, and the next is left out"
            );
            self.names.truncate(kept);
        }
        self
    }

    /// What the sensor says.
    fn of(answers: &Answers<'_>) -> Self {
        Self {
            names: answers
                .names()
                .map(|name| name.labels().map(<[u8]>::to_vec).collect())
                .collect(),
            ipv4: answers.ipv4().iter().map(|&octets| octets.into()).collect(),
            ipv6: answers.ipv6().iter().map(|&octets| octets.into()).collect(),
        }
    }
}

/// Holds that `domain` says of a message what the sensor says: the same content, or that there is
/// none.
///
/// # Panics
/// If they differ in other ways than they are meant to.
pub fn compare(message: &[u8], sensor: Result<&Answers<'_>, MessageReject>) {
    match (opinion(message), sensor) {
        (Some(opinion), Ok(answers)) => {
            let sensor = Opinion::of(answers);
            assert_eq!(opinion.limited_as(&sensor), sensor);
        }
        (Some(opinion), Err(reason)) => {
            let names = pointers(message);
            let is_long = names.iter().any(|name| name.count > MAX_POINTERS);
            let bytes: usize = names.iter().map(|name| name.bytes).sum();
            let is_excess =
                reason == MessageReject::NameBytes && bytes > NAMES_RATIO * message.len();
            assert!(is_long || is_excess, "{reason:?}: {opinion:?}");
        }
        (None, Ok(answers)) => {
            let goes_ahead = pointers(message).iter().any(|name| name.goes_ahead);
            assert!(goes_ahead, "only the sensor: {:?}", Opinion::of(answers));
        }
        (None, Err(_)) => {}
    }
}

/// What `domain` says; `None` if the message does not qualify or is damaged.
fn opinion(message: &[u8]) -> Option<Opinion> {
    let message = Message::from_slice(message).ok()?;
    let header = message.header();
    let is_answer = header.qr() && header.rd() && header.ra() && header.rcode() == Rcode::NOERROR;
    if !is_answer || message.header_counts().qdcount() != 1 {
        return None;
    }
    let question = message.sole_question().ok()?;
    if ![Rtype::A, Rtype::AAAA, Rtype::ANY].contains(&question.qtype()) {
        return None;
    }
    let mut opinion = Opinion::default();
    opinion.names.push(labels(question.qname()));
    for record in message.answer().ok()? {
        let record = record.ok()?;
        match record.rtype() {
            Rtype::A => {
                let record = record.to_record::<A>().ok()??;
                opinion.ipv4.push(record.data().addr());
            }
            Rtype::AAAA => {
                let record = record.to_record::<Aaaa>().ok()??;
                opinion.ipv6.push(record.data().addr());
            }
            Rtype::CNAME => {
                let record = record.to_record::<Cname<ParsedName<&[u8]>>>().ok()??;
                opinion.names.push(labels(record.data().cname()));
            }
            _ => {}
        }
    }
    let has_address = !opinion.ipv4.is_empty() || !opinion.ipv6.is_empty();
    has_address.then_some(opinion)
}

fn labels(name: &ParsedName<&[u8]>) -> Vec<Vec<u8>> {
    name.iter()
        .filter(|label| !label.is_root())
        .map(|label| label.as_slice().to_vec())
        .collect()
}

/// The pointers of one name.
#[derive(Debug, Default)]
struct Pointers {
    count: usize,
    /// Bytes of the labels, without the root.
    bytes: usize,
    /// One does not point back, or to labels that go on past the name.
    goes_ahead: bool,
}

/// Those of each name that is read: of the question, of owners, of aliases.
fn pointers(message: &[u8]) -> Vec<Pointers> {
    let mut found = Vec::new();
    let mut at = HEADER_BYTES;
    let count = message.get(6..8).map_or(0, |count| half(count, 0));
    // What is behind a name, and how many bytes of that are no name.
    let name = |at: usize, found: &mut Vec<Pointers>| -> Option<usize> {
        let (pointers, behind) = follow(message, at)?;
        found.push(pointers);
        Some(behind)
    };
    let Some(behind) = name(at, &mut found) else {
        return found;
    };
    at = behind + 4;
    for _ in 0..count {
        let Some(behind) = name(at, &mut found) else {
            break;
        };
        let Some(fixed) = message.get(behind..behind + 10) else {
            break;
        };
        if half(fixed, 0) == 5 && name(behind + 10, &mut found).is_none() {
            break;
        }
        at = behind + 10 + half(fixed, 8);
    }
    found
}

fn half(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]))
}

/// The pointers of the name at an offset, and the offset of what is behind it.
fn follow(message: &[u8], at: usize) -> Option<(Pointers, usize)> {
    let mut pointers = Pointers::default();
    let (mut at, mut behind) = (at, None);
    loop {
        pointers.goes_ahead |= behind.is_some_and(|behind| at >= behind);
        let byte = usize::from(*message.get(at)?);
        match byte {
            0 => return Some((pointers, behind.unwrap_or(at + 1))),
            1..0x40 => {
                at += 1 + byte;
                pointers.bytes += 1 + byte;
            }
            0xc0.. => {
                let to = half(message.get(at..at + 2)?, 0) & 0x3fff;
                behind = behind.or(Some(at + 2));
                pointers.count += 1;
                pointers.goes_ahead |= to >= at;
                if pointers.count > 2 * MAX_POINTERS {
                    return Some((pointers, behind?));
                }
                at = to;
            }
            _ => return None,
        }
    }
}
