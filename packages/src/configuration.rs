//! The manual page of a configuration file. Its keys are options of the command line, and what is
//! said of them is what those definitions know; the rest is written by hand, in `packages/man`.

use clap::{Arg, Command};
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use dnsflow_service::config;

/// Where in the text the keys belong.
const KEYS: &str = ".\\\" All keys.\n";

/// A page in section 5 of the manual.
#[derive(Clone, Debug)]
pub struct ConfigurationPage {
    /// The program that reads the file.
    pub command: Command,
    /// All of the page but its title and its keys, in roff(7) with man(7).
    pub(crate) text: &'static str,
    /// Whether a reload leaves a key as it is.
    pub(crate) waits_for_start: fn(&str) -> bool,
}

impl ConfigurationPage {
    /// Such as `dnsflow.toml.5`.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.toml.5", self.command.get_name())
    }

    /// The page as roff(7) text; `date` is that of its title.
    #[must_use]
    pub fn render(&self, date: &str) -> String {
        let mut title = Roff::new();
        let name = self.command.get_name().to_uppercase() + ".TOML";
        let source = concat!("dnsflow ", env!("CARGO_PKG_VERSION"));
        title.control("TH", [&name, "5", date, source, "dnsflow manual"]);
        title.to_roff() + &self.text.replace(KEYS, &self.keys().to_roff())
    }

    /// A paragraph for each key, below the headings of `--help`.
    fn keys(&self) -> Roff {
        let mut command = self.command.clone();
        command.build();
        let mut roff = Roff::new();
        let keys: Vec<&Arg> = config::keys(&command).collect();
        for group in keys.chunk_by(|one, next| one.get_help_heading() == next.get_help_heading()) {
            roff.control("SS", group[0].get_help_heading());
            for option in group {
                paragraph(&mut roff, &command, option);
                let mut facts = facts(&command, option);
                if (self.waits_for_start)(key(option)) {
                    facts.push(roman(" Takes effect at the next start."));
                }
                roff.text(facts);
            }
        }
        roff
    }
}

/// A key and what it is for.
fn paragraph(roff: &mut Roff, command: &Command, option: &Arg) {
    let takes_values = option.get_action().takes_values();
    let mut line = vec![bold(key(option))];
    if let (true, Some(names)) = (takes_values, option.get_value_names()) {
        line.extend([roman(" = "), italic(names.join(" "))]);
    }
    roff.control("TP", []).text(line);
    let help = option.get_help().map(ToString::to_string);
    let mut text = with_keys(command, &help.unwrap_or_default());
    let values = if takes_values {
        option.get_possible_values()
    } else {
        Vec::new()
    };
    if values.is_empty() {
        text.push(roman("."));
        roff.text(text).control("br", []);
    } else {
        text.push(roman(":"));
        roff.text(text).control("RS", []);
        for value in &values {
            let help = value.get_help().map(ToString::to_string);
            roff.control("TP", []).text([bold(value.get_name())]);
            roff.text([roman(help.unwrap_or_default())]);
        }
        roff.control("RE", []).control("IP", []);
    }
}

/// What a key takes, and what goes with it.
fn facts(command: &Command, option: &Arg) -> Vec<Inline> {
    let mut text = vec![roman(capitalised(&config::expected(option)))];
    if option.get_action().takes_values() {
        for value in option.get_default_values() {
            text.push(roman(format!("; {} by default", value.display())));
        }
    }
    let others = config::keys(command).filter(|other| other.get_id() != option.get_id());
    let others = others.filter(|other| config::are_in_conflict(command, option, other));
    for (index, other) in others.enumerate() {
        let before = if index == 0 { ". Not beside " } else { ", " };
        text.extend([roman(before), bold(key(other))]);
    }
    text.push(roman("."));
    text
}

/// A help text in which options are called by their keys: `-r` is `read`.
fn with_keys(command: &Command, help: &str) -> Vec<Inline> {
    let mut text = Vec::new();
    for word in help.split_inclusive(' ') {
        let option = word.trim_end_matches([' ', ',', ':', ';', '.']);
        let known = config::keys(command).find(|known| is_written(known, option));
        match known {
            Some(known) => text.extend([bold(key(known)), roman(&word[option.len()..])]),
            None => text.push(roman(word)),
        }
    }
    text
}

fn is_written(option: &Arg, word: &str) -> bool {
    let is_short = |short: char| word.strip_prefix('-') == Some(short.encode_utf8(&mut [0; 4]));
    word.strip_prefix("--") == Some(key(option)) || option.get_short().is_some_and(is_short)
}

fn key(option: &Arg) -> &str {
    option.get_long().unwrap_or_default()
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}
