//! Network namespaces joined by veth, which go when the test does, however it ends.

mod hosts;
mod inject;

use std::ffi::OsStr;
use std::fs::File;
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use nix::sched::{CloneFlags, setns};

pub use self::hosts::Hosts;
pub use self::inject::{Injector, inject};
use crate::patience::until;

/// The sending end of a [`Wire`].
pub const OUT: &str = "out";
/// The end of a [`Wire`] that a sensor listens on.
pub const TAP: &str = "tap";

/// A network namespace. Dropped, it is removed, and the interfaces in it.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes a namespace whose name holds this process's id, so that two runs never share one.
    ///
    /// # Panics
    /// Without CAP_SYS_ADMIN and CAP_NET_ADMIN; see [`crate::requirements`].
    #[must_use]
    pub fn new(role: &str) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
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
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Runs `ip ARGUMENTS` in this namespace.
    ///
    /// # Panics
    /// If ip fails.
    pub fn ip(&self, arguments: &str) {
        run(Command::new("ip")
            .args(["-n", &self.name])
            .args(arguments.split_whitespace()));
    }

    /// Runs `work` on a thread in this namespace: sockets made there belong to it for ever.
    ///
    /// # Panics
    /// If `work` does.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
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
    ///
    /// # Panics
    /// If the script fails.
    pub fn shell(&self, script: &str) {
        run(self.command("sh").args(["-c", script]));
    }

    /// The text of a file below /sys/class/net, which shows the interfaces of this namespace.
    ///
    /// # Panics
    /// If there is no such file.
    #[must_use]
    pub fn attribute(&self, interface: &str, name: &str) -> String {
        let path = format!("/sys/class/net/{interface}/{name}");
        let output = self.command("cat").arg(&path).output();
        let output = output.expect("cat is there");
        assert!(output.status.success(), "{path}");
        let text = String::from_utf8(output.stdout).expect("attributes are ASCII");
        text.trim().to_owned()
    }

    /// The index of an interface.
    ///
    /// # Panics
    /// If there is no such interface.
    #[must_use]
    pub fn index(&self, interface: &str) -> u32 {
        let index = self.attribute(interface, "ifindex");
        index.parse().expect("an index is a number")
    }

    /// Waits until an interface carries frames.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn wait_until_up(&self, interface: &str) {
        until(&format!("{interface} to come up"), || {
            (self.attribute(interface, "operstate") == "up").then_some(())
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

/// Two namespaces and the wire between them: frames that leave through [`OUT`] in `sender` arrive at [`TAP`] in
/// `sensor`.
#[derive(Debug)]
pub struct Wire {
    /// Where traffic is made.
    pub sender: Namespace,
    /// Where it is seen.
    pub sensor: Namespace,
}

impl Wire {
    /// A wire whose ends are up and have no addresses.
    ///
    /// # Panics
    /// As [`Namespace::new`].
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each one is another wire")]
    pub fn new() -> Self {
        let wire = Self {
            sender: Namespace::new("sender"),
            sensor: Namespace::new("sensor"),
        };
        wire.connect("");
        wire
    }

    /// Lays the wire anew; `options` are those of the sensor's end.
    ///
    /// # Panics
    /// If an end is still there.
    pub fn connect(&self, options: &str) {
        join(&self.sender, &self.sensor, TAP, options);
    }

    /// Gives both ends IPv4 and IPv6 addresses: 192.0.2.1 and 2001:db8:77::1 to the sender, .2 and ::2 to the sensor's
    /// side.
    #[must_use]
    pub fn with_addresses(self) -> Self {
        for (namespace, interface, host) in [(&self.sender, OUT, 1), (&self.sensor, TAP, 2)] {
            namespace.ip(&format!("addr add 192.0.2.{host}/24 dev {interface}"));
            namespace.ip(&format!(
                "addr add 2001:db8:77::{host}/64 dev {interface} nodad"
            ));
        }
        self
    }
}

/// Joins two namespaces by a wire from [`OUT`] in the one to `tap` in the other, both of which come up.
///
/// # Panics
/// If one of the ends is there already.
pub fn join(sender: &Namespace, sensor: &Namespace, tap: &str, options: &str) {
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

/// The sensor's interface that leads to the namespace of [`path`].
pub const PATH: &str = "path";

/// A namespace beyond [`PATH`], on which `sensor` has the address 198.51.100.1, of 24 bits. It has none itself.
#[must_use]
pub fn path(sensor: &Namespace) -> Namespace {
    let far = Namespace::new("far");
    join(&far, sensor, PATH, "");
    sensor.ip(&format!("addr add 198.51.100.1/24 dev {PATH}"));
    far
}

fn run(command: &mut Command) {
    let output = command.output().expect("a program that was looked for");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
