//! Datagrams of a stream in contiguous memory, and their sequence numbers.

use std::ops::Range;

use dnsflow_wire::encode::{Builder, Draft, Encode, EncodePart, MAX_TRANSCRIPT_BYTES};
use dnsflow_wire::response::Response;
use dnsflow_wire::v4::Stats;

use super::pool::Pool;

/// Most bytes of one send with segmentation offload: the largest payload of a UDP datagram over
/// IPv6.
pub(crate) const MAX_RUN_BYTES: usize = 65_535 - 8 - 40;

/// Most datagrams of one send: UDP_MAX_SEGMENTS of kernels before 6.9 (linux/udp.h).
const MAX_RUN_DATAGRAMS: usize = 64;

/// Room that a set leaves in a datagram below which the pool is searched for an exact fit, in
/// bytes. With this value most datagrams need two searches, and all but one in a thousand get an
/// exact fit.
const EXACT_FIT_BYTES: usize = 200;

/// Unsent datagrams of a stream, with sets in the format of `E`.
#[derive(Debug)]
pub(super) struct Batch<E> {
    /// The finished datagrams, then the open one.
    memory: Vec<u8>,
    /// End offset of each finished datagram.
    ends: Vec<usize>,
    /// Number of finished datagrams at which the batch is full: those of all its runs.
    full_count: usize,
    /// Runs that a full batch has, each as many datagrams as one send takes.
    full_runs: usize,
    /// Builds the open datagram.
    builder: Builder<E>,
    /// If datagrams are to have equal sizes, the sets from which the last of each is chosen.
    pool: Option<Pool>,
    datagram_bytes: usize,
    sequence: u32,
}

impl<E: Encode> Batch<E> {
    /// An empty batch. Datagrams have at most `datagram_bytes` bytes; with `equal_sizes`, nearly
    /// all have exactly that size. The batch is full once it has `full_runs` runs.
    pub(super) fn new(datagram_bytes: usize, equal_sizes: bool, full_runs: usize) -> Self {
        let run_count = (MAX_RUN_BYTES / datagram_bytes.max(1)).clamp(1, MAX_RUN_DATAGRAMS);
        let full_count = full_runs * run_count;
        Self {
            memory: vec![0; (full_count + 1) * datagram_bytes + size_of::<Draft>()],
            ends: Vec::with_capacity(full_count + MAX_RUN_DATAGRAMS),
            full_count,
            full_runs,
            builder: Builder::default(),
            pool: equal_sizes.then(Pool::default),
            datagram_bytes,
            sequence: 1,
        }
    }

    /// Has the batch be full once it has `full_runs` runs. It must be empty.
    pub(super) fn gather(&mut self, full_runs: usize) {
        *self = Self {
            sequence: self.sequence,
            ..Self::new(self.datagram_bytes, self.pool.is_some(), full_runs)
        };
    }

    /// Changes the datagram size; the sequence continues. The batch must be empty: pending sets are
    /// dropped.
    pub(super) fn reshape(&mut self, datagram_bytes: usize, equal_sizes: bool) {
        if (self.datagram_bytes, self.pool.is_some()) != (datagram_bytes, equal_sizes) {
            *self = Self {
                sequence: self.sequence,
                ..Self::new(datagram_bytes, equal_sizes, self.full_runs)
            };
        }
    }

    /// Room for the next set, behind the sets of the open datagram. [`Batch::commit`] adds what is
    /// written there.
    #[inline(always)]
    pub(super) fn draft(&mut self) -> Option<&mut Draft> {
        let at = self.open_start() + self.builder.next();
        self.memory.get_mut(at..)?.first_chunk_mut()
    }

    /// Adds the set that was written to the first `size` bytes of [`Batch::draft`].
    #[inline(always)]
    pub(super) fn commit(&mut self, size: usize) {
        match &self.pool {
            // The first set of a datagram, and the last ones, come from the pool.
            Some(_) if self.builder.is_empty() || !self.has_room(size + EXACT_FIT_BYTES) => {
                self.commit_pooled(size);
            }
            None if !self.has_room(size) => self.commit_to_next(size),
            _ => self.builder.wrote(size),
        }
    }

    /// Encodes and adds a response; returns the number of its sets.
    #[inline(never)]
    pub(super) fn push(&mut self, response: &Response<'_>) -> u64 {
        let mut sets = 0;
        for part in E::parts(response, self.datagram_bytes - E::HEADER_BYTES) {
            sets += 1;
            if let Some(draft) = self.draft().filter(|_| part.size() <= MAX_TRANSCRIPT_BYTES) {
                part.write(draft);
                self.commit(part.size());
            } else {
                self.append(&part);
            }
        }
        sets
    }

    /// Finishes all datagrams, full or not; the pool is empty afterwards.
    pub(super) fn finish(&mut self) {
        while let Some(slot) = self.pool.as_ref().and_then(Pool::oldest) {
            if !self.append_pooled(slot) {
                self.close();
            }
        }
        self.close();
    }

