//! Network namespaces connected by veth: sender, sensor and collector. They are removed when the
//! bench ends.

use std::error::Error;
use std::ffi::OsStr;
use std::fs::File;
use std::net::Ipv4Addr;
use std::process::{self, Command};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};

use crate::interrupt::pause;

/// The interface of the sender, connected to [`TAP`].
pub const OUT: &str = "out";
/// The interface on which the sensor captures.
pub const TAP: &str = "tap";
/// Address of [`OUT`], from which probes are sent.
pub const OUT_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// Address of [`TAP`], to which probes are sent.
pub const TAP_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// Address and port of the collector.
pub const COLLECTOR: (Ipv4Addr, u16) = (Ipv4Addr::new(198, 51, 100, 2), 5300);
/// Address and port of a collector behind a queue of the sensor's that never moves.
pub const FULL_QUEUE: (Ipv4Addr, u16) = (Ipv4Addr::new(203, 0, 113, 2), 5300);

/// A network namespace. Dropping it removes it, with its interfaces.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    fn new(role: &str) -> Result<Self, Box<dyn Error>> {
        let name = format!("dnsflow-bench-{}-{role}", process::id());
        run(Command::new("ip").args(["netns", "add", &name]))?;
        let namespace = Self { name };
        // Without IPv6, the kernel sends no packets of its own on the wires.
        let quiet = "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6 2>/dev/null || true";
        run(namespace.command("sh").args(["-c", quiet]))?;
        namespace.ip("link set dev lo up")?;
        Ok(namespace)
    }

    /// A command that runs `program` in this namespace. The ID of the spawned process is that of
    /// the program.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Runs `work` on a thread in this namespace. Sockets opened by it stay in the namespace.
    ///
    /// # Errors
    /// If the namespace can't be entered.
    ///
    /// # Panics
    /// If `work` panics.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, Box<dyn Error>> {
        let namespace = File::open(format!("/run/netns/{}", self.name))?;
        let entered = thread::scope(|scope| {
            let thread = scope.spawn(move || {
                setns(namespace, CloneFlags::CLONE_NEWNET)?;
                Ok::<_, nix::Error>(work())
            });
            thread.join().expect("nothing in a namespace panics")
        });
        Ok(entered?)
    }

    fn ip(&self, arguments: &str) -> Result<(), Box<dyn Error>> {
        run(Command::new("ip")
            .args(["-n", &self.name])
            .args(arguments.split_whitespace()))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Fails only if the namespace was removed already.
        let _ = Command::new("ip")
            .args(["netns", "del", &self.name])
            .status();
    }
}

/// The three namespaces and the wires between them.
#[derive(Debug)]
pub struct Network {
    /// Has [`OUT`].
    pub sender: Namespace,
    /// Has [`TAP`].
    pub sensor: Namespace,
    /// Has the address of [`COLLECTOR`].
    pub collector: Namespace,
}

impl Network {
    /// Creates the namespaces and the wires.
    ///
    /// # Errors
    /// If ip(8) is not installed or fails; it needs root.
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let network = Self {
            sender: Namespace::new("sender")?,
            sensor: Namespace::new("sensor")?,
            collector: Namespace::new("collector")?,
        };
        let Self {
            sender,
            sensor,
            collector,
        } = &network;
        wire(sender, OUT, "192.0.2.1/24", sensor, TAP, "192.0.2.2/24")?;
        wire(
            sensor,
            "export",
            "198.51.100.1/24",
            collector,
            "import",
            "198.51.100.2/24",
        )?;
        Ok(network)
    }

    /// Adds the wire to [`FULL_QUEUE`]. It carries a byte a second, and its queue holds more than a socket may send.
    ///
    /// # Errors
    /// If ip(8) or tc(8) fails.
    pub fn add_full_queue(&self) -> Result<(), Box<dyn Error>> {
        let Self {
            sensor, collector, ..
        } = self;
        let (near, far) = ("203.0.113.1/24", "203.0.113.2/24");
        wire(sensor, "full", near, collector, "behind", far)?;
        // No datagram waits for an answer to ARP, of which few may. None is delivered either, so any address will do.
        sensor.ip(&format!(
            "neigh add {} lladdr 02:00:00:00:00:98 nud permanent dev full",
            FULL_QUEUE.0
        ))?;
        let queue = "qdisc add dev full root tbf rate 8bit burst 2000 limit 10m";
        run(sensor.command("tc").args(queue.split_whitespace()))
    }

    /// Takes the sensor's end of the wire down.
    ///
    /// # Errors
    /// If ip(8) fails.
    pub fn lower(&self) -> Result<(), Box<dyn Error>> {
        self.sensor.ip(&format!("link set dev {TAP} down"))
    }

    /// Brings the sensor's end of the wire up again.
    ///
    /// # Errors
    /// If ip(8) fails, or the interface does not come up.
    pub fn raise(&self) -> Result<(), Box<dyn Error>> {
        self.sensor.ip(&format!("link set dev {TAP} up"))?;
        wait_until_up(&self.sensor, TAP)?;
        wait_until_up(&self.sender, OUT)
    }

    /// Removes the wire between sender and sensor, and creates another of the same names.
    ///
    /// # Errors
    /// If ip(8) fails, or the interfaces do not come up.
    pub fn replace(&self) -> Result<(), Box<dyn Error>> {
        self.sensor.ip(&format!("link del dev {TAP}"))?;
        let Self { sender, sensor, .. } = self;
        wire(sender, OUT, "192.0.2.1/24", sensor, TAP, "192.0.2.2/24")
    }
}

/// Creates a veth pair between two namespaces, and waits until it is up.
fn wire(
    from: &Namespace,
    near: &str,
    near_address: &str,
    to: &Namespace,
    far: &str,
    far_address: &str,
) -> Result<(), Box<dyn Error>> {
    from.ip(&format!(
        "link add dev {near} type veth peer name {far} netns {}",
        to.name
    ))?;
    for (namespace, interface, address) in [(from, near, near_address), (to, far, far_address)] {
        namespace.ip(&format!("addr add {address} dev {interface}"))?;
        namespace.ip(&format!("link set dev {interface} up"))?;
    }
    wait_until_up(to, far)
}

/// Waits until an interface carries frames.
fn wait_until_up(namespace: &Namespace, interface: &str) -> Result<(), Box<dyn Error>> {
    let path = format!("/sys/class/net/{interface}/operstate");
    let start = Instant::now();
    while namespace.command("cat").arg(&path).output()?.stdout != b"up\n" {
        if start.elapsed() > Duration::from_secs(10) {
            return Err(format!("{interface} does not come up").into());
        }
        pause(Duration::from_millis(10))?;
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let output = command
        .output()
        .map_err(|error| format!("ip (iproute2): {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}; network namespaces need root", said.trim()).into())
}
