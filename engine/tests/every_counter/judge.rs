//! A packet's way through the decoder, as a shard has it.

use dnsflow_packet::Frame;
use dnsflow_packet::{Decoder, Fate, Unusual};

/// Says what becomes of a packet, and of what it completes.
pub(crate) fn decode(decoder: &mut Decoder, frame: &Frame<'_>, fate: &mut impl FnMut(Fate<'_>)) {
    match decoder.datagram(frame) {
        Ok(response) => fate(Fate::Response(response)),
        Err(Unusual::Reject(reason)) => fate(Fate::Reject(reason)),
        Err(Unusual::Involved) => decoder.involved(frame, fate),
    }
}
