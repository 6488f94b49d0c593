//! Data sets: who asked whom for which names, and which addresses came back.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{ImportError, Version};

/// Most bytes of padding behind the names of a set: they end on a multiple of four.
const PADDING_MAX: usize = 3;

/// Longest label in bytes (RFC 1035 section 2.3.4).
const LABEL_MAX: u8 = 63;

/// One data set, checked from its first byte to its last.
///
/// The header of versions 0 to 2, 8 bytes:
///
/// ```text
/// +---------------+---------------+---------------+---------------+
/// |                           client_ip                           |
/// +---------------+---------------+---------------+---------------+
/// |  names_count  |   ips_count   |           names_len           |
/// +---------------+---------------+---------------+---------------+
/// ```
///
/// of version 3, 12 or 24 bytes, and of version 4, 40 bytes:
///
/// ```text
/// +---------------+---------------+---------------+---------------+
/// |    ip_vers    |  names_count  |   ips_count   |   ip6s_count  |
/// +---------------+---------------+---------------+---------------+
/// |           names_len           |               0               |
/// +---------------+---------------+---------------+---------------+
/// |   client_ip: 4 or 16 bytes by ip_vers in version 3; always 16 |
/// |        in version 4, an IPv4 address in the first four        |
/// +---------------+---------------+---------------+---------------+
/// |              resolver_ip: 16 bytes, version 4 only            |
/// +---------------+---------------+---------------+---------------+
/// ```
///
/// Behind the header stand `names_len` bytes of names and padding, then the IPv4 addresses, 4 bytes
/// each, then the IPv6 addresses, 16 bytes each.
#[derive(Clone, Copy, Debug)]
pub struct Set<'a> {
    client: IpAddr,
    resolver: Option<IpAddr>,
    names: Names<'a>,
    ipv4: &'a [[u8; 4]],
    ipv6: &'a [[u8; 16]],
}

impl<'a> Set<'a> {
    /// Reads the set that `bytes` starts with; gives it and its length in bytes.
    ///
    /// # Errors
    ///
    /// An [`ImportError`] whose offset counts from the start of `bytes`.
    pub fn parse(version: Version, bytes: &'a [u8]) -> Result<(Self, usize), ImportError> {
        Self::parse_at(version, bytes, 0)
    }

    /// Reads the set at `at` of a datagram; gives it and its end.
    pub(super) fn parse_at(
        version: Version,
        datagram: &'a [u8],
        at: usize,
    ) -> Result<(Self, usize), ImportError> {
        let mut cursor = Cursor {
            bytes: datagram,
            at,
        };
        let head = if version >= Version::V3 {
            Head::parse(version, &mut cursor)
        } else {
            Head::parse_old(&mut cursor)
        }?;
        if head.names_count == 0 {
            return Err(ImportError::NoNames { at });
        }

        let start = cursor.at;
        let block = cursor
            .take(usize::from(head.names_len))
            .ok_or(ImportError::CutNames { at: start })?;
        let form = if version == Version::V0 {
            Form::Text
        } else {
            Form::Wire
        };
        let names = Names::parse(form, head.names_count, block, start)?;

        let cut = ImportError::CutAddresses { at: cursor.at };
        let ipv4 = cursor.take(4 * usize::from(head.ips_count)).ok_or(cut)?;
        let ipv6 = cursor.take(16 * usize::from(head.ip6s_count)).ok_or(cut)?;
        let set = Self {
            client: head.client,
            resolver: head.resolver,
            names,
            ipv4: ipv4.as_chunks().0,
            ipv6: ipv6.as_chunks().0,
        };
        Ok((set, cursor.at))
    }

    /// Who asked: destination of the response.
    #[must_use]
    pub fn client(&self) -> IpAddr {
        self.client
    }

    /// Who answered: source of the response; known from version 4 on.
    #[must_use]
    pub fn resolver(&self) -> Option<IpAddr> {
        self.resolver
    }

    /// The name asked for, then each CNAME target in the order of the answer.
    #[must_use]
    pub fn names(&self) -> Names<'a> {
        self.names
    }

    /// Addresses of the A records.
    pub fn ipv4(&self) -> impl ExactSizeIterator<Item = Ipv4Addr> + Clone + use<'a> {
        self.ipv4.iter().map(|&octets| Ipv4Addr::from(octets))
    }

    /// Addresses of the AAAA records.
    pub fn ipv6(&self) -> impl ExactSizeIterator<Item = Ipv6Addr> + Clone + use<'a> {
        self.ipv6.iter().map(|&octets| Ipv6Addr::from(octets))
    }
}

/// The fixed part of a set, of any version.
struct Head {
    client: IpAddr,
    resolver: Option<IpAddr>,
    names_count: u8,
    ips_count: u8,
    ip6s_count: u8,
    names_len: u16,
}

impl Head {
    /// Versions 3 and 4.
    fn parse(version: Version, cursor: &mut Cursor<'_>) -> Result<Self, ImportError> {
        let at = cursor.at;
        let cut = ImportError::CutHeader { at };
        let [ip_vers, names_count, ips_count, ip6s_count, l0, l1, z0, z1] =
            cursor.array().ok_or(cut)?;
        let names_len = u16::from_be_bytes([l0, l1]);
        if ip_vers != 4 && ip_vers != 6 {
            return Err(ImportError::IpVersion { at, found: ip_vers });
        }
        if [z0, z1] != [0, 0] {
            return Err(ImportError::NotZero { at: at + 6 });
        }
        let (client, resolver) = if version == Version::V3 {
            let client = if ip_vers == 4 {
                IpAddr::from(cursor.array::<4>().ok_or(cut)?)
            } else {
                IpAddr::from(cursor.array::<16>().ok_or(cut)?)
            };
            (client, None)
        } else {
            if names_len % 4 != 0 {
                return Err(ImportError::NamesLength {
                    at: at + 4,
                    found: names_len,
                });
            }
            let client = wide_address(ip_vers, cursor, cut)?;
            (client, Some(wide_address(ip_vers, cursor, cut)?))
        };
        Ok(Self {
            client,
            resolver,
            names_count,
            ips_count,
            ip6s_count,
            names_len,
        })
    }

