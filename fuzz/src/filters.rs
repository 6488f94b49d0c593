//! Programs of classic BPF: what the kernel makes of them.
//!
//! A datagram socket of the kernel runs a program over what is sent to it, so that neither rights nor
//! an interface are needed. Such a packet has no link layer, no tag and no protocol; its network
//! header is where its bytes start.

use std::cell::RefCell;
use std::io::{ErrorKind, Read as _, Write as _};

use dnsflow_filters::{
    Balance, Instruction, Interpreter, Packet, Program, capture_filter, compile,
};
use dnsflow_packet::tunnel::Tunnels;
use dnsflow_packet::{LinkType, Selection};
use socket2::{Domain, SockFilter, Socket, Type};

use crate::input::Input;
use crate::packets::travels;

/// Most instructions of a program that an input spells out.
const MAX_SPELT: usize = 64;

/// Most bytes of a packet.
const MAX_PACKET_BYTES: usize = 4096;

/// Loads from here on count from headers that such a packet does not have (`SKF_LL_OFF`,
/// `linux/filter.h`).
const HEADERS: u32 = 0xffe0_0000;

/// Runs the project's programs over packets, or a program that the input spells out, and holds the
/// result against the kernel's.
///
/// # Panics
/// If they differ.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    match input.byte() {
        0..=0x7f => check_compiled(&mut input),
        0x80..=0xbf => check_accepted(&mut input),
        _ => check_run(&mut input),
    }
}

/// A program attached to a socket, and the same in the interpreter.
struct Attached {
    name: String,
    interpreter: Interpreter,
    sender: Socket,
    receiver: Socket,
}

impl Attached {
    /// Attaches a program; the error of the kernel where it refuses.
    fn new(program: &Program) -> std::io::Result<Self> {
        let (sender, receiver) = Socket::pair(Domain::UNIX, Type::DGRAM, None)?;
        receiver.set_nonblocking(true)?;
        attach(&receiver, program.instructions())?;
        Ok(Self {
            name: program.to_string(),
            interpreter: Interpreter::new(program).expect("it reads only what a packet has"),
            sender,
            receiver,
        })
    }

    /// Sends a packet, and holds what arrives of it against what the interpreter says.
    fn check(&mut self, packet: &[u8]) {
        let value = self.interpreter.run(&seen(packet), || 0);
        let length = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        let interpreted = Some(value.min(length)).filter(|&bytes| bytes > 0);
        let kernel = self.sent(packet);
        assert_eq!(kernel, interpreted, "{packet:02x?}\n{}", self.name);
    }

    /// The bytes that arrive of a packet; none if it is dropped.
    fn sent(&mut self, packet: &[u8]) -> Option<u32> {
        match (&self.sender).write(packet) {
            Ok(_) => {}
            // The program dropped it.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            Err(error) => panic!("a datagram can be sent: {error}"),
        }
        let mut received = [0; MAX_PACKET_BYTES];
        match (&self.receiver).read(&mut received) {
            Ok(length) => u32::try_from(length).ok(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("a datagram can be received: {error}"),
        }
    }
}

/// The packet as the kernel shows it to a program of such a socket.
fn seen(packet: &[u8]) -> Packet<'_> {
    Packet {
        network_offset: 0,
        protocol: 0,
        ..Packet::ethernet(packet)
    }
}

fn attach(socket: &Socket, instructions: &[Instruction]) -> std::io::Result<()> {
    let instructions = instructions.iter();
    let instructions: Vec<SockFilter> = instructions
        .map(|i| SockFilter::new(i.code, i.jt, i.jf, i.k))
        .collect();
    socket.attach_filter(&instructions)
}

/// Expressions that between them use most instructions that libpcap emits.
const EXPRESSIONS: [&str; 12] = [
    "",
    "udp portrange 50-60 or tcp port 53",
    "ip6 and udp",
    "len > 70",
    "len - ip[2:2] < 20",
    "ether[0] % 7 = 3 or ether[5] / 2 = 0",
    "ip[8] * ip[9] > 1000",
    "ip[ip[0] & 0xf] = 0 or ip[(ip[0] & 0xf) << 2] = 0",
    "udp[8:4] ^ udp[12:4] & 0xff00 | 3 > 77",
    "1 << (ether[3] & 0x1f) > 5 and ether[2] >> 1 != 3",
    "-ether[4] > 3 and ether[4] / ether[3] = 1",
    "tcp[tcpflags] & tcp-syn != 0 or greater 90",
];

/// LINKTYPE_ numbers of which filters know where IP is.
const LINKS: [u32; 9] = [1, 101, 0, 108, 113, 276, 6, 9, 104];

thread_local! {
    static COMPILED: RefCell<Vec<Attached>> = RefCell::new(compiled());
}

/// All kinds of programs that a sensor attaches.
fn compiled() -> Vec<Attached> {
    let tunnels = Tunnels::all()
        .with_juniper_ports([30_030])
        .with_record_ports([30_031]);
    let all = Selection::new([53, 5300], true).tunnels(tunnels);
    let mut programs = Vec::new();
    for selection in [
        Selection::default(),
        Selection::default().plain(),
        all.clone(),
        all.plain(),
    ] {
        for link in LINKS.map(LinkType::from_number) {
            programs.push(capture_filter(&selection, link, 0));
        }
        programs.push(capture_filter(&selection, LinkType::Network(0x0800), 96));
    }
    for expression in EXPRESSIONS {
        programs.push(compile(expression, LinkType::Ethernet, 0));
    }
    for balance in [Balance::client(), Balance::checksum([53, 5300, 5353])] {
        programs.push(balance.fanout());
        programs.push(
            compile("", LinkType::Ethernet, 0).and_then(|all| balance.share(1, 3)?.then(all)),
        );
    }
    let programs = programs.into_iter().map(|program| {
        let program = program.expect("a program of the project's own is short enough");
        Attached::new(&program).expect("the kernel takes it")
    });
    programs.collect()
}

