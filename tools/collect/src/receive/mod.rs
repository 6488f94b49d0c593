//! From sockets to batches: which datagrams are taken, and the account of their streams.
//!
//! ```text
//! socket -> Packets (recvmmsg, UDP_GRO) -> Intake: admitted, read, accounted -> Builder -> backlog
//! ```
//!
//! Each receiver is a thread with sockets of its own. The kernel gives all datagrams of one sender to
//! the same one of them (SO_REUSEPORT), so that a stream's account needs no lock. A datagram is taken
//! as a whole or refused as a whole, counted by its reason; what is refused reaches no sink and no
//! account of a stream.

mod admission;
mod file;
mod intake;
mod receiver;
mod socket;
mod streams;

pub use admission::{Admission, Sensor, SensorError, prefix};
pub use file::{FileError, read};
pub use intake::{Intake, Refusal, Refused};
pub use receiver::{Closing, Receiver, Receivers, Shared, View};
pub use socket::{Listener, SocketError, bind};
pub use streams::{StreamView, Totals};
