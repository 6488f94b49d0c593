//! Network namespaces joined by veth, which go when the test does, however it ends.

use std::fs::{self, File};
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use nix::sched::{CloneFlags, setns};

use crate::patience::until;

/// The sending end of a [`Wire`].
pub(crate) const OUT: &str = "out";
/// The end of a [`Wire`] that a sensor listens on.
pub(crate) const TAP: &str = "tap";

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A network namespace; dropping it removes it, and the interfaces in it.
#[derive(Debug)]
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes a namespace whose name holds this process's id, so that runs don't meet.
    pub(crate) fn new(role: &str) -> Self {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("dnsflow-{}-{number}-{role}", process::id());
        run(Command::new("ip").args(["netns", "add", &name]));
        let namespace = Self { name };
        // No duplicate address detection, no discovery of routers: addresses serve at once, and nothing is on
        // the wire that the test did not put there.
        namespace.shell(
            "cd /proc/sys/net/ipv6/conf/default 2>/dev/null || exit 0; \
             echo 0 > accept_dad; echo 0 > router_solicitations; echo 0 > accept_ra",
        );
        namespace.ip("link set dev lo up");
        namespace
    }

    /// A command that will run `program` in this namespace, under the process id that spawning gives.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Runs `ip ARGUMENTS` in this namespace.
    pub(crate) fn ip(&self, arguments: &str) {
        run(Command::new("ip")
            .args(["-n", &self.name])
            .args(arguments.split_whitespace()));
    }

    /// Runs `work` on a thread in this namespace: sockets made there belong to it for ever.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let path = format!("/run/netns/{}", self.name);
        thread::scope(|scope| {
            let thread = scope.spawn(move || {
                let namespace = File::open(path).expect("a namespace has a file");
                setns(namespace, CloneFlags::CLONE_NEWNET).expect("a namespace can be entered");
                work()
            });
            thread.join().expect("work in a namespace succeeds")
        })
    }

    /// Runs a script of sh(1) in this namespace.
    pub(crate) fn shell(&self, script: &str) {
        run(self.command("sh").args(["-c", script]));
    }

    /// The index of an interface.
    pub(crate) fn index(&self, interface: &str) -> u32 {
        let path = format!("/sys/class/net/{interface}/ifindex");
        let output = self
            .command("cat")
            .arg(&path)
            .output()
            .expect("cat is there");
        let text = String::from_utf8(output.stdout).expect("a number is ASCII");
        text.trim().parse().expect("an interface has an index")
    }

    pub(crate) fn wait_until_up(&self, interface: &str) {
        let path = format!("/sys/class/net/{interface}/operstate");
        until(&format!("{interface} to come up"), || {
            let output = self.command("cat").arg(&path).output().ok()?;
            (output.stdout == b"up\n").then_some(())
        });
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip")
            .args(["netns", "del", &self.name])
            .status();
    }
}

/// Two namespaces and the wire between them: frames that leave through [`OUT`] in `sender` arrive at [`TAP`]
/// in `sensor`.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) sender: Namespace,
    pub(crate) sensor: Namespace,
}

impl Wire {
    /// A wire whose ends are up and have no addresses.
    pub(crate) fn new() -> Self {
        let wire = Self {
            sender: Namespace::new("sender"),
            sensor: Namespace::new("sensor"),
        };
        wire.connect("");
        wire
    }

    /// Lays the wire; `peer` has options for the sensor's end.
    pub(crate) fn connect(&self, peer: &str) {
        join(&self.sender, &self.sensor, TAP, peer);
    }

    /// Gives both ends IPv4 and IPv6 addresses: .1 and ::1 to the sender, .2 and ::2 to the sensor's side.
    pub(crate) fn with_addresses(self) -> Self {
        for (namespace, interface, host) in [(&self.sender, OUT, 1), (&self.sensor, TAP, 2)] {
            namespace.ip(&format!("addr add 192.0.2.{host}/24 dev {interface}"));
            namespace.ip(&format!(
                "addr add 2001:db8:77::{host}/64 dev {interface} nodad"
            ));
        }
        self
    }
}

/// A folder for a test's files, which goes with it.
#[derive(Debug)]
pub(crate) struct Folder(std::path::PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("dnsflow-live-{}-{number}", process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a folder for temporary files");
        Self(path)
    }

    /// The path of a file in it, as text.
    pub(crate) fn path(&self, name: &str) -> String {
        let path = self.0.join(name);
        path.to_str().expect("a path of ASCII").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Joins two namespaces by a wire from [`OUT`] in the one to `tap` in the other, both of which come up.
pub(crate) fn join(sender: &Namespace, sensor: &Namespace, tap: &str, options: &str) {
    sensor.ip(&format!(
        "link add dev {tap} {options} type veth peer name {OUT} netns {}",
        sender.name
    ));
    let ends = [(sender, OUT), (sensor, tap)];
    for (namespace, interface) in ends {
        namespace.ip(&format!("link set dev {interface} up"));
    }
    for (namespace, interface) in ends {
        namespace.wait_until_up(interface);
    }
}

/// What programs in a namespace find in /etc/hosts.
#[derive(Debug)]
pub(crate) struct Hosts(std::path::PathBuf);

impl Hosts {
    /// To be made before the programs start; ip-netns(8) puts the file in its place for them.
    pub(crate) fn new(namespace: &Namespace, text: &str) -> Self {
        let folder = std::path::Path::new("/etc/netns").join(&namespace.name);
        fs::create_dir_all(&folder).expect("root may make a folder in /etc");
        let hosts = Self(folder);
        hosts.write(text);
        hosts
    }

    pub(crate) fn write(&self, text: &str) {
        fs::write(self.0.join("hosts"), text).expect("a file in a folder of ours");
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("a program that was looked for");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
