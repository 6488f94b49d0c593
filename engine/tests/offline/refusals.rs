//! What can't be done is refused with words that help: status 2 for wrong usage, 1 for the rest.
//!
//! Not provoked here are io_uring that a sysctl forbids, which is a switch for the whole machine, and a ring that the
//! kernel has no memory for.

use std::io::Read as _;
use std::{fs, thread};

use dnsflow_testkit::capture::{empty, pcap};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::packets::response;
use dnsflow_testkit::requirements::{is_root, root};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

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

/// Limits of the process, each with what to do; a run at a limit ends with status 1, and by no signal.
#[test]
fn limits_that_are_too_small() {
    let limited = |limit: &str, options: &[&str]| {
        let words = ["prlimit", limit];
        let capture = pcap([&response(1).ethernet()]);
        BUILT
            .sensor_behind(&words, ["-r", "-"].iter().chain(options))
            .fed(&capture)
            .run()
    };
    let ended = limited("--nofile=20:20", &[]);
    ended.assert_failure(1, &["open files is 20", "ulimit -n ", "LimitNOFILE="]);
    // The soft limit alone is raised.
    limited("--nofile=20:4096", &[]).assert_success();
    let ended = limited("--as=300000000:300000000", &[]);
    ended.assert_failure(1, &["address space is 286 MiB", "--ring", "ulimit -v"]);
    let folder = Folder::new();
    let written = folder.argument("export.pcap");
    let ended = limited("--fsize=10:10", &["-w", &written]);
    ended.assert_failure(1, &["export.pcap", "File too large"]);
    let ended = limited("--fsize=30:30", &["-w", &written]);
    ended.assert_failure(1, &["export.pcap", "File too large"]);
}

/// A seccomp profile may refuse any of the calls.
#[test]
fn io_uring_that_is_refused() {
    let calls = [
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
    ];
    for call in calls {
        for errno in [libc::EPERM, libc::ENOSYS] {
            let refuses = SeccompFilter::new(
                [(call, Vec::new())].into(),
                SeccompAction::Allow,
                SeccompAction::Errno(errno.cast_unsigned()),
                std::env::consts::ARCH.try_into().expect("a known machine"),
            );
            let program = BpfProgram::try_from(refuses.expect("a filter")).expect("a program");
            // A filter holds for a thread and what it starts.
            let start = move || {
                apply_filter(&program).expect("a filter that the kernel takes");
                BUILT.sensor(["-r", "-"]).fed(&empty()).run()
            };
            let ended = thread::spawn(start).join().expect("no panic");
            ended.assert_failure(1, &["io_uring is not available", "seccomp profile"]);
            assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        }
    }
}

/// Whatever is in a name, it is one line, and nothing that a terminal acts on.
#[test]
fn names_are_said_without_their_control_characters() {
    let name = "no\u{1b}[2Jsuch\ndnsflow: file";
    let below = format!("/nonexistent/{name}");
    for options in [
        &["-r", &below][..],
        &["-r", "-", "-f", name],
        &["-r", "-", "-P", &below],
        &["-r", "-", "-w", &below],
    ] {
        let ended = BUILT.sensor(options).fed(&empty()).run();
        assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains("\\u{1b}[2J"), "{}", ended.stderr);
        let is_active = |one: char| one.is_control() && one != '\n';
        assert!(!ended.stderr.contains(is_active), "{:?}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }
    let ended = BUILT.sensor([name, "\u{1b}[2J"]).run();
    assert!(!ended.stderr.contains('\u{1b}'), "{:?}", ended.stderr);
    ended.assert_failure(2, &["--help"]);
}

/// An expression that takes minutes: that is said, and a signal ends it.
#[test]
fn a_signal_ends_a_start_that_takes_long() {
    let hosts = (0..850).map(|host| format!("host 10.1.{}.{}", host / 250, host % 250));
    let hosts = hosts.collect::<Vec<_>>().join(" or ");
    let folder = Folder::new();
    let file = folder.file("capture.pcap", &pcap([&response(1).ethernet()]));
    let mut running = BUILT.reading(&file).option("-f", &hosts).start();
    running.wait_until_it_says("takes long");
    running.signal("TERM");
    let ended = running.wait();
    ended.assert_success();
    assert!(
        ended.stderr.contains("ended by a signal"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_second_signal_says_so() {
    // Nobody reads standard output beyond the first byte: the run waits for that.
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let packets: Vec<_> = (0..250).map(|number| response(number).ethernet()).collect();
    let many = pcap(packets.iter().cycle().take(20_000));
    let mut running = BUILT
        .sensor(["-r", "-", "--print"])
        .fed(&many)
        .stdout(writer)
        .start();
    reader.read_exact(&mut [0]).expect("the header line");
    // Both are there when the process goes on.
    for signal in ["STOP", "TERM", "INT", "CONT"] {
        running.signal(signal);
    }
    let ended = running.wait();
    ended.assert_failure(1, &["second signal"]);
}

/// Whatever does not end with status 0 says why.
#[test]
fn every_failure_says_why() {
    let folder = Folder::new();
    let cut = folder.argument("cut.pcap");
    let whole = pcap([&response(1).ethernet()]);
    fs::write(&cut, &whole[..whole.len() - 1]).expect("a file");
    let none = folder.argument("none");
    for options in [
        "check -r -",
        "check -i no.such.if",
        "open-sockets",
        "--config /nonexistent",
        "-r /nonexistent",
        "-r /dev/full",
        "-r / ",
        "-r - -P /dev/null",
        "-r - -w /dev/full",
        "-r - -w /",
        "-i no.such.if",
        "-r - --cores 0,60000",
        "-r - -u 127.0.0.1:port",
        &format!("-r {cut} -w {none}"),
        &format!("-r {cut} -w {none} --log-level error"),
    ] {
        let ended = BUILT.sensor(options.split_whitespace()).fed(&whole).run();
        let code = ended.status.code();
        assert!(matches!(code, Some(1 | 2)), "{options}: {code:?}");
        assert!(ended.stderr.ends_with('\n'), "{options}: {}", ended.stderr);
    }
}