/// Packets through one of the project's own programs.
fn check_compiled(input: &mut Input<'_>) {
    let which = usize::from(input.byte());
    COMPILED.with_borrow_mut(|programs| {
        let count = programs.len();
        let program = &mut programs[which % count];
        for packet in travels(input).iter().flatten() {
            let bytes = packet.frame().bytes;
            let bytes = bytes.get(..MAX_PACKET_BYTES).unwrap_or(bytes);
            if !bytes.is_empty() {
                program.check(bytes);
            }
        }
    });
}

thread_local! {
    static SOCKET: Socket = Socket::new(Domain::UNIX, Type::DGRAM, None).expect("a socket");
}

/// What the check of programs accepts, the kernel accepts, and no more.
fn check_accepted(input: &mut Input<'_>) {
    let mut instructions = Vec::new();
    while !input.is_empty() && instructions.len() < MAX_SPELT {
        let code = if input.byte() & 7 == 0 {
            input.half()
        } else {
            input.choice(&CODES)
        };
        let (jt, jf) = (input.byte() & 7, input.byte() & 7);
        let k = constant(input);
        instructions.push(Instruction { code, jt, jf, k });
    }
    if instructions.is_empty() {
        return;
    }
    let checked = Program::new("spelt", instructions.clone());
    let kernel = SOCKET.with(|socket| attach(socket, &instructions));
    match (&checked, &kernel) {
        (Ok(_), Ok(())) | (Err(_), Err(_)) => {}
        (checked, kernel) => panic!("{checked:?}, and the kernel: {kernel:?}\n{instructions:?}"),
    }
    if let Err(error) = kernel {
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
}

/// All codes that the kernel knows (`chk_code_allowed`, `net/core/filter.c`).
const CODES: [u16; 53] = [
    0x00, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x60, 0x80, 0x01, 0x61, 0x81, 0xb1, 0x02, 0x03, 0x04,
    0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c, 0x74, 0x7c, 0x84,
    0x94, 0x9c, 0xa4, 0xac, 0x05, 0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d, 0x06, 0x16, 0x07,
    0x87, 0x06, 0x16, 0x30, 0x15,
];

fn constant(input: &mut Input<'_>) -> u32 {
    match input.byte() {
        0xff => input.word(),
        0xfe => 0xffff_f000 + u32::from(input.byte()),
        0xfd => 0xfff0_0000 + u32::from(input.byte()),
        small => u32::from(small & 0x3f),
    }
}

/// A program that the input spells out, in instructions that depend on nothing but the packet, run
/// over a packet.
fn check_run(input: &mut Input<'_>) {
    let count = usize::from(input.byte()) % MAX_SPELT;
    let mut instructions = Vec::new();
    for _ in 0..count {
        push(input, &mut instructions);
    }
    let program = |code, k| Instruction {
        code,
        jt: 0,
        jf: 0,
        k,
    };
    instructions.push(program(0x16, 0));
    // Jumps beyond the end are to the end.
    let last = instructions.len() - 1;
    for (index, instruction) in instructions.iter_mut().enumerate() {
        if instruction.code & 7 == 5 {
            let room = u8::try_from(last - index - 1).unwrap_or(u8::MAX);
            instruction.jt = instruction.jt.min(room);
            instruction.jf = instruction.jf.min(room);
            instruction.k = match instruction.code {
                0x05 => instruction.k.min(room.into()),
                _ => instruction.k,
            };
        }
    }
    let Ok(program) = Program::new("spelt", instructions) else {
        return;
    };
    let mut attached = Attached::new(&program).expect("the kernel takes what was checked");
    let packet = input.rest();
    let packet = packet.get(..MAX_PACKET_BYTES).unwrap_or(packet);
    if !packet.is_empty() {
        attached.check(packet);
    }
}

/// Adds an instruction. The index of an indirect load has 16 bits, so that none counts from a header
/// that such a packet does not have.
fn push(input: &mut Input<'_>, to: &mut Vec<Instruction>) {
    let code = input.choice(&CODES);
    let (jt, jf) = (input.byte() & 15, input.byte() & 15);
    let k = match (code, constant(input)) {
        // Ancillary data and the link layer.
        (0x20 | 0x28 | 0x30 | 0xb1, HEADERS..) => 0,
        (0x40 | 0x48 | 0x50, k) => {
            for (code, k) in [(0x87, 0), (0x54, 0xffff), (0x07, 0)] {
                to.push(Instruction {
                    code,
                    jt: 0,
                    jf: 0,
                    k,
                });
            }
            if k >= HEADERS {
                0_u32.wrapping_sub(k & 0xff)
            } else {
                k
            }
        }
        // Shifts and scratch words that exist.
        (0x64 | 0x74, k) => k & 31,
        (0x60 | 0x61 | 0x02 | 0x03, k) => k & 15,
        (0x34 | 0x94, k) => k.max(1),
        (_, k) => k,
    };
    to.push(Instruction { code, jt, jf, k });
}
