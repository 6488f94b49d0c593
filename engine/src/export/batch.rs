//! Datagrams side by side in one stretch of memory, and the sequence that numbers them.

use std::ops::Range;

use dnsflow_wire::encode::{Builder, Draft, Encode, EncodePart, MAX_TRANSCRIPT_BYTES};
use dnsflow_wire::response::Response;
use dnsflow_wire::v4::Stats;

use super::pool::Pool;

/// Most that one send takes, in bytes: what an IPv6 packet carries besides the header of UDP.
pub(crate) const MAX_RUN_BYTES: usize = 65_535 - 8 - 40;

/// Most datagrams that one send takes: UDP_MAX_SEGMENTS of kernels before 6.9 (linux/udp.h).
const MAX_RUN_DATAGRAMS: usize = 64;

/// Room in a datagram, besides that for the set at hand, below which its last sets are chosen to fit: it is looked for twice
/// in most datagrams, and found for all but one in a thousand of them.
const CLOSE_BYTES: usize = 200;

/// Datagrams of a stream that are not yet sent, with sets in the format of `E`.
#[derive(Debug)]
pub(super) struct Batch<E> {
    /// Finished datagrams, then the one in the making.
    memory: Vec<u8>,
    /// Where each finished datagram ends.
    ends: Vec<usize>,
    /// How many of those wait for each other before they are sent: as many as one send takes.
    full: usize,
    builder: Builder<E>,
    /// Where datagrams are to have one size, the sets that wait to make it so.
    pool: Option<Pool>,
    datagram_bytes: usize,
    sequence: u32,
}

impl<E: Encode> Batch<E> {
    /// Datagrams have at most `datagram_bytes`; where `exactly`, nearly all have just that.
    pub(super) fn new(datagram_bytes: usize, exactly: bool) -> Self {
        let full = (MAX_RUN_BYTES / datagram_bytes.max(1)).clamp(1, MAX_RUN_DATAGRAMS);
        Self {
            memory: vec![0; (full + 1) * datagram_bytes + size_of::<Draft>()],
            ends: Vec::with_capacity(2 * MAX_RUN_DATAGRAMS),
            full,
            builder: Builder::default(),
            pool: exactly.then(Pool::default),
            datagram_bytes,
            sequence: 1,
        }
    }

    /// Datagrams are of another size from now on; the sequence goes on. To be called when nothing waits.
    pub(super) fn reshape(&mut self, datagram_bytes: usize, exactly: bool) {
        if (self.datagram_bytes, self.pool.is_some()) != (datagram_bytes, exactly) {
            *self = Self {
                sequence: self.sequence,
                ..Self::new(datagram_bytes, exactly)
            };
        }
    }

    /// Where the next set is written, behind the sets of the datagram in the making; [`Batch::keep`] takes it.
    #[inline(always)]
    pub(super) fn draft(&mut self) -> Option<&mut Draft> {
        let at = self.start() + self.builder.next();
        self.memory.get_mut(at..)?.first_chunk_mut()
    }

    /// Takes the set of so many bytes that was written.
    #[inline(always)]
    pub(super) fn keep(&mut self, size: usize) {
        match &self.pool {
            // A datagram starts with the set that has waited longest, and its last ones are chosen.
            Some(_) if self.builder.is_empty() || !self.has_room(size + CLOSE_BYTES) => {
                self.fit(size);
            }
            None if !self.has_room(size) => self.carry_over(size),
            _ => self.builder.wrote(size),
        }
    }

    /// Appends a response; returns the number of sets that it took.
    #[inline(never)]
    pub(super) fn push(&mut self, response: &Response<'_>) -> u64 {
        let mut sets = 0;
        for part in E::parts(response, self.datagram_bytes - E::HEADER_BYTES) {
            sets += 1;
            if let Some(draft) = self.draft().filter(|_| part.size() <= MAX_TRANSCRIPT_BYTES) {
                part.write(draft);
                self.keep(part.size());
            } else {
                self.append(&part);
            }
        }
        sets
    }

    /// Ends all datagrams, however full they are.
    pub(super) fn finish(&mut self) {
        while let Some(slot) = self.pool.as_ref().and_then(Pool::oldest) {
            if !self.append_pooled(slot) {
                self.close();
            }
        }
        self.close();
    }

    /// Ends all datagrams and appends one with stats.
    pub(super) fn stats(&mut self, stats: &Stats) {
        self.finish();
        let room = self.room();
        let start = room.start;
        let bytes = E::write_stats(stats, self.sequence, &mut self.memory[room]);
        self.end(start + bytes);
    }

    pub(super) fn is_full(&self) -> bool {
        self.ends.len() >= self.full
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.builder.is_empty() || self.pool.as_ref().is_some_and(|pool| !pool.is_empty())
    }

    /// Whether there is a datagram in the making.
    pub(super) fn is_begun(&self) -> bool {
        !self.builder.is_empty()
    }

    /// How many sets have gone to the pool since the start.
    pub(super) fn pooled(&self) -> u64 {
        self.pool.as_ref().map_or(0, Pool::count)
    }

