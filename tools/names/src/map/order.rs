//! The order in which items were last used, as links in the items: what is used least goes first.

use super::slab::NONE;

/// The neighbours of an item.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    /// The one that was last used before.
    before: u32,
    /// The one that was last used after.
    pub(super) after: u32,
}

impl Links {
    /// Those of an item that is in no order yet.
    pub(super) const NONE: Self = Self {
        before: NONE,
        after: NONE,
    };
}

/// Items that have neighbours.
pub(super) trait Ordered {
    fn links(&mut self, id: u32) -> &mut Links;
}

/// The ends of the order.
#[derive(Debug)]
pub(super) struct Order {
    least: u32,
    most: u32,
}

impl Order {
    pub(super) fn new() -> Self {
        Self {
            least: NONE,
            most: NONE,
        }
    }

    /// What was used longest ago, or [`NONE`].
    pub(super) fn least(&self) -> u32 {
        self.least
    }

    /// Puts in an item that is not there, as the last used one.
    pub(super) fn add(&mut self, items: &mut impl Ordered, id: u32) {
        *items.links(id) = Links {
            before: self.most,
            after: NONE,
        };
        self.set_after(items, self.most, id);
        self.most = id;
    }

    /// Takes an item out.
    pub(super) fn remove(&mut self, items: &mut impl Ordered, id: u32) {
        let Links { before, after } = *items.links(id);
        self.set_after(items, before, after);
        self.set_before(items, after, before);
    }

    /// Lets the neighbours of `id` lead to `place` instead.
    pub(super) fn lead_to(&mut self, items: &mut impl Ordered, id: u32, place: u32) {
        let Links { before, after } = *items.links(id);
        self.set_after(items, before, place);
        self.set_before(items, after, place);
    }

    /// Lets `id`, or the start of the order, lead on to `after`.
    fn set_after(&mut self, items: &mut impl Ordered, id: u32, after: u32) {
        if id == NONE {
            self.least = after;
        } else {
            items.links(id).after = after;
        }
    }

    /// Lets `id`, or the end of the order, lead back to `before`.
    fn set_before(&mut self, items: &mut impl Ordered, id: u32, before: u32) {
        if id == NONE {
            self.most = before;
        } else {
            items.links(id).before = before;
        }
    }
}
