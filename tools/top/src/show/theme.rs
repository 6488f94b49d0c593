//! How parts of the screen look.

use ratatui::style::{Color, Modifier, Style};

/// The styles; without colours if the user wants none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Theme {
    /// The first line, and the tab that is chosen.
    pub(crate) bar: Style,
    /// Heads of tables, and what explains.
    pub(crate) head: Style,
    /// The row that is chosen.
    pub(crate) chosen: Style,
    /// Loss, and what went wrong.
    pub(crate) alarm: Style,
    /// What is not certain.
    pub(crate) faint: Style,
    /// The bars of rates.
    pub(crate) bars: Style,
}

impl Theme {
    /// The user's: with `NO_COLOR` set and not empty, no colours are used (no-color.org).
    pub(crate) fn of_environment() -> Self {
        let wants_none = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if wants_none {
            Self::plain()
        } else {
            Self::coloured()
        }
    }

    /// Without colours.
    pub(crate) fn plain() -> Self {
        let style = Style::new();
        Self {
            bar: style.add_modifier(Modifier::REVERSED),
            head: style.add_modifier(Modifier::BOLD),
            chosen: style.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            alarm: style.add_modifier(Modifier::BOLD),
            faint: style.add_modifier(Modifier::DIM),
            bars: style,
        }
    }

    fn coloured() -> Self {
        let plain = Self::plain();
        Self {
            head: plain.head.fg(Color::Cyan),
            alarm: plain.alarm.fg(Color::Red),
            bars: plain.bars.fg(Color::Green),
            ..plain
        }
    }
}
