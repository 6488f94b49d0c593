//! The configuration file: it says what the command line could have said, and the command line wins.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use clap::{Arg, CommandFactory as _, Parser as _};
use dnsflow::start::cli::{Action, Cli, Options};
use dnsflow_service::config::{COMMAND_LINE_ONLY, load};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::process::Process;

/// Key, a value of it that is no default, and the same as arguments.
const EXAMPLES: &[(&str, &str, &[&str])] = &[
    ("interface", "'eth7'", &["--interface=eth7"]),
    ("read", "'a file.pcap'", &["--read=a file.pcap"]),
    ("no-promiscuous", "true", &["-p"]),
    ("ring", "1_024", &["--ring=1024"]),
    (
        "filter",
        "\"udp and not host 192.0.2.1\"",
        &["-f", "udp and not host 192.0.2.1"],
    ),
    ("port", "[53, 0x14e9]", &["-d53", "-d5353"]),
    ("mdns", "true", &["-Y"]),
    ("plain", "true", &["--plain"]),
    ("select", "'nodata,nxdomain'", &["--select=nodata,nxdomain"]),
    ("types", "'A,HTTPS'", &["--types=A,HTTPS"]),
    ("authoritative", "true", &["--authoritative"]),
    ("decap", "'vxlan,gre'", &["--decap=vxlan,gre"]),
    ("jmirror", "[30030, 30031]", &["-J30030", "-J30031"]),
    ("pcap-record", "30032", &["-X30032"]),
    ("names", "'a list'", &["--names=a list"]),
    (
        "not-names",
        "['one', 'two']",
        &["--not-names=one", "--not-names=two"],
    ),
    (
        "clients",
        "['10.0.0.0/8,2001:db8::/32', '@a list']",
        &["--clients=10.0.0.0/8,2001:db8::/32", "--clients=@a list"],
    ),
    ("not-clients", "'10.0.0.1'", &["--not-clients=10.0.0.1"]),
    ("resolvers", "'@list'", &["--resolvers=@list"]),
    (
        "not-resolvers",
        "'192.0.2.53'",
        &["--not-resolvers=192.0.2.53"],
    ),
    ("sample", "10", &["-s10"]),
    ("sample-by", "'client'", &["--sample-by=client"]),
    ("sample-key", "0x2a", &["--sample-key=42"]),
    (
        "client-addresses",
        "\"prefix:24,56\"",
        &["--client-addresses=prefix:24,56"],
    ),
    (
        "resolver-addresses",
        "\"drop\"",
        &["--resolver-addresses=drop"],
    ),
    (
        "subnet-addresses",
        "\"ipcrypt-pfx\"",
        &["--subnet-addresses=ipcrypt-pfx"],
    ),
    (
        "address-key",
        "\"/etc/dnsflow/address.key\"",
        &["--address-key=/etc/dnsflow/address.key"],
    ),
    ("key-rotation", "\"daily\"", &["--key-rotation=daily"]),
    ("overload", "'sample'", &["--overload=sample"]),
    ("cores", "'0,2-5'", &["--cores=0,2-5"]),
    ("fanout", "'client'", &["--fanout=client"]),
    ("checksum", "true", &["-c"]),
    ("share", "'1/4'", &["-m1/4"]),
    (
        "udp",
        "['192.0.2.1', \"[2001:db8::1]:9\"]",
        &["-u192.0.2.1", "-u[2001:db8::1]:9"],
    ),
    ("write", "'-'", &["-w-"]),
    ("print", "true", &["--print"]),
    ("strict-output", "true", &["--strict-output"]),
    ("format", "'v5'", &["--format=v5"]),
    ("sensor-name", "'ams1'", &["--sensor-name=ams1"]),
    ("mtu", "9000", &["--mtu=9000"]),
    ("flush", "0.25", &["--flush=0.25"]),
    ("user", "'daemon:nogroup'", &["--user=daemon:nogroup"]),
    ("log-level", "'warn'", &["--log-level=warn"]),
    ("pidfile", "'/run/dnsflow.pid'", &["-P/run/dnsflow.pid"]),
    ("metrics", "'[::1]:9530'", &["--metrics=[::1]:9530"]),
];

/// A configuration file.
struct File {
    path: PathBuf,
    _folder: Folder,
}

impl File {
    fn new(text: &str) -> Self {
        let folder = Folder::new();
        Self {
            path: folder.file("dnsflow.toml", text.as_bytes()),
            _folder: folder,
        }
    }

