//! The capture filter against the decoder: it never drops what the decoder would export.

use std::cell::RefCell;
use std::collections::BTreeMap;

use dnsflow_filters::{Interpreter, capture_filter};
use dnsflow_packet::tunnel::Tunnels;
use dnsflow_packet::{Decoder, LinkType, Selection, Sets};
use dnsflow_wire::v4::Encoder;

use crate::decode::SET_ROOM_BYTES;
use crate::input::Input;
use crate::packets::travels;
use crate::view::{Seen, VIEWS};

/// Decodes what belongs together, all of it and only what the filter keeps, as it is in a file and as
/// sockets get it: both times the same is exported.
///
/// # Panics
/// If it is not.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let choice = usize::from(input.byte());
    CHOICES.with_borrow_mut(|choices| {
        let count = choices.len();
        let choice = &mut choices[choice % count];
        for travel in travels(&mut input) {
            let packets: Vec<Seen> = travel
                .iter()
                .map(|packet| Seen::in_file(&packet.frame()))
                .collect();
            choice.check(&packets);
        }
    });
}

thread_local! {
    static CHOICES: RefCell<Vec<Choice>> = RefCell::new(choices());
}

/// Selections, each of which keeps something else.
fn choices() -> Vec<Choice> {
    let tunnels = Tunnels::all()
        .with_juniper_ports([30_030])
        .with_record_ports([30_031]);
    let default = Selection::default();
    let all = default.clone().tunnels(Tunnels::all());
    let selections = [
        default.clone(),
        default.plain(),
        all.clone(),
        all.plain(),
        Selection::new([53, 5300], true).tunnels(tunnels),
    ];
    selections.into_iter().map(Choice::new).collect()
}

/// A selection, with its filters for each link type that was met.
struct Choice {
    selection: Selection,
    filters: BTreeMap<Option<u32>, Interpreter>,
}

impl Choice {
    fn new(selection: Selection) -> Self {
        Self {
            selection,
            filters: BTreeMap::new(),
        }
    }

    fn check(&mut self, packets: &[Seen]) {
        let in_file = self.exported(packets, false);
        // Nothing to lose.
        if in_file.is_empty() {
            return;
        }
        for (name, see) in VIEWS {
            let seen: Vec<Seen> = packets.iter().map(see).collect();
            let all = self.exported(&seen, false);
            assert_eq!(all, in_file, "{name}: without the filter: {packets:?}");
            let kept = self.exported(&seen, true);
            assert_eq!(kept, in_file, "{name}: with the filter: {packets:?}");
        }
    }

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
        let Self { selection, filters } = self;
        let filter = filters.entry(packet.link.dlt()).or_insert_with(|| {
            let program = capture_filter(selection, packet.link, 0).expect("few ports");
            Interpreter::new(&program).expect("it reads only what a packet has")
        });
        matches!(packet.link, LinkType::Unsupported(_)) || packet.passes(filter)
    }
}
