//! What can't be done is refused with words that help: status 2 for wrong usage, 1 for the rest.
//!
//! Two refusals are not provoked here: io_uring that is forbidden, which takes a switch for the whole machine
//! or a seccomp profile, and a ring that the kernel has no memory for.

use std::{fs, thread};

use dnsflow_testkit::capture::{empty, pcap};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::requirements::{is_root, root};

use crate::BUILT;

/// Status and words for options, divided at spaces.
fn refused(options: &str, code: i32, words: &[&str]) {
    let ended = BUILT.sensor(options.split_whitespace()).fed(&empty()).run();
    ended.assert_failure(code, words);
    assert!(ended.stdout.is_empty(), "{options}");
}

#[test]
fn wrong_usage() {
    refused("--no-such-option", 2, &["--no-such-option", "--help"]);
    refused("-i lo -r -", 2, &["--interface", "--read"]);
    refused("-r - --mtu 639", 2, &["639", "640"]);
    refused("-r - --mtu 65536", 2, &["65536"]);
    refused("-r - -m 3/3", 2, &["3/3", "at most 2"]);
    refused("-r - -m 1", 2, &["such as 0/4"]);
    refused("-r - -s 0", 2, &["0"]);
    refused("-r - -d 0", 2, &["0"]);
    refused("-r - -d 65536", 2, &["65536"]);
    refused("-r - --ring 1", 2, &["1"]);
    refused("-r - --flush 0", 2, &["0.001 to 3600"]);
    refused("-r - --cores two", 2, &["two", "auto"]);
    refused("-r - --cores 1-", 2, &["1-"]);
    refused("-r - --fanout best", 2, &["best", "checksum"]);
    refused("-r - -c --fanout client", 2, &["--checksum", "--fanout"]);
}

#[test]
fn more_cores_than_there_are() {
    let have = thread::available_parallelism().expect("a count").get();
    let words = format!("{have} CPUs");
    refused("-r - --cores 5000", 2, &["5000", &words]);
    refused("-r - -M 5000", 2, &["5000", &words]);
    refused("-r - --cores 0,60000", 2, &["60000"]);
}

#[test]
fn too_many_collectors() {
    let options = format!("-r - {}", "-u 127.0.0.1 ".repeat(65));
    refused(&options, 2, &["65", "64"]);
}

#[test]
fn collectors_that_are_none() {
    for wrong in [":9", "127.0.0.1:", "127.0.0.1:65536", "[::1", "[::1]9"] {
        refused(&format!("-r - -u {wrong}"), 2, &[wrong, "HOST:PORT"]);
    }
    // A label is at most 63 bytes long: nobody has to be asked about this one.
    let name = "n".repeat(64);
    refused(&format!("-r - -u {name}"), 1, &[&name, "look up"]);
}

#[test]
fn a_filter_that_does_not_compile() {
    let ended = BUILT
        .sensor(["-r", "-", "-f", "udp and flavour 7"])
        .fed(&pcap([&vec![0; 60]]))
        .run();
    ended.assert_failure(1, &["`udp and flavour 7`", "syntax error"]);
    let ended = BUILT
        .sensor(["--print-filter", "-f", "udp and flavour 7"])
        .run();
    ended.assert_failure(1, &["`udp and flavour 7`", "syntax error"]);
}

/// Nothing was going to be written: what was in the file of -w is still there.
#[test]
fn an_expression_that_does_not_compile_empties_no_file() {
    let folder = Folder::new();
    let written = folder.file("export.pcap", b"precious");
    let ethernet = folder.file("capture.pcap", &pcap([&vec![0; 60]]));
    for expression in ["udp and flavour 7", "ifindex 1", "wlan type mgt"] {
        let ended = BUILT
            .reading(&ethernet)
            .option("-f", expression)
            .option("-w", &written)
            .run();
        ended.assert_failure(1, &[expression]);
        assert_eq!(fs::read(&written).ok().as_deref(), Some(&b"precious"[..]));
    }
    // From a pipe nothing is known yet of the packets.
    let ended = BUILT
        .sensor(["-r", "-", "-f", "udp and flavour 7"])
        .option("-w", &written)
        .fed(&empty())
        .run();
    ended.assert_failure(1, &["`udp and flavour 7`", "syntax error"]);
    assert_eq!(fs::read(&written).ok().as_deref(), Some(&b"precious"[..]));
    let ended = BUILT
        .sensor(["-r", "-", "-f", "wlan type mgt"])
        .option("-w", &written)
        .fed(&empty())
        .run();
    ended.assert_success();
}

