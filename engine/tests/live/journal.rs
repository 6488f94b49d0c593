//! Logs in a real journal: a journald of the test's own, in a mount namespace of its own.

use std::process::Command;

use dnsflow_testkit::capture::empty;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::process::Process;
use dnsflow_testkit::requirements::{alone, requirements};

use crate::BUILT;

/// Starts journald on private folders, runs the sensor connected to it as systemd would, and asks for what it said.
/// `$1` is the sensor, `$2` a capture file without packets.
const SCRIPT: &str = r#"
set -eu
mount -t tmpfs none /run
mount -t tmpfs none /var/log
/lib/systemd/systemd-journald >/dev/null 2>&1 &
patience() { for _ in $(seq 200); do if "$@"; then return; fi; sleep 0.05; done; echo "waited too long: $*"; exit 1; }
is_ready() { test -S /run/systemd/journal/socket && systemd-cat true 2>/dev/null; }
patience is_ready
logged() {
    systemd-cat sh -c 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec "$0" "$@"' "$@" || true
}
said() { journalctl --quiet --no-pager --output=cat "$@" 2>/dev/null; }
logged "$1" -r "$2" --cores 2 -u 203.0.113.9:9
logged "$1" -r /nonexistent/file
is_there() { said -p err | grep -q nonexistent; }
patience is_there
echo "core: $(said PRIORITY=5 CORE=1)"
echo "collector: $(said PRIORITY=4 COLLECTOR=203.0.113.9:9 | head -n 1)"
echo "error: $(said PRIORITY=3 SYSLOG_IDENTIFIER=dnsflow TARGET=dnsflow)"
echo "other ways: $(said _TRANSPORT=stdout)"
"#;

#[test]
fn lines_have_priorities_and_fields_in_the_journal() {
    let programs = ["unshare", "systemd-cat", "journalctl"];
    if !requirements("lines_have_priorities_and_fields_in_the_journal", &programs) {
        return;
    }
    let _alone = alone();
    let folder = Folder::new();
    let capture = folder.argument("none.pcap");
    std::fs::write(&capture, empty()).expect("a temporary file");
    // A network of its own, in which no route leads anywhere; not by `ip netns`, which hides control groups from
    // journald.
    let mut command = Command::new("unshare");
    command
        .args([
            "--net",
            "--mount",
            "--pid",
            "--mount-proc",
            "--fork",
            "--kill-child",
        ])
        .args(["sh", "-c", SCRIPT, "sh"])
        .arg(BUILT.path("dnsflow"))
        .arg(&capture);
    let ended = Process::spawn("journald", &mut command).wait();
    ended.assert_success();
    let line = |name: &str| {
        let line = ended
            .text()
            .lines()
            .find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name} in {}{}", ended.text(), ended.stderr))
    };
    assert_eq!(line("core: "), "core 1: received 0 = exported 0");
    let collector = line("collector: ");
    assert!(
        collector.starts_with("collector 203.0.113.9:9: Network is unreachable"),
        "{collector}"
    );
    assert_eq!(
        line("error: "),
        "/nonexistent/file: No such file or directory (os error 2)"
    );
    assert_eq!(line("other ways: "), "", "nothing comes twice");
}
