//! The capture filter against the decoder: it never drops what the decoder would export.

use std::cell::RefCell;

use dnsflow_filters::capture_filter;
use dnsflow_packet::Selection;
use dnsflow_packet::tunnel::Tunnels;
use dnsflow_testkit::agreement::{Agreement, Seen};

use crate::input::Input;
use crate::packets::travels;

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
            let seen = travel.iter().map(|packet| Seen::in_file(&packet.frame()));
            choice.check("an input", &seen.collect::<Vec<_>>());
        }
    });
}

thread_local! {
    static CHOICES: RefCell<Vec<Agreement>> = RefCell::new(choices());
}

/// Selections, each of which keeps something else.
fn choices() -> Vec<Agreement> {
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
    let choice = |selection: Selection| {
        let selected = selection.clone();
        Agreement::new("", selection, move |link| {
            capture_filter(&selected, link, 0).expect("few ports")
        })
    };
    selections.into_iter().map(choice).collect()
}
