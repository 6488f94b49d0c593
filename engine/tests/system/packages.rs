//! The packages: what is in them, and that they come, change and go without a trace of what was not asked for.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use dnsflow_testkit::network::TAP;
use dnsflow_testkit::requirements::{alone, requirements};

use crate::machine::{Machine, package, root};

/// Where what is left behind is not the package's: the package manager's own records, logs, and what is in memory.
const NOT_LOOKED_AT: &str = "-path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/tmp \
     -o -path /var/log -o -path /var/lib/dpkg -o -path /var/lib/systemd -o -path /var/cache";

/// Each package, and the crates whose programs are in it.
const PACKAGES: [(&str, &[&str]); 2] = [
    ("dnsflow", &["dnsflow", "dnsflow-read", "dnsflow-generate"]),
    (
        "dnsflow-collect",
        &[
            "dnsflow-collect",
            "dnsflow-name",
            "dnsflow-query",
            "dnsflow-top",
        ],
    ),
];

#[test]
fn lintian_has_nothing_to_say() {
    for (name, _) in PACKAGES {
        let deb = package("packages", name, "deb");
        let found = said(Command::new("lintian").arg("--allow-root").arg(deb));
        assert_eq!(found, "", "{name}");
    }
}

#[test]
fn rpmlint_finds_no_error() {
    let stated = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packages/rpm/rpmlintrc");
    for (name, _) in PACKAGES {
        let rpm = package("packages", name, "rpm");
        let mut command = Command::new("rpmlint");
        let found = said(command.arg("--rpmlintrc").arg(&stated).arg(rpm));
        let summary = found.lines().last().unwrap_or_default();
        assert!(summary.contains(" 0 errors,"), "{name}: {found}");
    }
}

/// The licences of what others wrote, for each set of programs and every crate that cargo says is linked in.
#[test]
fn both_name_every_crate_that_is_linked_in() {
    let deb = "dpkg-deb --fsys-tarfile \"$0\" | tar --extract --to-stdout \"./$1\" | gunzip";
    let rpm =
        "rpm2archive --nocompression - < \"$0\" | tar --extract --to-stdout \"./$1\" | gunzip";
    for (name, programs) in PACKAGES {
        for programs in programs {
            let crates = linked(programs);
            // Not an empty list, nor one without what its dependencies depend on.
            assert!(crates.iter().any(|name| name.starts_with("utf8parse ")));
            for (script, ending, folder) in [(deb, "deb", "doc"), (rpm, "rpm", "licenses")] {
                let file = format!("usr/share/{folder}/{name}/third-party/{programs}.txt.gz");
                let mut command = Command::new("sh");
                command.args(["-c", script]);
                command.arg(package("packages", name, ending));
                let text = said(command.arg(&file));
                assert_names(&text, &crates, &format!("{file} of the .{ending}"));
            }
        }
    }
}

/// Each is once in the list at the top, and once at least below a licence.
fn assert_names(text: &str, crates: &BTreeSet<String>, file: &str) {
    for (prefix, place) in [("", "list"), ("    ", "texts")] {
        let is_missing = |name: &&String| {
            let wanted = format!("{prefix}{name}");
            !text.lines().any(|line| line == wanted)
        };
        let missing: Vec<_> = crates.iter().filter(is_missing).collect();
        assert_eq!(missing, [""; 0], "not in the {place} of {file}");
    }
}

#[test]
fn the_deb_comes_changes_and_goes() {
    if !requirements("the_deb_comes_changes_and_goes", &["nsenter"]) {
        return;
    }
    let _alone = alone();
    let machine = Machine::boot();
    let before = files(&machine);

    machine.install(&package("packages/older", "dnsflow", "deb"));
    assert_eq!(machine.property("dnsflow", "UnitFileState"), "disabled");
    assert_eq!(machine.property("dnsflow", "ActiveState"), "inactive");
    machine.run("dnsflow --version && dnsflow-read --version && dnsflow-gen --version");

    machine.set_options(&format!("--interface {TAP} --ring 2"));
    machine.run("echo 'DNSFLOW_OPTS=\"--ring 3\"' > /etc/default/dnsflow-lo");
    machine.run("systemctl enable --now dnsflow dnsflow@lo");
    let units = ["dnsflow", "dnsflow@lo"];
    let processes = || units.map(|unit| machine.property(unit, "MainPID"));
    let old = processes();

    machine.install(&package("packages", "dnsflow", "deb"));
    for ((unit, old), new) in units.iter().zip(old).zip(processes()) {
        assert_ne!(old, new, "{unit} is to be restarted");
        assert_eq!(machine.property(unit, "ActiveState"), "active", "{unit}");
        assert_eq!(machine.property(unit, "UnitFileState"), "enabled", "{unit}");
    }
    let options = machine.run("cat /etc/default/dnsflow");
    assert!(
        options.contains("--ring 2"),
        "an edited file stays: {options}"
    );

    machine.run("dpkg --remove dnsflow");
    for unit in units {
        assert_eq!(machine.property(unit, "ActiveState"), "inactive", "{unit}");
    }
    machine.run("test -e /etc/default/dnsflow && ! test -e /usr/bin/dnsflow");

    machine.run("dpkg --purge dnsflow && systemctl disable dnsflow@lo; rm /etc/default/dnsflow-lo");
    let after = files(&machine);
    let left: Vec<_> = after.difference(&before).collect();
    assert_eq!(left, [""; 0], "left behind by purge");
}

