//! A snapshot as cells of a terminal.
//!
//! Everything is made as lines of ASCII with columns of fixed width; what has no room is left out from
//! the least to the most important: bars, sensors, rows.

use dnsflow_tally::{Item, Kind, SensorRow, Snapshot};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Sparkline, Wrap};

use super::rows;
use super::theme::Theme;
use super::view::{Sort, Tab, View};
use crate::feed::State;
use crate::text::{count, cut, percent, printable, rate, share, signed, span};

/// Lines from which on there is room for bars and sensors.
const TALL: u16 = 18;

/// Lines from which on there is room for more of both.
const VERY_TALL: u16 = 36;

/// Columns from which on two lists are side by side.
const WIDE: u16 = 140;

/// Columns beside the bars.
const LABEL: u16 = 12;

/// Seconds that the bars can show: those that a snapshot has.
const SECONDS: usize = 300;

/// What is to be shown.
pub(crate) struct Shown<'s> {
    /// Where it comes from.
    pub(crate) title: &'s str,
    /// The figures.
    pub(crate) snapshot: &'s Snapshot,
    /// Where the source is now.
    pub(crate) state: &'s State,
}

/// Draws everything.
pub(crate) fn draw(frame: &mut Frame<'_>, shown: &Shown<'_>, view: &mut View, theme: &Theme) {
    let area = frame.area();
    let is_tall = area.height >= TALL;
    let very_tall = area.height >= VERY_TALL;
    let snapshot = shown.snapshot;
    let shows_sensors = is_tall && view.tab != Tab::Sensors && !snapshot.sensors.is_empty();
    let most = if very_tall { 10 } else { 4 };
    let sensors = snapshot.sensors.len().min(most);
    let told = printable(&shown.state.notes.join("; ")).into_owned();
    let heights = [
        1,
        1,
        notes_height(&told, area.width),
        match (is_tall, very_tall) {
            (false, _) => 0,
            (true, false) => 3,
            (true, true) => 6,
        },
        // A head too.
        u16::try_from(sensors + 1).unwrap_or(0) * u16::from(shows_sensors),
        1,
    ];
    let mut constraints = heights.map(Constraint::Length).to_vec();
    constraints.extend([Constraint::Fill(1), Constraint::Length(1)]);
    let areas = Layout::vertical(constraints).split(area);
    let [title, summary, notes, bars, sensor_list, tabs, list, foot] = *areas else {
        return;
    };
    frame.render_widget(head(shown, view, title.width).style(theme.bar), title);
    frame.render_widget(summary_line(snapshot), summary);
    let told = Paragraph::new(told).wrap(Wrap { trim: true });
    frame.render_widget(told.style(theme.alarm), notes);
    draw_bars(frame, bars, snapshot, theme);
    if shows_sensors {
        let rows = rows::sensors(snapshot, Sort::Count, "");
        draw_sensors(frame, sensor_list, snapshot, &rows, None, theme);
    }
    frame.render_widget(tab_line(view, theme), tabs);
    let long = draw_lists(frame, list, snapshot, view, theme);
    frame.render_widget(foot_line(shown, view, long, theme), foot);
    if view.has_help {
        draw_help(frame, theme);
    }
}

/// Lines that notes get: three if they don't fit on one.
fn notes_height(told: &str, width: u16) -> u16 {
    match told.len() {
        0 => 0,
        length if length <= usize::from(width) => 1,
        _ => 3,
    }
}

fn head(shown: &Shown<'_>, view: &View, width: u16) -> Line<'static> {
    let snapshot = shown.snapshot;
    let over = |count| snapshot.rate(count);
    let whole = (
        over(snapshot.recent.records),
        over(snapshot.recent.datagrams),
    );
    let (records, datagrams) = match snapshot.now() {
        Some((records, datagrams)) if !shown.state.has_ended => (Some(records), Some(datagrams)),
        _ => whole,
    };
    let state = match (view.is_paused(), shown.state.has_ended) {
        (true, _) => "  PAUSED",
        (false, true) => "  ENDED",
        (false, false) => "",
    };
    let right = format!(
        "{} records/s  {} datagrams/s  lost {}{state} ",
        rate(records),
        rate(datagrams),
        percent(snapshot.recent.loss())
    );
    let room = usize::from(width).saturating_sub(right.len() + 1);
    let left = format!(" dnsflow-top  {}", printable(shown.title));
    let left = cut(&left, room);
    Line::raw(format!("{left:room$} {right}"))
}

fn summary_line(snapshot: &Snapshot) -> Line<'static> {
    let Snapshot { recent, total, .. } = snapshot;
    let covered = span(snapshot.covered());
    let mut text = format!(
        " last {covered}: {} records, {} datagrams, {} lost",
        count(recent.records),
        count(recent.datagrams),
        signed(recent.lost)
    );
    if snapshot.from != snapshot.since {
        text += &format!("; all: {} records", count(total.records));
    }
    Line::raw(text)
}

