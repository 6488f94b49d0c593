//! The service manager's side of sd_notify(3): a datagram socket that listens to what the sensor says.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{TAP, Wire};
use dnsflow_testkit::patience::PATIENCE;
use dnsflow_testkit::process::Process;
use dnsflow_testkit::requirements::{alone, requirements};
use dnsflow_testkit::sensor::Stopped;

use crate::BUILT;

/// WatchdogSec, in microseconds.
const WATCHDOG_USEC: &str = "1000000";

#[test]
fn what_the_service_manager_is_told() {
    if !requirements("what_the_service_manager_is_told", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let manager = Manager::listen(&folder.argument("notify"));
    let mut command = wire.sensor.command(BUILT.path("dnsflow"));
    command
        .args(["--interface", TAP, "--cores", "2", "-w", "/dev/null"])
        .env("NOTIFY_SOCKET", folder.argument("notify"))
        .env("WATCHDOG_USEC", WATCHDOG_USEC)
        .env_remove("WATCHDOG_PID");
    let mut sensor = Process::spawn("dnsflow", &mut command);

    let ready = manager.hears("readiness", |message| says(message, "READY=1"));
    assert!(ready.contains("STATUS=capturing; cores: 2"), "{ready}");
    // The first may be that of the start, and the second that of the first interval.
    for _ in 0..3 {
        let fed = manager.hears("the watchdog's food", |message| says(message, "WATCHDOG=1"));
        assert!(!says(&fed, "READY=1") || fed == ready, "ready once: {fed}");
    }
    let status = manager.hears("rates", |message| message.contains(" responses/s, "));
    assert!(says(&status, "WATCHDOG=1"), "{status}");

    let stopped = Stopped::first_core(sensor.id());
    for _ in 0..3 {
        let message = manager.hears("a core that is missing", |message| {
            message.contains("do not answer: 1")
        });
        assert!(!says(&message, "WATCHDOG=1"), "{message}");
    }
    drop(stopped);
    manager.hears("that all is well again", |message| {
        says(message, "WATCHDOG=1")
    });

    sensor.signal("HUP");
    let reloading = manager.hears("a reload", |message| says(message, "RELOADING=1"));
    assert!(reloading.contains("\nMONOTONIC_USEC="), "{reloading}");
    manager.hears("the reload's end", |message| says(message, "READY=1"));

    sensor.signal("TERM");
    manager.hears("that it ends", |message| says(message, "STOPPING=1"));
    sensor.wait().assert_success();
    assert_eq!(
        manager.left(),
        Vec::<String>::new(),
        "nothing comes after the end"
    );
}

struct Manager(UnixDatagram);

impl Manager {
    fn listen(path: &str) -> Self {
        let socket = UnixDatagram::bind(path).expect("a socket in a folder of our own");
        socket
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout that is not zero");
        fs::metadata(path).expect("a socket has a file");
        Self(socket)
    }

    /// The next message that is `wanted`; others are passed over.
    fn hears(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let message = self
                .next()
                .unwrap_or_else(|| panic!("nothing is said; {what} was waited for"));
            if wanted(&message) {
                return message;
            }
        }
        panic!("waited too long for {what}");
    }

    /// What has come and was not asked for.
    fn left(&self) -> Vec<String> {
        let soon = Some(Duration::from_millis(1));
        self.0
            .set_read_timeout(soon)
            .expect("a timeout that is not zero");
        std::iter::from_fn(|| self.next()).collect()
    }

    fn next(&self) -> Option<String> {
        let mut buffer = [0; 4096];
        let length = self.0.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }
}

/// Whether a message has this line.
fn says(message: &str, line: &str) -> bool {
    message.lines().any(|said| said == line)
}