    /// The options that it gives together with a command line.
    fn with(&self, arguments: &[&str]) -> Result<Options, String> {
        let path = self.path.to_str().expect("a path of ASCII");
        let all = ["dnsflow", "--config", path].into_iter();
        let all = all.chain(arguments.iter().copied());
        let mut options = load::<Cli>(all).map_err(|error| error.to_string())?.options;
        options.config = None;
        Ok(options)
    }
}

/// What a command line gives, without any file.
fn options(arguments: &[&str]) -> Options {
    Cli::parse_from(["dnsflow"].iter().chain(arguments)).options
}

/// What is wrong with a file, after its name.
fn problem(text: &str) -> String {
    let file = File::new(text);
    let error = file.with(&[]).expect_err("something is wrong with it");
    let path = file.path.display().to_string();
    error
        .strip_prefix(&format!("{path}:"))
        .unwrap_or_else(|| panic!("the file is named: {error}"))
        .to_owned()
}

#[test]
fn every_option_is_a_key() {
    let mut command = Cli::command();
    command.build();
    let keys: BTreeSet<&str> = command
        .get_arguments()
        .filter_map(Arg::get_long)
        .filter(|long| !COMMAND_LINE_ONLY.contains(long))
        .collect();
    let examples = EXAMPLES.iter().map(|(key, ..)| *key).collect();
    assert_eq!(keys, examples, "each option has an example here");
}

#[test]
fn the_file_says_what_the_command_line_could_have_said() {
    for (key, value, arguments) in EXAMPLES {
        let expected = options(arguments);
        assert_ne!(
            expected,
            options(&[]),
            "{key}: an example that changes nothing"
        );
        let file = File::new(&format!("# a remark\n\n{key} = {value} # and another\n"));
        assert_eq!(file.with(&[]), Ok(expected), "{key}");
    }
}

#[test]
fn all_keys_together() {
    let apart = ["read", "checksum"];
    let together = EXAMPLES.iter().filter(|(key, ..)| !apart.contains(key));
    let text: String = together
        .clone()
        .map(|(key, value, _)| format!("{key} = {value}\n"))
        .collect();
    let arguments: Vec<&str> = together.flat_map(|(.., words)| *words).copied().collect();
    assert_eq!(File::new(&text).with(&[]), Ok(options(&arguments)));
}

#[test]
fn nothing_in_it_changes_nothing() {
    for text in ["", "# nothing\n", "print = false\nport = []\n"] {
        assert_eq!(File::new(text).with(&[]), Ok(options(&[])), "{text}");
    }
}

/// Whatever stands in the file, an option of the command line is as if there were none.
#[test]
fn the_command_line_wins() {
    let other = |key| match key {
        "interface" | "read" | "write" | "pidfile" | "filter" => Some("other"),
        "port" | "jmirror" | "pcap-record" | "sample" | "sample-key" => Some("77"),
        "ring" | "mtu" => Some("777"),
        "flush" | "cores" => Some("7"),
        "names" | "not-names" => Some("other"),
        "clients" | "not-clients" | "resolvers" | "not-resolvers" => Some("@other"),
        "decap" => Some("gtp"),
        "select" => Some("errors"),
        "types" => Some("MX"),
        "format" => Some("v5"),
        "sensor-name" => Some("other"),
        "fanout" => Some("cpu"),
        "overload" => Some("drop"),
        "sample-by" => Some("packet"),
        "client-addresses" | "resolver-addresses" | "subnet-addresses" => Some("ipcrypt"),
        "address-key" => Some("other"),
        "key-rotation" => Some("weekly"),
        "user" => Some("other"),
        "log-level" => Some("debug"),
        "share" => Some("0/2"),
        "metrics" => Some("192.0.2.7:77"),
        "udp" => Some("192.0.2.7"),
        // A flag has no other value, and wins all the same.
        _ => None,
    };
    for (key, value, _) in EXAMPLES {
        let argument = match other(*key) {
            Some(other) => format!("--{key}={other}"),
            None => format!("--{key}"),
        };
        let file = File::new(&format!("{key} = {value}\n"));
        let expected = options(&[&argument]);
        assert_eq!(file.with(&[&argument]), Ok(expected), "{argument}");
    }
}

