//! `dnsflow-pages FOLDER` writes manual pages and shell completions, from the definitions by which
//! the programs read their command lines.
//!
//! ```text
//! FOLDER/man/man1/dnsflow-read.1 ..        man5/dnsflow.toml.5   man8/dnsflow.8
//! FOLDER/completions/bash/dnsflow ..    zsh/_dnsflow ..    fish/dnsflow.fish ..
//! ```
//!
//! `SOURCE_DATE_EPOCH`, in seconds, is the date of the pages; without it they have today's.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};
use std::{env, fs, io};

use clap::Parser;
use clap_complete::{Shell, generate_to};
use dnsflow_packages::{configuration_pages, pages};

/// Write manual pages and shell completions of the programs that this was built for.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Folder to write into; it is made if it is not there
    folder: PathBuf,
}

fn main() -> ExitCode {
    match write(&Options::parse().folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dnsflow-pages: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path) -> io::Result<()> {
    let date = date()?;
    for page in pages() {
        let folder = folder.join(format!("man/man{}", page.section));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(page.file_name()), page.render(&date)?)?;
    }
    let formats = folder.join("man/man5");
    fs::create_dir_all(&formats)?;
    for page in configuration_pages() {
        fs::write(formats.join(page.file_name()), page.render(&date))?;
    }
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let folder = folder.join(format!("completions/{shell}"));
        fs::create_dir_all(&folder)?;
        for mut page in pages() {
            let name = page.command.get_name().to_owned();
            generate_to(shell, &mut page.command, name, &folder)?;
        }
    }
    Ok(())
}

/// The day of the pages, as manual pages write it: `2026-11-23`.
fn date() -> io::Result<String> {
    let time = match env::var("SOURCE_DATE_EPOCH") {
        Ok(seconds) => {
            let seconds = seconds.parse().map_err(|_| {
                io::Error::other("SOURCE_DATE_EPOCH: seconds since 1970 are wanted")
            })?;
            SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
        }
        Err(_) => SystemTime::now(),
    };
    let text = humantime::format_rfc3339_seconds(time).to_string();
    Ok(text.chars().take("2026-11-23".len()).collect())
}
