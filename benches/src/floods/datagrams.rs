//! Floods of whole datagrams: each packet is independent of the others.

use dnsflow_testkit::packets::{CLIENT_PORT, ethernet};

use super::messages::{
    A, AAAA, CNAME, Message, OPT, QUESTION, ROOT, TXT, addresses, aliases, chain, chained_labels,
    long_labels, many_labels, name, pointers, tiny,
};
use super::{Flood, Random, UDP_BYTES, ends, udp};

/// Different packets of a flood.
const VARIANTS: u16 = 64;

/// All floods of whole datagrams.
pub(super) fn floods() -> Vec<Flood> {
    vec![
        of("CNAME chains, UDP", |id| chain(id, UDP_BYTES, CNAME)),
        of("A chains, UDP", |id| chain(id, UDP_BYTES, A)),
        of("TXT chains, UDP", |id| chain(id, UDP_BYTES, TXT)),
        of("chains of pointers, UDP", |id| pointers(id, UDP_BYTES)),
        of("CNAME chains, last answer damaged", damaged_at_the_end),
        of("pointers to 64 chains in turn", chains_in_turn),
        mdns_chains(),
        of("aliases of 4 long labels", |id| {
            aliases(id, UDP_BYTES, &long_labels(b'x'))
        }),
        of("aliases of 127 labels", |id| {
            aliases(id, UDP_BYTES, &many_labels(b'x'))
        }),
        of("short aliases", short_aliases),
        of("aliases of 127 labels, printed", |id| {
            aliases(id, UDP_BYTES, &many_labels(0))
        })
        .printed(),
        of("aliases of 4 long labels, printed", |id| {
            aliases(id, UDP_BYTES, &long_labels(0))
        })
        .printed(),
        of("AAAA of 1,472 bytes, printed", |id| {
            addresses(id, UDP_BYTES, AAAA)
        })
        .printed(),
        of("a question of 255 bytes, printed", long_question).printed(),
        of("A of 1,472 bytes", |id| addresses(id, UDP_BYTES, A)),
        of("AAAA of 1,472 bytes", |id| addresses(id, UDP_BYTES, AAAA)),
        of("owners of 127 labels", long_owners),
        of("owners that are the root", root_owners),
        of("65,535 answers claimed", |id| claiming(id, UDP_BYTES)),
        of("65,535 answers claimed, none there", |id| claiming(id, 0)),
        of("OPT of junk as an answer", opt_answer),
        of("OPT of junk as the answer section", opt_answers),
        of("the smallest response", tiny),
        of("a question of 255 bytes", long_question),
        random("random bytes, UDP", UDP_BYTES),
        random("random bytes, small, UDP", 64),
        of("random bytes behind a header", random_answers),
        from_port("NetBIOS", 137),
        from_port("a port of nobody", 40_001),
        spoofed_clients(),
    ]
}

fn of(flood: &'static str, message: impl Fn(u16) -> Vec<u8>) -> Flood {
    let frame = |id: u16| udp(id.into(), &message(id));
    Flood::repeated(flood, (0..VARIANTS).map(frame).collect())
}

/// What a reader that starts again on damage reads twice.
fn damaged_at_the_end(id: u16) -> Vec<u8> {
    let mut message = chain(id, UDP_BYTES - 13, CNAME);
    let answers = u16::from_be_bytes([message[6], message[7]]) + 1;
    message[6..8].copy_from_slice(&answers.to_be_bytes());
    // An address of three bytes.
    message.extend([0, 0, 1, 0, 1, 0, 0, 1, 44, 0, 3, 1, 2]);
    message
}

/// Owners that enter a chain at another of its links each time: a reader that remembers where names
/// were finds few of them.
fn chains_in_turn(id: u16) -> Vec<u8> {
    let mut message = Message::new(id, &name([&b"flood"[..]]));
    let mut chain = 0;
    message.hold(|at| {
        chain = at;
        chained_labels(at, b'x')
    });
    message.answer(QUESTION, A, &[192, 0, 2, 1]);
    for link in 0..64 {
        let entry = super::messages::pointer(chain + 4 * link);
        message.answer(&entry, CNAME, &entry);
    }
    message.done()
}

fn mdns_chains() -> Flood {
    let frame = |id: u16| {
        let ends = ends(id.into());
        ethernet(&[], &ends.udp(5353, 5353, &chain(id, UDP_BYTES, CNAME)))
    };
    Flood::repeated(
        "CNAME chains, multicast DNS",
        (0..VARIANTS).map(frame).collect(),
    )
}

fn short_aliases(id: u16) -> Vec<u8> {
    let mut message = Message::new(id, &name([&b"flood"[..]]));
    message.answer(QUESTION, A, &[192, 0, 2, 1]);
    message.fill(UDP_BYTES, QUESTION, CNAME, &name([&b"a"[..]]));
    message.done()
}

fn long_owners(id: u16) -> Vec<u8> {
    let mut message = Message::new(id, ROOT);
    message.answer(ROOT, A, &[192, 0, 2, 1]);
    message.fill(UDP_BYTES, &many_labels(b'x'), TXT, &[]);
    message.done()
}

fn root_owners(id: u16) -> Vec<u8> {
    let mut message = Message::new(id, ROOT);
    message.answer(ROOT, A, &[192, 0, 2, 1]);
    message.fill(UDP_BYTES, ROOT, TXT, &[]);
    message.done()
}

fn claiming(id: u16, bytes: usize) -> Vec<u8> {
    let mut message = Message::new(id, ROOT);
    message.fill(bytes, ROOT, A, &[192, 0, 2, 1]);
    message.claiming(u16::MAX)
}

fn opt_answer(id: u16) -> Vec<u8> {
    let mut message = Message::new(id, ROOT);
    message.answer(ROOT, A, &[192, 0, 2, 1]);
    message.answer(ROOT, OPT, &Random(id.into()).bytes(1400));
    message.done()
}

fn opt_answers(id: u16) -> Vec<u8> {
    let mut message = Message::new(id, ROOT);
    message.answer(ROOT, A, &[192, 0, 2, 1]);
    message.fill(UDP_BYTES, ROOT, OPT, &[0, 10, 0, 0]);
    message.done()
}

fn long_question(id: u16) -> Vec<u8> {
    let mut message = Message::new(id, &many_labels(0));
    message.answer(QUESTION, A, &[192, 0, 2, 1]);
    message.done()
}

fn random(flood: &'static str, bytes: usize) -> Flood {
    of(flood, |id| Random(id.into()).bytes(bytes))
}

/// Random bytes that a reader takes for many answers.
fn random_answers(id: u16) -> Vec<u8> {
    let mut message = Message::new(id, ROOT).claiming(u16::MAX);
    message.extend(Random(id.into()).bytes(UDP_BYTES - message.len()));
    message
}

fn from_port(flood: &'static str, port: u16) -> Flood {
    let frame = |id: u16| ethernet(&[], &ends(id.into()).udp(port, CLIENT_PORT, &tiny(id)));
    Flood::repeated(flood, (0..VARIANTS).map(frame).collect())
}

/// Each packet to a client of its own.
fn spoofed_clients() -> Flood {
    let mut random = Random(1);
    let client = |number: u64| u32::try_from(number >> 40).expect("24 bits");
    let frames = (0..4096).map(|id| udp(client(random.number()), &tiny(id)));
    Flood::repeated("a client for each packet", frames.collect())
}
