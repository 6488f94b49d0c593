//! What is looked at, as keys choose it. It knows nothing of terminals but for keys.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use dnsflow_tally::Kind;

/// Characters of a filter.
const MAX_FILTER: usize = 64;

/// A list that can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    /// One of the board's.
    List(Kind),
    /// The sensors.
    Sensors,
}

impl Tab {
    /// All of them, in their order.
    pub(super) const ALL: [Self; 8] = [
        Self::List(Kind::Names),
        Self::List(Kind::Domains),
        Self::List(Kind::Clients),
        Self::List(Kind::Resolvers),
        Self::List(Kind::Addresses),
        Self::List(Kind::Types),
        Self::List(Kind::Rcodes),
        Self::Sensors,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::List(kind) => kind.name(),
            Self::Sensors => "sensors",
        }
    }

    /// The one so many places behind it, round in a circle.
    pub(super) fn behind(self, places: usize) -> Self {
        let mut all = Self::ALL.into_iter().cycle();
        all.by_ref().find(|tab| *tab == self);
        all.nth(places.saturating_sub(1)).unwrap_or(self)
    }
}

/// By what rows are in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sort {
    /// The count; of sensors the records.
    #[default]
    Count,
    /// What is certain of the count; of sensors what was lost.
    Least,
    /// The text.
    Text,
}

impl Sort {
    pub(super) fn name(self, tab: Tab) -> &'static str {
        match (self, tab) {
            (Self::Count, Tab::List(_)) => "count",
            (Self::Least, Tab::List(_)) => "count - error",
            (Self::Count, Tab::Sensors) => "records",
            (Self::Least, Tab::Sensors) => "lost",
            (Self::Text, _) => "text",
        }
    }

    fn next(self) -> Self {
        match self {
            Self::Count => Self::Least,
            Self::Least => Self::Text,
            Self::Text => Self::Count,
        }
    }
}

/// What is looked at.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(super) tab: Tab,
    pub(super) sort: Sort,
    /// In lower case; a row without it is not shown.
    pub(super) filter: String,
    /// Whether the filter is being typed.
    pub(super) is_typing: bool,
    pub(super) has_help: bool,
    /// The row that is chosen, and the first that is shown; what is drawn last puts them right.
    pub(super) row: usize,
    pub(super) first: usize,
    /// Rows that were shown last.
    pub(super) page: usize,
    is_paused: bool,
    is_over: bool,
}

impl Default for View {
    fn default() -> Self {
        Self {
            tab: Tab::List(Kind::Names),
            sort: Sort::default(),
            filter: String::new(),
            is_typing: false,
            has_help: false,
            row: 0,
            first: 0,
            page: 1,
            is_paused: false,
            is_over: false,
        }
    }
}

impl View {
    /// Whether what is shown is to stay.
    pub(crate) fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Whether the user wants to leave.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Takes a key.
    pub(crate) fn key(&mut self, key: KeyEvent) {
        if key.kind == KeyEventKind::Release {
            return;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            // Terminals in raw mode make no signal of it.
            self.is_over |= key.code == KeyCode::Char('c');
        } else if self.has_help {
            self.has_help = false;
        } else if self.is_typing {
            self.typed(key.code);
        } else {
            self.chosen(key.code);
        }
    }

    fn typed(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => {
                self.is_typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            // Whatever is shown is ASCII.
            KeyCode::Char(typed @ ' '..='~') if self.filter.len() < MAX_FILTER => {
                self.filter.push(typed.to_ascii_lowercase());
            }
            _ => return,
        }
        self.choose_row(0);
    }

    fn chosen(&mut self, code: KeyCode) {
        match code {
            KeyCode::Char('q') => self.is_over = true,
            KeyCode::Char(' ') => self.is_paused = !self.is_paused,
            KeyCode::Char('?' | 'h') => self.has_help = true,
            KeyCode::Char('/') => self.is_typing = true,
            KeyCode::Esc => {
                self.filter.clear();
                self.choose_row(0);
            }
            KeyCode::Char('s') => {
                self.sort = self.sort.next();
                self.choose_row(0);
            }
            KeyCode::Tab | KeyCode::Right => self.choose_tab(self.tab.behind(1)),
            KeyCode::BackTab | KeyCode::Left => {
                self.choose_tab(self.tab.behind(Tab::ALL.len() - 1))
            }
            KeyCode::Char(digit @ '1'..='9') => {
                let place = digit
                    .to_digit(10)
                    .and_then(|digit| usize::try_from(digit).ok());
                let tab = place.and_then(|place| Tab::ALL.get(place - 1));
                if let Some(tab) = tab {
                    self.choose_tab(*tab);
                }
            }
            KeyCode::Down | KeyCode::Char('j') => self.choose_row(self.row.saturating_add(1)),
            KeyCode::Up | KeyCode::Char('k') => self.choose_row(self.row.saturating_sub(1)),
            KeyCode::PageDown => self.choose_row(self.row.saturating_add(self.page)),
            KeyCode::PageUp => self.choose_row(self.row.saturating_sub(self.page)),
            KeyCode::Home | KeyCode::Char('g') => self.choose_row(0),
            KeyCode::End | KeyCode::Char('G') => self.choose_row(usize::MAX),
            _ => {}
        }
    }

