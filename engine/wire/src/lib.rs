//! What dnsflow reads and writes, as types that mirror the wire and borrow from it.
