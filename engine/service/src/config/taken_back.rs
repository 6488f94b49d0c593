//! Opposites of flags: what a configuration file has set, the command line can take back.
//!
//! They are made of the definition of the options, so that each flag has one: `--no-print` for
//! `--print`, and `--promiscuous` for `--no-promiscuous`. They set nothing by themselves; the later
//! one of both counts.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::keys;

/// How the opposite of an option differs from it.
const NO: &str = "no-";

/// The command and its subcommands, with the opposite of each flag that can be a key of a file.
pub(super) fn with_opposites(command: Command) -> Command {
    let opposites: Vec<Arg> = keys(&command).filter_map(opposite).collect();
    let names = command.get_subcommands().map(Command::get_name);
    let names: Vec<String> = names.map(str::to_owned).collect();
    let command = command.args(opposites);
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, with_opposites)
    })
}

/// Whether an option is a flag whose opposite was given.
pub(super) fn is_taken_back(option: &Arg, given: &ArgMatches) -> bool {
    opposite(option).is_some_and(|opposite| given.get_flag(opposite.get_id().as_str()))
}

/// The opposite of a flag; `None` for an option with values.
fn opposite(option: &Arg) -> Option<Arg> {
    let is_flag = matches!(option.get_action(), ArgAction::SetTrue);
    let long = option.get_long().filter(|_| is_flag)?;
    let name = match long.strip_prefix(NO) {
        Some(positive) => positive.to_owned(),
        None => format!("{NO}{long}"),
    };
    let opposite = Arg::new(name.clone()).long(name).hide(true);
    Some(
        opposite
            .action(ArgAction::SetTrue)
            .overrides_with(option.get_id()),
    )
}
