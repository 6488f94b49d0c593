//! Sockets that send the frames of the table and sockets that have a program attached.

use std::io::{ErrorKind, Read as _};

use dnsflow_filters::Program;
use dnsflow_testkit::frames::build::{DOT1AD, DOT1Q, ethernet_of};
use dnsflow_testkit::network::{Injector, OUT, Wire};
use dnsflow_testkit::patience::until;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

/// EtherType for experiments (IEEE 802, section 9.2.3), of the frames that mark an end.
const FENCE: u16 = 0x88b5;

/// Bytes of the largest frame of the table, and more.
const FRAME_BYTES: usize = 4096;

/// Whether a frame can be sent and gets past the taking off of its tag: the kernel wants a whole Ethernet
/// header of the sender, and behind a tag a whole type (`skb_vlan_untag`).
pub(crate) fn arrives(frame: &[u8]) -> bool {
    let tagged = matches!(
        frame.get(12..14),
        Some(&[high, low]) if [DOT1Q, DOT1AD].contains(&u16::from_be_bytes([high, low]))
    );
    frame.len() >= if tagged { 20 } else { 14 }
}

/// Sockets at the receiving end of a wire, one with each program attached, and what they make of a frame.
#[derive(Debug)]
pub(crate) struct Verdicts {
    sender: Injector,
    programs: Vec<(Program, Socket)>,
    /// Takes every frame, and so tells when the others have had theirs.
    everything: Socket,
    frames: u32,
}

impl Verdicts {
    pub(crate) fn new(wire: &Wire, programs: Vec<Program>) -> Self {
        let sender = Injector::new(&wire.sender, OUT);
        wire.sensor.enter(|| Self {
            sender,
            programs: programs
                .into_iter()
                .map(|program| {
                    let socket = receiving();
                    let filter = instructions(&program);
                    socket
                        .attach_filter(&filter)
                        .expect("a program that the kernel takes");
                    (program, socket)
                })
                .collect(),
            everything: receiving(),
            frames: 0,
        })
    }

    /// Sends a frame, and gives for each program the bytes that were kept of it, none if it was dropped. The
    /// frame is `received` once its tag is taken off.
    pub(crate) fn of(
        &mut self,
        sent: &[u8],
        received: &[u8],
    ) -> impl Iterator<Item = (&Program, Option<u32>)> {
        self.frames += 1;
        let fence = ethernet_of(&[], FENCE, &self.frames.to_be_bytes());
        self.sender.send(sent);
        self.sender.send(&fence);
        let mut whole = false;
        until("the frame behind this one", || {
            let mut fenced = false;
            while let Some(frame) = next(&self.everything) {
                whole |= frame == received;
                fenced |= frame == fence;
            }
            fenced.then_some(())
        });
        assert!(whole, "the kernel changes no frame but for its tag");
        self.programs.iter().map(|(program, socket)| {
            let mut kept = None;
            while let Some(frame) = next(socket) {
                // What the namespace itself says on the wire is not ours, nor is the fence.
                if received.starts_with(&frame) {
                    assert_eq!(kept, None, "a frame came twice");
                    kept = u32::try_from(frame.len()).ok();
                }
            }
            (program, kept)
        })
    }
}

/// A socket that gets a copy of every frame of this thread's namespace.
fn receiving() -> Socket {
    /// ETH_P_ALL (linux/if_ether.h).
    const ALL: u16 = 0x0003;
    let all = Protocol::from(i32::from(ALL.to_be()));
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(all));
    let socket = socket.expect("the right to open packet sockets");
    socket.set_nonblocking(true).expect("any socket can be");
    socket
}

fn instructions(program: &Program) -> Vec<SockFilter> {
    let instructions = program.instructions().iter();
    instructions
        .map(|i| SockFilter::new(i.code, i.jt, i.jf, i.k))
        .collect()
}

/// The next frame that waits in a socket.
fn next(mut socket: &Socket) -> Option<Vec<u8>> {
    let mut frame = vec![0; FRAME_BYTES];
    match socket.read(&mut frame) {
        Ok(length) => {
            frame.truncate(length);
            Some(frame)
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => panic!("a packet socket: {error}"),
    }
}
