//! From a command line to something that can be run.

pub mod check;
pub mod cli;
pub mod config;
pub mod cores;
pub mod destination;
pub mod error;
pub mod handover;
pub mod pidfile;
pub mod privileges;
pub mod settings;
