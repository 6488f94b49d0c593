//! What a flow costs: to be read, asked about in memory, and written with its name.
//!
//! ```text
//! make bench-name
//! FLOWS=2000000 cargo bench --package dnsflow-name
//! ```
//!
//! The map has [`CLIENTS`] clients that looked up [`LOOK_UPS`] names. Nine flows of ten are of a
//! client to an address that it was told, half of them in the other direction. The CPU time is that
//! of the thread that does the work, the median of [`ROUNDS`] rounds; nothing is read from or
//! written to a file.

#[path = "../tests/name/lookups.rs"]
#[expect(dead_code, reason = "captures are for the tests")]
mod lookups;

use std::cell::RefCell;
use std::error::Error;
use std::io;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use dnsflow_name::SourceError;
use dnsflow_name::answers::Answers;
use dnsflow_name::format::preset::Preset;
use dnsflow_name::namer::{Namer, Records};
use dnsflow_name::source::{Captured, Source};
use dnsflow_name::time::Clock;
use dnsflow_names::map::Limits;
use dnsflow_names::{Map, Match, Question};
use dnsflow_records::record::records;
use dnsflow_wire::datagram::Datagram;
use lookups::LookUp;
use nix::sys::time::TimeValLike as _;
use nix::time::{ClockId, clock_gettime};

/// Rounds of each measurement.
const ROUNDS: usize = 5;

/// Clients that look names up.
const CLIENTS: u32 = 10_000;

/// Look-ups that the map has learned.
const LOOK_UPS: u32 = 1_000_000;

/// The row of what is not the map's.
const ALONE: &str = "goflow2, without a look-up";

/// When the first flow begins.
const START: u64 = 1_700_000_000;

/// Bytes that are given at once, as from a file.
const BATCH_BYTES: usize = 512 * 1024;

/// A flow: client, server, seconds behind [`START`], whether it is of the answers.
type Flow = (Ipv4Addr, Ipv4Addr, u64, bool);

fn main() -> Result<(), Box<dyn Error>> {
    let flows: u32 = std::env::var("FLOWS").map_or(Ok(500_000), |text| text.parse())?;
    let flows: Vec<Flow> = (0..flows).map(flow).collect();
    println!("| records | bytes a flow | CPU a flow, ns | flows a second and core | named |");
    println!("|---|---|---|---|---|");
    let map = Shared(Rc::new(RefCell::new(Captured::from(map()))));
    for (what, preset, write) in [
        (ALONE, Preset::Goflow2, goflow2 as fn(&Flow) -> String),
        ("goflow2", Preset::Goflow2, goflow2),
        ("zeek, TSV", Preset::Zeek, zeek),
        ("suricata", Preset::Suricata, suricata),
        ("nfdump-csv", Preset::NfdumpCsv, nfdump_csv),
        ("ecs", Preset::Ecs, ecs),
    ] {
        let mut text = heading(preset).to_owned();
        text.extend(flows.iter().map(write));
        let mut times = Vec::new();
        let source: Box<dyn Source> = match what {
            ALONE => Box::new(Same),
            _ => Box::new(map.clone()),
        };
        let labels = "dnsflow_".parse()?;
        let mut namer = Namer::new(&Records::Preset(preset), source, labels, 0, Clock::utc());
        for _ in 0..ROUNDS {
            namer.begin();
            let start = cpu_time();
            let mut at = 0;
            while at < text.len() {
                let end = text.len().min(at + BATCH_BYTES);
                let bytes = &text.as_bytes()[at..end];
                at += namer.name(bytes, end == text.len(), false, &mut io::sink())?;
            }
            times.push(cpu_time() - start);
        }
        let counts = namer.counts();
        let all = (flows.len() * ROUNDS) as u64;
        assert_eq!(counts.flows, all);
        let named = counts.client + counts.expired + counts.others;
        times.sort_unstable();
        let each = times[ROUNDS / 2].as_secs_f64() / flows.len() as f64;
        println!(
            "| {what} | {} | {:.0} | {:.0} | {:.1} % |",
            text.len() / flows.len(),
            each * 1e9,
            1.0 / each,
            100.0 * named as f64 / all as f64,
        );
    }
    Ok(())
}

/// A map that all rows of the table ask.
#[derive(Clone)]
struct Shared(Rc<RefCell<Captured>>);

impl Source for Shared {
    fn ask(
        &mut self,
        questions: &[Question],
        most: usize,
        answers: &mut Answers,
    ) -> Result<(), SourceError> {
        self.0.borrow_mut().ask(questions, most, answers)
    }
}

/// The same name for everything.
struct Same;

impl Source for Same {
    fn ask(
        &mut self,
        questions: &[Question],
        _: usize,
        answers: &mut Answers,
    ) -> Result<(), SourceError> {
        for _ in questions {
            answers.push(Match::Client, [("host-12345.site.example", 0.95)]);
        }
        Ok(())
    }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux has this clock");
    Duration::from_nanos(time.num_nanoseconds().unsigned_abs())
}

