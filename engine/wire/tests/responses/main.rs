//! Responses of every shape, from the message to the datagram and back, at every size limit: what
//! is read is what was written. Random bytes too: whatever is found in them can be read back.

mod full;
mod hostile;
mod message;
mod round_trip;
mod stream;
mod transport;
mod version5;
