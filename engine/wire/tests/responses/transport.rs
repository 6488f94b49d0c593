//! A response all the way: split into sets, the sets into datagrams, the datagrams read back.

use core::cell::RefCell;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dnsflow_wire::dns::{Answers, Dialect, Extent, Scratch};
use dnsflow_wire::encode::Draft;
use dnsflow_wire::response::{Endpoints, Response};
use dnsflow_wire::v4::{
    Builder, Content, Datagram, HEADER_BYTES, MIN_SET_ROOM_BYTES, SET_HEADER_BYTES, Transcriber,
    parts,
};

use crate::message::Labels;

/// A set as a collector has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Set {
    pub(crate) client: IpAddr,
    pub(crate) resolver: Option<IpAddr>,
    pub(crate) names: Vec<Labels>,
    pub(crate) ipv4: Vec<Ipv4Addr>,
    pub(crate) ipv6: Vec<Ipv6Addr>,
}

/// Sends `response` in sets of at most `room` bytes and receives them, in order.
///
/// # Panics
/// If a set is larger than `room` or than its size says, adds nothing to the response, does not fit
/// an empty datagram, or can't be read back.
pub(crate) fn carried(response: &Response<'_>, room: usize) -> Vec<Set> {
    let room = room.max(MIN_SET_ROOM_BYTES);
    let mut memory = vec![0xee; HEADER_BYTES + room];
    let mut builder = Builder::default();
    let mut received = Vec::new();
    let mut sequence = 1;
    for part in parts(response, room) {
        assert!(part.size() <= room, "{} bytes in {room}", part.size());
        assert!(part.size() >= SET_HEADER_BYTES);
        assert_eq!(part.size() % 4, 0);
        let before = builder.len().max(HEADER_BYTES);
        if builder.push(&part, &mut memory) {
            assert_eq!(builder.len(), before + part.size());
        } else {
            receive(&mut builder, &mut memory, &mut sequence, &mut received);
            assert!(
                builder.push(&part, &mut memory),
                "an empty datagram has room"
            );
        }
    }
    receive(&mut builder, &mut memory, &mut sequence, &mut received);
    received
}

thread_local! {
    /// One for all messages, which must not get mixed up.
    static TRANSCRIBER: RefCell<Transcriber> = RefCell::default();
}

/// Whether the message can be turned into its set in one pass.
///
/// # Panics
/// If that is not the set of its response, or if there is one and should be none.
pub(crate) fn is_transcribed(message: &[u8], endpoints: Endpoints) -> bool {
    let mut draft = [0xee; size_of::<Draft>()];
    let found = TRANSCRIBER.with_borrow_mut(|it| it.set(message, &endpoints, &mut draft));
    let Some(found) = found else {
        return false;
    };
    let mut scratch = Scratch::default();
    let answers = Answers::parse(message, Dialect::Unicast, Extent::Whole, &mut scratch);
    let wanted = answers.map(|answers| {
        let response = Response {
            envelope: endpoints.into(),
            answers,
        };
        let mut parts = parts(&response, MIN_SET_ROOM_BYTES);
        let part = parts.next().expect("a response has a set");
        assert!(parts.next().is_none(), "one set has all of it");
        let mut set = vec![0; part.size()];
        part.write(&mut set);
        set
    });
    assert_eq!(found.map(|size| draft[..size].to_vec()), wanted);
    true
}

/// Ends the datagram in the making and reads it.
fn receive(builder: &mut Builder, memory: &mut [u8], sequence: &mut u32, received: &mut Vec<Set>) {
    let bytes = builder.finish(*sequence, memory);
    if bytes == 0 {
        return;
    }
    assert!(bytes > HEADER_BYTES);
    let datagram = Datagram::parse(&memory[..bytes]).expect("a datagram");
    assert_eq!(datagram.version().number(), 4);
    assert_eq!(datagram.sequence(), *sequence);
    *sequence += 1;
    let Ok(Content::Sets(sets)) = datagram.content() else {
        panic!("no data sets");
    };
    let count = received.len();
    for set in sets {
        let set = set.expect("every byte is explained");
        received.push(Set {
            client: set.client(),
            resolver: set.resolver(),
            names: set
                .names()
                .map(|name| name.labels().map(<[u8]>::to_vec).collect())
                .collect(),
            ipv4: set.ipv4().collect(),
            ipv6: set.ipv6().collect(),
        });
    }
    assert_eq!(received.len() - count, usize::from(datagram.sets_count()));
    memory.fill(0xee);
}

/// Puts the sets of one response together again.
///
/// # Panics
/// If they are not parts of one response: other endpoints, another first name, a set that adds
/// nothing, or names without an address while addresses were left.
pub(crate) fn assembled(sets: &[Set]) -> Set {
    let mut whole = sets.first().expect("at least one set").clone();
    let mut dry = false;
    for (index, set) in sets.iter().enumerate() {
        let addresses = set.ipv4.len() + set.ipv6.len();
        assert_eq!(
            (set.client, set.resolver),
            (whole.client, whole.resolver),
            "set {index}"
        );
        assert_eq!(set.names.first(), whole.names.first(), "set {index}");
        assert!(
            set.names.len() > 1 || addresses > 0,
            "set {index} adds nothing"
        );
        assert!(
            !dry || addresses == 0,
            "set {index} has addresses, one before it had none"
        );
        dry |= addresses == 0;
        if index > 0 {
            whole.names.extend_from_slice(&set.names[1..]);
            whole.ipv4.extend_from_slice(&set.ipv4);
            whole.ipv6.extend_from_slice(&set.ipv6);
        }
    }
    whole
}
