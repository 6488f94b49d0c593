//! Where a decoder puts what it finds.

use dnsflow_wire::dns::MessageReject;
use dnsflow_wire::encode::{Encode, MAX_TRANSCRIPT_BYTES, NoRoom, SPILL_BYTES};
use dnsflow_wire::response::Envelope;

use crate::{Counters, Fate, Timestamp};

/// Takes what a [`Decoder`](crate::Decoder) finds in packets.
///
/// Each packet ends in exactly one call that stands for it: [`Sink::message`] with `Some(Ok(()))`,
/// or [`Sink::take`] with a [`Fate::Response`] or [`Fate::Reject`]. What several packets complete
/// together is told besides, behind a [`Fate::Rebuilt`].
pub trait Sink {
    /// Takes a message on the fast path: it is one of unicast DNS, all there, came alone in a
    /// packet, and nothing in it was looked at yet.
    ///
    /// Returns `Some(Ok(()))` if the message was taken as a response, `Some(Err(_))` with the
    /// reason for which it gives none, and `None` if the message does not qualify for the fast
    /// path. The decoder then reads it by itself, and tells [`Sink::take`] what became of it.
    fn message(&mut self, message: &[u8], envelope: &Envelope)
    -> Option<Result<(), MessageReject>>;

    /// Takes what became of a packet that was captured at `at`, or of what it completed.
    fn take(&mut self, fate: Fate<'_>, at: Timestamp);
}

/// A sink that has the sets of each response written, as a stream would export them, and hands them
/// out.
///
/// It is the shortest way from packets to records: for tools, tests and benches. A sensor writes
/// sets where they leave from. Each set is the first one of a datagram.
#[derive(Debug)]
pub struct Sets<E, F> {
    /// What was taken. The caller counts what it gives to the decoder as
    /// [`received`](Counters::received).
    pub counters: Counters,
    encoder: E,
    room_bytes: usize,
    /// A datagram, of which the header is not written.
    memory: Vec<u8>,
    hand_out: F,
}

impl<E: Encode, F: FnMut(&[u8], Timestamp)> Sets<E, F> {
    /// Gives each set, of at most `room_bytes` bytes, to `hand_out`, with the time at which the
    /// packet was captured that completed the response.
    pub fn new(encoder: E, room_bytes: usize, hand_out: F) -> Self {
        let most = room_bytes.max(MAX_TRANSCRIPT_BYTES) + SPILL_BYTES;
        Self {
            counters: Counters::default(),
            memory: vec![0; encoder.header_bytes() + most],
            encoder,
            room_bytes,
            hand_out,
        }
    }

    #[inline(always)]
    fn hand_out(&mut self, bytes: usize, at: Timestamp) {
        let start = self.encoder.header_bytes();
        let set = self.memory.get(start..start + bytes);
        (self.hand_out)(set.unwrap_or_default(), at);
    }
}

impl<E: Encode, F: FnMut(&[u8], Timestamp)> Sink for Sets<E, F> {
    #[inline(always)]
    fn message(
        &mut self,
        message: &[u8],
        envelope: &Envelope,
    ) -> Option<Result<(), MessageReject>> {
        let at = self.encoder.header_bytes();
        let written = self
            .encoder
            .transcribe(message, envelope, &mut self.memory, at)?;
        Some(written.map(|bytes| {
            self.counters.exported += 1;
            self.hand_out(bytes, envelope.at);
        }))
    }

    fn take(&mut self, fate: Fate<'_>, at: Timestamp) {
        self.counters.count(&fate);
        if let Fate::Response(response) = &fate {
            let start = self.encoder.header_bytes();
            let mut parts = self.encoder.parts(response, self.room_bytes);
            // A set that needs more room than there is gets it.
            while let Some(written) = self.encoder.next_part(&mut parts, &mut self.memory, start) {
                match written {
                    Ok(bytes) => self.hand_out(bytes, at),
                    Err(NoRoom) => self.memory.resize(2 * self.memory.len(), 0),
                }
            }
        }
    }
}
