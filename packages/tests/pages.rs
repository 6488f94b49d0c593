//! What `dnsflow-pages` writes: every option has its place, and the programs that will read it have
//! nothing to say against it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dnsflow_packages::configuration::ConfigurationPage;
use dnsflow_packages::{configuration_pages, pages};
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
    for page in pages() {
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

/// The page of a program's configuration file.
fn configuration(program: &str) -> ConfigurationPage {
    let mut pages = configuration_pages().into_iter();
    let found = pages.find(|page| page.command.get_name() == program);
    found.expect("the program has a configuration file")
}

fn assert_says(page: &ConfigurationPage, sentences: &[&str]) {
    let text = page.render("2001-09-09");
    let mut command = page.command.clone();
    command.build();
    for option in config::keys(&command) {
        let key = option.get_long().expect("keys are long options");
        let tag = format!(".TP\n\\fB{}\\fR", key.replace('-', "\\-"));
        assert!(text.contains(&tag), "{key}");
    }
    for said in sentences {
        assert!(text.contains(said), "{said:?} in {text}");
    }
}

#[test]
fn every_key_has_its_paragraph() {
    assert_says(
        &configuration("dnsflow"),
        &[
            "\\fBudp\\fR = \\fIHOST[:PORT]\\fR\n",
            "\nA whole number; 64 by default. Takes effect at the next start.\n",
            "\nA string in quotes, or a list of strings. Not beside \\fBread\\fR. Takes effect at the next start.\n",
            "\n.TP\n\\fBmdns\\fR\nAlso capture multicast DNS",
            "\nThe same as \\fBfanout\\fR checksum.\n",
            ".TP\n\\fBclient\\fR\nBy the client's address\n",
        ],
    );
    assert_says(
        &configuration("dnsflow-collect"),
        &[
            "\n.TP\n\\fBsensor\\fR = \\fINAME=ADDRESS\\fR\n",
            "\nA whole number; 128 by default. Takes effect at the next start.\n",
            "\nA string in quotes, or a list of strings.\n.TP\n",
        ],
    );
}

/// What the page gives as an example, written to a file and read as the program reads it.
fn example<Cli: clap::CommandFactory + clap::FromArgMatches>(program: &str) -> Cli {
    let page = configuration(program).render("2001-09-09");
    let example = page.split("\n.SH EXAMPLE\n.nf\n").nth(1);
    let example = example.and_then(|rest| rest.split(".fi\n").next());
    let example = example.expect("the page has an example");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{program}.example.toml"));
    fs::write(&path, example).expect("a temporary file");
    let words = [program.into(), "--config".into(), path.into_os_string()];
    config::load(words).unwrap_or_else(|error| panic!("{error}: {example}"))
}

#[test]
fn the_examples_are_configuration_files() {
    let sensor: dnsflow::start::cli::Cli = example("dnsflow");
    assert_eq!(sensor.options.collectors.len(), 2);
    let collector: dnsflow_collect::options::Cli = example("dnsflow-collect");
    let stores = &collector.options.to;
    let stores: Vec<&str> = stores.iter().map(|to| to.name()).collect();
    assert_eq!(
        stores,
        [
            "parquet:/var/lib/dnsflow-collect/parquet",
            "clickhouse:http://192.0.2.20:8123/dns"
        ]
    );
}

/// What the sensor's packages are built from has nothing of the collector's stores, nor the other way round.
#[test]
fn each_package_builds_what_it_needs() {
    let tree = |feature: &str| {
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        command.args(["tree", "--locked", "--offline", "--prefix", "none"]);
        command.args(["--edges", "normal,build", "--format", "{p}"]);
        command.args(["--no-default-features", "--features", feature]);
        let output = command.output().expect("cargo runs these tests");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let has = |tree: &str, name: &str| tree.lines().any(|line| line.starts_with(name));
    let (sensor, collector) = (tree("sensor"), tree("collector"));
    for (name, of_sensor) in [
        ("dnsflow v", true),
        ("glommio v", true),
        ("parquet v", false),
        ("hyper v", false),
        ("ratatui v", false),
    ] {
        assert_eq!(has(&sensor, name), of_sensor, "{name} in {sensor}");
        assert_eq!(has(&collector, name), !of_sensor, "{name} in {collector}");
    }
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
