use std::net::Ipv4Addr;

use super::search::{Entry, Search, Sought, What};
use super::*;
use crate::answer::Match;
use crate::question::Time;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));

impl Map {
    /// Learns a look-up of these names, separated by commas, at a second with a TTL.
    fn look_up(&mut self, client: IpAddr, names: &str, second: u64, ttl: u32, addresses: &[u8]) {
        let mut text = names.to_owned();
        let span = Span::new(second * 1_000_000, ttl * 1000);
        let addresses = addresses.iter().map(|last| address(*last));
        self.learn_text(client, &mut text, span, addresses);
    }

    fn names_of(&self, client: Option<IpAddr>, last: u8, second: u64) -> (Match, Vec<String>) {
        let at = Time(Duration::from_secs(second));
        let answer = self.ask(client, address(last), at);
        let sum: f32 = answer.names.iter().map(|name| name.confidence).sum();
        assert!(sum <= 1.0, "{answer:?}");
        let names = answer.names.iter().map(|name| name.chain.join(","));
        (answer.matched, names.collect())
    }
}

fn address(last: u8) -> IpAddr {
    IpAddr::from([203, 0, 113, last])
}

fn map() -> Map {
    Map::new(Limits {
        grace: Duration::from_secs(10),
        ..Limits::default()
    })
}

fn names(matched: Match, names: &[&str]) -> (Match, Vec<String>) {
    (matched, names.iter().map(|&name| name.to_owned()).collect())
}

#[test]
fn a_name_holds_for_its_ttl_and_grace() {
    let mut map = map();
    map.look_up(CLIENT, "a.example", 100, 60, &[1]);
    let of = |second| map.names_of(Some(CLIENT), 1, second);
    let name = &["a.example"];
    assert_eq!(of(97), names(Match::None, &[]));
    assert_eq!(of(98), names(Match::Client, name), "two clocks differ");
    assert_eq!(of(100), names(Match::Client, name));
    assert_eq!(of(170), names(Match::Client, name));
    assert_eq!(of(171), names(Match::ClientExpired, name));
    let at = |second| map.ask(Some(CLIENT), address(1), Time(Duration::from_secs(second)));
    assert!(at(171).names[0].confidence > at(9_000_000).names[0].confidence);
    assert_eq!(at(100).names[0].expiry, Time(Duration::from_secs(170)));
}

#[test]
fn the_nearest_look_up_before_is_the_first_name() {
    let mut map = map();
    map.look_up(CLIENT, "a.example", 100, 60, &[1]);
    map.look_up(CLIENT, "b.example", 110, 60, &[1]);
    map.look_up(CLIENT, "a.example", 120, 60, &[1]);
    let of = |second| map.names_of(Some(CLIENT), 1, second);
    assert_eq!(of(105), names(Match::Client, &["a.example"]));
    assert_eq!(of(115), names(Match::Client, &["b.example", "a.example"]));
    assert_eq!(of(125), names(Match::Client, &["a.example", "b.example"]));
    assert_eq!(of(185), names(Match::Client, &["a.example", "b.example"]));
    // One that comes late is put where it belongs.
    map.look_up(CLIENT, "c.example", 112, 60, &[1]);
    assert_eq!(map.names_of(Some(CLIENT), 1, 115).1[0], "c.example");
    assert_eq!(map.names_of(Some(CLIENT), 1, 111).1[0], "b.example");
}

#[test]
fn look_ups_of_one_chain_are_one_entry() {
    let mut map = map();
    for second in [100, 130, 500] {
        map.look_up(CLIENT, "a.example", second, 60, &[1, 2]);
    }
    let counts = map.counts();
    assert_eq!((counts.entries, counts.lookups, counts.names), (2, 6, 1));
    let answer = map.ask(Some(CLIENT), address(2), Time(Duration::from_secs(510)));
    let seconds = |time: Time| time.0.as_secs();
    let name = &answer.names[0];
    assert_eq!((seconds(name.first), seconds(name.last)), (100, 500));
}

#[test]
fn who_looks_up_the_target_of_an_alias_means_the_alias() {
    let mut map = map();
    let other = IpAddr::from([198, 51, 100, 8]);
    // The stub asks for the target itself, which is an alias again.
    map.look_up(CLIENT, "www.example,cdn.example", 100, 60, &[]);
    map.look_up(CLIENT, "cdn.example,edge.example", 100, 60, &[]);
    map.look_up(CLIENT, "edge.example", 101, 60, &[1]);
    let chain = "www.example,cdn.example,edge.example";
    assert_eq!(map.names_of(Some(CLIENT), 1, 101).1, [chain]);
    // It holds for the one client alone, and no longer than the alias.
    map.look_up(other, "edge.example", 101, 60, &[1]);
    assert_eq!(map.names_of(Some(other), 1, 101).1, ["edge.example"]);
    map.look_up(CLIENT, "edge.example", 300, 60, &[2]);
    assert_eq!(map.names_of(Some(CLIENT), 2, 300).1, ["edge.example"]);
}

