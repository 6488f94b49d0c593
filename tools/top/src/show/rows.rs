//! Which rows of a list are shown, and in which order.

use std::cmp::Reverse;
use std::net::IpAddr;

use dnsflow_tally::{Item, Kind, SensorRow, Snapshot};

use super::view::{Sort, View};

/// The items of a list.
pub(super) fn items<'s>(snapshot: &'s Snapshot, kind: Kind, view: &View) -> Vec<&'s Item> {
    let items = snapshot.list(kind).items.iter();
    let mut items: Vec<_> = items.filter(|item| has(&item.key, &view.filter)).collect();
    match view.sort {
        // As they are.
        Sort::Count => {}
        Sort::Least => {
            items.sort_by_key(|item| Reverse(item.count.saturating_sub(item.error)));
        }
        // Addresses in the order of their numbers.
        Sort::Text => items.sort_by_cached_key(|item| {
            let address: Option<IpAddr> = item.key.parse().ok();
            (address, item.key.clone())
        }),
    }
    items
}

/// The sensors.
pub(super) fn sensors<'s>(snapshot: &'s Snapshot, sort: Sort, filter: &str) -> Vec<&'s SensorRow> {
    let rows = snapshot.sensors.iter();
    // In the order of their names.
    let mut rows: Vec<_> = rows.filter(|row| has(&row.sensor, filter)).collect();
    match sort {
        Sort::Count => rows.sort_by_key(|row| Reverse(row.recent.records)),
        Sort::Least => rows.sort_by_key(|row| Reverse(row.recent.lost)),
        Sort::Text => {}
    }
    rows
}

/// Whether a text has the filter in it, which is in lower case.
fn has(text: &str, filter: &str) -> bool {
    filter.is_empty() || text.to_ascii_lowercase().contains(filter)
}