/// The opposite of a flag takes back what the file says, or what stood before it.
#[test]
fn flags_can_be_taken_back() {
    let mut flags = 0;
    for (key, value, _) in EXAMPLES.iter().filter(|(_, value, _)| *value == "true") {
        flags += 1;
        let opposite = match key.strip_prefix("no-") {
            Some(positive) => format!("--{positive}"),
            None => format!("--no-{key}"),
        };
        let flag = format!("--{key}");
        let file = File::new(&format!("{key} = {value}\n"));
        let nothing = File::new("");
        let set = options(&[&flag]);
        assert_eq!(file.with(&[&opposite]), Ok(options(&[])), "{opposite}");
        assert_eq!(nothing.with(&[&opposite]), Ok(options(&[])), "{opposite}");
        for (arguments, expected) in [
            ([&flag, &opposite], &options(&[])),
            ([&opposite, &flag], &set),
        ] {
            let arguments = arguments.map(String::as_str);
            for from in [&file, &nothing] {
                assert_eq!(
                    from.with(&arguments).as_ref(),
                    Ok(expected),
                    "{arguments:?}"
                );
            }
            let all = ["dnsflow"].into_iter().chain(arguments);
            let without_file = load::<Cli>(all)
                .map(|cli| cli.options)
                .map_err(|error| error.to_string());
            assert_eq!(without_file.as_ref(), Ok(expected), "{arguments:?}");
        }
        let name = &opposite[2..];
        let problem = problem(&format!("{name} = true"));
        let expected = format!("1: unknown key '{name}'");
        assert!(problem.starts_with(&expected), "{problem}");
    }
    assert!(flags > 3);
}

/// What is taken back conflicts with nothing.
#[test]
fn a_flag_that_is_taken_back_makes_room() {
    let file = File::new("checksum = true\nmtu = 9000\n");
    assert_eq!(
        file.with(&["--no-checksum", "--fanout=cpu"]),
        Ok(options(&["--fanout=cpu", "--mtu=9000"]))
    );
    let file = File::new("fanout = 'cpu'\n");
    assert_eq!(
        file.with(&["--no-checksum"]),
        Ok(options(&["--fanout=cpu"]))
    );
    let file = File::new("print = true\nmdns = true\n");
    let path = file.path.to_str().expect("a path of ASCII");
    let cli = load::<Cli>(["dnsflow", "check", "--config", path, "--no-mdns"]);
    let Ok(Some(Action::Check(checked))) = cli.map(|cli| cli.action) else {
        panic!("a check");
    };
    assert!(checked.print && !checked.mdns);
}

#[test]
fn what_is_not_on_the_command_line_stays() {
    let file = File::new("udp = ['192.0.2.1', '192.0.2.2']\nmtu = 9000\nport = [53, 54]\n");
    assert_eq!(
        file.with(&["-u", "192.0.2.3", "-Y"]),
        Ok(options(&[
            "-u192.0.2.3",
            "--mtu=9000",
            "-d53",
            "-d54",
            "-Y"
        ]))
    );
}

#[test]
fn what_can_t_stand_beside_the_command_line_gives_way() {
    let file = File::new("interface = 'eth0'\nchecksum = true\nmtu = 9000\n");
    assert_eq!(
        file.with(&["-r", "x.pcap", "--fanout", "client"]),
        Ok(options(&[
            "-r", "x.pcap", "--fanout", "client", "--mtu", "9000"
        ]))
    );
    let file = File::new("read = 'x.pcap'\nfanout = 'client'\n");
    assert_eq!(
        file.with(&["-i", "eth0", "-c"]),
        Ok(options(&["-i", "eth0", "-c"]))
    );
}

#[test]
fn keys_that_are_none() {
    assert_eq!(
        problem("\ncoers = 4\n"),
        "2: unknown key 'coers'; is 'cores' meant?"
    );
    assert_eq!(
        problem("mtu = 9000\n\n\nno_promiscuous = true\n"),
        "4: unknown key 'no_promiscuous'; is 'no-promiscuous' meant?"
    );
    assert_eq!(
        problem("zzz = 1"),
        "1: unknown key 'zzz': keys are the long options, which `dnsflow --help` lists"
    );
    assert_eq!(
        problem("[output]\nudp = '192.0.2.1'\n"),
        "1: there are no sections such as [output]: keys stand at the top, one a line"
    );
    for key in COMMAND_LINE_ONLY {
        assert_eq!(
            problem(&format!("{key} = true")),
            format!("1: '{key}' stands on the command line only")
        );
    }
}

