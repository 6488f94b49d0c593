//! What `dnsflow-pages` writes: every option has its place, and the programs that will read it have
//! nothing to say against it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::CommandFactory as _;
use dnsflow::start::cli::Cli;
use dnsflow_packages::{configuration, manual};
use dnsflow_service::config;
use dnsflow_testkit::requirements::programs;

/// A folder with all pages, which goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        let made = Command::new(env!("CARGO_BIN_EXE_dnsflow-pages"))
            .arg(&path)
            .env("SOURCE_DATE_EPOCH", "1000000000")
            .status();
        assert!(made.is_ok_and(|status| status.success()));
        Self(path)
    }

    fn files(&self, folder: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.0.join(folder)).expect("a folder was written");
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort_unstable();
        files
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_option_has_its_paragraph_and_every_page_its_date() {
    let folder = Folder::new("every_option");
    for page in manual::pages() {
        let path = format!("man/man{}/{}", page.section, page.file_name());
        let text = fs::read_to_string(folder.0.join(&path)).expect("a page was written");
        assert!(text.contains("2001-09-09"), "{path}: no date");
        let options = page
            .command
            .get_arguments()
            .filter_map(|arg| arg.get_long());
        for option in options {
            let option = option.replace('-', "\\-");
            let paragraph = format!("\\fB\\-\\-{option}\\fR");
            assert!(text.contains(&paragraph), "{path}: no {option}");
        }
        for heading in ["EXAMPLES", "EXIT STATUS", "SEE ALSO"] {
            let count = text
                .lines()
                .filter(|line| is_heading(line, heading))
                .count();
            assert_eq!(count, 1, "{path}: {heading}");
        }
    }
}

#[test]
fn every_key_has_its_paragraph() {
    let text = configuration::render("2001-09-09");
    let mut command = Cli::command();
    command.build();
    for option in config::keys(&command) {
        let key = option.get_long().expect("keys are long options");
        let tag = format!(".TP\n\\fB{}\\fR", key.replace('-', "\\-"));
        assert!(text.contains(&tag), "{key}");
    }
    for said in [
        "\\fBudp\\fR = \\fIHOST[:PORT]\\fR\n",
        "\nA whole number; 64 by default. Takes effect at the next start.\n",
        "\nA string in quotes, or a list of strings. Not beside \\fBread\\fR. Takes effect at the next start.\n",
        "\n.TP\n\\fBmdns\\fR\nAlso capture multicast DNS",
        "\nThe same as \\fBfanout\\fR checksum.\n",
        ".TP\n\\fBclient\\fR\nBy the client's address\n",
    ] {
        assert!(text.contains(said), "{said:?} in {text}");
    }
}

#[test]
fn the_example_is_a_configuration_file() {
    let page = configuration::render("2001-09-09");
    let example = page.split("\n.SH EXAMPLE\n.nf\n").nth(1);
    let example = example.and_then(|rest| rest.split(".fi\n").next());
    let example = example.expect("the page has an example");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("example.toml");
    fs::write(&path, example).expect("a temporary file");
    let words = ["dnsflow".into(), "--config".into(), path.into_os_string()];
    let read = config::load::<Cli>(words).map(|read| read.options.collectors.len());
    assert_eq!(read.map_err(|error| error.to_string()), Ok(2), "{example}");
}

fn is_heading(line: &str, heading: &str) -> bool {
    line.strip_prefix(".SH ")
        .is_some_and(|rest| rest.trim_matches('"') == heading)
}

#[test]
fn formatters_and_shells_take_them() {
    let folder = Folder::new("formatters");
    for section in ["man/man1", "man/man5", "man/man8"] {
        for page in folder.files(section) {
            quiet(
                Command::new("mandoc")
                    .args(["-Tlint", "-Wwarning"])
                    .arg(page),
            );
        }
    }
    for script in folder.files("completions/bash") {
        quiet(Command::new("bash").arg("-n").arg(script));
    }
}

/// Runs a program that says nothing where all is well.
///
/// # Panics
/// If it says something, ends with another status than 0 or, with CI=true, is not there.
fn quiet(command: &mut Command) {
    let program = command.get_program().to_str().expect("a name of ASCII");
    if !programs("the pages", &[program]) {
        return;
    }
    let output = command.output().expect("a program that was looked for");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(
        (said.as_str(), output.status.success()),
        ("", true),
        "{command:?}"
    );
}
