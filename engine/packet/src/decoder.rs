//! The ladder that every packet climbs, as far as it has to.
//!
//! ```text
//! frame -> usual ----------------------------------------------> Sink::message
//!      \-> link -> network -> payload -> UDP ----> message -----> Sink::take
//!                    ^  |        |  \--> TCP -> streams --^
//!                    |  |        \-----> tunnel --\
//!                    |  \-> fragments -> payload   |
//!                    \-----------------------------/
//! ```
//!
//! The ladder has three rungs. Nearly all packets leave on the first: `usual` finds their message
//! at fixed offsets, and the sink turns it into a record in one pass. Packets that have other
//! layers, or a message that does not qualify for that, are decoded layer by layer. Packets that
//! others may belong with, or that carry packets, are *involved*: their parts wait in `fragments`
//! and `streams`, whose memory is bounded.

use std::sync::Arc;

use dnsflow_wire::dns::{Answers, Asked, Dialect, Extent, MessageReject, Rules, Scratch};
use dnsflow_wire::response::{Endpoints, Envelope, Response, Tags, Transport};
use etherparse::{IpNumber, TcpHeaderSlice, UdpHeaderSlice};

use crate::client_sample::ClientSample;
use crate::clock::Clock;
use crate::fragments::{Datagram, Fragment, Fragments, GivenUp, Placed};
use crate::link::Network;
use crate::lists::Lists;
use crate::network::{Carried, Payload};
use crate::numbers::port;
use crate::streams::{Found, Key, Segment, Streams, Taken};
use crate::{Frame, Loss, Reject, Selection, Sink, Timestamp, link, network, usual};

/// Tunnels and fragmented datagrams inside each other that are followed.
const MAX_DEPTH: u8 = 4;

/// What became of a packet, or of something that was put together from several.
///
/// For each packet there is one `Response` or `Reject`, and one more for each `Rebuilt`.
#[derive(Clone, Copy, Debug)]
pub enum Fate<'a> {
    /// It carries a response that is to be exported.
    Response(Response<'a>),
    /// It gives no set.
    Reject(Reject),
    /// A datagram was put together, or a message found in a stream; its own fate follows.
    Rebuilt,
    /// Something that was to be put together is not whole.
    Loss(Loss),
}

/// Why the layers of a packet have no message to give that stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unusual {
    /// The packet gives no response.
    Reject(Reject),
    /// It needs reassembly or decapsulation.
    Involved,
}

impl From<Reject> for Unusual {
    fn from(reason: Reject) -> Self {
        Unusual::Reject(reason)
    }
}

/// How a packet came to where it is decoded.
#[derive(Clone, Copy, Debug)]
struct Path {
    /// Tunnels and fragmented datagrams that it was in.
    depth: u8,
    /// Time of capture, made to go forward only.
    seconds: u64,
    /// The tags of all layers so far.
    tags: Tags,
    /// Time of capture.
    at: Timestamp,
}

impl Path {
    fn deeper(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self
        }
    }
}

impl Key {
    /// The envelope of a message in the stream, completed by a segment with these tags.
    fn envelope(&self, tags: Tags, at: Timestamp) -> Envelope {
        Envelope {
            endpoints: self.endpoints,
            client_port: self.client_port,
            resolver_port: self.resolver_port,
            transport: Transport::Tcp,
            tags,
            at,
        }
    }
}

/// What waits in a decoder to be reassembled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Datagrams with missing fragments.
    pub datagrams: usize,
    /// Bytes of those datagrams.
    pub datagram_bytes: usize,
    /// TCP streams that are followed.
    pub streams: usize,
    /// Bytes of messages and segments that wait in them.
    pub stream_bytes: usize,
}

/// A decoder: what it selects, and the memory for answers and for reassembly.
#[derive(Debug)]
pub struct Decoder {
    selection: Selection,
    /// Source port of the fast path.
    usual_port: Option<u16>,
    reader: Reader,
    fragments: Fragments,
    streams: Streams,
    clock: Clock,
    /// Time of the last fragment or segment.
    last: Timestamp,
}

