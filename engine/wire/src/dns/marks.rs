//! Which name of a message has a label where: what the fast paths know of the places that pointers
//! lead to.

use super::POINTABLE;

/// For each offset that a pointer can hold, the last name that had a label there.
///
/// Entries of earlier messages are not cleared: each has the number of its message in the upper 24
/// bits, and the index of the name, below 256, in the lower 8.
#[derive(Debug)]
pub(crate) struct Marks {
    places: Box<[u32; POINTABLE]>,
    /// The number of the message, in the upper 24 bits; not 0 while one is read.
    pub(crate) message: u32,
}

impl Default for Marks {
    fn default() -> Self {
        Self {
            places: Box::new([0; POINTABLE]),
            message: 0,
        }
    }
}

impl Marks {
    /// Forgets the names of the message before.
    #[inline(always)]
    pub(crate) fn next_message(&mut self) {
        self.message = self.message.wrapping_add(1 << 8);
        if self.message == 0 {
            self.forget();
        }
    }

    /// Clears the labels of earlier messages: numbers start over, and would match them.
    #[cold]
    #[inline(never)]
    fn forget(&mut self) {
        self.places.fill(0);
        self.message = 1 << 8;
    }

    /// All places, and what marks a label of the name of this index.
    #[inline(always)]
    pub(crate) fn of_name(&mut self, index: usize) -> Option<(&mut [u32; POINTABLE], u32)> {
        let mark = self.message | u32::try_from(index).ok()?;
        Some((&mut self.places, mark))
    }

    /// The name, among the first `count`, that has a label at this offset of the message.
    #[inline(always)]
    pub(crate) fn name_at(&self, offset: usize, count: usize) -> Option<usize> {
        let name = self.places[offset % POINTABLE].wrapping_sub(self.message);
        usize::try_from(name).ok().filter(|name| *name < count)
    }
}
