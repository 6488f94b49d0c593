//! A file of `-w`: a capture of packets that never were on a wire.

/// The header of a little endian capture of link type 0 with a snap length of 65,535.
const HEADER: &[u8; 24] = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\0\0\0\0";

/// Bytes before the datagram of a record: address family, IPv4 and UDP.
const HEADERS_BYTES: usize = 4 + 20 + 8;

type Record<'a> = (u16, &'a [u8]);

/// Source port and datagram of each record.
pub(super) fn records(
    file: &[u8],
) -> Result<impl Iterator<Item = Result<Record<'_>, String>>, String> {
    let mut rest = file
        .strip_prefix(HEADER)
        .ok_or("not the header of a -w file")?;
    Ok(std::iter::from_fn(move || {
        (!rest.is_empty()).then(|| {
            let (source_port, datagram, behind) = record(rest)?;
            rest = behind;
            Ok((source_port, datagram))
        })
    }))
}

/// A record of the file; all integers of the file are little endian, those of the packet big.
///
/// ```text
/// seconds 4 | microseconds 4 | length 4 | length 4 | family 4 | IPv4 20 | UDP 8 | datagram ..
/// ```
fn record(bytes: &[u8]) -> Result<(u16, &[u8], &[u8]), String> {
    let (head, rest) = bytes.split_at_checked(16).ok_or("cut record header")?;
    let field =
        |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    if field(4) >= 1_000_000 || field(8) != field(12) {
        return Err(format!("record header {head:?}"));
    }
    let length = usize::try_from(field(8)).map_err(|error| error.to_string())?;
    let (packet, behind) = rest.split_at_checked(length).ok_or("cut record")?;
    let (headers, datagram) = packet
        .split_at_checked(HEADERS_BYTES)
        .ok_or("a record without headers")?;
    let ip_bytes = u16::try_from(length - 4).map_err(|error| error.to_string())?;
    let mut wanted = vec![2, 0, 0, 0, 0x45, 0];
    wanted.extend(ip_bytes.to_be_bytes());
    wanted.extend([0, 0, 0x40, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
    wanted.extend([headers[24], headers[25]]);
    wanted.extend(5300_u16.to_be_bytes());
    wanted.extend((ip_bytes - 20).to_be_bytes());
    wanted.extend([0, 0]);
    if headers != wanted {
        return Err(format!("packet headers {headers:?}, not {wanted:?}"));
    }
    let source_port = u16::from_be_bytes([headers[24], headers[25]]);
    Ok((source_port, datagram, behind))
}