    fn choose_tab(&mut self, tab: Tab) {
        self.tab = tab;
        self.choose_row(0);
    }

    fn choose_row(&mut self, row: usize) {
        self.row = row;
        if row == 0 {
            self.first = 0;
        }
    }

    /// Chooses rows so that the one that is chosen is among those that fit on the screen.
    pub(super) fn fit(&mut self, rows: usize, page: usize) {
        self.page = page.max(1);
        self.row = self.row.min(rows.saturating_sub(1));
        let earliest = (self.row + 1).saturating_sub(self.page);
        self.first = self.first.clamp(earliest, self.row.max(earliest));
        self.first = self.first.min(rows.saturating_sub(self.page).max(earliest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(codes: &[KeyCode]) -> View {
        let mut view = View::default();
        for code in codes {
            view.key(KeyEvent::from(*code));
        }
        view
    }

    #[test]
    fn tabs_go_round() {
        use KeyCode::{BackTab, Char, Tab as Next};
        assert_eq!(after(&[Next]).tab, Tab::List(Kind::Domains));
        assert_eq!(after(&[BackTab]).tab, Tab::Sensors);
        assert_eq!(after(&[BackTab, Next]).tab, Tab::List(Kind::Names));
        assert_eq!(after(&[Next; 8]).tab, Tab::List(Kind::Names));
        assert_eq!(after(&[Char('3')]).tab, Tab::List(Kind::Clients));
        assert_eq!(after(&[Char('9')]).tab, Tab::List(Kind::Names));
    }

    #[test]
    fn a_filter_is_typed_and_cleared() {
        use KeyCode::{Backspace, Char, Enter, Esc};
        let typed = after(&[
            Char('/'),
            Char('Q'),
            Char(' '),
            Char('\u{e9}'),
            Char('s'),
            Backspace,
        ]);
        assert_eq!((typed.filter.as_str(), typed.is_typing), ("q ", true));
        let done = after(&[Char('/'), Char('q'), Enter, Char('s')]);
        assert_eq!((done.filter.as_str(), done.sort), ("q", Sort::Least));
        assert_eq!(after(&[Char('/'), Char('q'), Esc]).filter, "");
        assert_eq!(after(&[Char('/'), Char('q'), Enter, Esc]).filter, "");
        assert!(!after(&[Char('/'), Char('q')]).is_over());
        let long = [&[Char('/')][..], &[Char('x'); 100]].concat();
        assert_eq!(after(&long).filter.len(), MAX_FILTER);
    }

    #[test]
    fn it_ends_and_pauses() {
        use KeyCode::Char;
        assert!(after(&[Char('q')]).is_over());
        let control_c = KeyEvent::new(Char('c'), KeyModifiers::CONTROL);
        let mut typing = after(&[Char('/')]);
        typing.key(control_c);
        assert!(typing.is_over());
        assert!(after(&[Char(' ')]).is_paused());
        assert!(!after(&[Char(' '), Char(' ')]).is_paused());
        let help = after(&[Char('?'), Char('q')]);
        assert!(!help.has_help && !help.is_over());
    }

    #[test]
    fn the_row_that_is_chosen_is_seen() {
        let mut view = after(&[KeyCode::End]);
        view.fit(100, 10);
        assert_eq!((view.row, view.first), (99, 90));
        view.key(KeyEvent::from(KeyCode::PageUp));
        view.fit(100, 10);
        assert_eq!((view.row, view.first), (89, 89));
        view.fit(5, 10);
        assert_eq!((view.row, view.first), (4, 0));
        view.fit(0, 0);
        assert_eq!((view.row, view.first), (0, 0));
    }
}
