//! DNS messages that are expensive to read or to write.

use super::Random;

/// Types of records (IANA, DNS parameters).
pub(super) const A: u16 = 1;
pub(super) const CNAME: u16 = 5;
pub(super) const TXT: u16 = 16;
pub(super) const AAAA: u16 = 28;
pub(super) const OPT: u16 = 41;

/// The root, as a name.
pub(super) const ROOT: &[u8] = &[0];
/// A pointer to the question's name.
pub(super) const QUESTION: &[u8] = &[0xc0, 12];

/// Pointers in a row: those to a name's start and in it are at most 127, or it counts as a loop.
const CHAIN: usize = 126;

/// A response that grows record by record (RFC 1035, section 4.1).
#[derive(Clone, Debug)]
pub(super) struct Message {
    bytes: Vec<u8>,
    answers: u16,
}

impl Message {
    /// A response to a question for an address of `name`, which is in wire format.
    pub(super) fn new(id: u16, name: &[u8]) -> Self {
        let mut bytes = id.to_be_bytes().to_vec();
        bytes.extend([0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0]);
        bytes.extend(name);
        bytes.extend([0, 1, 0, 1]);
        Self { bytes, answers: 0 }
    }

    /// Adds an answer.
    ///
    /// # Panics
    /// If `data` has more than 65,535 bytes.
    pub(super) fn answer(&mut self, owner: &[u8], kind: u16, data: &[u8]) {
        self.answers += 1;
        self.bytes.extend(owner);
        self.bytes.extend(kind.to_be_bytes());
        self.bytes.extend([0, 1, 0, 0, 1, 44]);
        let length = u16::try_from(data.len()).expect("the data of one record");
        self.bytes.extend(length.to_be_bytes());
        self.bytes.extend(data);
    }

    /// Adds the same answer as often as the message stays within `bytes`.
    pub(super) fn fill(&mut self, bytes: usize, owner: &[u8], kind: u16, data: &[u8]) {
        let size = owner.len() + 10 + data.len();
        while self.bytes.len() + size <= bytes {
            self.answer(owner, kind, data);
        }
    }

    /// Adds a record of a type that is passed over, which holds names. `names` makes them, of the
    /// offset at which they are.
    pub(super) fn hold(&mut self, names: impl FnOnce(usize) -> Vec<u8>) -> Vec<u8> {
        const RECORD_BYTES: usize = ROOT.len() + 10;
        let at = self.bytes.len() + RECORD_BYTES;
        let names = names(at);
        self.answer(ROOT, TXT, &names);
        pointer(at)
    }

    /// The message, which says how many answers it has.
    pub(super) fn done(self) -> Vec<u8> {
        let answers = self.answers;
        self.claiming(answers)
    }

    /// The message, which says that it has so many answers.
    pub(super) fn claiming(mut self, answers: u16) -> Vec<u8> {
        self.bytes[6..8].copy_from_slice(&answers.to_be_bytes());
        self.bytes
    }
}

/// A pointer to an offset.
///
/// # Panics
/// If a pointer can't hold it: it has 14 bits.
pub(super) fn pointer(to: usize) -> Vec<u8> {
    let to = u16::try_from(to).expect("an offset of 16 bits");
    assert!(to < 1 << 14, "a pointer has 14 bits");
    (0xc000 | to).to_be_bytes().to_vec()
}

/// A name in wire format, of these labels.
///
/// # Panics
/// If a label has more than 63 bytes.
pub(crate) fn name<'l>(labels: impl IntoIterator<Item = &'l [u8]>) -> Vec<u8> {
    let mut name = Vec::new();
    for label in labels {
        assert!(label.len() < 64, "a label has at most 63 bytes");
        name.extend(u8::try_from(label.len()));
        name.extend(label);
    }
    name.push(0);
    name
}

/// The longest name, of as many labels as fit: 127 of one byte.
pub(super) fn many_labels(byte: u8) -> Vec<u8> {
    name([&[byte][..]; 127])
}

/// The longest name, of as few labels as fit.
pub(super) fn long_labels(byte: u8) -> Vec<u8> {
    let labels = [63, 63, 63, 61].map(|bytes| vec![byte; bytes]);
    name(labels.iter().map(Vec::as_slice))
}

/// A name at an offset whose every label is behind a pointer of its own.
pub(super) fn chained_labels(at: usize, byte: u8) -> Vec<u8> {
    const LINK_BYTES: usize = 4;
    let link = |index| {
        let next = pointer(at + LINK_BYTES * (index + 1));
        [&[1, byte][..], &next].concat()
    };
    let mut chain: Vec<u8> = (0..CHAIN).flat_map(link).collect();
    chain.push(0);
    chain
}

/// The root at an offset, behind pointers to pointers.
pub(super) fn chained_pointers(at: usize) -> Vec<u8> {
    let mut chain: Vec<u8> = (1..=CHAIN)
        .flat_map(|index| pointer(at + 2 * index))
        .collect();
    chain.push(0);
    chain
}

