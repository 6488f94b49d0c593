//! Flows whose name is known: what tshark reads in TLS, QUIC and HTTP.

use std::collections::HashMap;
use std::error::Error;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

use dnsflow_names::Time;
use serde::Serialize;

/// How a flow tells its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Protocol {
    /// Server Name Indication (RFC 6066, section 3), over TCP or QUIC.
    Tls,
    /// Host (RFC 9110, section 7.2).
    Http,
}

/// A flow from a client to a server, and the name that it tells.
#[derive(Clone, Debug, Serialize)]
pub struct Flow {
    /// Who began it.
    pub client: IpAddr,
    /// Its port.
    pub client_port: u16,
    /// The other end.
    pub server: IpAddr,
    /// Its port.
    pub server_port: u16,
    /// When its first packet was captured.
    pub start: Time,
    /// The name, in lower case.
    #[serde(rename = "meant")]
    pub name: String,
    /// Where it stands.
    pub protocol: Protocol,
}

/// What is asked of tshark, in the order of the columns. Of tunnelled packets the innermost addresses and ports are
/// taken.
const FIELDS: [&str; 13] = [
    "frame.time_epoch",
    "ip.src",
    "ipv6.src",
    "ip.dst",
    "ipv6.dst",
    "tcp.srcport",
    "udp.srcport",
    "tcp.dstport",
    "udp.dstport",
    "tcp.stream",
    "udp.stream",
    "tls.handshake.extensions_server_name",
    "http.host",
];

/// The flows of a capture that tell a name; of each the first name. Packets behind what tshark can't read are none.
///
/// # Errors
/// If tshark can't be run.
pub fn flows(capture: &Path) -> Result<Vec<Flow>, Box<dyn Error>> {
    let output = Command::new("tshark")
        .args(["-n", "-r"])
        .arg(capture)
        .args(["-Y", "tcp or quic", "-T", "fields"])
        .args(["-E", "separator=/t", "-E", "occurrence=l"])
        .args(FIELDS.iter().flat_map(|field| ["-e", field]))
        .output()
        .map_err(|error| format!("tshark: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut streams: HashMap<[&str; 2], (Time, bool)> = HashMap::new();
    let mut flows = Vec::new();
    for line in text.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let Ok(columns) = <[&str; FIELDS.len()]>::try_from(columns) else {
            continue;
        };
        let Ok(time) = columns[0].parse::<Time>() else {
            continue;
        };
        let stream = [columns[9], columns[10]];
        let (start, is_named) = streams.entry(stream).or_insert((time, false));
        if *is_named {
            continue;
        }
        if let Some(flow) = flow(&columns, *start) {
            *is_named = true;
            flows.push(flow);
        }
    }
    Ok(flows)
}

/// A flow that begins then, if this packet tells its name.
fn flow(columns: &[&str; FIELDS.len()], start: Time) -> Option<Flow> {
    let [_, _, _, _, _, _, _, _, _, _, _, server_name, host] = columns;
    let (name, protocol) = match (server_name.is_empty(), host.is_empty()) {
        (false, _) => (*server_name, Protocol::Tls),
        (true, false) => (host_name(host)?, Protocol::Http),
        (true, true) => return None,
    };
    let either = |first: usize| match columns[first] {
        "" => columns[first + 1],
        value => value,
    };
    Some(Flow {
        client: either(1).parse().ok()?,
        client_port: either(5).parse().ok()?,
        server: either(3).parse().ok()?,
        server_port: either(7).parse().ok()?,
        start,
        name: name.trim_end_matches('.').to_ascii_lowercase(),
        protocol,
    })
}

/// The name of a Host, if it is a name: not an address.
fn host_name(host: &str) -> Option<&str> {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let is_address = name.starts_with('[') || name.parse::<IpAddr>().is_ok();
    (!is_address && !name.is_empty()).then_some(name)
}
