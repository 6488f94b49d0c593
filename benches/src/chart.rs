//! Plots as SVG: bars and lines, which need no library.

use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
const MARGIN: f64 = 16.0;
const LABEL_WIDTH: f64 = 190.0;
const BAR_HEIGHT: f64 = 20.0;
const ROW_HEIGHT: f64 = 28.0;
const PLOT_HEIGHT: f64 = 200.0;
const TITLE_HEIGHT: f64 = 30.0;
const LEGEND_WIDTH: f64 = 150.0;

/// Colours that colour-blind readers can distinguish (Okabe and Ito 2008).
const COLOURS: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#444444",
];

/// An SVG image of one or more plots, one below the other.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    body: String,
    height: f64,
}

/// A line of a plot.
#[derive(Clone, Debug)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// A value for each position on the x axis; `None` if it was not measured.
    pub values: Vec<Option<f64>>,
}

impl Chart {
    /// Adds a plot with a bar for each value, from 0. Values are labelled with `digits` decimals.
    pub fn bars(&mut self, title: &str, values: &[(String, f64)], digits: usize) {
        self.title(title);
        let most = values
            .iter()
            .map(|(_, value)| *value)
            .fold(f64::MIN_POSITIVE, f64::max);
        let room = WIDTH - LABEL_WIDTH - 2.0 * MARGIN - 80.0;
        for (index, (name, value)) in values.iter().enumerate() {
            let y = self.height;
            let middle = y + BAR_HEIGHT / 2.0 + 5.0;
            let length = (room * value / most).max(1.0);
            let from = MARGIN + LABEL_WIDTH;
            self.text(from - 8.0, middle, "end", name);
            let colour = COLOURS[usize::from(index > 0 && !name.starts_with("dnsflow"))];
            self.element(&format!(
                r#"<rect x="{from}" y="{y:.1}" width="{length:.1}" height="{BAR_HEIGHT}" fill="{colour}"/>"#
            ));
            self.text(
                from + length + 6.0,
                middle,
                "start",
                &format!("{value:.digits$}"),
            );
            self.height += ROW_HEIGHT;
        }
        self.height += MARGIN;
    }

    /// Adds a plot with a line for each series. `labels` name the positions on the x axis, which
    /// are equidistant.
    pub fn lines(&mut self, title: &str, labels: &[String], series: &[Series]) {
        self.title(title);
        let values = series
            .iter()
            .flat_map(|series| series.values.iter().flatten());
        let top = round_up(values.copied().fold(0.0, f64::max));
        let (left, right) = (MARGIN + 60.0, WIDTH - MARGIN - LEGEND_WIDTH);
        let (upper, lower) = (self.height, self.height + PLOT_HEIGHT);
        let y = |value: f64| lower - PLOT_HEIGHT * value / top;
        for value in [0.0, 0.25, 0.5, 0.75, 1.0].map(|part| part * top) {
            let at = y(value);
            self.element(&format!(
                r##"<path d="M{left} {at:.1}H{right}" stroke="#ddd" fill="none"/>"##
            ));
            self.text(left - 8.0, at + 4.0, "end", &short(value));
        }
        #[expect(clippy::cast_precision_loss, reason = "a handful of positions")]
        let x = |index: usize| left + (right - left) * (index as f64 + 0.5) / labels.len() as f64;
        for (index, label) in labels.iter().enumerate() {
            self.text(x(index), lower + 18.0, "middle", label);
        }
        let mut legend = upper + 10.0;
        for (series, colour) in series.iter().zip(COLOURS.iter().cycle()) {
            let mut path = String::new();
            for (index, value) in series.values.iter().enumerate() {
                let Some(value) = value else { continue };
                let (x, y) = (x(index), y(*value));
                let step = if path.is_empty() { 'M' } else { 'L' };
                // Writing to a String does not fail.
                let _ = write!(path, "{step}{x:.1} {y:.1}");
                self.element(&format!(
                    r#"<circle cx="{x:.1}" cy="{y:.1}" r="3.5" fill="{colour}"/>"#
                ));
            }
            self.element(&format!(
                r#"<path d="{path}" stroke="{colour}" stroke-width="2" fill="none"/>"#
            ));
            let from = right + 14.0;
            self.element(&format!(
                r#"<rect x="{from}" y="{:.1}" width="14" height="4" fill="{colour}"/>"#,
                legend - 6.0
            ));
            self.text(from + 20.0, legend, "start", &series.name);
            legend += 20.0;
        }
        self.height = lower + 2.0 * MARGIN + 12.0;
    }

    /// The image as SVG text.
    #[must_use]
    pub fn svg(&self) -> String {
        let height = self.height + MARGIN;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" \
             height=\"{height:.0}\" font-family=\"sans-serif\" font-size=\"13\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{}</svg>\n",
            self.body
        )
    }

    fn title(&mut self, title: &str) {
        self.height += MARGIN;
        let y = self.height + 4.0;
        let title = escaped(title);
        self.element(&format!(
            r#"<text x="{MARGIN}" y="{y:.1}" font-weight="bold">{title}</text>"#
        ));
        self.height += TITLE_HEIGHT - MARGIN + 6.0;
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, text: &str) {
        let text = escaped(text);
        self.element(&format!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#
        ));
    }

    fn element(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// The least of 1, 2, 4, 5 or 8 times a power of 10 that is not below `value`, so that quarters are
/// round numbers.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let unit = 10_f64.powf(value.max(1e-9).log10().floor());
    let steps = [1.0, 2.0, 4.0, 5.0, 8.0, 10.0];
    steps
        .map(|step| step * unit)
        .into_iter()
        .find(|step| *step >= value)
        .unwrap_or(value)
}

/// A number with a k or M suffix where it is large.
fn short(value: f64) -> String {
    if value >= 1e6 {
        format!("{}M", value / 1e6)
    } else if value >= 1e4 {
        format!("{}k", value / 1e3)
    } else {
        let rounded = format!("{value:.3}");
        rounded
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned()
    }
}
