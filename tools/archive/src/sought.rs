//! What is sought in files of `names`, and a row of them.

use crate::columns::{ADDRESS, CLIENT, NAME, QUESTION};

/// A row as a file has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowRef<'r> {
    pub(crate) address: &'r [u8],
    pub(crate) client: &'r [u8],
    pub(crate) name: &'r [u8],
    pub(crate) question: Option<&'r [u8]>,
    /// Microseconds since 1970.
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) count: u64,
    /// Seconds.
    pub(crate) ttl: Option<u32>,
}

/// A name that is sought; the case of ASCII letters is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NameSought {
    /// This one.
    Exact(Vec<u8>),
    /// This one, and all below it.
    Suffix(Vec<u8>),
}

impl NameSought {
    fn takes(&self, name: &[u8]) -> bool {
        match self {
            Self::Exact(sought) => name.eq_ignore_ascii_case(sought),
            // Everything is below the root.
            Self::Suffix(sought) if sought == b"." => true,
            Self::Suffix(sought) => {
                let Some(front) = name.len().checked_sub(sought.len()) else {
                    return false;
                };
                let (front, end) = name.split_at_checked(front).unwrap_or_default();
                // Dots within labels are escaped.
                end.eq_ignore_ascii_case(sought) && (front.is_empty() || front.ends_with(b"."))
            }
        }
    }
}

/// What rows have to have: all that is said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sought {
    /// One of these, in order.
    pub(crate) addresses: Option<Vec<Vec<u8>>>,
    /// One of these, in order.
    pub(crate) clients: Option<Vec<Vec<u8>>>,
    /// One of these addresses with this client, in order.
    pub(crate) pairs: Option<Vec<(Vec<u8>, Vec<u8>)>>,
    /// As the owner of the address, or as the name asked for.
    pub(crate) name: Option<NameSought>,
    /// Something of this time, in microseconds since 1970.
    pub(crate) since: i64,
    pub(crate) until: i64,
}

impl Sought {
    /// The columns that are read one after the other to find rows: those by which most are left out
    /// come first.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &'static [usize]> {
        let steps: [(bool, &'static [usize]); 3] = [
            (self.addresses.is_some(), &[ADDRESS]),
            (self.clients.is_some(), &[CLIENT]),
            (self.name.is_some(), &[NAME, QUESTION]),
        ];
        steps
            .into_iter()
            .filter_map(|(is_sought, columns)| is_sought.then_some(columns))
    }

    /// Whether a row has what is sought in the columns of a step. `value` has those of all steps up
    /// to this one.
    pub(crate) fn takes<'r>(
        &self,
        columns: &[usize],
        value: impl Fn(usize) -> Option<&'r [u8]>,
    ) -> bool {
        let is_one_of = |texts: &Option<Vec<Vec<u8>>>, column: usize| {
            let (Some(texts), Some(value)) = (texts, value(column)) else {
                return false;
            };
            texts
                .binary_search_by(|text| text.as_slice().cmp(value))
                .is_ok()
        };
        match columns {
            [ADDRESS] => is_one_of(&self.addresses, ADDRESS),
            [CLIENT] => match (&self.pairs, value(ADDRESS), value(CLIENT)) {
                (Some(pairs), Some(address), Some(client)) => pairs
                    .binary_search_by(|(one, other)| {
                        (one.as_slice(), other.as_slice()).cmp(&(address, client))
                    })
                    .is_ok(),
                _ => is_one_of(&self.clients, CLIENT),
            },
            _ => {
                let name = self.name.as_ref();
                let takes = |column| {
                    let value = value(column);
                    value
                        .zip(name)
                        .is_some_and(|(value, name)| name.takes(value))
                };
                takes(NAME) || takes(QUESTION)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_ends_at_a_label() {
        let suffix = NameSought::Suffix(b"example.org".to_vec());
        for (name, is_below) in [
            ("example.org", true),
            ("WWW.Example.ORG", true),
            ("myexample.org", false),
            ("org", false),
            ("a\\046example.org", false),
            ("", false),
        ] {
            assert_eq!(suffix.takes(name.as_bytes()), is_below, "{name}");
        }
        assert!(NameSought::Suffix(b".".to_vec()).takes(b"org"));
        assert!(NameSought::Exact(b"a.b".to_vec()).takes(b"A.b"));
    }
}