#[test]
fn files_that_can_t_be_used() {
    let folder = Folder::new();
    let missing = folder.path("missing/file");
    let name = missing.display().to_string();
    let none = "No such file or directory";
    BUILT
        .reading(&missing)
        .run()
        .assert_failure(1, &[&name, none]);
    for option in ["-w", "-P"] {
        let ended = BUILT
            .sensor(["-r", "-"])
            .option(option, &missing)
            .fed(&empty())
            .run();
        ended.assert_failure(1, &[&name, none]);
    }
    let directory = folder.path(".");
    let name = directory.display().to_string();
    let ended = BUILT.reading(&directory).run();
    ended.assert_failure(1, &[&name, "directory"]);
    let ended = BUILT
        .sensor(["-r", "-"])
        .option("-w", &directory)
        .fed(&empty())
        .run();
    ended.assert_failure(1, &[&name, "directory"]);
}

#[test]
fn a_directory_as_standard_input() {
    let folder = Folder::new();
    let script = format!("exec \"$0\" \"$@\" < {}", folder.path(".").display());
    for cores in ["1", "auto"] {
        let ended = BUILT
            .sensor_behind(&["sh", "-c", &script], ["-r", "-", "--cores", cores])
            .run();
        ended.assert_failure(1, &["directory"]);
    }
}

#[test]
fn too_little_locked_memory() {
    // A limit that even root does not lift by itself.
    let limited = ["prlimit", "--memlock=65536:65536"];
    let ended = BUILT
        .sensor_behind(&limited, ["-r", "-"])
        .fed(&empty())
        .run();
    ended.assert_failure(1, &["64 KiB", "512 KiB", "ulimit -l 512", "LimitMEMLOCK"]);
}

#[test]
fn interfaces_that_can_t_be_captured_on() {
    if !root("interfaces_that_can_t_be_captured_on") {
        return;
    }
    refused("-i nosuch0", 1, &["'nosuch0'", "ip link"]);
    refused(
        "-i much.too.long.for.a.name",
        1,
        &["much.too.long.for.a.name"],
    );
    // A network of its own, in which only the loopback is, and that is down.
    let alone = ["unshare", "--net"];
    let ended = BUILT.sensor_behind(&alone, ["-i", "lo"]).run();
    ended.assert_failure(1, &["'lo' is down", "ip link set lo up"]);
    let none: [&str; 0] = [];
    let ended = BUILT.sensor_behind(&alone, none).run();
    ended.assert_failure(1, &["no interface is up", "-i"]);
}

#[test]
fn no_permission_to_capture() {
    let stripped: &[&str] = if is_root() {
        &["setpriv", "--bounding-set=-net_raw"]
    } else {
        &[]
    };
    let ended = BUILT.sensor_behind(stripped, ["-i", "lo"]).run();
    ended.assert_failure(1, &["CAP_NET_RAW", "setcap", "open-sockets"]);
}

/// What a service manager hands over is taken if it is a packet socket, and nothing else is.
#[test]
fn descriptors_that_are_no_packet_sockets() {
    let start = |environment: &str, descriptor: &str| {
        let script = format!("exec 3{descriptor}; LISTEN_PID=$$ {environment} exec \"$0\" \"$@\"");
        BUILT
            .sensor_behind(&["sh", "-c", &script], ["--print-filter"])
            .run()
    };
    let ended = start("LISTEN_FDS=1 LISTEN_FDNAMES=stored", "</dev/null");
    ended.assert_failure(1, &["descriptor 3 ('stored')", "open-sockets", "Sockets="]);
    start("LISTEN_FDS=1", "</dev/null").assert_failure(1, &["descriptor 3 ('unknown')"]);
    for wrong in ["LISTEN_FDS=1", "LISTEN_FDS=many", "LISTEN_FDS=4294967295"] {
        start(wrong, "<&-").assert_failure(1, &["LISTEN_FDS"]);
    }
    start("LISTEN_FDS=1 LISTEN_FDNAMES=a:b", "</dev/null").assert_failure(1, &["LISTEN_FDS"]);
    // Meant for another process.
    start("LISTEN_FDS=1 LISTEN_PID=1", "</dev/null").assert_success();
}

#[test]
fn sockets_for_nobody() {
    let ended = BUILT.sensor(["open-sockets"]).run();
    ended.assert_failure(2, &["NotifyAccess=exec", "NOTIFY_SOCKET"]);
    let ended = BUILT.sensor(["open-sockets", "0"]).run();
    ended.assert_failure(2, &["0 is not in"]);
}

#[test]
fn help_and_version_are_no_failure() {
    for (option, words) in [("--help", "Usage: dnsflow"), ("--version", "dnsflow 2")] {
        let ended = BUILT.sensor([option]).run();
        ended.assert_success();
        assert!(String::from_utf8_lossy(&ended.stdout).contains(words));
    }
}
