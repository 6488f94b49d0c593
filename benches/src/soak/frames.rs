//! Hostile frames: those of the project's captures, whole, damaged and cut, each of which says
//! whether it passes the capture filter.
//!
//! Among them are fragments and segments that never become whole, tunnels in tunnels, and messages
//! that lie about their lengths. They are made from a fixed seed: every run sends the same ones.

use std::error::Error;
use std::fs;
use std::path::Path;

use dnsflow_capfile::{Records, input};
use dnsflow_filters::{Interpreter, Packet, Program};
use dnsflow_packet::LinkType;

/// Where the project keeps its captures.
const CAPTURES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../engine/testkit/corpus/files"
);

/// Copies of each frame: the first is whole, the others are changed at random.
const COPIES: usize = 24;

/// Sizes of frames that are sent, in bytes: with an IPv4 header, and within the MTU of the wire.
const FRAME_BYTES: std::ops::RangeInclusive<usize> = 34..=1514;

/// A destination address that no interface has: the receiving host drops such frames early.
const FOREIGN_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x99];

/// EtherTypes of frames that are sent. Those with a VLAN tag, which the kernel removes before the
/// filter runs, are left to the generator.
const ETHER_TYPES: [u16; 3] = [0x0800, 0x86dd, 0x8847];

/// A frame, and whether the capture filter keeps it.
#[derive(Clone, Debug)]
pub(super) struct Hostile {
    pub(super) bytes: Vec<u8>,
    pub(super) passes: bool,
}

/// All hostile frames about which the capture filters agree: whichever is attached, it is known how
/// many pass.
pub(super) fn hostile(filters: &[Program]) -> Result<Vec<Hostile>, Box<dyn Error>> {
    let filters = filters
        .iter()
        .map(Interpreter::new)
        .collect::<Result<Vec<_>, _>>()?;
    let mut random = Random(0x9e37_79b9);
    let mut all = Vec::new();
    for frame in captured(Path::new(CAPTURES))? {
        for copy in 0..COPIES {
            let mut bytes = frame.clone();
            if copy > 0 {
                random.damage(&mut bytes);
            }
            bytes[..6].copy_from_slice(&FOREIGN_MAC);
            let passes = |filter: &Interpreter| filter.run(&Packet::ethernet(&bytes), || 0) > 0;
            let passing = filters.iter().filter(|filter| passes(filter)).count();
            if passing == 0 || passing == filters.len() {
                all.push(Hostile {
                    passes: passing > 0,
                    bytes,
                });
            }
        }
    }
    if !all.iter().any(|frame| frame.passes) {
        return Err(format!("{CAPTURES}: no frame passes the capture filter").into());
    }
    Ok(all)
}

/// The frames of all captures in a folder that an Ethernet can carry, up to the first damage of
/// each.
fn captured(folder: &Path) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let listed = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths = listed
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    let mut frames = Vec::new();
    for path in paths {
        let Ok(mut records) = Records::open(input::unpacked(input::open(&path)?)?) else {
            // The head of this capture is what is damaged.
            continue;
        };
        while let Ok(Some(frame)) = records.next_frame() {
            let ether_type = frame.bytes.get(12..14).and_then(<[u8]>::first_chunk);
            let ether_type = ether_type.map_or(0, |two| u16::from_be_bytes(*two));
            let fits = FRAME_BYTES.contains(&frame.bytes.len());
            if frame.link == LinkType::Ethernet && fits && ETHER_TYPES.contains(&ether_type) {
                frames.push(frame.bytes.to_vec());
            }
        }
    }
    Ok(frames)
}

/// Random numbers from a seed (xorshift, Marsaglia 2003), never 0.
struct Random(u32);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        usize::try_from(self.0).unwrap_or(0) % limit.max(1)
    }

    /// Changes a few bytes behind the Ethernet header, and cuts some frames.
    fn damage(&mut self, frame: &mut Vec<u8>) {
        const HEADER_BYTES: usize = 14;
        // The identification of an IPv4 packet: fragments of a datagram that has no others.
        for at in [18, 19] {
            frame[at] = u8::try_from(self.below(256)).unwrap_or(0);
        }
        for _ in 0..self.below(4) {
            let at = HEADER_BYTES + self.below(frame.len() - HEADER_BYTES);
            frame[at] ^= 1 << self.below(8);
        }
        if self.below(4) == 0 {
            let room = frame.len() - FRAME_BYTES.start();
            frame.truncate(FRAME_BYTES.start() + self.below(room + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dnsflow_filters::{MAX_SNAP_LENGTH, capture_filter};
    use dnsflow_packet::Selection;

    #[test]
    fn the_same_frames_in_every_run() {
        let filter = capture_filter(
            &Selection::new([53], false),
            LinkType::Ethernet,
            MAX_SNAP_LENGTH,
        )
        .expect("the default filter");
        let [first, second] = [(); 2]
            .map(|()| hostile(std::slice::from_ref(&filter)).expect("the captures of the project"));
        assert!(first.len() > 1000, "{}", first.len());
        let passing = first.iter().filter(|frame| frame.passes).count();
        assert!(passing > first.len() / 10, "{passing} of {}", first.len());
        let same = |(one, other): (&Hostile, &Hostile)| one.bytes == other.bytes;
        assert!(first.iter().zip(&second).all(same));
        let sizes = first.iter().map(|frame| frame.bytes.len());
        assert!(sizes.into_iter().all(|bytes| FRAME_BYTES.contains(&bytes)));
    }
}