#[test]
fn values_of_the_wrong_type() {
    let cases = [
        (
            "print = 1",
            "1: 'print': expected true or false: print = true",
        ),
        (
            "ring = '64'",
            "1: 'ring': expected a whole number: ring = 1",
        ),
        ("mtu = 1.5", "1: 'mtu': expected a whole number: mtu = 1"),
        ("flush = '1'", "1: 'flush': expected a number: flush = 1.5"),
        (
            "read = 1",
            "1: 'read': expected a string in quotes: read = \"..\"",
        ),
        (
            "decap = ['vxlan']",
            "1: 'decap': expected a string in quotes: decap = \"..\"",
        ),
        (
            "port = [\n  53,\n  '54',\n]",
            "3: 'port': expected a whole number, or a list of numbers: port = [1, 1]",
        ),
        (
            "udp.host = 1",
            "1: 'udp': expected a string in quotes, or a list of strings: udp = [\"..\", \"..\"]",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(problem(text), expected, "{text}");
    }
}

#[test]
fn values_out_of_range() {
    let cases = [
        (
            "# one\n# two\nring = 1",
            "3: 'ring': '1': 1 is not in 2..=4095",
        ),
        ("port = [53, 0]", "1: 'port': '0': 0 is not in 1..=65535"),
        (
            "flush = 0.0",
            "1: 'flush': '0.0': expected seconds from 0.001 to 3600",
        ),
        (
            "fanout = 'best'",
            "1: 'fanout': 'best': expected one of hash, cpu, client, checksum",
        ),
        (
            "share = '4/4'",
            "1: 'share': '4/4': I counts from 0 and is at most 3",
        ),
        (
            "cores = 'two'",
            "1: 'cores': 'two': 'two' is neither a number, auto, all, nor a list such as 0,2-5",
        ),
        (
            "mtu = 99999999999999999999999999",
            "1: 'mtu': '99999999999999999999999999': number too large to fit in target type",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(problem(text), expected, "{text}");
    }
    // The command line wins over what is right, and does not hide what is wrong.
    let wrong = File::new("ring = 1").with(&["--ring=64"]);
    assert!(wrong.is_err_and(|error| error.ends_with("1 is not in 2..=4095")));
}

#[test]
fn keys_that_exclude_each_other() {
    assert_eq!(
        problem("fanout = 'cpu'\nmtu = 9000\nchecksum = true\n"),
        "3: 'checksum' can't stand beside 'fanout' (line 1)"
    );
    assert_eq!(
        problem("read = 'x'\ninterface = 'y'\n"),
        "2: 'interface' can't stand beside 'read' (line 1)"
    );
    let off = File::new("fanout = 'cpu'\nchecksum = false\n");
    assert_eq!(off.with(&[]), Ok(options(&["--fanout=cpu"])));
}

#[test]
fn text_that_is_no_toml() {
    for (text, line) in [
        ("mtu = 9000\ninterface = eth0\n", "2: "),
        ("mtu 9000\n", "1: "),
        ("mtu = 9000\n\nmtu = 1500\n", "3: "),
        ("a = \"", "1: "),
        ("\0", "1: "),
    ] {
        let problem = problem(text);
        assert!(problem.starts_with(line), "{text:?}: {problem}");
        assert!(!problem.contains('\n'), "{text:?}: {problem}");
    }
}

/// The example that comes with it: every key, each with its default where it has one.
#[test]
fn the_example_has_every_key() {
    let example = include_str!("../../systemd/dnsflow.toml");
    assert_eq!(
        File::new(example).with(&[]),
        Ok(options(&[])),
        "as it comes"
    );
    let mut keys = BTreeSet::new();
    for line in example.lines() {
        let Some((key, value)) = line
            .strip_prefix('#')
            .and_then(|line| line.split_once(" = "))
        else {
            continue;
        };
        if key.contains(' ') || key.is_empty() {
            continue;
        }
        assert!(keys.insert(key), "{key} is there twice");
        let file = File::new(&format!("{key} = {value}"));
        assert!(file.with(&[]).is_ok(), "{line}: {:?}", file.with(&[]));
    }
    assert_eq!(keys, EXAMPLES.iter().map(|(key, ..)| *key).collect());
}

/// The program reads it, and says what is wrong with status 2.
#[test]
fn the_program_reads_it() {
    let run = |text: &str, arguments: &[&str]| {
        let file = File::new(text);
        let mut command = Command::new(env!("CARGO_BIN_EXE_dnsflow"));
        command.arg("--config").arg(&file.path).args(arguments);
        Process::spawn("dnsflow", &mut command).wait()
    };
    let good = run("port = 5353", &["--print-filter"]);
    good.assert_success();
    assert!(good.text().contains("5353"), "{}", good.text());
    let bad = run("prot = 5353", &["--print-filter"]);
    bad.assert_failure(2, &[]);
    let text = &bad.stderr;
    assert!(
        text.starts_with("dnsflow: ")
            && text.ends_with(":1: unknown key 'prot'; is 'port' meant?\n"),
        "{text}"
    );
}

#[test]
fn a_file_that_is_not_there() {
    let error =
        load::<Cli>(["dnsflow", "--config", "/nonexistent/dnsflow.toml"]).map_err(|error| {
            assert_eq!(error.exit_status(), 1);
            error.to_string()
        });
    assert!(error.is_err_and(|error| {
        error.starts_with("/nonexistent/dnsflow.toml: No such file or directory")
    }));
}
