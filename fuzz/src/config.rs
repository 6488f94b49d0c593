//! The configuration file and the command line.

use std::fs;
use std::path::PathBuf;

use clap::Parser as _;
use dnsflow::start::cli::{Cli, Options};
use dnsflow::start::settings::Capture;
use dnsflow_packet::LinkType;
use dnsflow_service::config::{LoadError, load};

use crate::input::Input;
use crate::text::assert_printable;

/// Loads a configuration file, or a command line, and holds that errors say where, and that what is
/// accepted is the same when the TOML library writes it, or when it is given as options.
///
/// # Panics
/// If it is not.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let shape = input.byte();
    let Ok(text) = str::from_utf8(input.rest()) else {
        return;
    };
    if shape & 1 == 0 {
        check_file(text);
    } else {
        check_arguments(text);
    }
}

/// What a file gives without a command line.
fn loaded(text: &str) -> Result<Options, LoadError> {
    let path = path();
    fs::write(&path, text).expect("a file");
    let path = path.to_str().expect("a path of ASCII");
    let mut options = load::<Cli>(["dnsflow", "--config", path])?.options;
    options.config = None;
    Ok(options)
}

fn path() -> PathBuf {
    std::env::temp_dir().join(format!("dnsflow-fuzz-{}.toml", std::process::id()))
}

fn check_file(text: &str) {
    let options = match loaded(text) {
        Ok(options) => options,
        Err(LoadError::Wrong(error)) => {
            let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
            assert!(
                (1..=lines).contains(&error.line),
                "line {} of {lines}",
                error.line
            );
            let shown = error.to_string();
            let place = format!("{}:{}: ", path().display(), error.line);
            assert!(shown.starts_with(&place), "{shown}");
            return;
        }
        Err(other) => panic!("{other}, though the file is there"),
    };
    let table: toml::Table = text.parse().expect("what was loaded is TOML");
    let written = toml::to_string(&table).expect("it was read");
    assert_eq!(loaded(&written).expect("it is the same"), options);
    let words = table.iter().flat_map(|(key, value)| words(key, value));
    let words = ["dnsflow".to_owned()].into_iter().chain(words);
    let given = Cli::try_parse_from(words).expect("the command line takes what a file may have");
    assert_eq!(given.options, options);
    check_options(&options);
}

/// A key as the arguments that it stands for.
fn words(key: &str, value: &toml::Value) -> Vec<String> {
    match value {
        toml::Value::Boolean(false) => Vec::new(),
        toml::Value::Boolean(true) => vec![format!("--{key}")],
        toml::Value::String(text) => vec![format!("--{key}={text}")],
        toml::Value::Array(values) => values.iter().flat_map(|value| words(key, value)).collect(),
        number => vec![format!("--{key}={number}")],
    }
}

/// A command line, a word a line. It names no file of its own.
fn check_arguments(text: &str) {
    let words = text.lines().filter(|word| !word.contains("config"));
    match load::<Cli>(["dnsflow"].into_iter().chain(words)) {
        Ok(cli) => check_options(&cli.options),
        Err(LoadError::Arguments(error)) => {
            let shown = error.render().to_string();
            assert!(!shown.trim().is_empty());
        }
        Err(other) => panic!("{other}, without a file"),
    }
}

/// What options give is a program, or an error of one line.
fn check_options(options: &Options) {
    let capture = Capture::new(options);
    // libpcap would look up names.
    if capture.expression.is_none()
        && let Err(error) = capture.program(LinkType::Ethernet)
    {
        assert_printable(&error.to_string());
    }
    if let Err(error) = capture.spread() {
        assert_printable(&error.to_string());
    }
}
