//! A machine of its own for a test: Debian's systemd as process 1, in private namespaces.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Output};

use dnsflow_testkit::network::{Namespace, Wire};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::process::Process;

/// A machine that runs. Dropped, it is switched off, with all that runs on it.
#[derive(Debug)]
pub(crate) struct Machine {
    /// Both ends of its network; the machine is in `sensor`.
    pub(crate) wire: Wire,
    power: Option<Process>,
    /// Process 1 of the machine, as its number is outside.
    init: String,
    control_group: String,
}

/// What `make test-system` has built is in this folder.
pub(crate) fn target() -> &'static Path {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    target.expect("a folder in a folder")
}

/// A folder with a Debian in it.
pub(crate) fn root() -> PathBuf {
    target().join("system/root")
}

/// The file of a package in a folder of `target`, with this ending.
pub(crate) fn package(folder: &str, name: &str, ending: &str) -> PathBuf {
    let entries = fs::read_dir(target().join(folder)).expect("make test-system builds packages");
    let mut files = entries.flatten().map(|entry| entry.path());
    // Its version follows: dnsflow_2.0.0-1_amd64.deb, dnsflow-2.0.0-1.x86_64.rpm.
    let is_of = |path: &PathBuf| {
        let file = path.file_name().and_then(|file| file.to_str());
        let version = file.and_then(|file| file.strip_prefix(name)?.strip_prefix(['_', '-']));
        version.is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()))
            && path.extension().is_some_and(|found| found == ending)
    };
    let found = files.find(is_of);
    found.unwrap_or_else(|| panic!("no {name} .{ending} in {folder}: make test-system builds it"))
}

impl Machine {
    /// Boots, and waits until all units have started.
    pub(crate) fn boot() -> Self {
        let wire = Wire::new();
        let control_group = format!("dnsflow-test-{}", process::id());
        let mut command = boot(&wire.sensor);
        command.arg(root()).arg(&control_group);
        let mut power = Process::spawn("systemd", &mut command);
        let init = until("process 1", || {
            assert!(power.is_running(), "systemd did not start");
            let mut children = children(power.id()).into_iter();
            children.find(|id| name(id) == "systemd\n")
        });
        let machine = Self {
            wire,
            power: Some(power),
            init,
            control_group,
        };
        until("all units to start", || {
            let state = machine.attempt("systemctl is-system-running");
            (state.stdout == b"running\n").then_some(())
        });
        machine
    }

    /// A machine with the package installed and options written.
    pub(crate) fn with_sensor(options: &str) -> Self {
        let machine = Self::boot();
        machine.install(&package("packages", "dnsflow", "deb"));
        machine.set_options(options);
        machine
    }

    /// Runs a line of shell there and gives what it prints.
    ///
    /// # Panics
    /// If it does not end with status 0.
    pub(crate) fn run(&self, line: &str) -> String {
        let output = self.attempt(line);
        assert!(
            output.status.success(),
            "{line}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    }

    /// Runs a line of shell there.
    pub(crate) fn attempt(&self, line: &str) -> Output {
        let mut command = self.enter();
        command.args(["sh", "-c", line]);
        command.output().expect("nsenter is there")
    }

    /// Installs a package with dpkg.
    pub(crate) fn install(&self, package: &Path) {
        let inside = PathBuf::from(format!("/proc/{}/root/tmp/package.deb", self.init));
        fs::copy(package, inside).expect("a package can be copied there");
        self.run("dpkg --install /tmp/package.deb");
    }

    /// Writes /etc/default/dnsflow.
    pub(crate) fn set_options(&self, options: &str) {
        self.run(&format!(
            "echo 'DNSFLOW_OPTS=\"{options}\"' > /etc/default/dnsflow"
        ));
    }

    /// A property of a unit, as `systemctl show` has it.
    pub(crate) fn property(&self, unit: &str, name: &str) -> String {
        self.run(&format!("systemctl show --value --property {name} {unit}"))
    }

    /// The process of a service, as its number is outside.
    pub(crate) fn main_process(&self, unit: &str) -> u32 {
        let inside = self.property(unit, "MainPID");
        let found = fs::read_dir("/proc").expect("/proc is there").flatten();
        let mut processes = found.filter_map(|entry| entry.file_name().into_string().ok());
        let same = |id: &String| {
            let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
            let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
            let of_machine = || self.is_inside(id);
            numbers.is_some_and(|numbers| numbers.split_whitespace().last() == Some(&inside))
                && of_machine()
        };
        let id = processes.find(same).and_then(|id| id.parse().ok());
        id.expect("the service has a process")
    }

    /// What the journal has of a unit, an entry a line, as JSON.
    pub(crate) fn journal(&self, unit: &str) -> Vec<serde_json::Value> {
        self.run("journalctl --sync");
        let text = self.run(&format!("journalctl --unit {unit} --output json"));
        let entries = text.lines().map(serde_json::from_str);
        entries.collect::<Result<_, _>>().expect("JSON")
    }

    /// What the journal has of a unit, the words alone.
    pub(crate) fn messages(&self, unit: &str) -> Vec<String> {
        let entries = self.journal(unit);
        let messages = entries.iter().filter_map(|entry| entry["MESSAGE"].as_str());
        messages.map(str::to_owned).collect()
    }

    /// Does with a unit what `systemctl edit` would: gives its service one more line.
    pub(crate) fn edit(&self, unit: &str, line: &str) {
        let folder = format!("/run/systemd/system/{unit}.service.d");
        self.run(&format!(
            "mkdir -p {folder} && printf '[Service]\\n{line}\\n' > {folder}/test.conf && systemctl daemon-reload"
        ));
    }

    fn is_inside(&self, id: &str) -> bool {
        let namespace = |id: &str| fs::read_link(format!("/proc/{id}/ns/pid")).ok();
        namespace(id) == namespace(&self.init)
    }

    fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.init, "--wd", "--root"]);
        command.args(["--mount", "--pid", "--ipc", "--uts", "--cgroup", "--net"]);
        command
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Process 1 goes with the process that started it, and all others with process 1.
        drop(self.power.take());
        let remove = format!(
            "mount -t cgroup2 cgroup2 /mnt && cd /mnt && for try in $(seq 200); do \
             find {group} -depth -type d -exec rmdir {{}} + 2>/dev/null && break; sleep 0.05; done",
            group = self.control_group
        );
        let _ = Command::new("unshare")
            .args(["--mount", "sh", "-c", &remove])
            .status();
    }
}

fn boot(network: &Namespace) -> Command {
    // Mounts of its own, too: ip has them already, but shares what it didn't make.
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/system/boot.sh");
    network.command(script)
}

fn name(id: &str) -> String {
    fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default()
}

fn children(id: u32) -> Vec<String> {
    let path = format!("/proc/{id}/task/{id}/children");
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}
