//! Lists of a million entries, and what it costs to look up each response in them.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use dnsflow_packet::lists::{Listed, Lists, NameSet, Prefix, PrefixSet};
use dnsflow_packet::{Decoder, Selection, Sets};
use dnsflow_wire::text::NameText;
use dnsflow_wire::v4::{Encoder, Set, Version};

use crate::cases::selection;
use crate::parts::{DATAGRAM_BYTES, each_record};

/// Entries of each list.
const ENTRIES: usize = 1_000_000;

/// A decoder that excludes a million names, none of which is asked for: so it exports what one
/// without a list does.
#[must_use]
pub fn none_excluded() -> Decoder {
    with_lists(Lists {
        names: Listed {
            only: None,
            never: Some(names(BTreeSet::new())),
        },
        ..Lists::default()
    })
}

/// A decoder that takes only a million names, among which are all that are asked for in `capture`.
///
/// # Panics
/// If the capture is damaged.
#[must_use]
pub fn all_included(capture: &[u8]) -> Decoder {
    with_lists(Lists {
        names: Listed {
            only: Some(names(asked_for(capture))),
            never: None,
        },
        ..Lists::default()
    })
}

/// A decoder that excludes a million networks of clients, to none of which anything is sent.
///
/// # Panics
/// Never: the networks are written as they have to be.
#[must_use]
pub fn no_client_excluded() -> Decoder {
    /// Addresses from one network to the next: a million of them reach over all of IPv4.
    const DISTANCE: u32 = 4292;
    let firsts = (0..u32::MAX).step_by(DISTANCE as usize).take(ENTRIES);
    let networks = firsts.map(|first| format!("{}/30", Ipv4Addr::from(first)));
    // Where clients are.
    let others = networks.filter(|text| !text.starts_with("10."));
    let networks: PrefixSet = others
        .map(|text| text.parse::<Prefix>().expect("a network"))
        .collect();
    with_lists(Lists {
        clients: Listed {
            only: None,
            never: Some(networks),
        },
        ..Lists::default()
    })
}

fn with_lists(lists: Lists) -> Decoder {
    Decoder::new(Selection {
        lists: Some(Arc::new(lists)),
        ..selection()
    })
}

/// A million names: these, and others of two to four labels that nobody asks for.
fn names(mut texts: BTreeSet<String>) -> NameSet {
    let made = (0..).map(|number: u32| match number % 4 {
        0 => format!("zone-{number}.example"),
        1 => format!("zone-{number}.co.test"),
        2 => format!("www.zone-{number}.example"),
        _ => format!("h{number}.cdn.zone-{number}.invalid"),
    });
    let more = ENTRIES.saturating_sub(texts.len());
    texts.extend(made.take(more));
    let mut set = NameSet::default();
    for text in texts.iter().take(ENTRIES) {
        // What a generator makes are names.
        let _ = set.insert(text.as_bytes());
    }
    set
}

/// The names asked for, each once.
fn asked_for(capture: &[u8]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut decoder = Decoder::new(selection());
    let mut sink = Sets::new(Encoder::default(), DATAGRAM_BYTES, |set: &[u8], _| {
        let read = Set::parse(Version::V4, set);
        let name = read.ok().and_then(|(set, _)| set.names().next());
        names.extend(name.map(|name| NameText(name).to_string()));
    });
    each_record(capture, |frame| decoder.decode(frame, &mut sink));
    names
}