impl Decoder {
    /// A decoder for the packets of `selection`.
    #[must_use]
    pub fn new(selection: Selection) -> Self {
        Decoder {
            usual_port: selection.usual_port(),
            reader: Reader::new(&selection),
            selection,
            fragments: Fragments::default(),
            streams: Streams::default(),
            clock: Clock::default(),
            last: Timestamp::default(),
        }
    }

    /// Decodes a packet, and tells `sink` what becomes of it and of what it completes.
    #[inline(always)]
    pub fn decode(&mut self, frame: &Frame<'_>, sink: &mut impl Sink) {
        if !self.decode_alone(frame, sink) {
            self.decode_involved(frame, sink);
        }
    }

    /// Decodes a packet that stands alone. Returns false, with nothing told to `sink`, if the
    /// packet needs reassembly or decapsulation: [`Decoder::decode_involved`] then decodes it, now
    /// or later.
    #[inline(always)]
    pub fn decode_alone(&mut self, frame: &Frame<'_>, sink: &mut impl Sink) -> bool {
        if self.reader.choice.is_some() {
            return self.decode_chosen(frame, sink);
        }
        self.alone::<false>(frame, sink)
    }

    /// Out of line, so that nothing is paid for the choice where everything is read: there the endpoints
    /// stay in registers.
    #[inline(never)]
    fn decode_chosen(&mut self, frame: &Frame<'_>, sink: &mut impl Sink) -> bool {
        self.alone::<true>(frame, sink)
    }

    #[inline(always)]
    fn alone<const CHOOSES: bool>(&mut self, frame: &Frame<'_>, sink: &mut impl Sink) -> bool {
        let Some((envelope, message)) = usual::message(frame, self.usual_port) else {
            return self.datagram(frame, sink);
        };
        if CHOOSES && let Err(reason) = self.reader.check(message, &envelope.endpoints) {
            sink.take(Fate::Reject(reason), frame.at);
            return true;
        }
        match sink.message(message, &envelope) {
            Some(Ok(())) => true,
            Some(Err(reason)) => {
                sink.take(Fate::Reject(reason.into()), frame.at);
                true
            }
            None => self.datagram(frame, sink),
        }
    }

    /// Decodes any packet layer by layer, reassembly and decapsulation included.
    #[inline(never)]
    pub fn decode_involved(&mut self, frame: &Frame<'_>, sink: &mut impl Sink) {
        let mut tell = |fate: Fate<'_>| sink.take(fate, frame.at);
        let path = Path {
            depth: 0,
            seconds: self.clock.at(frame.at.seconds),
            tags: Tags::default(),
            at: frame.at,
        };
        let done = link::network(frame).and_then(|network| self.network(&network, path, &mut tell));
        if let Err(reason) = done {
            tell(Fate::Reject(reason));
        }
    }

    /// A UDP datagram that is whole and in no tunnel, whatever its layers; false for all other
    /// packets.
    #[inline(never)]
    fn datagram(&mut self, frame: &Frame<'_>, sink: &mut impl Sink) -> bool {
        let fate = match self.response(frame) {
            Ok(response) => Fate::Response(response),
            Err(Unusual::Reject(reason)) => Fate::Reject(reason),
            Err(Unusual::Involved) => return false,
        };
        sink.take(fate, frame.at);
        true
    }

    fn response<'a>(&'a mut self, frame: &Frame<'a>) -> Result<Response<'a>, Unusual> {
        let network = link::network(frame)?;
        let packet = self.packet(&network)?;
        let Carried::Whole(payload) = packet.carried else {
            return Err(Unusual::Involved);
        };
        if payload.protocol != IpNumber::UDP {
            return Err(self.no_datagram(payload));
        }
        match self.udp(payload)? {
            Inside::Message(message) if message.extent == Extent::Whole => {
                let envelope = message.envelope(packet.endpoints, network.tags, frame.at);
                Ok(message.read(envelope, &mut self.reader)?)
            }
            _ => Err(Unusual::Involved),
        }
    }

