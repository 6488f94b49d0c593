//! A program of few options; `engine/tests/config.rs` has all rules, with those of the sensor.

use std::path::PathBuf;

use clap::Parser;
use dnsflow_testkit::folder::Folder;

use super::*;

#[derive(Debug, PartialEq, Eq, Parser)]
#[command(name = "example")]
struct Options {
    #[arg(long)]
    config: Option<PathBuf>,
    #[arg(long, default_value_t = 5300)]
    port: u16,
    #[arg(long)]
    verbose: bool,
}

/// Port and verbosity of a file and a command line; or what is wrong, after the name of the file.
fn loaded(file: &str, arguments: &[&str]) -> Result<(u16, bool), String> {
    let folder = Folder::new();
    let path = folder.file("example.toml", file.as_bytes());
    let path = path.to_str().expect("a path of UTF-8");
    let all = ["example", "--config", path];
    let options = load::<Options>(all.iter().chain(arguments)).map_err(|error| {
        let text = error.to_string();
        text.strip_prefix(path).unwrap_or(&text).to_owned()
    })?;
    Ok((options.port, options.verbose))
}

#[test]
fn a_program_brings_its_own_options() {
    let file = "port = 7\nverbose = true\n";
    assert_eq!(loaded(file, &[]), Ok((7, true)));
    assert_eq!(loaded(file, &["--port=8", "--no-verbose"]), Ok((8, false)));
    let without = load::<Options>(["example", "--verbose"]).map(|options| options.port);
    assert_eq!(without.map_err(|error| error.to_string()), Ok(5300));
}

/// Keys of another program are none, and the help that is named is that of this program.
#[test]
fn errors_name_the_program() {
    let unknown =
        ":2: unknown key 'interface': keys are the long options, which `example --help` lists";
    assert_eq!(
        loaded("\ninterface = 'eth0'\n", &[]),
        Err(unknown.to_owned())
    );
}
