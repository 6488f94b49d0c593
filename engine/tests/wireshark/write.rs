//! Datagrams of version 5, as `docs/protocol.md` has them, and names of every version.

/// The header's time in these tests: that of their captures, in microseconds.
pub(crate) const TIME: u64 = super::dissection::START * 1_000_000;

/// Where records start without header parts.
pub(crate) const HEADER_BYTES: usize = 32;

/// A datagram, as it is put together.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    is_stats: bool,
    parts: Vec<u8>,
    count: u16,
    body: Vec<u8>,
}

impl Writer {
    /// A datagram of records.
    pub(crate) fn records() -> Self {
        Self {
            is_stats: false,
            parts: Vec::new(),
            count: 0,
            body: Vec::new(),
        }
    }

    /// A datagram of counters.
    pub(crate) fn stats() -> Self {
        Self {
            is_stats: true,
            ..Self::records()
        }
    }

    /// With a part of the header; only before the first record.
    pub(crate) fn part(mut self, kind: u8, value: &[u8]) -> Self {
        self.parts.extend([kind, short(value.len())]);
        self.parts.extend(value);
        self
    }

    /// With a record of these fields.
    pub(crate) fn record(mut self, fields: &[u8]) -> Self {
        let length = u16::try_from(fields.len()).expect("records are short");
        self.body.extend(length.to_be_bytes());
        self.with(fields)
    }

    /// With a counter.
    pub(crate) fn counter(mut self, name: &[u8], value: u64) -> Self {
        self.body.push(short(name.len()));
        self.body.extend(name);
        self.with(&varint(value))
    }

    /// One more of what is counted, whose bytes these are.
    pub(crate) fn with(mut self, bytes: &[u8]) -> Self {
        self.body.extend(bytes);
        self.count += 1;
        self
    }

    /// The number of things that the header announces in place of how many there are.
    pub(crate) fn announcing(mut self, count: u16) -> Self {
        self.count = count;
        self
    }

    /// The offset in the datagram of the fields of the next record.
    pub(crate) fn next(&self) -> usize {
        HEADER_BYTES + self.parts.len().next_multiple_of(4) + self.body.len() + 2
    }

    /// The datagram.
    pub(crate) fn datagram(&self) -> Vec<u8> {
        let mut parts = self.parts.clone();
        parts.resize(parts.len().next_multiple_of(4), 0);
        let words = short((HEADER_BYTES + parts.len()) / 4);
        let mut out = vec![5, words, 0, u8::from(self.is_stats)];
        out.extend(3_u16.to_be_bytes());
        out.extend(self.count.to_be_bytes());
        out.extend(0x0102_0304_0506_0708_u64.to_be_bytes());
        out.extend(u64::MAX.to_be_bytes());
        out.extend(TIME.to_be_bytes());
        out.extend(parts);
        out.extend(&self.body);
        out
    }
}

/// A record's fields up to the name: of UDP, a client with an IPv4 address, and a resolver with another.
pub(crate) fn opening(question: u8) -> Vec<u8> {
    let mut out = vec![question, 0x18];
    out.extend(signed(0));
    out.extend([10, 0, 0, 1, 0x9c, 0x40]);
    out.extend([0, 5, 0, 192, 0, 2, 53]);
    out
}

/// LEB128.
pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let bits = u8::try_from(value & 0x7f).expect("7 bits");
        value >>= 7;
        if value == 0 {
            out.push(bits);
            return out;
        }
        out.push(bits | 0x80);
    }
}

/// A varint of either sign.
pub(crate) fn signed(value: i64) -> Vec<u8> {
    varint(if value < 0 {
        value
            .unsigned_abs()
            .wrapping_sub(1)
            .wrapping_mul(2)
            .wrapping_add(1)
    } else {
        value.unsigned_abs() * 2
    })
}

/// Labels without an end.
pub(crate) fn labels(labels: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for label in labels {
        out.push(short(label.len()));
        out.extend(*label);
    }
    out
}

/// A name without pointers, of text.
pub(crate) fn name(text: &str) -> Vec<u8> {
    let mut out = labels(&text.split('.').map(str::as_bytes).collect::<Vec<_>>());
    out.push(0);
    out
}

/// A pointer that many bytes back.
pub(crate) fn pointer(distance: usize) -> [u8; 2] {
    let distance = u16::try_from(distance).expect("datagrams are short");
    (0xc000 | distance).to_be_bytes()
}

/// The first byte of a group of answers.
pub(crate) fn group(kind: u8, has_owner: bool, count: u8) -> u8 {
    kind << 5 | u8::from(has_owner) << 4 | count
}

fn short(length: usize) -> u8 {
    u8::try_from(length).expect("less than 256")
}