/// All files of the machine that a package could leave behind.
pub(crate) fn files(machine: &Machine) -> BTreeSet<String> {
    let found = machine.run(&format!("find / \\( {NOT_LOOKED_AT} \\) -prune -o -print"));
    found.lines().map(str::to_owned).collect()
}

/// With all scripts, on the same Debian: rpm knows no other here.
#[test]
fn the_rpm_comes_and_goes() {
    if !requirements("the_rpm_comes_and_goes", &["rpm", "unshare"]) {
        return;
    }
    let script = "mount -t tmpfs tmpfs /mnt && mkdir /mnt/upper /mnt/work /mnt/root \
         && mount -t overlay overlay -o lowerdir=$0,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root \
         && rpm --root /mnt/root --nodeps --install $1 \
         && chroot /mnt/root $2 --version && rpm --root /mnt/root --verify --nodeps $2 \
         && rpm --root /mnt/root --erase $2 && ! test -e /mnt/root/usr/bin/$2";
    for (name, _) in PACKAGES {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-e", "-c", script]);
        let rpm = package("packages", name, "rpm");
        let said = said(command.arg(root()).arg(rpm).arg(name));
        assert!(said.starts_with(&format!("{name} 2.")), "{said}");
    }
}

#[test]
fn both_hold_the_same_files() {
    let wanted_of_sensor = [
        "/usr/bin/dnsflow",
        "/usr/lib/systemd/system/dnsflow@.service",
        "/etc/dnsflow/dnsflow.toml",
        "/usr/share/man/man5/dnsflow.toml.5.gz",
        "/usr/share/dnsflow/wireshark/dnsflow.lua",
    ];
    assert_same_files("dnsflow", &wanted_of_sensor);
    let wanted_of_collector = [
        "/usr/bin/dnsflow-collect",
        "/usr/bin/dnsflow-top",
        "/usr/lib/systemd/system/dnsflow-collect.service",
        "/etc/dnsflow/dnsflow-collect.toml",
        "/usr/share/man/man5/dnsflow-collect.toml.5.gz",
        "/usr/share/man/man8/dnsflow-collect.8.gz",
        "/usr/share/man/man1/dnsflow-query.1.gz",
        "/usr/share/bash-completion/completions/dnsflow-name",
        "/usr/share/doc/dnsflow-collect/monitoring/dnsflow-collect.json",
    ];
    assert_same_files("dnsflow-collect", &wanted_of_collector);
}

/// The .deb and the .rpm of a package have the same files, among them these.
fn assert_same_files(name: &str, wanted: &[&str]) {
    let list = |command: &mut Command| -> BTreeSet<String> {
        let text = said(command);
        let files = text.lines().filter(|line| !line.starts_with('d'));
        let paths = files.filter_map(|line| line.rsplit(' ').next());
        let absolute = |path: &str| path.trim_start_matches('.').to_owned();
        paths.map(absolute).collect()
    };
    let deb = "dpkg-deb --fsys-tarfile \"$0\" | tar --list --verbose";
    let of_deb = list(
        Command::new("sh")
            .args(["-c", deb])
            .arg(package("packages", name, "deb")),
    );
    let of_rpm = list(
        Command::new("rpm")
            .args(["-qp", "--queryformat"])
            .arg("[%{FILEMODES:perms} %{FILENAMES}\n]")
            .arg(package("packages", name, "rpm")),
    );
    // Documents, licences and completions for zsh have other places there.
    let elsewhere = |path: &&String| {
        !path.starts_with("/usr/share/doc")
            && !path.starts_with("/usr/share/licenses")
            && !path.contains("/zsh/")
            && !path.contains("/lintian/")
    };
    let deb: Vec<_> = of_deb.iter().filter(elsewhere).collect();
    let rpm: Vec<_> = of_rpm.iter().filter(elsewhere).collect();
    assert_eq!(deb, rpm);
    for path in wanted {
        assert!(of_deb.contains(*path), "{path}");
    }
}

/// Name and version of every crate that is linked into the programs of one, by what `cargo tree` says.
fn linked(programs: &str) -> BTreeSet<String> {
    let cargo = Path::new(env!("CARGO"));
    let mut command = Command::new(cargo);
    // Which sudo does not find.
    command.env("RUSTC", cargo.with_file_name("rustc"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.args(["tree", "--locked", "--offline", "--package", programs]);
    command.args(["--edges", "normal,no-proc-macro", "--prefix", "none"]);
    let tree = said(command.args(["--no-dedupe", "--format", "{p}"]));
    let name = |line: &str| {
        let (name, rest) = line.split_once(" v")?;
        let version = rest.split(' ').next()?;
        Some(format!("{name} {version}"))
    };
    tree.lines().filter_map(name).collect()
}

/// What a program prints.
///
/// # Panics
/// If it does not end with status 0, or complains.
fn said(command: &mut Command) -> String {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {errors}{}",
        String::from_utf8_lossy(&output.stdout)
    );
    String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned()
}
