//! `ipfix:`: flow records for a collector of IPFIX (RFC 7011), over UDP or TCP.
//!
//! A response becomes one data record for each of its addresses, and one without an address if it
//! has none. The elements are those that collectors know, of IANA and of CERT (enterprise 6871, as
//! YAF writes them and libfixbuf's `cert_ipfix.xml` defines them):
//!
//! | Element | Number | Type | Says | Absent |
//! |---|---|---|---|---|
//! | flowStart-, flowEndMicroseconds | 154, 155 | dateTimeMicroseconds | time (see below) | never |
//! | flowStart-, flowEndMilliseconds | 152, 153 | dateTimeMilliseconds | the same | never |
//! | destinationIPv4-, -IPv6Address | 12, 28 | address | client | never |
//! | sourceIPv4-, -IPv6Address | 8, 27 | address | resolver | before version 4 |
//! | destinationTransportPort | 11 | unsigned16 | port of the client | before version 5 |
//! | sourceTransportPort | 7 | unsigned16 | port of the resolver | before version 5 |
//! | protocolIdentifier | 4 | unsigned8 | 17 UDP, 6 TCP | before version 5 |
//! | dnsAuthoritative | 6871/176 | unsigned8 | flag AA, 0 or 1 | before version 5 |
//! | dnsQueryResponse | 6871/174 | unsigned8 | 1, a response | never |
//! | dnsQRType | 6871/175 | unsigned16 | type asked for | before version 5; no question |
//! | dnsNXDomain | 6871/177 | unsigned8 | response code, 0 to 255 | before version 5; larger |
//! | dnsTTL | 6871/199 | unsigned32 | seconds, the smallest | before version 5; none |
//! | vlanId | 58 | unsigned16 | outer VLAN | not told |
//! | dot1qCustomerVlanId | 245 | unsigned16 | VLAN behind that | not told |
//! | interfaceName | 82 | string | interface of the sensor, escaped | not told |
//! | dnsQName | 6871/179 | string | name asked for | longer than a name is |
//! | dnsCName | 6871/180 | string | last alias | no alias; left out |
//! | rrIPv4, rrIPv6 | 6871/302, 6871/303 | address | the address that came back | it has none |
//!
//! The time is that of the response, or before version 5 that at which its datagram came; UTC. It
//! is there twice as nfacctd 1.7 knows milliseconds only. The TTL is the smallest of all aliases
//! and addresses of the response. The last alias is the owner of the address if that is another
//! name than the one asked for; of versions 0 to 4, and without an address, the last name.
//!
//! Names are text with `\DDD` for what is no plain letter, as everywhere (see
//! [`dnsflow_wire::text`]); the root is `.`. What is absent has no element: each combination has a
//! template of its own, whose identifier is always the same. The observation domain is the CRC-32
//! of sensor and core; a record of options tells its name (observationDomainName, 300): the sensor,
//! and behind a space the core.
//!
//! IPFIX does not say: class, flags but AA, aliases but one, answers of other types, client subnet,
//! VNI, sampling, whether a record is part of a response, and the numbers by which a row is told
//! from all others: a batch that comes again is there twice.
//!
//! **UDP** has no acknowledgement: what was sent counts as stored. Templates come again every
//! minute, messages have at most 1,400 bytes, and are spread over time (`rate`). If nobody listens,
//! which the other end tells by ICMP, the batch comes again. Two names that don't fit into a
//! message of one record lose the alias.
//!
//! **TCP** has none that a program could ask for either. A batch counts as stored when the
//! connection was whole [a second](CONFIRMED) after it was written, or the collector has closed it
//! after reading all; after a break what is younger comes again, over a new connection.

mod message;
mod options;
mod record;
mod template;
mod transport;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::warn;

pub use options::{Options, OptionsError};

use super::{Sink, SinkError};
use crate::batch::Batch;
use message::{Limits, MIN_MESSAGE_BYTES, Session};
use record::{LeftOut, Records};
use transport::Transport;

/// How long a connection has to hold after a batch was written.
pub const CONFIRMED: Duration = Duration::from_secs(1);

/// The age at which templates are told again over UDP (RFC 7011, section 8.4).
const TEMPLATES: Duration = Duration::from_secs(60);

/// Bytes of a message over UDP: with all headers it has room in an Ethernet frame.
const UDP_MESSAGE_BYTES: usize = 1400;

/// Bytes of a message over TCP: both names of a record always have room.
const TCP_MESSAGE_BYTES: usize = 4096;

const _: () = assert!(UDP_MESSAGE_BYTES >= MIN_MESSAGE_BYTES);