/// Numbers without a pattern that a cache could follow.
fn mixed(number: u32) -> u32 {
    let number = (number ^ (number >> 16)).wrapping_mul(0x7feb_352d);
    let number = (number ^ (number >> 15)).wrapping_mul(0x846c_a68b);
    number ^ (number >> 16)
}

fn client(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0000 + mixed(number) % CLIENTS)
}

fn server(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0xc612_0000 + mixed(number.wrapping_add(7)) % 100_000)
}

fn map() -> Map {
    let mut map = Map::new(Limits::default());
    for number in 0..LOOK_UPS {
        let name = format!("host-{}.site.example", mixed(number) % 50_000);
        let look_up = LookUp {
            second: START,
            client: client(number),
            names: &[&name, "edge.cdn.example"],
            address: server(number),
        };
        let datagram = look_up.datagram();
        let datagram = Datagram::parse(&datagram).expect("a datagram");
        for record in records(&datagram) {
            map.learn(Duration::from_secs(look_up.second), &record);
        }
    }
    map
}

fn flow(number: u32) -> Flow {
    let which = mixed(number.wrapping_add(99)) % LOOK_UPS;
    let server = if number.is_multiple_of(10) {
        Ipv4Addr::from(0xcb00_7100 + which % 256)
    } else {
        server(which)
    };
    let second = START + u64::from(number % 200);
    (client(which), server, second, number.is_multiple_of(2))
}

/// Source, its port, destination, its port.
fn ends(flow: &Flow) -> (Ipv4Addr, u16, Ipv4Addr, u16) {
    let (client, server, _, is_answer) = *flow;
    if is_answer {
        (server, 443, client, 50_123)
    } else {
        (client, 50_123, server, 443)
    }
}

fn heading(preset: Preset) -> &'static str {
    match preset {
        Preset::Zeek => {
            "#separator \\x09\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\n"
        }
        Preset::NfdumpCsv => {
            "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt,in,out,sas,das,smk,dmk,dtos,dir\n"
        }
        _ => "",
    }
}

fn goflow2(flow: &Flow) -> String {
    let (source, port, destination, other) = ends(flow);
    let second = flow.2;
    format!(
        "{{\"type\":\"IPFIX\",\"time_received_ns\":{second}500000000,\"sequence_num\":65361,\"sampling_rate\":0,\"sampler_address\":\"192.168.88.1\",\"time_flow_start_ns\":{second}000000000,\"time_flow_end_ns\":{second}900000000,\"bytes\":143,\"packets\":1,\"src_addr\":\"{source}\",\"dst_addr\":\"{destination}\",\"etype\":\"IPv4\",\"proto\":\"UDP\",\"src_port\":{port},\"dst_port\":{other}}}\n"
    )
}

fn zeek(flow: &Flow) -> String {
    let (source, port, destination, other) = ends(flow);
    let second = flow.2;
    format!(
        "{second}.250000\tCHhAvVGS1DHFjwGM9\t{source}\t{port}\t{destination}\t{other}\ttcp\tssl\t9.750000\t1200\t4000\tSF\n"
    )
}

fn suricata(flow: &Flow) -> String {
    let (source, port, destination, other) = ends(flow);
    let time = jiff::Timestamp::from_second(flow.2 as i64).expect("a time");
    let time = time.strftime("%Y-%m-%dT%H:%M:%S.000000+0000");
    format!(
        "{{\"timestamp\":\"{time}\",\"flow_id\":1234567890123456,\"event_type\":\"flow\",\"src_ip\":\"{source}\",\"src_port\":{port},\"dest_ip\":\"{destination}\",\"dest_port\":{other},\"proto\":\"TCP\",\"flow\":{{\"pkts_toserver\":6,\"pkts_toclient\":4,\"bytes_toserver\":1200,\"bytes_toclient\":4000,\"start\":\"{time}\",\"end\":\"{time}\",\"age\":10,\"state\":\"closed\"}}}}\n"
    )
}

fn nfdump_csv(flow: &Flow) -> String {
    let (source, port, destination, other) = ends(flow);
    let time = jiff::Timestamp::from_second(flow.2 as i64).expect("a time");
    let time = time.strftime("%Y-%m-%d %H:%M:%S");
    format!(
        "{time},{time},9.750,{source},{destination},{port},{other},TCP,...AP.SF,0,0,6,1200,0,0,0,0,0,0,0,0,0,1\n"
    )
}

fn ecs(flow: &Flow) -> String {
    let (source, port, destination, other) = ends(flow);
    let time = jiff::Timestamp::from_second(flow.2 as i64).expect("a time");
    format!(
        "{{\"@timestamp\":\"{time}\",\"event\":{{\"start\":\"{time}\",\"kind\":\"event\"}},\"network\":{{\"transport\":\"tcp\",\"bytes\":5200}},\"source\":{{\"ip\":\"{source}\",\"port\":{port}}},\"destination\":{{\"ip\":\"{destination}\",\"port\":{other}}}}}\n"
    )
}
