//! What of a snapshot is on the screen.

mod draw;
mod rows;
#[cfg(test)]
mod tests;
mod theme;
mod view;

pub(crate) use draw::{Shown, draw};
pub(crate) use theme::Theme;
pub(crate) use view::View;