    /// Whether a payload other than UDP is involved, or why it gives no response.
    #[inline(never)]
    fn no_datagram(&self, payload: Payload<'_>) -> Unusual {
        let refused = match payload.protocol {
            IpNumber::TCP if !self.selection.plain => self.tcp_header(payload).err(),
            _ => self.in_ip(payload).err(),
        };
        refused.map_or(Unusual::Involved, Unusual::Reject)
    }

    /// Replaces the selection. What waits to be reassembled is kept.
    pub fn select(&mut self, selection: Selection) {
        self.usual_port = selection.usual_port();
        self.reader.select(&selection);
        self.selection = selection;
    }

    /// What waits to be reassembled.
    #[must_use]
    pub fn held(&self) -> Held {
        let (datagrams, datagram_bytes) = self.fragments.held();
        let (streams, stream_bytes) = self.streams.held();
        Held {
            datagrams,
            datagram_bytes,
            streams,
            stream_bytes,
        }
    }

    /// Ends a capture: gives up what still waits to be whole, and tells `sink` what becomes of it,
    /// at the time of the last fragment or segment.
    pub fn finish(&mut self, sink: &mut impl Sink) {
        let at = self.last;
        let fate = &mut |fate: Fate<'_>| sink.take(fate, at);
        while let Some((why, datagram)) = self.fragments.drain() {
            self.given_up(why, datagram, at, fate);
        }
        let Self {
            streams, reader, ..
        } = self;
        let tags = Tags::default();
        streams.drain(&mut |stream, found| {
            in_stream(found, stream.envelope(tags, at), reader, fate);
        });
    }

