//! The EDNS pseudo-record of a message, behind its answer section.
//!
//! Damage on the way there is no reason to reject a response, which ends before: then there is no
//! EDNS.

/// Bytes of a record between owner and RDATA.
const FIXED_BYTES: usize = 10;

/// TYPE of the pseudo-record, as octets (RFC 6891, section 6.1.1).
const OPT: [u8; 2] = [0, 41];

/// Code of the client subnet option (RFC 7871, section 6).
const CLIENT_SUBNET: u16 = 8;

/// Least and most bytes of a client subnet: family, two prefix lengths, then an address.
const SUBNET_BYTES: core::ops::RangeInclusive<usize> = 4..=20;

/// What the pseudo-record says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edns<'a> {
    /// The upper 8 of the 12 bits of the response code.
    pub(crate) upper_code: u8,
    /// The client subnet option's data.
    pub(crate) subnet: Option<&'a [u8]>,
}

/// Finds the pseudo-record among the `count` records from `at` on.
///
/// ```text
/// 0 1 | TYPE 2 = 41 | payload size 2 | upper code 1 | version 1 | flags 2 | RDLENGTH 2 |
///     option: code 2 | length 2 | data, as often as there are any
/// ```
///
/// (RFC 6891, section 6.1.2.)
pub(crate) fn find(message: &[u8], at: usize, count: usize) -> Edns<'_> {
    search(message, at, count).unwrap_or_default()
}

/// Whether there is nothing to be found, or nothing in it.
#[inline(always)]
pub(crate) fn is_plain(message: &[u8], at: usize, count: usize) -> bool {
    // What resolvers send: nothing in between, and no options.
    if count == 1
        && let Some([0, 0, 41, _, _, 0, _, _, _, 0, 0]) =
            message.get(at..).and_then(<[u8]>::first_chunk)
    {
        return true;
    }
    count == 0 || find(message, at, count) == Edns::default()
}

#[inline(never)]
fn search(message: &[u8], mut at: usize, count: usize) -> Option<Edns<'_>> {
    for _ in 0..count {
        let owner_end = behind_name(message, at)?;
        let (fixed, behind) = message
            .get(owner_end..)?
            .split_first_chunk::<FIXED_BYTES>()?;
        let length = usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
        if [fixed[0], fixed[1]] == OPT {
            return Some(Edns {
                upper_code: fixed[4],
                subnet: behind.get(..length).and_then(subnet),
            });
        }
        at = owner_end + FIXED_BYTES + length;
    }
    None
}

fn subnet(mut options: &[u8]) -> Option<&[u8]> {
    while let Some((head, rest)) = options.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let data = rest.get(..length)?;
        if u16::from_be_bytes([head[0], head[1]]) == CLIENT_SUBNET {
            return Some(data).filter(|data| SUBNET_BYTES.contains(&data.len()));
        }
        options = rest.get(length..)?;
    }
    None
}

/// The offset behind a name, which is not followed.
fn behind_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            label @ 1..0x40 => at += 1 + usize::from(label),
            0xc0.. => return Some(at + 2),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root owner, OPT, a payload size, an upper code, and these options.
    fn opt(upper_code: u8, options: &[u8]) -> Vec<u8> {
        let length = u16::try_from(options.len()).expect("few bytes");
        let mut bytes = vec![0, 0, 41, 4, 208, upper_code, 0, 0, 0];
        bytes.extend(length.to_be_bytes());
        bytes.extend(options);
        bytes
    }

    #[test]
    fn the_record_is_found_behind_others() {
        let subnet = [0, 1, 24, 0, 192, 0, 2];
        let mut options = vec![0, 10, 0, 2, 1, 2, 0, 8, 0, 7];
        options.extend(subnet);
        let wanted = Edns {
            upper_code: 1,
            subnet: Some(&subnet),
        };
        let record = opt(1, &options);
        assert_eq!(find(&record, 0, 1), wanted);
        let mut before =
            b"\xc0\x0c\0\x02\0\x01\0\0\0\x3c\0\x03\x01a\0\x03www\0\0\x10\0\x01\0\0\0\0\0\0"
                .to_vec();
        let at = before.len();
        before.extend(&record);
        assert_eq!(find(&before, 0, 3), wanted);
        assert_eq!(find(&before, at, 1), wanted);
        // Fewer records than it takes to get there.
        assert_eq!(find(&before, 0, 2), Edns::default());
        for cut in 0..record.len() {
            assert_eq!(find(&record[..cut], 0, 1).subnet, None);
        }
    }

    #[test]
    fn a_record_without_options_says_its_code() {
        assert_eq!(find(&opt(0, &[]), 0, 1), Edns::default());
        assert_eq!(find(&opt(7, &[]), 0, 1).upper_code, 7);
        // Too short for a subnet, too long for one, and longer than the record.
        for options in [
            &[0, 8, 0, 3, 0, 1, 24][..],
            &[0, 8, 0, 21],
            &[0, 8, 0, 9, 0, 1, 24, 0],
        ] {
            assert_eq!(find(&opt(0, options), 0, 1).subnet, None);
        }
    }
}
