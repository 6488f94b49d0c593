//! nfacctd of pmacct, on a loopback port.

use std::collections::BTreeMap;
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::patience::until;
use dnsflow_testkit::process::Process;
use dnsflow_testkit::requirements;

/// Where Debian has it, which is in no user's PATH.
const PROGRAM: &str = "/usr/sbin/nfacctd";

/// What it has to be told of elements that it doesn't know.
const PRIMITIVES: &str = "\
name=dns_name field_type=6871:179 len=vlen semantics=str
name=dns_alias field_type=6871:180 len=vlen semantics=str
name=dns_type field_type=6871:175 len=2 semantics=u_int
name=dns_rcode field_type=6871:177 len=1 semantics=u_int
name=dns_ttl field_type=6871:199 len=4 semantics=u_int
name=dns_ipv4 field_type=6871:302 len=4 semantics=ip
name=dns_ipv6 field_type=6871:303 len=16 semantics=ip
";

const AGGREGATE: &str = "src_host, dst_host, src_port, dst_port, proto, vlan, timestamp_start, \
timestamp_end, dns_name, dns_alias, dns_type, dns_rcode, dns_ttl, dns_ipv4, dns_ipv6";

/// One that runs. Dropped, it is killed: on a loaded machine it hangs in its own end after INT, and
/// it ignores TERM. Its plugin ends once it has no parent.
pub(crate) struct Collector {
    folder: Folder,
    pub(crate) port: u16,
    process: Process,
}

/// Whether it is installed.
pub(crate) fn is_there(test: &str) -> bool {
    let found = Path::new(PROGRAM).is_file();
    if !found {
        requirements::skip(test, "the program nfacctd");
    }
    found
}

impl Collector {
    /// Starts one that writes each flow as a line of JSON.
    pub(crate) fn start() -> Self {
        let free = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        let port = free.local_addr().expect("it is bound").port();
        drop(free);
        let folder = Folder::new();
        let _ = folder.file("primitives", PRIMITIVES.as_bytes());
        let config = format!(
            "daemonize: false
nfacctd_ip: 127.0.0.1
nfacctd_port: {port}
plugins: print[flows]
aggregate[flows]: {AGGREGATE}
aggregate_primitives: {}
print_output: json
print_output_file: {}
print_output_file_append: true
print_refresh_time: 1
plugin_pipe_size: 33554432
timestamps_since_epoch: true
",
            folder.argument("primitives"),
            folder.argument("flows"),
        );
        let path = folder.file("config", config.as_bytes());
        let mut command = Command::new(PROGRAM);
        command.arg("-f").arg(path).current_dir(folder.path(""));
        let mut process = Process::spawn("nfacctd", &mut command);
        process.wait_until_it_says("waiting for NetFlow/IPFIX data");
        Self {
            folder,
            port,
            process,
        }
    }

    /// Waits for `count` flows; values by keys, sorted.
    pub(crate) fn flows(&mut self, count: usize) -> Vec<BTreeMap<String, String>> {
        let mut flows = until("nfacctd to write all flows", || {
            assert!(self.process.is_running(), "{}", self.process.said());
            let text = fs::read_to_string(self.folder.path("flows")).unwrap_or_default();
            let flows: Vec<_> = text.split_inclusive('\n').filter_map(flow).collect();
            (flows.len() >= count).then_some(flows)
        });
        flows.sort();
        flows
    }

    /// Waits until it has taken everything that was sent to it: a buffer that is full loses the
    /// rest.
    pub(crate) fn take_all(&mut self) {
        let port = format!(":{:04X}", self.port);
        until("nfacctd to take what was sent", || {
            assert!(self.process.is_running(), "{}", self.process.said());
            let sockets = fs::read_to_string("/proc/net/udp").expect("Linux has it");
            let socket = sockets.lines().find_map(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                let is_its = fields.get(1)?.ends_with(&port);
                let (queues, drops) = (fields.get(4)?, fields.last()?);
                is_its.then(|| ((*queues).to_owned(), (*drops).to_owned()))
            });
            let (queues, drops) = socket.expect("it has a socket");
            assert_eq!(drops, "0", "the socket has lost datagrams");
            queues.ends_with(":00000000").then_some(())
        });
    }
}

/// The text and the numbers of a line of JSON that has nothing else; `None` of half a line.
fn flow(line: &str) -> Option<BTreeMap<String, String>> {
    let line = line.strip_suffix("}\n")?.strip_prefix('{')?;
    let pairs = line.split(", \"").map(|pair| {
        let (key, value) = pair.split_once("\": ").expect("a pair");
        let value = value
            .trim_matches('"')
            .replace("\\\\", "\\")
            .replace("\\\"", "\"");
        (key.trim_matches('"').to_owned(), value)
    });
    Some(pairs.collect())
}
