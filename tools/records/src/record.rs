//! One record of any version, as whoever keeps or shows it sees it.
//!
//! What versions 0 to 4 don't say is absent here: nothing is guessed. A record of version 5 that is a
//! part of a response is a record by itself, as it is on the wire.

use std::net::IpAddr;
use std::time::Duration;

use dnsflow_wire::datagram::Datagram;
use dnsflow_wire::response::Transport;
use dnsflow_wire::{dns, v4, v5};

/// What a record says.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "one is made for each record, on the stack"
)]
pub enum Record<'a> {
    /// A set of versions 0 to 4.
    V4(v4::Set<'a>),
    /// A record of version 5.
    V5(v5::Record<'a>),
}

impl<'a> Record<'a> {
    /// When the response was captured, since 1970-01-01 00:00 UTC in microseconds. Before version 5
    /// nothing says so, and it is when the datagram was `received`.
    #[must_use]
    pub fn time(&self, received: Duration) -> Duration {
        self.v5().map_or(received, |record| record.time)
    }

    /// The client: destination of the response.
    #[must_use]
    pub fn client(&self) -> IpAddr {
        match self {
            Self::V4(set) => set.client(),
            Self::V5(record) => record.client,
        }
    }

    /// The client's port; none before version 5.
    #[must_use]
    pub fn client_port(&self) -> Option<u16> {
        self.v5().map(|record| record.client_port)
    }

    /// The resolver: source of the response; none before version 4.
    #[must_use]
    pub fn resolver(&self) -> Option<IpAddr> {
        match self {
            Self::V4(set) => set.resolver(),
            Self::V5(record) => Some(record.origin.address),
        }
    }

    /// The resolver's port; none before version 5.
    #[must_use]
    pub fn resolver_port(&self) -> Option<u16> {
        self.v5().map(|record| record.origin.port)
    }

    /// How the response came; none before version 5.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        self.v5().map(|record| record.transport)
    }

    /// What was asked for; none before version 5, and without a question.
    #[must_use]
    pub fn question(&self) -> Option<v5::Question> {
        self.v5().and_then(|record| record.question)
    }

    /// The response code, 0 to 4095; none before version 5.
    #[must_use]
    pub fn rcode(&self) -> Option<u16> {
        self.v5().map(|record| record.rcode)
    }

    /// The flags of the message; none before version 5.
    #[must_use]
    pub fn flags(&self) -> Option<v5::Flags> {
        self.v5().map(|record| record.flags)
    }

    /// The name asked for. A set has always one.
    #[must_use]
    pub fn query(&self) -> Option<Name<'a>> {
        self.names().next()
    }

    /// The name asked for, then the targets of aliases.
    pub fn names(&self) -> impl Iterator<Item = Name<'a>> + Clone + use<'a> {
        let (old, new) = match self {
            Self::V4(set) => (Some(set.names().map(Name::Old)), None),
            Self::V5(record) => (None, Some(record.names().map(Name::New))),
        };
        old.into_iter().flatten().chain(new.into_iter().flatten())
    }

    /// The addresses: first those of A records, then those of AAAA records.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + Clone + use<'a> {
        let (old, new) = match self {
            Self::V4(set) => {
                let ipv4 = set.ipv4().map(IpAddr::V4);
                (Some(ipv4.chain(set.ipv6().map(IpAddr::V6))), None)
            }
            Self::V5(record) => {
                let ipv4 = record.ipv4().map(IpAddr::V4);
                (None, Some(ipv4.chain(record.ipv6().map(IpAddr::V6))))
            }
        };
        old.into_iter().flatten().chain(new.into_iter().flatten())
    }

    /// The answers, with owners, types and TTLs; none before version 5.
    pub fn answers(&self) -> impl Iterator<Item = v5::Answer<'a>> + Clone + use<'a> {
        let answers = self.v5().map(v5::Record::answers);
        answers.into_iter().flatten()
    }

    /// For how many seconds the answers hold: the smallest TTL of its aliases and addresses; none
    /// before version 5, and without an alias or address.
    #[must_use]
    pub fn ttl(&self) -> Option<u32> {
        let holds = |answer: &v5::Answer<'_>| {
            use v5::Data;
            matches!(answer.data, Data::Ipv4(_) | Data::Ipv6(_) | Data::Name(_))
        };
        let lasting = self.answers().filter(holds);
        lasting.map(|answer| answer.ttl).min()
    }

    /// The record of version 5, if it is one.
    #[must_use]
    pub fn v5(&self) -> Option<&v5::Record<'a>> {
        match self {
            Self::V4(_) => None,
            Self::V5(record) => Some(record),
        }
    }
}

/// A name of a record of any version, case as received.
#[derive(Clone, Copy, Debug)]
pub enum Name<'a> {
    /// Of a set.
    Old(dns::Name<'a>),
    /// Of a record of version 5.
    New(v5::Name<'a>),
}

impl<'a> IntoIterator for Name<'a> {
    type Item = &'a [u8];
    type IntoIter = Labels<'a>;

    fn into_iter(self) -> Labels<'a> {
        match self {
            Self::Old(name) => Labels::Old(name.labels()),
            Self::New(name) => Labels::New(name.labels()),
        }
    }
}

/// The labels of a [`Name`], from left to right; an iterator.
#[derive(Clone, Debug)]
pub enum Labels<'a> {
    /// Of a set.
    Old(dns::Labels<'a>),
    /// Of a record of version 5.
    New(v5::Labels<'a>),
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        match self {
            Self::Old(labels) => labels.next(),
            Self::New(labels) => labels.next(),
        }
    }
}

/// The records of a datagram that is whole: what can't be read ends them.
pub fn records<'a>(datagram: &Datagram<'a>) -> impl Iterator<Item = Record<'a>> + use<'a> {
    let (old, new) = match datagram {
        Datagram::V4(datagram) => match datagram.content() {
            Ok(v4::Content::Sets(sets)) => (Some(sets), None),
            _ => (None, None),
        },
        Datagram::V5(datagram) => match datagram.content() {
            v5::Content::Records(records) => (None, Some(records)),
            v5::Content::Stats(_) => (None, None),
        },
    };
    let old = old.into_iter().flatten().map_while(Result::ok);
    let new = new.into_iter().flatten().map_while(Result::ok);
    old.map(Record::V4).chain(new.map(Record::V5))
}