    fn network(
        &mut self,
        network: &Network<'_>,
        mut path: Path,
        fate: &mut impl FnMut(Fate<'_>),
    ) -> Result<(), Reject> {
        path.tags = path.tags.around(network.tags);
        let packet = self.packet(network)?;
        self.carried(packet.endpoints, packet.carried, path, fate)
    }

    /// The IP packet behind a network header. With [`Selection::plain`], one with IPv6 extension
    /// headers is rejected, as the original rejects it.
    #[inline(always)]
    fn packet<'a>(&self, network: &Network<'a>) -> Result<network::Packet<'a>, Reject> {
        if self.selection.plain && network::is_extended(network) {
            return Err(Reject::Protocol);
        }
        network::packet(network)
    }

    fn carried(
        &mut self,
        endpoints: Endpoints,
        carried: Carried<'_>,
        path: Path,
        fate: &mut impl FnMut(Fate<'_>),
    ) -> Result<(), Reject> {
        match carried {
            Carried::Whole(payload) => self.payload(endpoints, payload, path, fate),
            Carried::Fragment(fragment) if !self.selection.plain => {
                self.fragment(&fragment, path, fate)
            }
            // A cut fragment can't be reassembled, but the first has the ports and the start of the
            // message.
            Carried::CutFragment(Fragment {
                offset: 0,
                protocol,
                payload,
                ..
            }) if !self.selection.plain => {
                let payload = Payload {
                    protocol: IpNumber(protocol),
                    bytes: payload,
                    cut: 1,
                };
                self.payload(endpoints, payload, path, fate)
            }
            Carried::Fragment(_) | Carried::CutFragment(_) => Err(Reject::Cut),
        }
    }

    fn payload(
        &mut self,
        endpoints: Endpoints,
        payload: Payload<'_>,
        path: Path,
        fate: &mut impl FnMut(Fate<'_>),
    ) -> Result<(), Reject> {
        let inner = match payload.protocol {
            IpNumber::UDP => match self.udp(payload)? {
                Inside::Message(message) => {
                    let envelope = message.envelope(endpoints, path.tags, path.at);
                    message.tell(envelope, &mut self.reader, fate);
                    return Ok(());
                }
                Inside::Packet(inner) => inner,
            },
            IpNumber::TCP if !self.selection.plain => {
                return self.tcp(endpoints, payload, path, fate);
            }
            _ => self.in_ip(payload)?,
        };
        if path.depth == MAX_DEPTH {
            return Err(Reject::TunnelDepth);
        }
        self.network(&inner, path.deeper(), fate)
    }

    /// The packet inside a tunnel that is an IP protocol.
    fn in_ip<'a>(&self, payload: Payload<'a>) -> Result<Network<'a>, Reject> {
        let tunnels = &self.selection.tunnels;
        let inner = tunnels.in_ip(payload.protocol.0, payload.bytes);
        inner.unwrap_or(Err(Reject::Protocol))
    }

    /// The content of a UDP datagram: a message, or the packet inside a tunnel.
    ///
    /// ```text
    /// source port 2 | destination port 2 | length 2 | checksum 2 | message ..
    /// ```
    #[inline(always)]
    fn udp<'a>(&self, payload: Payload<'a>) -> Result<Inside<'a>, Reject> {
        let header = UdpHeaderSlice::from_slice(payload.bytes).map_err(|_| Reject::UdpDamaged)?;
        let length = usize::from(header.length());
        let end = length.min(payload.bytes.len());
        let bytes = payload
            .bytes
            .get(header.slice().len()..end)
            .ok_or(Reject::UdpDamaged)?;
        let source = header.source_port();
        let dialect = match source {
            port::MDNS if self.selection.mdns => Dialect::Multicast,
            known if self.selection.ports.contains(&known) => Dialect::Unicast,
            _ => match self
                .selection
                .tunnels
                .in_udp(source, header.destination_port(), bytes)
            {
                Some(inner) => return inner.map(Inside::Packet),
                None if self.selection.any_port => Dialect::Unicast,
                None => return Err(Reject::Port),
            },
        };
        let extent = match (end < length, payload.cut > 0) {
            (false, _) => Extent::Whole,
            (true, true) if !self.selection.plain => Extent::Cut,
            (true, true) => return Err(Reject::Cut),
            (true, false) => return Err(Reject::UdpDamaged),
        };
        Ok(Inside::Message(Message {
            bytes,
            dialect,
            extent,
            ports: [source, header.destination_port()],
        }))
    }

    /// The header of a segment from a resolver.
    ///
    /// ```text
    /// source port 2 | destination port 2 | sequence 4 | acknowledgment 4 |
    /// header words 4 bits, 0 4 bits, flags 8 bits | window 2 | checksum 2 | urgent 2 | options ..
    /// ```
    fn tcp_header<'a>(&self, payload: Payload<'a>) -> Result<TcpHeaderSlice<'a>, Reject> {
        let header = TcpHeaderSlice::from_slice(payload.bytes).map_err(|_| Reject::TcpDamaged)?;
        if !self.selection.ports.contains(&header.source_port()) {
            return Err(Reject::Port);
        }
        Ok(header)
    }

    fn tcp(
        &mut self,
        endpoints: Endpoints,
        payload: Payload<'_>,
        path: Path,
        fate: &mut impl FnMut(Fate<'_>),
    ) -> Result<(), Reject> {
        let header = self.tcp_header(payload)?;
        self.last = path.at;
        let key = Key {
            endpoints,
            resolver_port: header.source_port(),
            client_port: header.destination_port(),
        };
        let segment = Segment {
            sequence: header.sequence_number(),
            syn: header.syn(),
            fin: header.fin(),
            rst: header.rst(),
            payload: payload
                .bytes
                .get(header.slice().len()..)
                .unwrap_or_default(),
            cut: payload.cut,
        };
        let Self {
            streams, reader, ..
        } = self;
        let taken = streams.segment(key, &segment, path.seconds, &mut |stream, found| {
            in_stream(found, stream.envelope(path.tags, path.at), reader, fate);
        });
        fate(Fate::Reject(match taken {
            Taken::New => Reject::Segment,
            Taken::Empty => Reject::SegmentEmpty,
            Taken::Duplicate => Reject::SegmentDuplicate,
        }));
        Ok(())
    }

    fn fragment(
        &mut self,
        fragment: &Fragment<'_>,
        path: Path,
        fate: &mut impl FnMut(Fate<'_>),
    ) -> Result<(), Reject> {
        let Path { seconds, at, .. } = path;
        self.last = at;
        let mut removed = 0;
        while let Some((why, datagram)) = self.fragments.give_up(seconds, removed) {
            self.given_up(why, datagram, at, fate);
            removed += 1;
        }
        if let Some((why, datagram)) = self.fragments.give_up_one(fragment.key, seconds) {
            self.given_up(why, datagram, at, fate);
        }
        let selection = &self.selection;
        let foreign =
            fragment.offset == 0 && !selection.may_take(fragment.protocol, fragment.payload);
        let datagram = match self.fragments.place(fragment, foreign, seconds) {
            Placed::Held => return Err(Reject::Fragment),
            Placed::Duplicate => return Err(Reject::FragmentDuplicate),
            Placed::Overlap => return Err(Reject::FragmentOverlap),
            Placed::Damaged => return Err(Reject::FragmentDamaged),
            Placed::Foreign => return Err(Reject::FragmentForeign),
            Placed::Whole(datagram) => datagram,
        };
        fate(Fate::Reject(Reject::Fragment));
        fate(Fate::Rebuilt);
        let payload = Payload {
            protocol: IpNumber(datagram.protocol),
            bytes: &datagram.payload,
            cut: 0,
        };
        let done = network::extensions(datagram.endpoints, payload).and_then(|carried| {
            // A fragment may complete a datagram that is a fragment of another, and so on.
            let deeper = !matches!(carried, Carried::Whole(_));
            if deeper && path.depth == MAX_DEPTH {
                return Err(Reject::TunnelDepth);
            }
            let path = if deeper { path.deeper() } else { path };
            self.carried(datagram.endpoints, carried, path, fate)
        });
        if let Err(reason) = done {
            fate(Fate::Reject(reason));
        }
        self.fragments.recycle(datagram.payload);
        Ok(())
    }

    /// Gives up a datagram that stays incomplete. The answers at its start are exported.
    fn given_up(
        &mut self,
        why: GivenUp,
        datagram: Datagram,
        at: Timestamp,
        fate: &mut impl FnMut(Fate<'_>),
    ) {
        let loss = match why {
            GivenUp::Timeout => Loss::DatagramTimeout,
            GivenUp::Evicted => Loss::DatagramEvicted,
            GivenUp::Ended => Loss::DatagramIncomplete,
            // Most likely it is foreign too: nothing that is known is lost.
            GivenUp::Headless => {
                fate(Fate::Rebuilt);
                return fate(Fate::Reject(Reject::DatagramHeadless));
            }
            // Its fragments are counted as such.
            GivenUp::Foreign => return,
        };
        fate(Fate::Loss(loss));
        if datagram.protocol == IpNumber::UDP.0 && !datagram.payload.is_empty() {
            fate(Fate::Rebuilt);
            let payload = Payload {
                protocol: IpNumber::UDP,
                bytes: &datagram.payload,
                cut: 1,
            };
            match self.udp(payload) {
                Ok(Inside::Message(message)) => {
                    let envelope = message.envelope(datagram.endpoints, Tags::default(), at);
                    message.tell(envelope, &mut self.reader, fate);
                }
                // The rest of a tunnel's packet is missing.
                Ok(Inside::Packet(_)) => fate(Fate::Reject(Reject::Cut)),
                Err(reason) => fate(Fate::Reject(reason)),
            }
        }
        self.fragments.recycle(datagram.payload);
    }
}

/// What messages are read with: memory, and what decides which are read.
#[derive(Debug)]
struct Reader {
    rules: Rules,
    scratch: Scratch,
    asked: Asked,
    choice: Option<Choice>,
}

/// Whose messages are read, and about what.
#[derive(Debug)]
struct Choice {
    sample: Option<ClientSample>,
    lists: Option<Arc<Lists>>,
}

impl Reader {
    fn new(selection: &Selection) -> Self {
        Self {
            rules: selection.rules.clone(),
            scratch: Scratch::default(),
            asked: Asked::default(),
            choice: Choice::of(selection),
        }
    }

    fn select(&mut self, selection: &Selection) {
        self.rules = selection.rules.clone();
        self.choice = Choice::of(selection);
    }

    /// Why a message is not read.
    fn check(&mut self, message: &[u8], endpoints: &Endpoints) -> Result<(), Reject> {
        match &self.choice {
            None => Ok(()),
            Some(choice) => choice.check(message, endpoints, &mut self.asked),
        }
    }
}

impl Choice {
    /// `None` if all messages are read.
    fn of(selection: &Selection) -> Option<Self> {
        let Selection { sample, lists, .. } = selection;
        (sample.is_some() || lists.is_some()).then(|| Self {
            sample: *sample,
            lists: lists.clone(),
        })
    }

    fn check(&self, message: &[u8], endpoints: &Endpoints, name: &mut Asked) -> Result<(), Reject> {
        if self.sample.is_some_and(|sample| !sample.has(endpoints)) {
            return Err(Reject::Sampled);
        }
        match &self.lists {
            None => Ok(()),
            Some(lists) => lists.check(message, endpoints, name),
        }
    }
}

/// What a UDP datagram carries.
enum Inside<'a> {
    Message(Message<'a>),
    Packet(Network<'a>),
}

/// The bytes of a DNS message, and the rules by which to read them.
struct Message<'a> {
    bytes: &'a [u8],
    dialect: Dialect,
    extent: Extent,
    /// Those of the resolver and the client.
    ports: [u16; 2],
}

impl<'a> Message<'a> {
    fn envelope(&self, endpoints: Endpoints, tags: Tags, at: Timestamp) -> Envelope {
        let [resolver_port, client_port] = self.ports;
        Envelope {
            endpoints,
            client_port,
            resolver_port,
            transport: Transport::Udp,
            tags,
            at,
        }
    }

    #[inline(always)]
    fn read(self, envelope: Envelope, reader: &'a mut Reader) -> Result<Response<'a>, Reject> {
        reader.check(self.bytes, &envelope.endpoints)?;
        let Reader { rules, scratch, .. } = reader;
        match Answers::parse_by(rules, self.bytes, self.dialect, self.extent, scratch) {
            Ok(answers) => Ok(Response { envelope, answers }),
            Err(
                MessageReject::HeaderShort
                | MessageReject::QuestionDamaged
                | MessageReject::NoAddress,
            ) if self.extent == Extent::Cut => Err(Reject::Cut),
            Err(reason) => Err(reason.into()),
        }
    }

    fn tell(self, envelope: Envelope, reader: &'a mut Reader, fate: &mut impl FnMut(Fate<'_>)) {
        match self.read(envelope, reader) {
            Ok(response) => {
                if response.answers.extent() == Extent::Cut {
                    fate(Fate::Loss(Loss::Partial));
                }
                fate(Fate::Response(response));
            }
            Err(reason) => fate(Fate::Reject(reason)),
        }
    }
}

fn in_stream(
    found: Found<'_>,
    envelope: Envelope,
    reader: &mut Reader,
    fate: &mut impl FnMut(Fate<'_>),
) {
    match found {
        Found::Message(bytes) => {
            fate(Fate::Rebuilt);
            let message = Message {
                bytes,
                dialect: Dialect::Unicast,
                extent: Extent::Whole,
                ports: [envelope.resolver_port, envelope.client_port],
            };
            message.tell(envelope, reader, fate);
        }
        Found::Incomplete => fate(Fate::Loss(Loss::MessageIncomplete)),
        Found::Gap => fate(Fate::Loss(Loss::StreamGap)),
        Found::Evicted => fate(Fate::Loss(Loss::StreamEvicted)),
    }
}
