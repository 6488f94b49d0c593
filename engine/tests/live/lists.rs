//! Lists of names, clients and resolvers, and how they change while packets flow.

use std::fs;
use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use dnsflow_testkit::collector::Collector;
use dnsflow_testkit::export::{assert_same, assert_within};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{OUT, TAP, Wire};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::requirements::{alone, core_counts, requirements};
use dnsflow_testkit::sensor::{Account, Config, collecting};

use crate::{BUILT, exported};

/// At 100,000 a second, until it is told to stop.
const FULL: &str = "--rate 100000 --frames 400000 --noise 0 --ipv6 0 --clients 1000000";
const FEW: &str =
    "--count 4000 --frames 4000 --rate 100000 --noise 0 --ipv6 0 --clients 1000000 --seed 7";

/// Changes of the lists.
const CHANGES: usize = 100;

const COUNTERS: [&str; 6] = [
    "client_excluded",
    "client_unlisted",
    "resolver_excluded",
    "resolver_unlisted",
    "name_excluded",
    "name_unlisted",
];

/// Responses that lists kept from being exported.
fn refused(account: &Account) -> u64 {
    COUNTERS.iter().map(|name| account.total.count(name)).sum()
}

/// The client, the resolver and the name asked for of a set.
fn subject(set: &str) -> (Ipv4Addr, Ipv4Addr, String) {
    let mut fields = set.split('\t');
    let mut field = || fields.next().expect("a field of a set");
    let client = field().parse().expect("a client of IPv4");
    let resolver = field().parse().expect("a resolver of IPv4");
    let name = field().split(',').next().expect("a name");
    (client, resolver, name.to_ascii_lowercase())
}

fn is_below(name: &str, above: &str) -> bool {
    name == above || name.ends_with(&format!(".{above}"))
}

#[test]
fn each_list_has_its_counter() {
    if !requirements("each_list_has_its_counter", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let file = folder.argument("export.pcap");
    let [names, not_names] = [
        ("names", "TEST.\nexample # all\n"),
        ("not-names", "co.test\n"),
    ]
    .map(|(name, text)| folder.file(name, text.as_bytes()).display().to_string());
    let options = [
        "-w",
        &file,
        "--cores",
        "2",
        "--names",
        &names,
        "--not-names",
        &not_names,
        "--clients",
        "10.0.0.0/9,10.192.0.0/10",
        "--not-clients",
        "10.64.0.0/10",
        "--resolvers",
        "172.16.0.0/17",
        "--not-resolvers",
        "172.16.64.0/18",
    ];
    let sensor = BUILT.capture(&wire.sensor, TAP, &options);
    let load = format!("{FEW} --resolvers 65535");
    let sent = BUILT.send(&wire.sender, OUT, &folder, &load);
    let account = sensor.stop();
    // The first that applies, in the order in which they are looked at.
    let counter = |set: &str| {
        let (client, resolver, name) = subject(set);
        let (client, resolver) = (client.octets()[1], resolver.octets()[2]);
        let applies = [
            (64..128).contains(&client),
            (128..192).contains(&client),
            (64..128).contains(&resolver),
            resolver >= 128,
            is_below(&name, "co.test"),
            !is_below(&name, "test") && !is_below(&name, "example"),
        ];
        applies.iter().position(|applies| *applies)
    };
    for (index, name) in COUNTERS.iter().enumerate() {
        let of_it = sent.sets.iter().filter(|set| counter(set) == Some(index));
        let expected = of_it.count() as u64;
        assert!(expected > 0, "no response is {name}");
        assert_eq!(account.total.count(name), expected, "{name}");
    }
    let kept = sent.sets.iter().filter(|set| counter(set).is_none());
    let expected: Vec<String> = kept.cloned().collect();
    assert_eq!(account.total.exported, expected.len() as u64);
    assert_same(&expected, &exported(&file).sets());
}

/// Files of lists are replaced and read again at full rate, some with mistakes. Every response is exported once or
/// counted once, and in the end the last lists are in force.
#[test]
fn lists_change_under_load() {
    if !requirements("lists_change_under_load", &[]) {
        return;
    }
    let _alone = alone();
    for cores in core_counts() {
        let (wire, folder) = (Wire::new(), Folder::new());
        let [stays, last] = [(); 2].map(|()| Collector::listen(&wire.sensor, "127.0.0.1:0"));
        let paths = ["names", "clients"].map(|name| folder.argument(name));
        let write = |texts: [&str; 2]| {
            for (path, text) in paths.iter().zip(texts) {
                let new = format!("{path}.new");
                fs::write(&new, text).expect("a file in a folder of ours");
                fs::rename(&new, path).expect("a file in a folder of ours");
            }
        };
        let lists = format!("names = {:?}\nclients = \"@{}\"", paths[0], paths[1]);
        write(["example", "10.0.0.0/8"]);
        let config = Config::new(&folder, &collecting(&[&stays], &lists));
        let options = ["--config", config.path(), "--cores", cores];
        let mut sensor = BUILT.capture(&wire.sensor, TAP, &options);
        write(["example\nbad..name", "10.0.0.0/8"]);
        sensor.reload_in_vain("names:2: a label is empty");
        let generator = BUILT.generate(&wire.sender, OUT, &folder, FULL);
        until("first datagrams", || (stays.count() > 10).then_some(()));
        for round in 0..CHANGES {
            write(match round % 4 {
                0 => ["test\nexample", "10.0.0.0/9"],
                1 => ["invalid", "10.0.0.0/8\n10.0.0.0/33"],
                2 => [".", "10.128.0.0/9"],
                _ => ["net.example\nno..name", "10.0.0.0/8"],
            });
            sensor.signal("HUP");
            thread::sleep(Duration::from_millis(5));
        }
        write(["test", "10.0.0.0/9"]);
        config.write(&collecting(&[&stays, &last], &lists));
        sensor.signal("HUP");
        until("the last lists to be in force", || {
            (last.count() > 0).then_some(())
        });
        let mut sent = generator.stop();
        let only = BUILT.send(&wire.sender, OUT, &folder, FEW);
        let account = sensor.stop();

        account.assert_passed((sent.number("packets") + only.number("packets")) as u64);
        let counted = account.total.exported + refused(&account);
        assert_eq!(counted, account.total.received, "{account:?}");
        assert_eq!(account.missed, 0, "{account:?}");
        let [stays, last] = [stays, last].map(Collector::finish);
        stays.assert_no_gap();
        stays.assert_final_stats();
        let sets = stays.sets();
        assert_eq!(sets.len() as u64, account.total.exported);
        sent.sets.extend(only.sets.iter().cloned());
        sent.sets.sort_unstable();
        assert_within(&sent.sets, &sets);

        let is_listed = |set: &&String| {
            let (client, _, name) = subject(set);
            client.octets()[1] < 128 && is_below(&name, "test")
        };
        assert!(last.sets().iter().all(|set| is_listed(&set)));
        let expected: Vec<String> = only.sets.iter().filter(is_listed).cloned().collect();
        assert!(!expected.is_empty() && expected.len() < only.sets.len());
        if account.kernel.is_some_and(|kernel| kernel.dropped == 0) {
            assert_within(&last.sets(), &expected);
        }
    }
}
