//! What a capture filter may never do: reject what the decoder would export.

mod view;

use std::collections::BTreeMap;

use dnsflow_filters::{Interpreter, Program};
use dnsflow_packet::{Decoder, LinkType, Selection, Sets};
use dnsflow_wire::v4::Encoder;

pub use view::Seen;
use view::VIEWS;

/// Room for one set: what a datagram has at an MTU of 1500.
const SET_ROOM_BYTES: usize = 1464;

/// A selection, with its capture filter for each link type that was met.
pub struct Agreement {
    name: String,
    selection: Selection,
    program: Box<dyn Fn(LinkType) -> Program>,
    filters: BTreeMap<Option<u32>, Interpreter>,
}

impl Agreement {
    /// What `selection` decodes, and the capture filter that goes with it on each link type.
    pub fn new(
        name: &str,
        selection: Selection,
        program: impl Fn(LinkType) -> Program + 'static,
    ) -> Self {
        Self {
            name: name.to_owned(),
            selection,
            program: Box::new(program),
            filters: BTreeMap::new(),
        }
    }

    /// Decodes packets that belong together, all of them and only those that the filter keeps, as
    /// they are in a file and as sockets get them. Returns the number of responses.
    ///
    /// # Panics
    /// If not the same is exported each time. `from` says where the packets are from.
    pub fn check(&mut self, from: &str, packets: &[Seen]) -> usize {
        let in_file = self.exported(packets, false);
        if in_file.is_empty() {
            return 0;
        }
        for (view, see) in VIEWS {
            let seen: Vec<Seen> = packets.iter().map(see).collect();
            let all = self.exported(&seen, false);
            let name = &self.name;
            assert_eq!(all, in_file, "{from}, {view}, {name:?}: without the filter");
            let kept = self.exported(&seen, true);
            let name = &self.name;
            assert_eq!(kept, in_file, "{from}, {view}, {name:?}: with the filter");
        }
        in_file.len()
    }

    /// The sets that are exported of the packets, sorted.
    fn exported(&mut self, packets: &[Seen], filtered: bool) -> Vec<Vec<u8>> {
        let mut decoder = Decoder::new(self.selection.clone());
        let mut exported = Vec::new();
        let mut sink = Sets::new(Encoder::default(), SET_ROOM_BYTES, |set: &[u8], _| {
            exported.push(set.to_vec());
        });
        for packet in packets {
            if !filtered || self.keeps(packet) {
                decoder.decode(&packet.frame(), &mut sink);
            }
        }
        decoder.finish(&mut sink);
        exported.sort_unstable();
        exported
    }

    fn keeps(&mut self, packet: &Seen) -> bool {
        let filter = self.filters.entry(packet.link.dlt()).or_insert_with(|| {
            let program = (self.program)(packet.link);
            Interpreter::new(&program).expect("it reads only what a packet has")
        });
        matches!(packet.link, LinkType::Unsupported(_)) || packet.passes(filter)
    }
}