#[test]
fn aliases_in_a_circle_end() {
    let mut map = map();
    for second in 100..200 {
        map.look_up(CLIENT, "a.example,b.example", second, 60, &[1]);
        map.look_up(CLIENT, "b.example,a.example", second, 60, &[1]);
        map.look_up(CLIENT, "b.example,b.example,c.example", second, 60, &[1]);
    }
    let (_, names) = map.names_of(Some(CLIENT), 1, 200);
    assert!(
        names.iter().all(|name| name.split(',').count() <= 4),
        "{names:?}"
    );
    let many: Vec<String> = (0..16).map(|number| format!("n{number}.example")).collect();
    map.look_up(CLIENT, "x.example,n0.example", 200, 60, &[]);
    map.look_up(CLIENT, &many.join(","), 200, 60, &[9]);
    let (_, chains) = map.names_of(Some(CLIENT), 9, 200);
    assert_eq!(chains[0].split(',').count(), 16);
    assert!(chains[0].starts_with("x.example,n0.example,n1"));
}

#[test]
fn others_answer_for_a_client_that_was_told_nothing() {
    let mut map = map();
    for last in 1..=9 {
        let client = IpAddr::from([198, 51, 100, last]);
        let name = if last <= 6 {
            "often.example"
        } else {
            "rare.example"
        };
        map.look_up(client, name, 100, 60, &[1]);
    }
    let stranger = IpAddr::from([192, 0, 2, 200]);
    let both = names(Match::Others, &["often.example", "rare.example"]);
    assert_eq!(map.names_of(Some(stranger), 1, 110), both);
    assert_eq!(map.names_of(None, 1, 110), both);
    assert_eq!(map.names_of(None, 2, 110), names(Match::None, &[]));
    let answer = map.ask(None, address(1), Time(Duration::from_secs(110)));
    let ratio = answer.names[0].confidence / answer.names[1].confidence;
    assert!((ratio - 2.0).abs() < 0.01, "{ratio}");
    // What holds goes before what does not.
    map.look_up(CLIENT, "new.example", 500, 60, &[1]);
    assert_eq!(
        map.names_of(None, 1, 510),
        names(Match::Others, &["new.example"])
    );
}

#[test]
fn runs_and_chains_of_one_address_are_bounded() {
    let mut map = map();
    for second in 0..1000 {
        map.look_up(CLIENT, &format!("n{second}.example"), second, 60, &[1]);
    }
    let counts = map.counts();
    assert_eq!((counts.entries, counts.dropped), (16, 984));
    assert_eq!(counts.told, 8);
    map.look_up(CLIENT, "late.example", 10, 60, &[1]);
    assert_eq!(map.counts().dropped, 985);
    let (_, names) = map.names_of(Some(CLIENT), 1, 1000);
    assert_eq!((names.len(), &*names[0]), (8, "n999.example"));
}

#[test]
fn both_forms_of_an_address_are_one() {
    let mut map = map();
    map.look_up(CLIENT, "a.example", 100, 60, &[1]);
    let IpAddr::V4(client) = CLIENT else {
        unreachable!();
    };
    let mapped = IpAddr::V6(client.to_ipv6_mapped());
    assert_eq!(map.names_of(Some(mapped), 1, 100).0, Match::Client);
}

