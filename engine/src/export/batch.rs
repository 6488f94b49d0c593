//! Datagrams of a stream in contiguous memory, and their sequence numbers.

use std::ops::Range;

use dnsflow_wire::dns::MessageReject;
use dnsflow_wire::encode::{Draft, Encode, Fill, MAX_TRANSCRIPT_BYTES, NoRoom, Stats};
use dnsflow_wire::response::{Envelope, Response};

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
    pub(super) encoder: E,
    /// The finished datagrams, then the open one.
    memory: Vec<u8>,
    /// End offset of each finished datagram.
    ends: Vec<usize>,
    /// Number of finished datagrams at which the batch is full: those of all its runs.
    full_count: usize,
    /// Runs that a full batch has, each as many datagrams as one send takes.
    full_runs: usize,
    /// How far the open datagram is filled.
    fill: Fill,
    /// Whether datagrams are to have equal sizes. Those of sets that can be moved are filled by
    /// sets that fit, others are padded.
    equal_sizes: bool,
    /// The sets from which the last of each datagram is chosen.
    pool: Option<Pool>,
    datagram_bytes: usize,
    /// Number of the open datagram.
    sequence: u64,
}

impl<E: Encode> Batch<E> {
    /// An empty batch. Datagrams have at most `datagram_bytes` bytes; with `equal_sizes`, nearly
    /// all have exactly that size. The batch is full once it has `full_runs` runs.
    pub(super) fn new(
        encoder: E,
        datagram_bytes: usize,
        equal_sizes: bool,
        full_runs: usize,
    ) -> Self {
        let mut batch = Self {
            fill: Fill::new(encoder.header_bytes(), E::MAX_SETS),
            encoder,
            memory: Vec::new(),
            ends: Vec::new(),
            full_count: 0,
            full_runs,
            equal_sizes,
            pool: None,
            datagram_bytes,
            sequence: 1,
        };
        batch.shape();
        batch
    }

    /// Has the batch be full once it has `full_runs` runs. It must be empty.
    pub(super) fn gather(&mut self, full_runs: usize) {
        self.full_runs = full_runs;
        self.shape();
    }

    /// Changes the datagram size; the sequence continues. The batch must be empty: pending sets are
    /// dropped.
    pub(super) fn reshape(&mut self, datagram_bytes: usize, equal_sizes: bool) {
        if (self.datagram_bytes, self.equal_sizes) != (datagram_bytes, equal_sizes) {
            (self.datagram_bytes, self.equal_sizes) = (datagram_bytes, equal_sizes);
            self.shape();
        }
    }

    /// Makes the memory that the settings call for.
    fn shape(&mut self) {
        let run_count = MAX_RUN_BYTES / self.datagram_bytes.max(1);
        self.full_count = self.full_runs * run_count.clamp(1, MAX_RUN_DATAGRAMS);
        let bytes = (self.full_count + 1) * self.datagram_bytes + size_of::<Draft>();
        self.memory = vec![0; bytes];
        self.ends = Vec::with_capacity(self.full_count + MAX_RUN_DATAGRAMS);
        self.pool = (E::IS_MOVABLE && self.equal_sizes).then(Pool::default);
        self.open();
    }

    /// Starts a datagram.
    fn open(&mut self) {
        self.fill = Fill::new(self.encoder.header_bytes(), E::MAX_SETS);
    }

    /// Writes the set of a whole unicast message where [`Batch::draft`] is, in one pass;
    /// [`Batch::commit`] adds it. Returns its size in bytes or the reason why the message has none,
    /// as [`Encode::transcribe`] does.
    #[inline(always)]
    pub(super) fn transcribe(
        &mut self,
        message: &[u8],
        envelope: &Envelope,
    ) -> Option<Result<usize, MessageReject>> {
        if !E::IS_MOVABLE && !self.has_room(E::MIN_SET_BYTES) {
            self.close_full();
        }
        let written = self.try_transcribe(message, envelope)?;
        match written {
            Ok(size) if !E::IS_MOVABLE && !self.has_room(size) => {
                self.transcribe_anew(message, envelope)
            }
            _ => Some(written),
        }
    }

    #[inline(always)]
    fn try_transcribe(
        &mut self,
        message: &[u8],
        envelope: &Envelope,
    ) -> Option<Result<usize, MessageReject>> {
        let start = self.open_start();
        let datagram = self.memory.get_mut(start..)?;
        let at = self.fill.next();
        self.encoder.transcribe(message, envelope, datagram, at)
    }

    /// Writes a set that can't be moved into a datagram of its own, since it has no room in the open
    /// one. `None` if it has no room there either: then it has to be split.
    #[inline(never)]
    fn transcribe_anew(
        &mut self,
        message: &[u8],
        envelope: &Envelope,
    ) -> Option<Result<usize, MessageReject>> {
        self.close_full();
        let written = self.try_transcribe(message, envelope)?;
        match written {
            Ok(size) if !self.has_room(size) => None,
            _ => Some(written),
        }
    }

