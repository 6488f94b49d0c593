//! The collector: takes what sensors export to stores, and loses nothing without a number that says
//! so.
//!
//! # The life of one datagram
//!
//! ```text
//! sensors                 receivers, a thread each                          sinks, a thread each
//!
//!   UDP ----> Listener -> Intake -----------------------> Backlog --------> Runner -> jsonl:
//!             recvmmsg,   admitted, read, accounted,      numbered,         Runner -> parquet:
//!             UDP_GRO     put into a batch                spooled           Runner -> clickhouse:
//! ```
//!
//! 1. The kernel gives all datagrams of a sender to the same receiver ([`receive`]). Its
//!    [`Intake`](receive::Intake) asks whether the sender is heard, reads the whole datagram, and takes
//!    note of its number in its stream. What is doubled or refused ends here, counted.
//! 2. The datagram is copied to the end of a batch ([`batch`]), as it came. A batch that is full or old
//!    enough is pushed to the [`backlog`], where it gets its number and, with a spool, is written to disk.
//! 3. Each sink has a place in the backlog, and a thread ([`sink::runner`]) that hands it one batch
//!    after the other, again where it failed. The sink reads the records ([`record`]) and makes of them what
//!    its store wants.
//! 4. When a sink says that everything up to a batch is stored for good, that is noted in the
//!    spool; what all sinks have stored is forgotten.
//!
//! With `--serve`, a sink of its own teaches a map of names, which is asked over HTTP ([`serve`]).
//!
//! [`run`] puts these together, [`watch`] shows them to others. The crate reads datagrams by
//! [`dnsflow_wire`] and knows nothing of the sensor.

pub mod backlog;
pub mod batch;
pub mod check;
mod lock;
pub mod options;
pub mod receive;
pub mod record;
pub mod run;
pub mod serve;
pub mod sink;
pub mod watch;