    /// Finishes all datagrams and appends one with stats.
    pub(super) fn stats(&mut self, stats: &Stats) {
        self.finish();
        let range = self.open_range();
        let start = range.start;
        let bytes = E::write_stats(stats, self.sequence, &mut self.memory[range]);
        self.push_end(start + bytes);
    }

    pub(super) fn is_full(&self) -> bool {
        self.ends.len() >= self.full_count
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.builder.is_empty() || self.pool.as_ref().is_some_and(|pool| !pool.is_empty())
    }

    /// Whether the open datagram has a set.
    pub(super) fn has_open_datagram(&self) -> bool {
        !self.builder.is_empty()
    }

    /// Number of sets added to the pool since the start.
    pub(super) fn pooled_sets(&self) -> u64 {
        self.pool.as_ref().map_or(0, Pool::arrivals)
    }

    /// Of those, the number added before the oldest set in the pool; `None` if the pool is empty.
    pub(super) fn oldest_pooled(&self) -> Option<u64> {
        self.pool.as_ref().and_then(Pool::oldest_arrival)
    }

    /// Number of finished datagrams.
    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.ends.len()).unwrap_or(u64::MAX)
    }

    /// The finished datagrams, in order.
    pub(super) fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        self.ranges().map(|range| &self.memory[range])
    }

    /// The finished datagrams as runs, each with the size of its datagrams in bytes. One send can
    /// take a run: its datagrams have equal sizes, except that the last may be shorter.
    pub(super) fn runs(&self) -> impl Iterator<Item = (&[u8], usize)> {
        let mut ranges = self.ranges().peekable();
        std::iter::from_fn(move || {
            let first = ranges.next()?;
            let (mut run, size) = (first.clone(), first.len());
            let (mut last, mut count) = (size, 1);
            while last == size
                && count < MAX_RUN_DATAGRAMS
                && let Some(next) = ranges
                    .next_if(|next| next.len() <= size && next.end - run.start <= MAX_RUN_BYTES)
            {
                last = next.len();
                count += 1;
                run.end = next.end;
            }
            Some((&self.memory[run], size))
        })
    }

    /// Removes the finished datagrams; the open one stays.
    pub(super) fn clear(&mut self) {
        let start = self.open_start();
        self.memory
            .copy_within(start..start + self.builder.len(), 0);
        self.ends.clear();
    }

    /// Adds the set that was written, by way of the pool, which fills datagrams exactly. Each set
    /// that is placed before it moves it further back, so that it always starts where the next set
    /// goes.
    #[inline(never)]
    fn commit_pooled(&mut self, size: usize) {
        loop {
            let at = self.open_start() + self.builder.next();
            let written = at..at + size;
            let room = self.datagram_bytes - self.builder.next();
            let has_room = self.has_room(size);
            let Some(pool) = &mut self.pool else { return };
            if !pool.is_full() {
                return pool.add(&self.memory[written]);
            }
            if self.builder.is_empty() {
                // A datagram starts with the oldest set of the pool.
                let Some(slot) = pool.oldest() else { return };
                self.memory.copy_within(written, at + pool.size(slot));
                self.append_pooled(slot);
            } else if room < size + EXACT_FIT_BYTES
                && let Some(slots) = pool.find_exact_fit(room)
            {
                let aside = at + room + E::HEADER_BYTES;
                self.memory.copy_within(written, aside);
                for slot in slots.into_iter().flatten() {
                    self.append_pooled(slot);
                }
                self.close();
                // A no-op, unless the datagram reached its maximum number of sets before it was
                // full.
                let next = self.open_start() + self.builder.next();
                self.memory.copy_within(aside..aside + size, next);
            } else if has_room {
                return self.builder.wrote(size);
            } else {
                return self.commit_to_next(size);
            }
        }
    }

    /// Finishes the open datagram, and moves the set that was written to the start of the next one.
    #[inline(never)]
    fn commit_to_next(&mut self, size: usize) {
        let from = self.open_start() + self.builder.next();
        self.close();
        let to = self.open_start() + self.builder.next();
        self.memory.copy_within(from..from + size, to);
        self.builder.wrote(size);
    }

    /// Whether the open datagram has room for a set of `size` bytes.
    #[inline(always)]
    fn has_room(&self, size: usize) -> bool {
        self.builder.fits(size, self.datagram_bytes)
    }

    /// Appends a set to the open datagram, or to the next one if it has no room.
    #[inline(never)]
    fn append(&mut self, part: &impl EncodePart) {
        if !self.has_room(part.size()) {
            self.close();
        }
        let range = self.open_range();
        self.builder.push(part, &mut self.memory[range]);
    }

    /// Moves a set from the pool to the open datagram; returns false if there is no room for it.
    fn append_pooled(&mut self, slot: usize) -> bool {
        let range = self.open_range();
        let Some(pool) = &mut self.pool else {
            return false;
        };
        if !self.builder.fits(pool.size(slot), range.len()) {
            return false;
        }
        self.builder
            .push_encoded(pool.take(slot), &mut self.memory[range])
    }

    /// Finishes the open datagram, if it has a set.
    #[inline(never)]
    fn close(&mut self) {
        let range = self.open_range();
        let start = range.start;
        let bytes = self.builder.finish(self.sequence, &mut self.memory[range]);
        if bytes > 0 {
            self.push_end(start + bytes);
        }
    }

    /// Adds a finished datagram that ends at offset `end`.
    fn push_end(&mut self, end: usize) {
        self.ends.push(end);
        self.sequence = self.sequence.wrapping_add(1);
        // Memory grows only if one response fills many datagrams.
        let needed = end + self.datagram_bytes + size_of::<Draft>();
        if self.memory.len() < needed {
            self.memory.resize(needed, 0);
        }
    }

    /// Offset of the open datagram.
    #[inline]
    fn open_start(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Range of the open datagram in memory, at its largest size.
    #[inline]
    fn open_range(&self) -> Range<usize> {
        let start = self.open_start();
        start..start + self.datagram_bytes
    }

    /// Ranges of the finished datagrams in memory.
    fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(start, end)| *start..*end)
    }
}

