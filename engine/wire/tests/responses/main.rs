//! Responses of every make, from the message to the datagram and back: what comes out is what was
//! put in, whatever the room; and bytes of no make at all, which give nothing that can't be read
//! back.

mod hostile;
mod message;
mod round_trip;
mod transport;
