//! What fuzzing holds about dnsflow: the targets, a module each, and what they are made of.
//!
//! | target | holds that |
//! |---|---|
//! | [`decode`] | the fast path and the layers export the same and count the same; counts add up; memory is bounded |
//! | [`wire`] | both ways through a message give the same set, in versions 4 and 5, and the `domain` crate agrees; what is written can be read |
//! | [`filters`] | the kernel runs a program as the interpreter does, and accepts what is accepted here |
//! | [`agree`] | no capture filter drops what the decoder would export |
//! | [`file`] | a capture file gives the same packets whole, in pieces, compressed and divided |
//! | [`read`] | the reader prints printable lines, and JSON that can be parsed |
//! | `config` | errors of a configuration file have a line; what is accepted stays the same |
//!
//! An input is bytes. [`input`] takes them from front to back; [`message`] and [`packets`] make
//! messages and frames of them, so that most mutations change what is decoded and not whether it is.

pub mod agree;
#[cfg(feature = "sensor")]
pub mod config;
pub mod decode;
pub mod file;
pub mod filters;
pub mod input;
pub mod message;
pub mod opinion;
pub mod packets;
pub mod read;
pub mod text;
mod version5;
pub mod wire;
