//! What is taken from a flow record: its two endpoints, and when it began.

use std::net::IpAddr;

use dnsflow_names::{Question, Time};

/// A flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Where the record says that it came from.
    pub source: IpAddr,
    /// Where the record says that it went.
    pub destination: IpAddr,
    /// The source's port, if the record has it.
    pub source_port: Option<u16>,
    /// The destination's port, if the record has it.
    pub destination_port: Option<u16>,
    /// When it began.
    pub start: Time,
}

/// An endpoint of a flow: the one that a name belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The source.
    Source,
    /// The destination.
    Destination,
}

impl Side {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Source => Self::Destination,
            Self::Destination => Self::Source,
        }
    }

    /// As it is written into records.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
        }
    }
}

impl Flow {
    /// The side that is more likely the server: the one with the lower port, and the destination if
    /// ports don't tell. A flow record may be of either direction of a connection.
    #[must_use]
    pub fn server(&self) -> Side {
        match (self.source_port, self.destination_port) {
            (Some(source), Some(destination)) if source < destination => Side::Source,
            _ => Side::Destination,
        }
    }

    /// The question for the name of one side, as the other one knew it.
    #[must_use]
    pub fn question(&self, side: Side) -> Question {
        let (client, address) = match side {
            Side::Destination => (self.source, self.destination),
            Side::Source => (self.destination, self.source),
        };
        Question {
            client: Some(client),
            address,
            at: Some(self.start),
        }
    }
}

/// What a field of a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// [`Flow::source`].
    Source,
    /// [`Flow::destination`].
    Destination,
    /// [`Flow::source_port`].
    SourcePort,
    /// [`Flow::destination_port`].
    DestinationPort,
    /// [`Flow::start`].
    Start,
    /// A time that stands for the start where the record has none.
    Time,
    /// The name of the source, which is there already.
    SourceName,
    /// The name of the destination, which is there already.
    DestinationName,
    /// What this program adds: the record was named before.
    Named,
}

/// A flow on its way out of a record.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fields {
    pub(crate) source: Option<IpAddr>,
    pub(crate) destination: Option<IpAddr>,
    source_port: Option<u16>,
    destination_port: Option<u16>,
    start: Option<Time>,
    time: Option<Time>,
}

impl Fields {
    /// Takes an address; anything else leaves the field empty.
    pub(crate) fn address(&mut self, slot: Slot, text: &str) {
        let Ok(address) = text.parse::<IpAddr>() else {
            return;
        };
        let address = Some(address.to_canonical());
        match slot {
            Slot::Source => self.source = address,
            Slot::Destination => self.destination = address,
            _ => {}
        }
    }

    /// Takes a port.
    pub(crate) fn port(&mut self, slot: Slot, port: Option<u16>) {
        match slot {
            Slot::SourcePort => self.source_port = port.or(self.source_port),
            Slot::DestinationPort => self.destination_port = port.or(self.destination_port),
            _ => {}
        }
    }

    /// Takes a time. That of 1970 is what exporters write that know none.
    pub(crate) fn time(&mut self, slot: Slot, time: Option<Time>) {
        let time = time.filter(|time| *time != Time::default());
        match slot {
            Slot::Start => self.start = time.or(self.start),
            Slot::Time => self.time = time.or(self.time),
            _ => {}
        }
    }

    /// Takes a field that is text, whatever it is.
    pub(crate) fn text(&mut self, slot: Slot, text: &str, clock: &crate::time::Clock) {
        match slot {
            Slot::Source | Slot::Destination => self.address(slot, text),
            Slot::SourcePort | Slot::DestinationPort => self.port(slot, text.parse().ok()),
            Slot::Start | Slot::Time => self.time(slot, clock.time(text)),
            Slot::SourceName | Slot::DestinationName | Slot::Named => {}
        }
    }

    /// The flow, if all is there that it takes.
    pub(crate) fn flow(&self) -> Option<Flow> {
        Some(Flow {
            source: self.source?,
            destination: self.destination?,
            source_port: self.source_port,
            destination_port: self.destination_port,
            start: self.start.or(self.time)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_has_the_lower_port() {
        let mut flow = Flow {
            source: IpAddr::from([192, 0, 2, 1]),
            destination: IpAddr::from([203, 0, 113, 7]),
            source_port: Some(50_000),
            destination_port: Some(443),
            start: Time::default(),
        };
        assert_eq!(flow.server(), Side::Destination);
        assert_eq!(flow.question(Side::Destination).address, flow.destination);
        std::mem::swap(&mut flow.source_port, &mut flow.destination_port);
        assert_eq!(flow.server(), Side::Source);
        assert_eq!(flow.question(Side::Source).client, Some(flow.destination));
        flow.source_port = None;
        assert_eq!(flow.server(), Side::Destination);
    }
}
