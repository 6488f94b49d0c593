//! The interpreter against libpcap's own, and against programs made of random instructions.

use dnsflow_filters::{
    FilterError, Instruction, Interpreter, Packet, Problem, Program, compile, ip_expression,
};
use dnsflow_packet::tunnel::Tunnels;
use dnsflow_packet::{LinkType, Selection};
use dnsflow_testkit::frames;
use pcap::{BpfProgram, Capture, Linktype};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Expressions that between them use most instructions that libpcap emits. Shifts by 32 and more
/// are left out: they give 0 in libpcap, while the kernel takes the low five bits.
const EXPRESSIONS: [&str; 16] = [
    "",
    "udp src port 53",
    "udp portrange 50-60 or tcp port 53",
    "ip6 and udp",
    "vlan and udp",
    "vlan 100 or vlan 101",
    "len > 70",
    "len - ip[2:2] < 20",
    "ether[0] % 7 = 3 or ether[5] / 2 = 0",
    "ip[8] * ip[9] > 1000",
    "ip[ip[0] & 0xf] = 0 or ip[(ip[0] & 0xf) << 2] = 0",
    "udp[8:4] ^ udp[12:4] & 0xff00 | 3 > 77",
    "1 << (ether[3] & 0x1f) > 5 and ether[2] >> 1 != 3",
    "-ether[4] > 3 and ether[4] / ether[3] = 1",
    "src net 198.51.100.0/24 and not ip multicast",
    "tcp[tcpflags] & tcp-syn != 0 or greater 90",
];

struct Pair {
    expression: String,
    ours: Interpreter,
    theirs: BpfProgram,
}

fn pairs() -> Vec<Pair> {
    let selection = Selection::new([53, 99, 100, 5300], true).tunnels(Tunnels::all());
    let default = ip_expression(&selection);
    let capture = Capture::dead(Linktype::ETHERNET).expect("enough memory");
    let expressions = EXPRESSIONS.map(str::to_owned).into_iter().chain([default]);
    expressions
        .map(|expression| {
            let ours = compile(&expression, LinkType::Ethernet, 0).expect("compiles");
            let ours = Interpreter::new(&ours).expect("nothing that only a kernel knows");
            let theirs = capture.compile(&expression, true).expect("compiles");
            Pair {
                expression,
                ours,
                theirs,
            }
        })
        .collect()
}

/// Frames of the table with some bytes changed and the end cut, and frames of random bytes.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let table: Vec<_> = frames::table()
        .into_iter()
        .map(|frame| frame.bytes)
        .filter(|b| !b.is_empty())
        .collect();
    let changes = prop::collection::vec((any::<Index>(), any::<u8>()), 0..4);
    let near = (select(table), changes, any::<Index>(), any::<bool>());
    let near = near.prop_map(|(mut bytes, changes, cut, whole)| {
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes
    });
    prop_oneof![3 => near, 1 => prop::collection::vec(any::<u8>(), 0..120)]
}

#[test]
fn agrees_with_libpcap_on_any_frame() {
    let pairs = pairs();
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(4096)
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let result = runner.run(&any_frame(), |bytes| {
        let packet = Packet::ethernet(&bytes);
        for Pair {
            expression,
            ours,
            theirs,
        } in &pairs
        {
            let kept = ours.run(&packet, || 0) > 0;
            prop_assert_eq!(kept, theirs.filter(&bytes), "`{}`", expression);
        }
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

/// libpcap walks header chains with a loop, which the kernel does not run.
#[test]
fn jumps_backwards_are_refused() {
    let error = compile("ip6 protochain 17", LinkType::Ethernet, 0).expect_err("a backward jump");
    assert!(
        matches!(
            error,
            FilterError::Invalid {
                problem: Problem::JumpPastEnd,
                ..
            }
        ),
        "{error}"
    );
}

/// Instructions that are mostly good: known codes, short jumps, small constants.
fn any_instruction() -> impl Strategy<Value = Instruction> {
    const CODES: [u16; 50] = [
        0x00, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x60, 0x80, 0x01, 0x61, 0x81, 0xb1, 0x02, 0x03,
        0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c, 0x74,
        0x7c, 0x84, 0x94, 0x9c, 0xa4, 0xac, 0x05, 0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d,
        0x06, 0x16, 0x07, 0x87, 0xffff,
    ];
    let ancillary = select(vec![0u32, 44, 48, 56, 60, 40]).prop_map(|at| 0xffff_f000 + at);
    let network = (0u32..70).prop_map(|at| 0xfff0_0000 + at);
    let k = prop_oneof![8 => 0u32..16, 2 => network, 1 => ancillary, 1 => any::<u32>()];
    (select(CODES.to_vec()), 0u8..4, 0u8..4, k).prop_map(|(code, jt, jf, k)| Instruction {
        code,
        jt,
        jf,
        k,
    })
}

proptest! {
    /// Whatever is accepted ends, with the same value each time, without a panic.
    #[test]
    fn accepted_programs_run(
        mut instructions in prop::collection::vec(any_instruction(), 0..12),
        frame in any_frame(),
        data_offset in 0usize..200,
        network_offset in any::<usize>(),
    ) {
        instructions.push(Instruction { code: 0x16, jt: 0, jf: 0, k: 0 });
        if let Ok(program) = Program::new("random", instructions) {
            prop_assert_eq!(program.to_string().lines().count(), program.instructions().len());
            let interpreter = Interpreter::new(&program);
            if let Ok(interpreter) = interpreter {
                let packet =
                    Packet { data_offset, network_offset, ..Packet::ethernet(&frame) };
                let value = interpreter.run(&packet, || 5);
                prop_assert_eq!(interpreter.run(&packet, || 5), value);
            }
        }
    }
}