/// The rates of the last minutes, the newest on the right.
fn draw_bars(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, theme: &Theme) {
    let columns = Layout::horizontal([Constraint::Length(LABEL), Constraint::Fill(1)]);
    let [label, bars] = columns.areas(area);
    let width = usize::from(bars.width);
    if width == 0 || area.height == 0 {
        return;
    }
    let (rates, seconds) = means(snapshot, width);
    let max = rates.iter().copied().max().unwrap_or(0);
    let lines = [
        format!("{:>11}", format!("{}/s", count(max))),
        format!("{:>11}", "records/s"),
        format!("{:>11}", format!("in {}", span(seconds as f64))),
    ];
    frame.render_widget(Paragraph::new(lines.map(Line::raw).to_vec()), label);
    let blank = width.saturating_sub(rates.len());
    let rates = std::iter::repeat_n(0, blank).chain(rates);
    let bar = Sparkline::default()
        .data(rates.collect::<Vec<_>>())
        .max(max.max(1));
    frame.render_widget(bar.style(theme.bars), bars);
}

/// Records a second in each of at most `width` stretches, and how many seconds they cover.
fn means(snapshot: &Snapshot, width: usize) -> (Vec<u64>, usize) {
    let each = SECONDS.div_ceil(width.max(1));
    let seconds = snapshot.seconds.iter().rev().take(each * width);
    let seconds: Vec<u64> = seconds.map(|second| second.records).collect();
    let stretches = seconds.chunks(each);
    let mean = |stretch: &[u64]| stretch.iter().sum::<u64>().div_ceil(stretch.len() as u64);
    let mut means: Vec<_> = stretches.map(mean).collect();
    means.reverse();
    (means, seconds.len())
}

fn tab_line(view: &View, theme: &Theme) -> Line<'static> {
    let mut spans = Vec::new();
    for (number, tab) in (1..).zip(Tab::ALL) {
        let is_chosen = tab == view.tab;
        let style = if is_chosen { theme.bar } else { Style::new() };
        spans.push(Span::styled(format!("{number} {}", tab.name()), style));
        // Without colours or where it is not seen, the chosen one is marked.
        spans.push(Span::raw(if is_chosen { "<" } else { " " }));
    }
    Line::from(spans)
}

/// Draws the list that is chosen, and the next one beside it where there is room. Returns the text of
/// the row that is chosen, if it was cut.
fn draw_lists(
    frame: &mut Frame<'_>,
    area: Rect,
    snapshot: &Snapshot,
    view: &mut View,
    theme: &Theme,
) -> Option<String> {
    let mut area = area;
    if area.width >= WIDE {
        let [left, _, right] = Layout::horizontal([
            Constraint::Fill(1),
            Constraint::Length(2),
            Constraint::Fill(1),
        ])
        .areas(area);
        // Sensors are shown anyway.
        let next = view.tab.behind(1);
        let next = if next == Tab::Sensors {
            next.behind(1)
        } else {
            next
        };
        if let Tab::List(kind) = next {
            let items = rows::items(snapshot, kind, view);
            draw_items(frame, right, snapshot, kind, &items, None, theme);
        }
        area = left;
    }
    // But for the head.
    let page = usize::from(area.height.saturating_sub(1));
    match view.tab {
        Tab::List(kind) => {
            let items = rows::items(snapshot, kind, view);
            view.fit(items.len(), page);
            let place = Some((view.first, view.row));
            draw_items(frame, area, snapshot, kind, &items, place, theme);
            let chosen = items.get(view.row).map(|item| printable(&item.key));
            let room = usize::from(area.width).saturating_sub(ITEM_COLUMNS);
            chosen.filter(|key| key.len() > room).map(Into::into)
        }
        Tab::Sensors => {
            let rows = rows::sensors(snapshot, view.sort, &view.filter);
            view.fit(rows.len(), page);
            let place = Some((view.first, view.row));
            draw_sensors(frame, area, snapshot, &rows, place, theme);
            let chosen = rows.get(view.row).map(|row| printable(&row.sensor));
            let room = usize::from(area.width).saturating_sub(SENSOR_COLUMNS);
            chosen.filter(|sensor| sensor.len() > room).map(Into::into)
        }
    }
}

/// Columns before the text of an item.
const ITEM_COLUMNS: usize = 44;

fn draw_items(
    frame: &mut Frame<'_>,
    area: Rect,
    snapshot: &Snapshot,
    kind: Kind,
    items: &[&Item],
    place: Option<(usize, usize)>,
    theme: &Theme,
) {
    let list = snapshot.list(kind);
    let head = format!(
        "{:>5} {:>10} {:>7} {:>9} {:>8} {} ({})",
        "#",
        "COUNT",
        "SHARE",
        "ERROR",
        "RATE/S",
        kind.name().to_ascii_uppercase(),
        count(list.total)
    );
    let room = usize::from(area.width).saturating_sub(ITEM_COLUMNS);
    let row = |number: usize, item: &&Item| {
        let text = format!(
            "{:>5} {:>10} {:>7} {:>9} {:>8} {}",
            number + 1,
            count(item.count),
            percent(share(item.count, list.total)),
            count(item.error),
            rate(snapshot.rate(item.count)),
            cut(&printable(&item.key), room)
        );
        // It may not have come at all often.
        let is_faint = item.error > item.count / 2;
        (text, if is_faint { theme.faint } else { Style::new() })
    };
    table(frame, area, head, items, place, row, theme);
}