/// The sink.
pub struct Ipfix {
    options: Options,
    link: Option<Link>,
    records: Records,
    /// Names left out that were told.
    told: LeftOut,
    /// Batches that were written over this connection, and when.
    unconfirmed: VecDeque<(u64, Instant)>,
    stored: Option<u64>,
}

/// A transport session.
struct Link {
    transport: Transport,
    session: Session,
}

impl Ipfix {
    /// A sink that is not connected.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            link: None,
            records: Records::default(),
            told: LeftOut::default(),
            unconfirmed: VecDeque::new(),
            stored: None,
        }
    }

    fn is_udp(&self) -> bool {
        self.options.transport == options::Transport::Udp
    }

    fn connect(&self) -> io::Result<Link> {
        let Options { address, rate, .. } = &self.options;
        let (transport, limits) = if self.is_udp() {
            let limits = Limits {
                message: UDP_MESSAGE_BYTES,
                templates: Some(TEMPLATES),
            };
            (Transport::udp(address, *rate)?, limits)
        } else {
            let limits = Limits {
                message: TCP_MESSAGE_BYTES,
                templates: None,
            };
            (Transport::tcp(address)?, limits)
        };
        Ok(Link {
            transport,
            session: Session::new(limits),
        })
    }

    /// Ends the session: with a new one, the other end knows that all starts anew.
    fn failed(&mut self, error: &io::Error) -> SinkError {
        self.link = None;
        let scheme = if self.is_udp() { "udp" } else { "tcp" };
        let text = format!("{scheme}://{}: {error}", self.options.address);
        if self.unconfirmed.is_empty() {
            return SinkError::Away(text);
        }
        self.unconfirmed.clear();
        SinkError::Again(text)
    }

    fn send(&mut self, batch: &Batch) -> io::Result<()> {
        let mut link = match self.link.take() {
            Some(link) => link,
            None => self.connect()?,
        };
        let Link { transport, session } = &mut link;
        let mut send = |message: &[u8]| transport.send(message);
        let (now, records) = (Instant::now(), &mut self.records);
        batch.each_row(|row| session.add(row, records, now, &mut send))?;
        session.flush(&mut send)?;
        link.transport.flush()?;
        self.link = Some(link);
        Ok(())
    }

    /// Takes note of what was written long enough ago, if the connection still is whole.
    fn confirm(&mut self, now: Instant) -> Result<(), SinkError> {
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        if let Err(error) = link.transport.check() {
            return Err(self.failed(&error));
        }
        while let Some(&(number, written)) = self.unconfirmed.front() {
            if now.saturating_duration_since(written) < CONFIRMED {
                break;
            }
            self.stored = Some(number);
            self.unconfirmed.pop_front();
        }
        Ok(())
    }

    /// Says how many names were left out, at the first one and whenever they have doubled.
    fn tell_left_out(&mut self, is_end: bool) {
        let LeftOut(count) = self.records.left_out;
        if count >= (2 * self.told.0).max(1) || is_end && count > self.told.0 {
            self.told = self.records.left_out;
            warn!(
                "ipfix: {count} names were left out so far: longer than a name is, or without room in a message"
            );
        }
    }
}

impl Sink for Ipfix {
    fn open(&mut self) -> Result<Option<u64>, SinkError> {
        match self.connect() {
            Ok(link) => self.link = Some(link),
            Err(error) => return Err(self.failed(&error)),
        }
        Ok(None)
    }

    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        match self.confirm(Instant::now()) {
            // Of what was written nothing is lost.
            Err(SinkError::Away(_)) | Ok(()) => {}
            Err(error) => return Err(error),
        }
        if let Err(error) = self.send(batch) {
            return Err(self.failed(&error));
        }
        self.tell_left_out(false);
        let number = batch.id().number;
        if self.is_udp() {
            self.stored = Some(number);
        } else {
            self.unconfirmed.push_back((number, Instant::now()));
        }
        Ok(())
    }

    fn advance(&mut self, now: Instant) -> Result<(), SinkError> {
        match self.due() {
            Some(due) if due <= now => self.confirm(now),
            _ => Ok(()),
        }
    }

    fn due(&self) -> Option<Instant> {
        let first = self.unconfirmed.front();
        first.map(|&(_, written)| written + CONFIRMED)
    }

    fn stored(&self) -> Option<u64> {
        self.stored
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        self.tell_left_out(true);
        if let Some(link) = self.link.take()
            && let Err(error) = link.transport.close()
        {
            return match self.failed(&error) {
                // Of what was written nothing is lost.
                SinkError::Away(_) => Ok(()),
                error => Err(error),
            };
        }
        if let Some((number, _)) = self.unconfirmed.drain(..).next_back() {
            self.stored = Some(number);
        }
        Ok(())
    }
}
