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

#[test]
fn lintian_has_nothing_to_say() {
    let deb = package("packages", "deb");
    assert_eq!(
        said(Command::new("lintian").arg("--allow-root").arg(deb)),
        ""
    );
}

#[test]
fn the_deb_comes_changes_and_goes() {
    if !requirements("the_deb_comes_changes_and_goes", &["nsenter"]) {
        return;
    }
    let _alone = alone();
    let machine = Machine::boot();
    let files = || {
        let found = machine.run(&format!("find / \\( {NOT_LOOKED_AT} \\) -prune -o -print"));
        found.lines().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let before = files();

    machine.install(&package("packages/older", "deb"));
    assert_eq!(machine.property("dnsflow", "UnitFileState"), "disabled");
    assert_eq!(machine.property("dnsflow", "ActiveState"), "inactive");
    machine.run("dnsflow --version && dnsflow-read --version && dnsflow-gen --version");

    machine.set_options(&format!("--interface {TAP} --ring 2"));
    machine.run("echo 'DNSFLOW_OPTS=\"--ring 3\"' > /etc/default/dnsflow-lo");
    machine.run("systemctl enable --now dnsflow dnsflow@lo");
    let units = ["dnsflow", "dnsflow@lo"];
    let processes = || units.map(|unit| machine.property(unit, "MainPID"));
    let old = processes();

    machine.install(&package("packages", "deb"));
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
    let after = files();
    let left: Vec<_> = after.difference(&before).collect();
    assert_eq!(left, [""; 0], "left behind by purge");
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
         && chroot /mnt/root dnsflow --version && rpm --root /mnt/root --verify --nodeps dnsflow \
         && rpm --root /mnt/root --erase dnsflow && ! test -e /mnt/root/usr/bin/dnsflow";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-e", "-c", script]);
    let said = said(command.arg(root()).arg(package("packages", "rpm")));
    assert!(said.starts_with("dnsflow 2."), "{said}");
}

#[test]
fn both_hold_the_same_files() {
    let list = |command: &mut Command| -> BTreeSet<String> {
        let text = said(command);
        let lines = text
            .lines()
            .map(|line| line.trim_start_matches('.').to_owned());
        lines.filter(|line| !line.ends_with('/')).collect()
    };
    let deb = "dpkg-deb --fsys-tarfile \"$0\" | tar --list";
    let of_deb = list(
        Command::new("sh")
            .args(["-c", deb])
            .arg(package("packages", "deb")),
    );
    let of_rpm = list(
        Command::new("rpm")
            .args(["-qpl"])
            .arg(package("packages", "rpm")),
    );
    // Documents and completions for zsh have other places there.
    let elsewhere = |path: &&String| {
        !path.starts_with("/usr/share/doc")
            && !path.contains("/zsh/")
            && !path.contains("/lintian/")
    };
    let deb: Vec<_> = of_deb.iter().filter(elsewhere).collect();
    let rpm: Vec<_> = of_rpm.iter().filter(elsewhere).collect();
    assert_eq!(deb, rpm);
    let wanted = [
        "/usr/bin/dnsflow",
        "/usr/lib/systemd/system/dnsflow@.service",
        "/etc/dnsflow/dnsflow.toml",
        "/usr/share/man/man5/dnsflow.toml.5.gz",
    ];
    for path in wanted {
        assert!(
            of_deb.contains(path) && Path::new(path).is_absolute(),
            "{path}"
        );
    }
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