/// Columns of a row of a sensor but for its name.
const SENSOR_COLUMNS: usize = 60;

fn draw_sensors(
    frame: &mut Frame<'_>,
    area: Rect,
    snapshot: &Snapshot,
    rows: &[&SensorRow],
    place: Option<(usize, usize)>,
    theme: &Theme,
) {
    let room = usize::from(area.width).saturating_sub(SENSOR_COLUMNS);
    let columns = |name: &str, columns: [&str; 7]| {
        let [records, datagrams, lost, loss, late, doubled, restarts] = columns;
        format!(
            " {name:room$} {records:>9} {datagrams:>10} {lost:>9} {loss:>7} {late:>6} {doubled:>5} {restarts:>5}"
        )
    };
    let head = columns(
        "SENSOR",
        [
            "RECORDS/S",
            "DATAGRAM/S",
            "LOST",
            "LOSS",
            "LATE",
            "TWICE",
            "START",
        ],
    );
    let row = |_: usize, row: &&SensorRow| {
        let counts = &row.recent;
        let text = columns(
            &cut(&printable(&row.sensor), room),
            [
                &rate(snapshot.rate(counts.records)),
                &rate(snapshot.rate(counts.datagrams)),
                &signed(counts.lost),
                &percent(counts.loss()),
                &count(counts.late),
                &count(counts.doubled),
                &count(counts.restarts),
            ],
        );
        let is_lossy = counts.lost > 0;
        (text, if is_lossy { theme.alarm } else { Style::new() })
    };
    table(frame, area, head, rows, place, row, theme);
}

/// Draws a head and rows; `place` is the first row and the one that is chosen.
fn table<T>(
    frame: &mut Frame<'_>,
    area: Rect,
    head: String,
    rows: &[T],
    place: Option<(usize, usize)>,
    text: impl Fn(usize, &T) -> (String, Style),
    theme: &Theme,
) {
    let (first, chosen) = place.map_or((0, None), |(first, chosen)| (first, Some(chosen)));
    let page = usize::from(area.height.saturating_sub(1));
    let mut lines = vec![Line::styled(head, theme.head)];
    for (number, row) in rows.iter().enumerate().skip(first).take(page) {
        let (text, style) = text(number, row);
        let style = if chosen == Some(number) {
            style.patch(theme.chosen)
        } else {
            style
        };
        lines.push(Line::styled(text, style));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn foot_line(shown: &Shown<'_>, view: &View, long: Option<String>, theme: &Theme) -> Line<'static> {
    if view.is_typing {
        return Line::styled(format!(" /{}_", view.filter), theme.head)
            + Span::raw("  Enter keeps it, Esc clears it");
    }
    let mut text = String::new();
    if view.is_paused() {
        let since = shown.state.records;
        let since = since.saturating_sub(shown.snapshot.total.records);
        text += &format!(" paused, {} records since;", count(since));
    }
    if !view.filter.is_empty() {
        text += &format!(" only /{} (Esc clears);", view.filter);
    }
    match long {
        Some(long) => text += &format!(" {long}"),
        None if !text.is_empty() => text += " ? help  q quit",
        None => {
            text += &format!(
                " Tab list  s sort: {}  / filter  space pause  ? help  q quit",
                view.sort.name(view.tab)
            );
        }
    }
    Line::styled(text, theme.faint)
}

const HELP: [&str; 15] = [
    "Tab, arrows, 1 to 8  choose a list",
    "arrows, j k, PgUp PgDn, Home End  choose a row",
    "s      sort by count, by count - error, by text",
    "/      show only rows with a text; Esc shows all again",
    "space  pause: what is shown stays, counting goes on",
    "q      quit",
    "",
    "COUNT  how often it came in the window, at most",
    "ERROR  by how much that may be too many",
    "SHARE  of all that were counted in the list",
    "LOST   datagrams that never came, by their numbers",
    "LATE   overtaken on the way; TWICE: not counted again",
    "START  how often a stream started over",
    "",
    "Any key closes this.",
];

fn draw_help(frame: &mut Frame<'_>, theme: &Theme) {
    let area = frame.area();
    let lines: Vec<Line<'_>> = HELP
        .iter()
        .map(|line| Line::raw(format!(" {line}")))
        .collect();
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let area = area.centered(
        Constraint::Length(60.min(area.width)),
        Constraint::Length(height.min(area.height)),
    );
    frame.render_widget(Clear, area);
    let block = Block::bordered().title(" Help ").border_style(theme.head);
    frame.render_widget(Paragraph::new(lines).block(block), area);
}
