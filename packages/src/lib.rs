//! What packages hold besides the programs: manual pages. Their text is that of `--help`; only what
//! a command line's definition has no place for (files, signals, exit status) is written by hand,
//! in `packages/man`.

pub mod configuration;
pub mod manual;
