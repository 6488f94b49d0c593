//! `GET /search`: who was told what, of an address, a client or a name.
//!
//! A search looks at all entries of the map. It has the lock for a step at a time, between which others are
//! answered, and only some searches are made at once.

use dnsflow_names::map::search::{Entries, Search, Sought, What};
use dnsflow_names::question::name_as_stored;
use tokio::sync::Semaphore;

use super::Naming;
use super::parameters::{Parameters, shown};
use super::route::now;

/// Searches at a time; others wait for their turn.
const AT_ONCE: usize = 2;

/// Rows of an answer, if nothing else is said.
const DEFAULT_ROWS: usize = 100;

/// Rows of an answer at most.
pub(super) const MAX_ROWS: usize = dnsflow_names::map::search::MAX_ENTRIES;

const EXPECTED: &str = "expected /search?q=ADDRESS-OR-NAME, or address=, client= and name=, with \
     suffix=1, since=TIME, until=TIME and limit=ROWS";

/// Searches that are made.
#[derive(Debug)]
pub(super) struct Searches(Semaphore);

impl Default for Searches {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

/// A search that is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    sought: Sought,
    rows: usize,
}

/// Reads what is searched for.
pub(super) fn wanted(query: &str) -> Result<Wanted, String> {
    const NAMES: [&str; 8] = [
        "q", "address", "client", "name", "suffix", "since", "until", "limit",
    ];
    let given = Parameters::parse(query, &NAMES, EXPECTED)?;
    let client = given.address("client")?;
    let is_suffix = match given.get("suffix") {
        None | Some("0") => false,
        Some("1") => true,
        Some(other) => return Err(format!("suffix: {:?} is not 1 or 0", shown(other))),
    };
    let of_name = |text: &str, is_suffix| {
        let name =
            name_as_stored(text).map_err(|why| format!("{:?} is no name: {why}", shown(text)))?;
        Ok::<_, String>(if is_suffix {
            What::Suffix(name)
        } else {
            What::Name(name)
        })
    };
    let asked = (given.get("q"), given.address("address")?, given.get("name"));
    let what = match asked {
        (Some(text), None, None) => match (text.parse(), text.strip_prefix("*.")) {
            (Ok(address), _) => What::Either(address),
            (Err(_), Some(below)) => of_name(below, true)?,
            (Err(_), None) if is_like_address(text) => {
                return Err(format!("{:?} is no address; {EXPECTED}", shown(text)));
            }
            (Err(_), None) => of_name(text, is_suffix)?,
        },
        (None, Some(address), None) => What::Address(address),
        (None, None, Some(text)) => of_name(text, is_suffix)?,
        (None, None, None) if client.is_some() => What::Anything,
        (None, None, None) => return Err(format!("there is nothing to search for; {EXPECTED}")),
        _ => return Err(format!("q, address and name are one of these; {EXPECTED}")),
    };
    let (since, until) = (given.time("since")?, given.time("until")?);
    if since.zip(until).is_some_and(|(since, until)| until < since) {
        return Err("until is before since: nothing can be of that time".to_owned());
    }
    Ok(Wanted {
        sought: Sought {
            what,
            client,
            since,
            until,
        },
        rows: given.rows("limit", DEFAULT_ROWS, MAX_ROWS)?,
    })
}

/// Whether a text has colons, and nothing that addresses of IPv6 have not. Labels can have any byte.
fn is_like_address(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    text.contains(':') && text.bytes().all(is_part)
}

/// Searches.
///
/// Where sensors give clients another pseudonym each day, a client is found by that of the last day asked about.
pub(super) async fn search(naming: &Naming, mut wanted: Wanted) -> Entries {
    let at = wanted.sought.until.unwrap_or_else(now);
    let client = &mut wanted.sought.client;
    *client = client.map(|client| naming.recorded(client, at));
    // It is never closed.
    let _turn = naming.searches.0.acquire().await;
    let mut search = Search::new(wanted.sought, wanted.rows);
    while !search.step(&naming.read()) {
        tokio::task::yield_now().await;
    }
    search.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_searched_for_is_told_by_its_form() {
        let what = |query: &str| wanted(query).map(|wanted| wanted.sought.what);
        let address = "192.0.2.1".parse().unwrap();
        assert_eq!(what("q=192.0.2.1"), Ok(What::Either(address)));
        assert_eq!(what("address=192.0.2.1"), Ok(What::Address(address)));
        assert_eq!(what("client=192.0.2.1"), Ok(What::Anything));
        let name = |name: &str| name.to_owned();
        assert_eq!(what("q=A.Example."), Ok(What::Name(name("a.example"))));
        assert_eq!(what("q=*.Example"), Ok(What::Suffix(name("example"))));
        assert_eq!(what("q=x:y"), Ok(What::Name(name("x:y"))));
        let suffix = what("name=example&suffix=1&client=192.0.2.1");
        assert_eq!(suffix, Ok(What::Suffix(name("example"))));
        assert_eq!(wanted("q=a&limit=500").unwrap().rows, 500);
        for (query, said) in [
            ("", "nothing to search for"),
            ("q=1:2:3", "no address"),
            ("q=%C3%A9", "xn--"),
            ("q=a&name=b", "one of these"),
            ("q=a&limit=0", "no number from 1 to 500"),
            ("q=a&limit=501", "no number from 1 to 500"),
            ("q=a&suffix=x", "not 1 or 0"),
            ("q=a&since=x", "no time"),
            ("q=a&since=5&until=4", "before"),
            ("q=a&q=b", "twice"),
            ("nothing=5", "no parameter"),
        ] {
            let error = wanted(query).unwrap_err();
            assert!(error.contains(said), "{query}: {error}");
        }
    }
}
