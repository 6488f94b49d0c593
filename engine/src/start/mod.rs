//! From a command line to settings that can be run, and the reasons why they can't.

pub mod account;
pub mod check;
pub mod cli;
pub mod cores;
pub mod error;
pub mod handover;
pub mod lists;
pub mod pidfile;
pub mod privacy;
pub mod privileges;
pub mod settings;
pub mod wanted;
