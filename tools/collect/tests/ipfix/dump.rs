//! Messages as ipfixDump of libfixbuf-tools reads them.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::process::Command;

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::process::Process;

/// The program.
pub(crate) const PROGRAM: &str = "ipfixDump";

/// A data record.
#[derive(Clone, Debug)]
pub(crate) struct Dumped {
    /// What its domain was said to be called.
    pub(crate) domain: String,
    /// By the names of elements.
    pub(crate) fields: BTreeMap<String, String>,
}

/// The records of these messages, other than those of options. Sequence numbers have to count data
/// records from 0 on, in each domain by itself.
pub(crate) fn dump(messages: &[u8]) -> Vec<Dumped> {
    let folder = Folder::new();
    let _ = folder.file("messages", messages);
    let path = folder.argument("messages");
    let mut command = Command::new(PROGRAM);
    let ended = Process::spawn(PROGRAM, command.args(["--yaf", "--in", &path])).wait();
    ended.assert_success();
    assert_eq!(ended.stderr, "");
    let text = String::from_utf8_lossy(&ended.stdout).into_owned();

    let mut counts: HashMap<String, u32> = HashMap::new();
    let mut names: HashMap<String, String> = HashMap::new();
    let mut records: Vec<(String, BTreeMap<String, String>)> = Vec::new();
    let mut domain = String::new();
    for line in text.lines() {
        if let Some((_, id)) = line.split_once("observation domain id: ") {
            domain = id.trim().to_owned();
        } else if let Some((_, number)) = line.split_once("sequence number: ") {
            let number = number
                .split(' ')
                .next()
                .and_then(|number| number.parse().ok());
            let count = counts.entry(domain.clone()).or_default();
            assert_eq!(number, Some(*count), "{line}");
        } else if line.starts_with("--- data record") {
            *counts.entry(domain.clone()).or_default() += 1;
            records.push((domain.clone(), BTreeMap::new()));
        } else if let Some((head, value)) = line.split_once(" : ")
            && let Some(name) = head.strip_prefix("\t(")
        {
            let name = name.rsplit(' ').next().expect("it has a last part");
            let fields = &mut records.last_mut().expect("a record has started").1;
            fields.insert(name.to_owned(), plain(value));
        }
    }
    let mut found = Vec::new();
    for (domain, fields) in records {
        if let Some(name) = fields.get("observationDomainName") {
            assert_eq!(fields.get("observationDomainId"), Some(&domain));
            names.insert(domain, name.clone());
            continue;
        }
        let domain = names.get(&domain).cloned().expect("it was told before");
        found.push(Dumped { domain, fields });
    }
    found
}

/// A value without its length; an address in the shortest form.
fn plain(value: &str) -> String {
    let value = match value.strip_prefix("(len: ") {
        Some(rest) => rest.split_once(") ").map_or("", |(_, text)| text),
        None => value,
    };
    match value.parse::<IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => value.to_owned(),
    }
}