/// Number of datagrams of `size` bytes in a run of `bytes` bytes.
pub(super) fn datagram_count(bytes: usize, size: usize) -> u64 {
    u64::try_from(bytes.div_ceil(size.max(1))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use dnsflow_wire::dns::MessageReject;
    use dnsflow_wire::response::Endpoints;
    use dnsflow_wire::v4::Encoder;
    use proptest::prelude::*;

    use super::*;

    /// Sizes of sets in words of 4 bytes: two frequent ones, and all others.
    fn any_words() -> impl Strategy<Value = usize> {
        prop_oneof![Just(12), Just(20), 12..=MAX_TRANSCRIPT_BYTES / 4]
    }

    /// The numbers of the sets of a datagram: each set starts with its number, in 4 bytes, and its
    /// size, in 2.
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

    /// Writes a set for each number of 4-byte words, and returns the datagrams in order.
    fn datagrams_of<E: Encode>(batch: &mut Batch<E>, words: &[usize]) -> Vec<Vec<u8>> {
        let mut taken = Vec::new();
        let mut take = |batch: &mut Batch<E>| {
            let runs = batch.runs().flat_map(|(run, size)| run.chunks(size));
            assert!(runs.eq(batch.datagrams()), "the runs are the datagrams");
            assert!(batch.runs().all(|(run, _)| run.len() <= MAX_RUN_BYTES));
            taken.extend(batch.datagrams().map(<[u8]>::to_vec));
            batch.clear();
        };
        for (number, words) in (0_u32..).zip(words) {
            let bytes = number.to_le_bytes();
            let draft = batch.draft().expect("there is always room for a set");
            draft.fill(0xee);
            draft[..4 * words].fill(bytes[0]);
            draft[..4].copy_from_slice(&bytes);
            draft[4..6].copy_from_slice(&(4 * words).to_le_bytes()[..2]);
            batch.commit(4 * words);
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
        fn each_set_is_written_once(
            words in proptest::collection::vec(any_words(), 0..2000),
            datagram_bytes in prop_oneof![Just(576_usize), Just(1472), Just(8972), Just(40_000)],
            equal_sizes: bool,
            runs in 1_usize..4,
        ) {
            let mut batch = Batch::<Encoder>::new(datagram_bytes, equal_sizes, runs);
            let datagrams = datagrams_of(&mut batch, &words);
            prop_assert!(datagrams.iter().all(|datagram| datagram.len() <= datagram_bytes));
            let mut found: Vec<u32> = datagrams.iter().flat_map(|datagram| numbers(datagram)).collect();
            if !equal_sizes {
                prop_assert!(found.is_sorted(), "in order");
            }
            found.sort_unstable();
            prop_assert!(found.into_iter().eq((0_u32..).take(words.len())));
        }
    }

    #[test]
    fn nearly_all_datagrams_are_full() {
        // 48 to 184 bytes, the size of most sets, in mixed order.
        let words: Vec<usize> = (0..20_000_usize)
            .map(|n| 12 + n * n * 7 % 1009 % 35)
            .collect();
        let datagrams = datagrams_of(&mut Batch::<Encoder>::new(1472, true, 1), &words);
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

    /// A format with another header size, and at most three sets per datagram.
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
    fn header_and_largest_number_of_sets_are_those_of_the_format() {
        for equal_sizes in [false, true] {
            let words = vec![12; 100];
            let datagrams = datagrams_of(&mut Batch::<Threes>::new(1472, equal_sizes, 1), &words);
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
