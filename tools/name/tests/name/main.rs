//! `dnsflow-name` as its users meet it: flows go in, and all that comes out is compared.

mod fixed;
mod formats;
mod hostile;
mod lookups;
mod program;
mod server;
mod service;
mod stored;
mod tools;

use std::net::Ipv4Addr;

use dnsflow_testkit::programs::Programs;
use lookups::LookUp;

/// The programs that are tested, as cargo has built them.
const BUILT: Programs = Programs::beside(env!("CARGO_BIN_EXE_dnsflow-name"));

/// When everything happens.
const SECOND: u64 = 1_700_000_000;

/// Who looks up.
const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);

/// What it was told.
const SERVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);

/// The client's look-up of www.example.org.
const LOOK_UP: LookUp<'static> = LookUp {
    second: SECOND,
    client: CLIENT,
    names: &["WWW.Example.org", "edge.cdn.example"],
    address: SERVER,
};

/// A flow of the client to an address, as JSON of goflow2, with the end of its line.
fn flow(server: Ipv4Addr, number: u64) -> String {
    let start = SECOND + 1;
    format!(
        "{{\"src_addr\":\"{CLIENT}\",\"dst_addr\":\"{server}\",\"time_flow_start_ns\":{start}000000000,\"bytes\":{number}}}\n"
    )
}
