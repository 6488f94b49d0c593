//! The program on files and pipes: what comes out of it, what it says, and how it ends.
//!
//! Nothing here stands in for anything else: the built `dnsflow` runs as a process of its own, on captures
//! that the tests write, on those of `dnsflow-gen`, and, where they lie beside the checkout, on hundreds that
//! others recorded. Live capture is tested in `live.rs`.

mod account;
mod capture;
mod captures;
mod collectors;
mod cuts;
mod datagrams;
mod division;
mod export;
mod formats;
mod generator;
mod output;
mod packet;
mod parts;
mod process;
mod refusals;
mod selection;
mod sensor;
