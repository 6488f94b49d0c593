//! Who may ask: whoever is on this machine, or has the token; and no page of another origin.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN};
use subtle::ConstantTimeEq;
use thiserror::Error;

use super::Refusal;

/// Where a request of a browser comes from (Fetch Metadata Request Headers, section 2.4).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Characters of a token.
const TOKEN_LENGTH: std::ops::RangeInclusive<usize> = 16..=1024;

/// Bits of a file's mode by which users who are neither the owner nor of the group may read it.
const OTHERS: u32 = 0o007;

/// What somebody has to know who asks; never shown.
#[derive(Clone)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Why a token can't be had.
#[derive(Debug, Error)]
pub enum TokenError {
    /// The file can't be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file of `--token-file`.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// Everybody on this machine can read it.
    #[error("{0} can be read by every user of this machine: chmod 600 {0}")]
    Open(PathBuf),
    /// It has no token.
    #[error(
        "{0}: the first line is no token: it has to have 16 to 1024 letters, digits and signs; \
         `openssl rand -hex 32` makes one"
    )]
    Wrong(PathBuf),
}

impl Token {
    /// Reads the token that is the first line of a file.
    ///
    /// # Errors
    /// [`TokenError`], with what to do.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let failed = |source| TokenError::File {
            path: path.to_owned(),
            source,
        };
        let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
        if mode & OTHERS != 0 {
            return Err(TokenError::Open(path.to_owned()));
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        let token = text.lines().next().unwrap_or_default().trim();
        let is_plain = token.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_plain || !TOKEN_LENGTH.contains(&token.len()) {
            return Err(TokenError::Wrong(path.to_owned()));
        }
        Ok(Self(token.to_owned()))
    }
}

/// Who may ask.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The token, if one is demanded.
    pub token: Option<Token>,
    /// Names by which the service may be called, besides `localhost` and its addresses.
    pub hosts: Vec<String>,
}

impl Access {
    /// Looks in the head of a request to this address of the service by which name it is called, and by
    /// a page of which origin.
    ///
    /// # Errors
    /// The refusal.
    pub fn check_place(&self, headers: &HeaderMap, local: SocketAddr) -> Result<(), Refusal> {
        // A page whose name was made to lead here (DNS rebinding) has its own name in Host.
        let host = single(headers, HOST).ok_or(Refusal::Host)?.unwrap_or("");
        if !self.is_own(host, local.ip()) {
            return Err(Refusal::Host);
        }
        if let Some(origin) = single(headers, ORIGIN).ok_or(Refusal::Origin)? {
            let scheme = ["http://", "https://"];
            let mut stripped = scheme
                .iter()
                .filter_map(|scheme| origin.strip_prefix(scheme));
            if !stripped.any(|place| place.eq_ignore_ascii_case(host)) {
                return Err(Refusal::Origin);
            }
        }
        Ok(())
    }

    /// Looks whether who asks may have data.
    ///
    /// # Errors
    /// The refusal.
    pub fn check_asker(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        // A page can make a browser ask without Origin, such as for an image. It gets nothing of it, but
        // each question is work.
        match single(headers, SEC_FETCH_SITE).ok_or(Refusal::Origin)? {
            None | Some("same-origin" | "none") => {}
            Some(_) => return Err(Refusal::Origin),
        }
        let Some(token) = &self.token else {
            return Ok(());
        };
        let given = single(headers, AUTHORIZATION).flatten().unwrap_or("");
        let is_right = match given.split_once(' ') {
            Some((scheme, given)) if scheme.eq_ignore_ascii_case("bearer") => {
                bool::from(given.trim().as_bytes().ct_eq(token.0.as_bytes()))
            }
            _ => false,
        };
        is_right.then_some(()).ok_or(Refusal::Token)
    }

    /// Whether a Host header is a name of the service.
    fn is_own(&self, host: &str, local: IpAddr) -> bool {
        let name = without_port(host);
        let bare = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(name).parse::<IpAddr>() {
            return address.is_loopback() || address.to_canonical() == local.to_canonical();
        }
        let mut names = self.hosts.iter().map(String::as_str).chain(["localhost"]);
        names.any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// The value of a header that may be there once: `None` if it is there more often, or no text.
fn single(headers: &HeaderMap, name: HeaderName) -> Option<Option<&str>> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Some(None);
    };
    match (value.to_str(), values.next()) {
        (Ok(value), None) => Some(Some(value)),
        _ => None,
    }
}

/// `host` of `host:port`, with the brackets of an IPv6 address.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(access: &Access, headers: &[(HeaderName, &str)]) -> Result<(), Refusal> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value.parse().unwrap());
        }
        access.check_place(&map, SocketAddr::from(([192, 0, 2, 1], 8053)))?;
        access.check_asker(&map)
    }

    #[test]
    fn it_answers_to_its_own_names_only() {
        let access = Access {
            token: None,
            hosts: vec!["dns.example".to_owned()],
        };
        let host = |name| checked(&access, &[(HOST, name)]);
        for own in [
            "localhost",
            "LOCALHOST:8053",
            "127.0.0.1:8053",
            "[::1]",
            "[::1]:8053",
            "192.0.2.1",
            "Dns.Example:80",
        ] {
            assert_eq!(host(own), Ok(()), "{own}");
        }
        for foreign in [
            "",
            "evil.example",
            "192.0.2.2",
            "localhost.evil.example",
            "a:b",
            "[::",
        ] {
            assert_eq!(host(foreign), Err(Refusal::Host), "{foreign}");
        }
        assert_eq!(checked(&access, &[]), Err(Refusal::Host));
        let two = [(HOST, "localhost"), (HOST, "localhost")];
        assert_eq!(checked(&access, &two), Err(Refusal::Host));
    }

    #[test]
    fn no_page_of_another_origin_asks() {
        let from = |origin| {
            checked(
                &Access::default(),
                &[(HOST, "localhost:8053"), (ORIGIN, origin)],
            )
        };
        assert_eq!(from("http://localhost:8053"), Ok(()));
        for foreign in [
            "http://localhost",
            "http://localhost:80",
            "https://evil.example",
            "null",
            "",
        ] {
            assert_eq!(from(foreign), Err(Refusal::Origin), "{foreign}");
        }
        let site = |site| {
            let headers = [(HOST, "localhost"), (SEC_FETCH_SITE, site)];
            checked(&Access::default(), &headers)
        };
        assert_eq!(site("none"), Ok(()));
        assert_eq!(site("same-origin"), Ok(()));
        assert_eq!(site("same-site"), Err(Refusal::Origin));
        assert_eq!(site("cross-site"), Err(Refusal::Origin));
    }

    #[test]
    fn a_token_is_demanded() {
        let access = Access {
            token: Some(Token("0123456789abcdef".to_owned())),
            hosts: Vec::new(),
        };
        let with = |value| checked(&access, &[(HOST, "localhost"), (AUTHORIZATION, value)]);
        assert_eq!(with("Bearer 0123456789abcdef"), Ok(()));
        assert_eq!(with("bearer 0123456789abcdef"), Ok(()));
        for wrong in [
            "Bearer 0123456789abcdeF",
            "Bearer 0123456789abcde",
            "Bearer",
            "Basic 0123456789abcdef",
        ] {
            assert_eq!(with(wrong), Err(Refusal::Token), "{wrong}");
        }
        assert_eq!(
            checked(&access, &[(HOST, "localhost")]),
            Err(Refusal::Token)
        );
    }
}