/// A message of at most `bytes` whose answers of a type have names that go through pointers and
/// labels in turn.
pub(super) fn chain(id: u16, bytes: usize, kind: u16) -> Vec<u8> {
    let [_, salt] = id.to_be_bytes();
    let mut message = Message::new(id, &name([&b"flood"[..], b"example"]));
    let chain = message.hold(|at| chained_labels(at, b'a' + salt % 26));
    message.answer(QUESTION, A, &[192, 0, 2, salt]);
    let data = match kind {
        CNAME => chain.clone(),
        A => vec![192, 0, 2, 1],
        _ => Vec::new(),
    };
    message.fill(bytes, &chain, kind, &data);
    message.done()
}

/// The same with pointers alone, which are shorter and so more.
pub(super) fn pointers(id: u16, bytes: usize) -> Vec<u8> {
    let mut message = Message::new(id, &name([&b"flood"[..]]));
    let chain = message.hold(chained_pointers);
    message.answer(QUESTION, A, &[192, 0, 2, 1]);
    message.fill(bytes, &chain, TXT, &[]);
    message.done()
}

/// A message of at most `bytes` with aliases that are all the same name, which is there once.
pub(super) fn aliases(id: u16, bytes: usize, alias: &[u8]) -> Vec<u8> {
    let mut message = Message::new(id, &name([&b"flood"[..]]));
    let held = message.hold(|_| alias.to_vec());
    message.answer(QUESTION, A, &[192, 0, 2, 1]);
    message.fill(bytes, QUESTION, CNAME, &held);
    message.done()
}

/// A message of at most `bytes` with as many addresses as fit.
pub(super) fn addresses(id: u16, bytes: usize, kind: u16) -> Vec<u8> {
    let mut message = Message::new(id, ROOT);
    let address = if kind == AAAA {
        &[32; 16][..]
    } else {
        &[192, 0, 2, 1]
    };
    message.fill(bytes, ROOT, kind, address);
    message.done()
}

/// The smallest response that gives a record.
pub(super) fn tiny(id: u16) -> Vec<u8> {
    addresses(id, 12 + 5 + 15, A)
}

/// Bytes at every 14 of which a message seems to start, with a question whose name points to
/// itself: a length, an identifier, the flags of a response, one question, no records, and the
/// name, which is also the next length.
pub(super) fn lookalikes(bytes: usize, random: &mut Random) -> Vec<u8> {
    let mut found = Vec::with_capacity(bytes + 14);
    while found.len() < bytes {
        found.extend([0xc0, 12]);
        found.extend(random.bytes(2));
        found.extend([0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    }
    found.truncate(bytes);
    found
}

/// What a message is in a stream: its length stands before it (RFC 1035, section 4.2.2).
///
/// # Panics
/// If it has more than 65,535 bytes.
pub(super) fn in_stream(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).expect("a message has at most 65,535 bytes");
    [&length.to_be_bytes()[..], message].concat()
}

#[cfg(test)]
mod tests {
    use dnsflow_wire::dns::{Answers, Dialect, Extent, MessageReject, Scratch};

    use super::*;

    /// Names and addresses of a message, if it is valid and its names are not too long for it.
    fn read(message: &[u8]) -> Result<(usize, usize), MessageReject> {
        let mut scratch = Scratch::default();
        let answers = Answers::parse(message, Dialect::Unicast, Extent::Whole, &mut scratch)?;
        Ok((answers.names().len(), answers.ipv4().len()))
    }

    #[test]
    fn expensive_messages_are_valid() {
        assert_eq!(read(&chain(0, 1472, A)), Ok((1, 57)));
        assert_eq!(read(&chain(0, 1472, CNAME)), Ok((9, 1)));
        assert_eq!(read(&chain(0, 1472, TXT)), Ok((1, 1)));
        assert_eq!(read(&pointers(0, 1472)), Ok((1, 1)));
        assert_eq!(read(&aliases(0, 1472, &many_labels(0))), Ok((9, 1)));
        assert_eq!(read(&addresses(0, 65_535, A)), Ok((1, 4367)));
        assert_eq!(read(&tiny(0)), Ok((1, 1)));
    }

    /// Bytes of a name once its pointers are followed.
    fn wire_bytes(name: &[u8]) -> usize {
        let (mut at, mut bytes) = (0, 0);
        loop {
            let length = usize::from(name[at]);
            if length >= 0xc0 {
                at = (length & 0x3f) << 8 | usize::from(name[at + 1]);
                continue;
            }
            at += 1 + length;
            bytes += 1 + length;
            if length == 0 {
                return bytes;
            }
        }
    }

    #[test]
    fn the_longest_names_are_names() {
        assert_eq!(wire_bytes(&many_labels(b'x')), 255);
        assert_eq!(wire_bytes(&long_labels(b'x')), 255);
        assert_eq!(wire_bytes(&chained_labels(0, b'x')), 253);
        assert_eq!(wire_bytes(&chained_pointers(0)), 1);
    }
}
