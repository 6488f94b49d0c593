//! Manual pages, from definitions of command lines.
//!
//! clap_mangen writes most of each. What it would not write as manual pages are written is done
//! here: usage by example instead of a list of all options, headings below OPTIONS, and examples as
//! they stand.

use std::io;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

/// A line of text that is shorter fits beside the indentation of an option.
const LINE_CHARACTERS: usize = 60;

/// One page.
#[derive(Clone, Debug)]
pub struct Page {
    /// What it is about.
    pub command: Command,
    /// Of the manual: 1 for programs that anybody runs, 8 for daemons.
    pub section: &'static str,
    /// Stands behind the name, in lists of pages.
    pub(crate) summary: &'static str,
    /// Ways to call it, one a line.
    pub(crate) synopsis: &'static str,
    /// Sections that the definition knows nothing of, in roff(7) with man(7).
    pub(crate) more: &'static str,
}

impl Page {
    /// Such as `dnsflow.8`.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.{}", self.command.get_name(), self.section)
    }

    /// The page as roff(7) text; `date` is that of its title.
    ///
    /// # Errors
    /// None in practice: it writes into memory.
    pub fn render(&self, date: &str) -> io::Result<String> {
        let help = self.command.get_after_long_help();
        let help = help.or(self.command.get_after_help());
        let help = help.map(ToString::to_string).unwrap_or_default();
        let about = self.command.get_long_about();
        let about = about
            .or(self.command.get_about())
            .cloned()
            .unwrap_or_default();
        let command = self.command.clone();
        let command = command.long_about(about).about(self.summary);
        let man = Man::new(command.override_usage(self.synopsis))
            .title(self.command.get_name().to_uppercase())
            .section(self.section)
            .date(date)
            .source(concat!("dnsflow ", env!("CARGO_PKG_VERSION")))
            .manual("dnsflow manual");
        let mut page = Vec::new();
        man.render_title(&mut page)?;
        man.render_name_section(&mut page)?;
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        let mut page = tidied(&String::from_utf8_lossy(&page));
        page += &options(&man)?;
        page += &examples(&help).render();
        page += self.more;
        Ok(page)
    }
}

/// Without what formatters warn of: lines that can't be broken are not to be adjusted, and one
/// blank line needs no two breaks.
fn tidied(page: &str) -> String {
    let page = page.replace("\n.br\n\n.br\n", "\n.sp\n");
    let lines = page.lines().map(|line| {
        let breakable = line.contains(' ') || line.starts_with('.') || line.len() < LINE_CHARACTERS;
        if breakable {
            format!("{line}\n")
        } else {
            format!(".nf\n{line}\n.fi\n")
        }
    });
    lines.collect()
}

/// All options in one section, with what are sections of their own to clap_mangen below it.
fn options(man: &Man) -> io::Result<String> {
    let mut text = Vec::new();
    man.render_options_section(&mut text)?;
    let text = tidied(&String::from_utf8_lossy(&text));
    let lines = text.lines().map(|line| match line.strip_prefix(".SH ") {
        Some(heading) if heading != "OPTIONS" => format!(".SS {heading}\n"),
        _ => format!("{line}\n"),
    });
    Ok(lines.collect())
}

/// What stands below `Examples:` at the end of a help text, line by line.
fn examples(help: &str) -> Roff {
    let mut roff = Roff::new();
    let lines = help.lines().skip_while(|line| *line != "Examples:");
    let examples: Vec<&str> = lines
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with(' '))
        .collect();
    let blank = examples
        .iter()
        .rev()
        .take_while(|line| line.is_empty())
        .count();
    roff.control("SH", ["EXAMPLES"]);
    roff.control("nf", []);
    for line in &examples[..examples.len() - blank] {
        roff.text([roman(*line)]);
    }
    roff.control("fi", []);
    roff
}
