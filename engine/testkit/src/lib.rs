//! What the tests of all crates share, written once.
//!
//! | room | holds |
//! |---|---|
//! | [`requirements`] | what a test needs of the machine, and how a test that is skipped says so |
//! | [`patience`] | waiting for a state instead of for a time |
//! | [`folder`] | temporary files |
//! | [`programs`] | the programs of one build |
//! | [`process`] | a child process: starting, reading, signalling and ending it |
//! | [`network`] | network namespaces, veth pairs, and frames sent through them |
//! | [`packets`] | packets and frames, built from their headers |
//! | [`frames`] | the table of frames, with what each capture filter has to say of each |
//! | [`capture`] | capture files |
//! | [`corpus`] | the captures and messages that every reader has to survive, with what has to come of each |
//! | [`datagrams`] | datagrams as sensors send them, of known content |
//! | [`export`] | a reader of exported datagrams |
//! | [`collector`] | a collector in a namespace |
//! | [`sensor`] | the sensor as a process, and the account that it gives |
//! | [`generator`] | traffic of known content |
//! | [`agreement`] | that a capture filter never rejects what the decoder would export |
//! | [`vectors`] | the test vectors of the protocol |
//! | [`prometheus`], [`scrape`] | a real Prometheus, what dashboards ask of it, and metrics as they are served |
//! | [`tshark`] | the same captures, read by an independent dissector |
//!
//! The crate is a dev-dependency, but for the benches: no program that is installed may depend on it. It knows nothing of
//! how packets are decoded, filtered and exported, but for what tests and fuzz targets both hold ([`agreement`]). Only cargo knows where it has put a program,
//! and tells it only to the tests of the same package: they make a [`programs::Programs`] of it and hand that in.
//!
//! Nearly everything here panics instead of returning an error: a test that can't go on has failed.

pub mod agreement;
pub mod capture;
pub mod collector;
pub mod corpus;
pub mod datagrams;
pub mod export;
pub mod folder;
pub mod frames;
pub mod generator;
pub mod network;
pub mod packets;
pub mod patience;
pub mod process;
pub mod programs;
pub mod prometheus;
pub mod requirements;
pub mod scrape;
pub mod sensor;
pub mod tshark;
pub mod vectors;