/// A generator of numbers that needs no state of its own between runs.
fn mixed(number: u64) -> u64 {
    let mixed = (number ^ number >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// Millions of look-ups of clients, addresses and names that come and go: memory stays within its bound,
/// and everything that nothing refers to is gone.
#[test]
fn memory_stays_within_its_bound() {
    const BYTES: usize = 2 << 20;
    let mut map = Map::new(Limits {
        bytes: BYTES,
        ..Limits::default()
    });
    let mut text = String::new();
    for number in 0..5_000_000_u64 {
        let random = mixed(number);
        // What is asked for changes its kind: few long names, many short ones, many clients, aliases.
        let phase = number / 250_000 % 4;
        let name = random % [50, 100_000, 1000, 5000][usize::try_from(phase).unwrap()];
        let clients = [50, 1000, 1_000_000, 10][usize::try_from(phase).unwrap()];
        text.clear();
        text.push_str(&format!("n{name}.example"));
        if phase == 0 {
            text.push_str(&"x".repeat(200));
        } else if phase == 3 {
            text.push_str(&format!(",t{}.example", random % 777));
        }
        let client = random >> 8 & 0xffff_ffff;
        let client = u32::try_from(client % clients).unwrap();
        let address = u32::try_from(random >> 40 & 0x3fff).unwrap();
        map.learn_text(
            IpAddr::from(client.to_be_bytes()),
            &mut text,
            Span::new(number * 1000, 60_000),
            [IpAddr::from(address.to_be_bytes())].into_iter(),
        );
        if number % 4096 == 0 {
            let counts = map.counts();
            assert!(counts.bytes <= BYTES as u64, "{number}: {counts:?}");
            assert!(
                counts.entries > 1000 || number < 5000,
                "{number}: {counts:?}"
            );
        }
    }
    let counts = map.counts();
    assert!(counts.evicted > 1_000_000, "{counts:?}");
    // Once all is forgotten, nothing is left that nothing refers to.
    while let Some(id) = map.runs.least_recent() {
        map.forget_run(id);
    }
    while map.forget_oldest_alias() {}
    let counts = map.counts();
    let left = [counts.names, counts.addresses, counts.clients, counts.told];
    assert_eq!(left, [0; 4]);
}

fn searched(map: &Map, what: What, client: Option<IpAddr>, times: (u64, u64)) -> Vec<String> {
    let time = |second| Some(Time(Duration::from_secs(second)));
    let sought = Sought {
        what,
        client,
        since: time(times.0),
        until: time(times.1),
    };
    let mut search = Search::new(sought, 100);
    while !search.step(map) {}
    let found = search.finish();
    assert!(!found.partial && found.more == 0);
    let row = |row: &Entry| format!("{} {} {}", row.client, row.address, row.chain.join(","));
    found.rows.iter().map(row).collect()
}

#[test]
fn a_search_finds_what_an_address_a_client_and_a_name_have() {
    let other = IpAddr::from([198, 51, 100, 8]);
    let mut map = map();
    map.look_up(CLIENT, "www.a.example,edge.net", 100, 60, &[1, 2]);
    map.look_up(other, "b.example", 200, 60, &[1]);
    // A client that is an address as well.
    map.look_up(address(1), "wa.example", 300, 60, &[3]);
    let all = (0, 1000);
    let of = |what: &What| searched(&map, what.clone(), None, all);
    let told = "198.51.100.8 203.0.113.1 b.example";
    let both = [told, "198.51.100.7 203.0.113.1 www.a.example,edge.net"];
    assert_eq!(of(&What::Address(address(1))), both);
    let either = of(&What::Either(address(1)));
    assert_eq!(either[0], "203.0.113.1 203.0.113.3 wa.example");
    assert_eq!(either[1..], both);
    for name in ["www.a.example", "edge.net"] {
        assert_eq!(of(&What::Name(name.to_owned())).len(), 2, "{name}");
    }
    assert_eq!(of(&What::Name("a.example".to_owned())).len(), 0);
    assert_eq!(of(&What::Suffix("a.example".to_owned())).len(), 2);
    assert_eq!(of(&What::Suffix("net".to_owned())).len(), 2);
    assert_eq!(of(&What::Suffix(".".to_owned())).len(), 4);
    assert_eq!(searched(&map, What::Anything, Some(other), all), [told]);
    let late = searched(&map, What::Address(address(1)), None, (150, 250));
    assert_eq!(late, [told]);
}

/// Numbers change between two steps, and entries go: what stays is found, once.
#[test]
fn a_search_finds_what_stays_while_the_map_changes() {
    let mut map = Map::new(Limits {
        bytes: 24 << 20,
        ..Limits::default()
    });
    let told = |map: &mut Map, number: u32| {
        let client = IpAddr::from(Ipv4Addr::from(number));
        let name = format!("n{number}.example");
        map.look_up(client, &name, 100 + u64::from(number), 60, &[1]);
    };
    (0..80_000).for_each(|number| told(&mut map, number));
    let sought = Sought {
        what: What::Suffix("example".to_owned()),
        client: None,
        since: None,
        until: None,
    };
    let mut search = Search::new(sought, 50);
    let mut next = 80_000;
    let mut steps = 0;
    while !search.step(&map) {
        steps += 1;
        (next..next + 500).for_each(|number| told(&mut map, number));
        next += 500;
        if steps == 5 {
            map.compact();
        }
    }
    let found = search.finish();
    assert!(steps > 10 && !found.partial, "{steps} {}", found.looked);
    let mut lasts: Vec<_> = found.rows.iter().map(|row| row.last).collect();
    assert_eq!(lasts.len(), 50);
    assert!(lasts.is_sorted_by(|one, other| one > other));
    lasts.dedup();
    assert_eq!(lasts.len(), 50);
    assert!(found.more >= 79_000, "{}", found.more);
}