    /// Versions 0 to 2.
    fn parse_old(cursor: &mut Cursor<'_>) -> Result<Self, ImportError> {
        let cut = ImportError::CutHeader { at: cursor.at };
        let [c0, c1, c2, c3, names_count, ips_count, l0, l1] = cursor.array().ok_or(cut)?;
        Ok(Self {
            client: IpAddr::from([c0, c1, c2, c3]),
            resolver: None,
            names_count,
            ips_count,
            ip6s_count: 0,
            names_len: u16::from_be_bytes([l0, l1]),
        })
    }
}

/// A 16 byte address field of version 4.
fn wide_address(
    ip_vers: u8,
    cursor: &mut Cursor<'_>,
    cut: ImportError,
) -> Result<IpAddr, ImportError> {
    let at = cursor.at;
    let octets: [u8; 16] = cursor.array().ok_or(cut)?;
    if ip_vers == 6 {
        return Ok(IpAddr::from(octets));
    }
    let [a, b, c, d, rest @ ..] = octets;
    if rest != [0; 12] {
        return Err(ImportError::NotZero { at });
    }
    Ok(IpAddr::from([a, b, c, d]))
}

/// How names are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Text that ends with NUL, labels divided by dots: version 0.
    Text,
    /// Length, label, .., 0 without compression (RFC 1035 section 3.1): from version 1 on.
    Wire,
}

/// The names of a set; an iterator.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    form: Form,
    left: u8,
    rest: &'a [u8],
}

impl<'a> Names<'a> {
    /// Checks `count` names and the padding behind them, so that walking them cannot fail. `start` is
    /// the offset of `block` in its datagram.
    fn parse(form: Form, count: u8, block: &'a [u8], start: usize) -> Result<Self, ImportError> {
        let mut end = 0;
        for _ in 0..count {
            end += name_len(form, block.get(end..).unwrap_or_default(), start + end)?;
        }
        let padding = block.get(end..).unwrap_or_default();
        if padding.len() > PADDING_MAX || padding.iter().any(|&byte| byte != 0) {
            return Err(ImportError::Padding { at: start + end });
        }
        Ok(Self {
            form,
            left: count,
            rest: block,
        })
    }
}

/// Length in bytes of the name that `block` starts with, its end mark included.
fn name_len(form: Form, block: &[u8], start: usize) -> Result<usize, ImportError> {
    let past = ImportError::NameEnd { at: start };
    if form == Form::Text {
        return block
            .iter()
            .position(|&byte| byte == 0)
            .map(|nul| nul + 1)
            .ok_or(past);
    }
    let mut at = 0;
    loop {
        match *block.get(at).ok_or(past)? {
            0 => return Ok(at + 1),
            found @ ..=LABEL_MAX => at += 1 + usize::from(found),
            found => {
                return Err(ImportError::LabelLength {
                    at: start + at,
                    found,
                });
            }
        }
    }
}

impl<'a> Iterator for Names<'a> {
    type Item = Name<'a>;

    fn next(&mut self) -> Option<Name<'a>> {
        self.left = self.left.checked_sub(1)?;
        let len = name_len(self.form, self.rest, 0).ok()?;
        let (name, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        let (_end_mark, bytes) = name.split_last()?;
        Some(Name {
            form: self.form,
            bytes,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.left), Some(usize::from(self.left)))
    }
}

impl ExactSizeIterator for Names<'_> {}

/// One name of a set, case as received; its labels are what one iterates over.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a> {
    form: Form,
    bytes: &'a [u8],
}

impl<'a> Name<'a> {
    /// The labels from left to right, without the root's empty one: none for the root itself.
    #[must_use]
    pub fn labels(&self) -> Labels<'a> {
        // The text "www.example." is absolute as "www.example" is; only wire names have an empty
        // label for the root, and `Names` has taken that off.
        let rest = match self.form {
            Form::Text => self.bytes.strip_suffix(b".").unwrap_or(self.bytes),
            Form::Wire => self.bytes,
        };
        Labels {
            form: self.form,
            rest: (!rest.is_empty()).then_some(rest),
        }
    }
}

impl<'a> IntoIterator for Name<'a> {
    type Item = &'a [u8];
    type IntoIter = Labels<'a>;

    fn into_iter(self) -> Labels<'a> {
        self.labels()
    }
}

/// The labels of a name; an iterator.
///
/// A name of version 0 is split at its dots: that version does not tell them from dots in a label.
#[derive(Clone, Debug)]
pub struct Labels<'a> {
    form: Form,
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let (label, rest) = match self.form {
            Form::Text => match rest.iter().position(|&byte| byte == b'.') {
                Some(dot) => (rest.get(..dot)?, rest.get(dot + 1..)),
                None => (rest, None),
            },
            Form::Wire => {
                let (&len, rest) = rest.split_first()?;
                let (label, rest) = rest.split_at_checked(usize::from(len))?;
                (label, (!rest.is_empty()).then_some(rest))
            }
        };
        self.rest = rest;
        Some(label)
    }
}

/// A place in a datagram that moves over what was taken.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(len)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.first_chunk().copied()
    }
}
