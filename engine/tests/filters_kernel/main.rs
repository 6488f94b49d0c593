//! The programs of the filters crate in the kernel: every frame of that crate's table goes over a veth
//! pair, to sockets that have the programs attached, and the kernel has to say what the interpreter says.
//!
//! It needs root and iproute2; what is missing is said loudly, and is a failure where CI=true.

mod tap;

use clap::Parser as _;
use dnsflow::capture::inherited::InheritedSockets;
use dnsflow::capture::ring::Ring;
use dnsflow::capture::socket::{Spread, Tap};
use dnsflow::start::cli::Cli;
use dnsflow::start::settings::Capture;
use dnsflow_filters::{
    Balance, Interpreter, Packet, Program, VlanTag, capture_filter, compile, sample_clients,
};
use dnsflow_packet::client_sample::ClientSample;
use dnsflow_packet::{LinkType, Selection};
use dnsflow_testkit::frames::{self, CHOICES, Frame, JMIRROR_PORT, PCAP_RECORD_PORT};
use dnsflow_testkit::network::{Injector, OUT, TAP, Wire};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::requirements::requirements;
use tap::{Verdicts, arrives};

/// Ports of the program by checksum: as in the table.
const CHECKSUM_PORTS: [u16; 3] = [53, 5300, 5353];
/// Sockets of a fanout group, and shares: not a power of 2, so that all bits of a value count.
const PARTS: u32 = 3;

#[test]
fn sockets_keep_what_the_interpreter_keeps() {
    if !requirements("sockets_keep_what_the_interpreter_keeps", &[]) {
        return;
    }
    let wire = Wire::new();
    let mut verdicts = Verdicts::new(&wire, programs());
    let mut kept = 0;
    for Frame { name, bytes, .. } in frames::table() {
        if !arrives(&bytes) {
            continue;
        }
        let (frame, vlan) = received(&bytes);
        let packet = Packet {
            vlan,
            ..Packet::ethernet(&frame)
        };
        for (program, kernel) in verdicts.of(&bytes, &frame) {
            let interpreter = Interpreter::new(program).expect("nothing that only a kernel knows");
            let value = interpreter.run(&packet, || 0);
            let length = u32::try_from(frame.len()).expect("a frame of the table");
            let interpreted = Some(value.min(length)).filter(|&bytes| bytes > 0);
            assert_eq!(kernel, interpreted, "{name}: {}", program.name());
            kept += usize::from(kernel.is_some());
        }
    }
    // Not one kept would be a test that does not test.
    assert!(kept > 1000, "{kept}");
}

/// A frame as a socket gets it, and the tag that the kernel has taken out of it.
fn received(wire: &[u8]) -> (Vec<u8>, Option<VlanTag>) {
    let (frame, tag) = frames::received(wire);
    let vlan = tag.map(|frames::Tag { tci, tpid }| VlanTag { tci, tpid });
    (frame, vlan)
}

/// What a sensor with these options selects.
fn selected(options: &[String]) -> Selection {
    let arguments = ["dnsflow".to_owned()].into_iter();
    let command_line = arguments.chain(options.iter().cloned());
    Capture::new(&Cli::parse_from(command_line).options).selection
}

/// The option for one of [`CHOICES`].
fn option(choice: &str) -> String {
    match choice {
        "jmirror" => format!("--jmirror={JMIRROR_PORT}"),
        "pcap record" => format!("--pcap-record={PCAP_RECORD_PORT}"),
        tunnel => format!("--decap={tunnel}"),
    }
}

/// Capture filters of all kinds, and shares of everything, which tell the balance values, and samples of its clients.
fn programs() -> Vec<Program> {
    let default = Selection::default();
    let all = selected(&["all", "jmirror", "pcap record"].map(option));
    let mut selections = vec![
        default.clone(),
        default.clone().plain(),
        Selection::new([53, 5300], true),
        all.clone(),
        all.plain(),
    ];
    selections.extend(CHOICES.map(|choice| selected(&[option(choice)])));
    let program = |selection: &Selection, snap_length| {
        let program = capture_filter(selection, LinkType::Ethernet, snap_length);
        program.expect("few ports")
    };
    let mut programs: Vec<_> = selections.iter().map(|chosen| program(chosen, 0)).collect();
    programs.push(program(&default, 50));
    for balance in [Balance::client(), Balance::checksum(CHECKSUM_PORTS)] {
        for index in 0..PARTS {
            let share = balance
                .share(index, PARTS)
                .expect("a share below the count");
            let everything = compile("", LinkType::Ethernet, 0).expect("no expression");
            programs.push(share.then(everything).expect("a short program"));
        }
    }
    for key in 0..PARTS {
        let clients = sample_clients(ClientSample::new(PARTS, key));
        let everything = compile("", LinkType::Ethernet, 0).expect("no expression");
        programs.push(clients.then(everything).expect("a short program"));
    }
    programs
}

#[test]
fn fanout_groups_divide_by_the_interpreters_value() {
    if !requirements("fanout_groups_divide_by_the_interpreters_value", &[]) {
        return;
    }
    for balance in [Balance::client(), Balance::checksum(CHECKSUM_PORTS)] {
        let program = balance.fanout().expect("few ports");
        let interpreter = Interpreter::new(&program).expect("nothing that only a kernel knows");
        let wire = Wire::new();
        let sender = Injector::new(&wire.sender, OUT);
        let mut rings = group(&wire, program);
        let mut expected: Vec<(Vec<u8>, u32, &str)> = Vec::new();
        for Frame { name, bytes, .. } in frames::table() {
            if arrives(&bytes) {
                sender.send(&bytes);
                let (frame, vlan) = received(&bytes);
                let packet = Packet {
                    vlan,
                    ..Packet::ethernet(&frame)
                };
                let value = interpreter.run(&packet.for_fanout(), || 0);
                expected.push((frame, value % PARTS, name));
            }
        }
        until("all frames to be in a ring", || {
            take(&mut rings, &mut expected);
            expected.is_empty().then_some(())
        });
    }
}

/// A fanout group of as many sockets as there are parts, which takes everything.
fn group(wire: &Wire, program: Program) -> Vec<Ring> {
    let tap = Tap {
        interface: TAP.to_owned(),
        promiscuous: true,
        shards: usize::try_from(PARTS).expect("a few"),
        ring_bytes: 2 << 20,
        spread: Spread::Program(program),
    };
    let armed = wire.sensor.enter(|| {
        let source = tap.source().expect("a tap in a namespace of its own");
        let armed = tap
            .open(source, &mut InheritedSockets::default())
            .expect("root may open sockets");
        let everything = compile("", LinkType::Ethernet, 0).expect("no expression");
        armed
            .start(&everything)
            .expect("a program of one instruction");
        armed
    });
    armed.rings
}

/// Strikes what has arrived off the list, each where it should be.
fn take(rings: &mut [Ring], expected: &mut Vec<(Vec<u8>, u32, &str)>) {
    for (part, ring) in (0..).zip(rings) {
        while let Some(block) = ring.block() {
            for frame in block.frames() {
                // What the namespace itself says on the wire is not on the list.
                let found = expected
                    .iter()
                    .position(|(bytes, _, _)| bytes == frame.bytes);
                if let Some(found) = found {
                    let (_, wanted, name) = expected.swap_remove(found);
                    assert_eq!(part, wanted, "{name}");
                }
            }
        }
    }
}