    /// Room for the next set, behind the sets of the open datagram. [`Batch::commit`] adds what is
    /// written there.
    #[inline(always)]
    pub(super) fn draft(&mut self) -> Option<&mut Draft> {
        let at = self.open_start() + self.fill.next();
        self.memory.get_mut(at..)?.first_chunk_mut()
    }

    /// Adds the set that was written to the first `size` bytes of [`Batch::draft`]. One that can't
    /// be moved has room.
    #[inline(always)]
    pub(super) fn commit(&mut self, size: usize) {
        match &self.pool {
            // The first set of a datagram, and the last ones, come from the pool.
            Some(_) if self.fill.is_empty() || !self.has_room(size + EXACT_FIT_BYTES) => {
                self.commit_pooled(size);
            }
            None if E::IS_MOVABLE && !self.has_room(size) => self.commit_to_next(size),
            _ => self.wrote(size),
        }
    }

    /// Encodes and adds a response; returns the number of its sets.
    #[inline(never)]
    pub(super) fn push(&mut self, response: &Response<'_>) -> u64 {
        let mut sets = 0;
        let room = self.datagram_bytes - self.encoder.header_bytes();
        let mut parts = self.encoder.parts(response, room);
        loop {
            let (start, at) = (self.open_start(), self.fill.next());
            // A small set that can be moved may be written behind the end of the datagram.
            let limit = match E::IS_MOVABLE {
                true => self.datagram_bytes.max(at + MAX_TRANSCRIPT_BYTES),
                false => self.datagram_bytes,
            };
            let Some(datagram) = self.memory.get_mut(start..start + limit) else {
                break;
            };
            let has_place = E::IS_MOVABLE || self.fill.fits(0, limit);
            let written = match has_place {
                true => self.encoder.next_part(&mut parts, datagram, at),
                false => Some(Err(NoRoom)),
            };
            match written {
                None => break,
                Some(Ok(size)) => {
                    sets += 1;
                    if size <= MAX_TRANSCRIPT_BYTES || !E::IS_MOVABLE {
                        self.commit(size);
                    } else if self.has_room(size) {
                        self.wrote(size);
                    } else {
                        self.commit_to_next(size);
                    }
                }
                // A format that has no room in a datagram without sets would never end.
                Some(Err(NoRoom)) if self.fill.is_empty() => break,
                Some(Err(NoRoom)) => self.close_full(),
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

    /// Finishes all datagrams and appends those with stats.
    pub(super) fn stats(&mut self, stats: &Stats<'_>) {
        self.finish();
        let mut told = 0;
        loop {
            let range = self.open_range();
            let (start, before) = (range.start, told);
            let out = &mut self.memory[range];
            let bytes = self
                .encoder
                .write_stats(stats, &mut told, self.sequence, out);
            if bytes > 0 {
                self.push_end(start + bytes);
            }
            // What has no room in a whole datagram would never have any.
            if told >= stats.others.len() || told == before {
                break;
            }
        }
        self.open();
    }

    pub(super) fn is_full(&self) -> bool {
        self.ends.len() >= self.full_count
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.fill.is_empty() || self.pool.as_ref().is_some_and(|pool| !pool.is_empty())
    }

    /// Whether the open datagram has a set.
    pub(super) fn has_open_datagram(&self) -> bool {
        !self.fill.is_empty()
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
        self.memory.copy_within(start..start + self.fill.len(), 0);
        self.ends.clear();
    }

    /// Adds the set that was written, by way of the pool, which fills datagrams exactly. Each set
    /// that is placed before it moves it further back, so that it always starts where the next set
    /// goes.
    #[inline(never)]
    fn commit_pooled(&mut self, size: usize) {
        loop {
            let at = self.open_start() + self.fill.next();
            let written = at..at + size;
            let room = self.datagram_bytes - self.fill.next();
            let has_room = self.has_room(size);
            let Some(pool) = &mut self.pool else { return };
            if !pool.is_full() {
                return pool.add(&self.memory[written]);
            }
            if self.fill.is_empty() {
                // A datagram starts with the oldest set of the pool.
                let Some(slot) = pool.oldest() else { return };
                self.memory.copy_within(written, at + pool.size(slot));
                self.append_pooled(slot);
            } else if room < size + EXACT_FIT_BYTES
                && let Some(slots) = pool.find_exact_fit(room)
            {
                let aside = at + room + self.encoder.header_bytes();
                self.memory.copy_within(written, aside);
                for slot in slots.into_iter().flatten() {
                    self.append_pooled(slot);
                }
                self.close();
                // A no-op, unless the datagram reached its maximum number of sets before it was
                // full.
                let next = self.open_start() + self.fill.next();
                self.memory.copy_within(aside..aside + size, next);
            } else if has_room {
                return self.wrote(size);
            } else {
                return self.commit_to_next(size);
            }
        }
    }

    /// Finishes the open datagram, and moves the set that was written to the start of the next one.
    #[inline(never)]
    fn commit_to_next(&mut self, size: usize) {
        let from = self.open_start() + self.fill.next();
        self.close();
        let to = self.open_start() + self.fill.next();
        self.memory.copy_within(from..from + size, to);
        self.wrote(size);
    }

    /// Whether the open datagram has room for a set of `size` bytes.
    #[inline(always)]
    fn has_room(&self, size: usize) -> bool {
        self.fill.fits(size, self.datagram_bytes)
    }

    /// Counts a set that was written to the open datagram.
    #[inline(always)]
    fn wrote(&mut self, size: usize) {
        self.fill.wrote(size);
        self.encoder.stays();
    }

    /// Moves a set from the pool to the open datagram; returns false if there is no room for it.
    fn append_pooled(&mut self, slot: usize) -> bool {
        let at = self.open_start() + self.fill.next();
        let (fill, limit) = (self.fill, self.datagram_bytes);
        let Some(pool) = &mut self.pool else {
            return false;
        };
        let size = pool.size(slot);
        if !fill.fits(size, limit) {
            return false;
        }
        self.memory[at..at + size].copy_from_slice(pool.take(slot));
        self.wrote(size);
        true
    }

    /// Finishes the open datagram, if it has a set.
    #[inline(never)]
    fn close(&mut self) {
        let start = self.open_start();
        let (sets, end) = (self.fill.sets(), start + self.fill.len());
        if sets > 0 {
            let datagram = &mut self.memory[start..end];
            self.encoder.finish(sets, self.sequence, datagram);
            self.push_end(end);
            self.open();
        }
    }

    /// Finishes the open datagram, which has no room for the next set: that of a format whose sets
    /// can't be moved is padded, if datagrams are to have equal sizes.
    #[inline(never)]
    fn close_full(&mut self) {
        self.close();
        if self.equal_sizes
            && !E::IS_MOVABLE
            && let Some(end) = self.ends.pop()
        {
            let padded = self.open_start() + self.datagram_bytes;
            self.memory[end..padded].fill(0);
            self.ends.push(padded);
        }
    }

    /// Adds a finished datagram that ends at offset `end`.
    fn push_end(&mut self, end: usize) {
        self.ends.push(end);
        self.sequence += 1;
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
    use dnsflow_wire::dns::Rules;
    use dnsflow_wire::v4::{Encoder, HEADER_BYTES};
    use proptest::prelude::*;

    use super::*;

    /// Sizes of sets in words of 4 bytes: two frequent ones, and all others.
    fn any_words() -> impl Strategy<Value = usize> {
        prop_oneof![Just(12), Just(20), 12..=MAX_TRANSCRIPT_BYTES / 4]
    }

    /// The numbers of the sets of a datagram: each set starts with its number, in 4 bytes, and its
    /// size, in 2.
    fn numbers(datagram: &[u8]) -> Vec<u32> {
        numbers_from(datagram, HEADER_BYTES)
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
            let mut batch = Batch::new(Encoder::default(), datagram_bytes, equal_sizes, runs);
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
        let datagrams = datagrams_of(&mut Batch::new(Encoder::default(), 1472, true, 1), &words);
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
    #[derive(Debug, Default)]
    struct Threes(Encoder);

    /// Bytes of its header.
    const THREES_BYTES: usize = 12;

    impl Encode for Threes {
        const IS_MOVABLE: bool = true;
        const MAX_SETS: usize = 3;
        const MIN_SET_BYTES: usize = 40;
        type Parts<'a> = <Encoder as Encode>::Parts<'a>;

        fn header_bytes(&self) -> usize {
            THREES_BYTES
        }

        fn transcribe(
            &mut self,
            _: &[u8],
            _: &Envelope,
            _: &mut [u8],
            _: usize,
        ) -> Option<Result<usize, MessageReject>> {
            None
        }

        fn parts<'a>(&self, response: &'a Response<'a>, room: usize) -> Self::Parts<'a> {
            self.0.parts(response, room)
        }

        fn next_part(
            &mut self,
            parts: &mut Self::Parts<'_>,
            datagram: &mut [u8],
            at: usize,
        ) -> Option<Result<usize, NoRoom>> {
            self.0.next_part(parts, datagram, at)
        }

        fn stays(&mut self) {}

        fn finish(&mut self, sets: usize, sequence: u64, datagram: &mut [u8]) {
            datagram[..THREES_BYTES].fill(0);
            datagram[1] = u8::try_from(sets).expect("three at most");
            datagram[4..12].copy_from_slice(&sequence.to_be_bytes());
        }

        fn write_stats(&mut self, _: &Stats<'_>, _: &mut usize, _: u64, _: &mut [u8]) -> usize {
            0
        }

        fn select(&mut self, _: &Rules) {}
    }

    #[test]
    fn header_and_largest_number_of_sets_are_those_of_the_format() {
        for equal_sizes in [false, true] {
            let words = vec![12; 100];
            let datagrams = datagrams_of(
                &mut Batch::new(Threes::default(), 1472, equal_sizes, 1),
                &words,
            );
            let sets: usize = datagrams
                .iter()
                .map(|datagram| numbers_from(datagram, THREES_BYTES).len())
                .sum();
            assert_eq!(sets, words.len());
            assert!(datagrams.iter().all(|datagram| datagram[1] <= 3));
            for (sequence, datagram) in (1_u64..).zip(&datagrams) {
                assert_eq!(datagram[4..12], sequence.to_be_bytes());
            }
        }
    }
}
