//! The same datagrams, read by the project's reader.

use dnsflow_wire::v4;

use super::datagram::{Content, Datagram, Stats, text};

pub(super) fn read(bytes: &[u8]) -> Result<Datagram, String> {
    let datagram = v4::Datagram::parse(bytes).map_err(|error| error.to_string())?;
    let content = match datagram.content().map_err(|error| error.to_string())? {
        v4::Content::Stats(stats) => Content::Stats(Stats {
            captured: stats.captured,
            received: stats.received,
            dropped: stats.dropped,
            if_dropped: stats.if_dropped,
            sample_rate: stats.sample_rate.ok_or("version 4 has a sample rate")?,
        }),
        v4::Content::Sets(sets) => {
            let line = |set: Result<v4::Set<'_>, v4::DecodeError>| match set {
                Ok(set) => line(&set),
                Err(error) => Err(error.to_string()),
            };
            Content::Sets(sets.map(line).collect::<Result<_, String>>()?)
        }
    };
    Ok(Datagram {
        sequence: datagram.sequence(),
        content,
    })
}

fn line(set: &v4::Set<'_>) -> Result<String, String> {
    let resolver = set.resolver().ok_or("version 4 has a resolver")?;
    let names: Vec<String> = set.names().map(|name| text(name.labels())).collect();
    let ipv4: Vec<String> = set.ipv4().map(|address| address.to_string()).collect();
    let ipv6: Vec<String> = set.ipv6().map(|address| address.to_string()).collect();
    let lists = [names.join(","), ipv4.join(","), ipv6.join(",")].join("\t");
    Ok(format!("{}\t{resolver}\t{lists}", set.client()))
}
