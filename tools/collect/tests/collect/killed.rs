//! A collector that is killed while datagrams come, whatever store it has.

use std::collections::BTreeSet;
use std::process::Command;

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::patience::until;

use crate::BUILT;
use crate::datagrams::{Sender, v5};
use crate::program::Collector;

const DATAGRAMS: &str = "dnsflow_collect_datagrams_total";
const LOST: &str = "dnsflow_collect_lost_datagrams";
const STORED: &str = "dnsflow_collect_store_records_total";

/// Kills a collector again and again while datagrams come, and compares its account with what
/// `stored` finds in the store. Meanwhile, `disturb` does to the store what it wants.
pub(crate) fn killed(
    folder: &Folder,
    to: &str,
    disturb: &mut dyn FnMut(),
    stored: impl Fn() -> Vec<u64>,
) {
    let spool = folder.path("spool");
    let options = ["--to", to, "--spool", spool.to_str().expect("text")];
    let mut number = 0;
    // One port for all, as a sensor has.
    let mut sender: Option<Sender> = None;
    let mut address = "127.0.0.1:0".to_owned();
    let mut account = (0, 0);
    for round in 0..4 {
        let mut command = Command::new(BUILT.path("dnsflow-collect"));
        command.args(["--listen", &address, "--metrics", "127.0.0.1:0"]);
        let collector = Collector::started(command.args(options));
        address = collector.address.to_string();
        let sender = sender.get_or_insert_with(|| Sender::from("127.0.0.1", collector.address));
        let before = collector.metric(DATAGRAMS, "");
        for _ in 0..300 {
            number += 1;
            sender.send(&v5(number, 9, 0));
        }
        until("some to be received", || {
            (collector.metric(DATAGRAMS, "") > before).then_some(())
        });
        disturb();
        if round < 3 {
            // Before anything of a stream is in the spool, nobody knows where it began.
            if round == 0 {
                collector.wait_for_some(STORED);
            }
            collector.kill();
            // Some are sent while nobody listens.
            for _ in 0..10 {
                number += 1;
                sender.send(&v5(number, 9, 0));
            }
        } else {
            // Whatever was lost shows once a later one has come.
            collector.wait_for_more(sender, &mut number);
            account = (collector.metric(DATAGRAMS, ""), collector.metric(LOST, ""));
            collector.stop().assert_success();
        }
    }
    let stored = stored();
    let once: BTreeSet<u64> = stored.iter().copied().collect();
    assert_eq!(once.len(), stored.len(), "none is stored twice");
    let (datagrams, lost) = account;
    assert_eq!(
        stored.len() as u64,
        datagrams,
        "what is accounted for is stored"
    );
    assert_eq!(datagrams + lost, number, "and the rest is counted as lost");
    assert!(lost >= 30, "what was sent to nobody");
}

impl Collector {
    fn wait_for_some(&self, name: &str) {
        until(name, || (self.metric(name, "") > 0).then_some(()));
    }

    /// Sends one more until everything before it has been looked at.
    fn wait_for_more(&self, sender: &Sender, number: &mut u64) {
        let all = |number: u64| self.metric(DATAGRAMS, "") + self.metric(LOST, "") == number;
        until("all to be looked at", || {
            if all(*number) {
                return Some(());
            }
            *number += 1;
            sender.send(&v5(*number, 9, 0));
            None
        });
    }
}
