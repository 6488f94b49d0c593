//! Records have pseudonyms of clients; questions have their addresses.

use std::fs::{self, Permissions};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;

use dnsflow_privacy::{Choice, Key, Mode, Rotation};
use dnsflow_testkit::folder::Folder;

use crate::datagrams::Sender;
use crate::program::Collector;
use crate::service::{CAPTURED, CLIENT, address, feed, get, served_at};

/// The client's address is one that records have as [`CLIENT`]: which one, only the key tells.
#[test]
fn a_client_is_found_by_its_address() {
    let folder = Folder::new();
    let path = folder.path("key");
    fs::write(&path, "5".repeat(64)).expect("room");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a file of ours");
    let choice = Choice {
        clients: Mode::IpcryptPfx,
        key: Some(Key::read(&path).expect("a key")),
        rotation: Rotation::Daily,
        ..Choice::default()
    };
    let pseudonym: IpAddr = CLIENT.parse().expect("an address");
    let client = choice.disguise(choice.clients).undo(pseudonym, CAPTURED);
    let client = client.expect("an address");
    let key = path.to_str().expect("text");
    let collector = Collector::start(&[
        "--serve",
        "127.0.0.1:0",
        "--client-addresses",
        "ipcrypt-pfx",
        "--address-key",
        key,
        "--key-rotation",
        "daily",
    ]);
    let service = served_at(&collector.process);
    let sender = Sender::from("127.0.0.1", collector.address);
    feed(&collector, &sender, 1..=1, 1);
    let (address, at) = (address(1), CAPTURED + 1);
    let answer = |client: &str| {
        get(
            service,
            &format!("/name?client={client}&address={address}&at={at}"),
        )
        .json()
    };
    let found = answer(&client.to_string());
    assert_eq!(found["matched"], "client", "{found}");
    assert_eq!(found["client"], client.to_string());
    assert_eq!(found["names"][0]["name"], "n1.example");
    assert_eq!(answer(CLIENT)["matched"], "others");
    let search = format!("/search?client={client}&until={at}");
    assert_eq!(get(service, &search).json()["rows"][0]["client"], CLIENT);
    collector.stop().assert_success();
}