    /// Of those, how many went before the oldest that is still there.
    pub(super) fn oldest_pooled(&self) -> Option<u64> {
        self.pool.as_ref().and_then(Pool::oldest_born)
    }

    /// Number of finished datagrams.
    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.ends.len()).unwrap_or(u64::MAX)
    }

    /// The finished datagrams, in order.
    pub(super) fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        self.places().map(|place| &self.memory[place])
    }

    /// The finished datagrams in runs of one size, the last of each run being that or shorter: what one send
    /// can take. Each with the size.
    pub(super) fn runs(&self) -> impl Iterator<Item = (&[u8], usize)> {
        let mut places = self.places().peekable();
        std::iter::from_fn(move || {
            let first = places.next()?;
            let (mut run, size) = (first.clone(), first.len());
            let (mut last, mut count) = (size, 1);
            while last == size
                && count < MAX_RUN_DATAGRAMS
                && let Some(next) = places.next_if(|next| next.len() <= size)
                && next.end - run.start <= MAX_RUN_BYTES
            {
                last = next.len();
                count += 1;
                run.end = next.end;
            }
            Some((&self.memory[run], size))
        })
    }

    /// Forgets the finished datagrams; the one in the making stays.
    pub(super) fn clear(&mut self) {
        let start = self.start();
        self.memory
            .copy_within(start..start + self.builder.len(), 0);
        self.ends.clear();
    }

    /// Keeps the set that was written, where the pool sees to it that datagrams get full. It makes way for those that go
    /// before it, so that it always stands where the next set goes.
    #[inline(never)]
    fn fit(&mut self, size: usize) {
        loop {
            let at = self.start() + self.builder.next();
            let written = at..at + size;
            let room = self.datagram_bytes - self.builder.next();
            let has_room = self.has_room(size);
            let Some(pool) = &mut self.pool else { return };
            if !pool.is_full() {
                return pool.add(&self.memory[written]);
            }
            if self.builder.is_empty() {
                // A datagram starts with the set that has waited longest.
                let Some(slot) = pool.oldest() else { return };
                self.memory.copy_within(written, at + pool.size(slot));
                self.append_pooled(slot);
            } else if room < size + CLOSE_BYTES
                && let Some(slots) = pool.exactly(room)
            {
                let aside = at + room + E::HEADER_BYTES;
                self.memory.copy_within(written, aside);
                for slot in slots.into_iter().flatten() {
                    self.append_pooled(slot);
                }
                self.close();
                // That is there already, unless the datagram could not count them all.
                let next = self.start() + self.builder.next();
                self.memory.copy_within(aside..aside + size, next);
            } else if has_room {
                return self.builder.wrote(size);
            } else {
                return self.carry_over(size);
            }
        }
    }

    /// Ends the datagram in the making; the set that was written behind it starts the next.
    #[inline(never)]
    fn carry_over(&mut self, size: usize) {
        let from = self.start() + self.builder.next();
        self.close();
        let to = self.start() + self.builder.next();
        self.memory.copy_within(from..from + size, to);
        self.builder.wrote(size);
    }

    /// Whether the datagram in the making has room for a set of so many bytes.
    #[inline(always)]
    fn has_room(&self, size: usize) -> bool {
        self.builder.fits(size, self.datagram_bytes)
    }

    /// Appends a set to the datagram in the making, or to the next where it has no room.
    #[inline(never)]
    fn append(&mut self, part: &impl EncodePart) {
        if !self.has_room(part.size()) {
            self.close();
        }
        let room = self.room();
        self.builder.push(part, &mut self.memory[room]);
    }

    /// Moves a set from the pool to the datagram in the making; false if there is no room for it.
    fn append_pooled(&mut self, slot: usize) -> bool {
        let room = self.room();
        let Some(pool) = &mut self.pool else {
            return false;
        };
        if !self.builder.fits(pool.size(slot), room.len()) {
            return false;
        }
        self.builder
            .push_encoded(pool.take(slot), &mut self.memory[room])
    }

    /// Ends the datagram in the making, if it has a set.
    #[inline(never)]
    fn close(&mut self) {
        let room = self.room();
        let start = room.start;
        let bytes = self.builder.finish(self.sequence, &mut self.memory[room]);
        if bytes > 0 {
            self.end(start + bytes);
        }
    }

    fn end(&mut self, at: usize) {
        self.ends.push(at);
        self.sequence = self.sequence.wrapping_add(1);
        // One response may fill many datagrams: then, and only then, the memory grows.
        let needed = at + self.datagram_bytes + size_of::<Draft>();
        if self.memory.len() < needed {
            self.memory.resize(needed, 0);
        }
    }

    #[inline]
    fn start(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Memory of the datagram in the making.
    #[inline]
    fn room(&self) -> Range<usize> {
        let start = self.start();
        start..start + self.datagram_bytes
    }

    /// Where the finished datagrams are.
    fn places(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(start, end)| *start..*end)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use dnsflow_wire::dns::MessageReject;
    use dnsflow_wire::response::Endpoints;
    use dnsflow_wire::v4::Encoder;
    use proptest::prelude::*;

    use super::*;

    /// Sizes of sets in words of 4 bytes: many of one size, and all there are.
    fn any_words() -> impl Strategy<Value = usize> {
        prop_oneof![Just(12), Just(20), 12..=MAX_TRANSCRIPT_BYTES / 4]
    }

    /// The number in the first bytes of each set of a datagram; a set says in its next bytes how long it is.
    fn numbers(datagram: &[u8]) -> Vec<u32> {
        numbers_from(datagram, Encoder::HEADER_BYTES)
    }

    fn numbers_from(datagram: &[u8], header_bytes: usize) -> Vec<u32> {
        let mut rest = &datagram[header_bytes..];
        let mut found = Vec::new();
        while let [a, b, c, d, low, high, ..] = *rest {
            found.push(u32::from_le_bytes([a, b, c, d]));
            let size = usize::from(u16::from_le_bytes([low, high]));
            assert!(
                rest[6..size].iter().all(|byte| *byte == a),
                "a set is whole"
            );
            rest = &rest[size..];
        }
        assert_eq!(usize::from(datagram[1]), found.len());
        found
    }

    /// Writes sets of so many words, and gives the datagrams that they fill in order.
    fn datagrams_of<E: Encode>(batch: &mut Batch<E>, words: &[usize]) -> Vec<Vec<u8>> {
        let mut taken = Vec::new();
        let mut take = |batch: &mut Batch<E>| {
            taken.extend(batch.datagrams().map(<[u8]>::to_vec));
            batch.clear();
        };
        for (number, words) in (0_u32..).zip(words) {
            let bytes = number.to_le_bytes();
            let draft = batch.draft().expect("there is always room for one more");
            draft.fill(0xee);
            draft[..4 * words].fill(bytes[0]);
            draft[..4].copy_from_slice(&bytes);
            draft[4..6].copy_from_slice(&(4 * words).to_le_bytes()[..2]);
            batch.keep(4 * words);
            if batch.is_full() {
                take(batch);
            }
        }
        batch.finish();
        take(batch);
        taken
    }

    proptest! {
        #[test]
        fn every_set_once(
            words in proptest::collection::vec(any_words(), 0..2000),
            datagram_bytes in prop_oneof![Just(576_usize), Just(1472), Just(8972), Just(40_000)],
            exactly: bool,
        ) {
            let datagrams = datagrams_of(&mut Batch::<Encoder>::new(datagram_bytes, exactly), &words);
            prop_assert!(datagrams.iter().all(|datagram| datagram.len() <= datagram_bytes));
            let mut found: Vec<u32> = datagrams.iter().flat_map(|datagram| numbers(datagram)).collect();
            if !exactly {
                prop_assert!(found.is_sorted(), "in order");
            }
            found.sort_unstable();
            prop_assert!(found.into_iter().eq((0_u32..).take(words.len())));
        }
    }

    #[test]
    fn nearly_all_datagrams_are_full() {
        // From 48 to 184 bytes, as most sets are, in no order.
        let words: Vec<usize> = (0..20_000_usize)
            .map(|n| 12 + n * n * 7 % 1009 % 35)
            .collect();
        let datagrams = datagrams_of(&mut Batch::<Encoder>::new(1472, true), &words);
        let full = datagrams
            .iter()
            .filter(|datagram| datagram.len() == 1472)
            .count();
        assert!(
            100 * full >= 99 * datagrams.len(),
            "{full} of {}",
            datagrams.len()
        );
    }

    /// A format of another header, which counts three sets at most.
    #[derive(Debug)]
    struct Threes;

    impl Encode for Threes {
        const HEADER_BYTES: usize = 12;
        const MAX_SETS: u8 = 3;

        fn transcribe(
            &mut self,
            _: &[u8],
            _: &Endpoints,
            _: &mut Draft,
        ) -> Option<Result<usize, MessageReject>> {
            None
        }

        fn parts<'a>(
            response: &'a Response<'a>,
            room: usize,
        ) -> impl Iterator<Item = impl EncodePart + use<'a>> {
            Encoder::parts(response, room)
        }

        fn write_header(sets: u8, sequence: u32, datagram: &mut [u8]) {
            datagram[..Self::HEADER_BYTES].fill(0);
            datagram[1] = sets;
            datagram[8..12].copy_from_slice(&sequence.to_be_bytes());
        }

        fn write_stats(_: &Stats, _: u32, _: &mut [u8]) -> usize {
            0
        }

        fn write_line(_: &[u8], _: Duration, _: &mut String) {}
    }

    #[test]
    fn header_and_number_of_sets_are_those_of_the_format() {
        for exactly in [false, true] {
            let words = vec![12; 100];
            let datagrams = datagrams_of(&mut Batch::<Threes>::new(1472, exactly), &words);
            let sets: usize = datagrams
                .iter()
                .map(|datagram| numbers_from(datagram, Threes::HEADER_BYTES).len())
                .sum();
            assert_eq!(sets, words.len());
            assert!(datagrams.iter().all(|datagram| datagram[1] <= 3));
            for (sequence, datagram) in (1_u32..).zip(&datagrams) {
                assert_eq!(datagram[8..12], sequence.to_be_bytes());
            }
        }
    }
}
