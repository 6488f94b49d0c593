//! The value of `--cores`, and the CPUs that it stands for.

use std::fmt;
use std::str::FromStr;

/// The value of `--cores`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cores {
    /// Half of the CPUs that the process may use, at least one.
    Auto,
    /// Every CPU that the process may use.
    All,
    /// This number of CPUs, from the first that the process may use.
    Count(usize),
    /// CPUs by number, in ascending order.
    List(Vec<usize>),
}

/// Why the CPUs of `--cores` can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CoresError {
    /// More CPUs than the process may use.
    TooMany {
        /// Number that was asked for.
        asked: usize,
        /// Number that the process may use.
        have: usize,
    },
    /// A CPU that the process may not use.
    NotAllowed {
        /// The CPU that was asked for.
        cpu: usize,
        /// The CPUs that the process may use.
        allowed: Vec<usize>,
    },
}

impl fmt::Display for CoresError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { asked, have } => {
                write!(out, "--cores {asked}: this process may use {have} CPUs")
            }
            Self::NotAllowed { cpu, allowed } => {
                let allowed: Vec<_> = allowed.iter().map(usize::to_string).collect();
                write!(
                    out,
                    "--cores: CPU {cpu} is not among those this process may use ({})",
                    allowed.join(",")
                )
            }
        }
    }
}

impl FromStr for Cores {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is neither a number, auto, all, nor a list such as 0,2-5");
        let number = |text: &str| text.trim().parse::<usize>().map_err(|_| wrong());
        match text {
            "auto" | "0" => return Ok(Self::Auto),
            "all" => return Ok(Self::All),
            _ => {}
        }
        if !text.contains([',', '-']) {
            return number(text).map(Self::Count);
        }
        let mut list = Vec::new();
        for item in text.split(',').filter(|item| !item.is_empty()) {
            let (first, last) = item.split_once('-').unwrap_or((item, item));
            let (first, last) = (number(first)?, number(last)?);
            if last < first || last > MAX_CPU {
                return Err(wrong());
            }
            list.extend(first..=last);
        }
        list.sort_unstable();
        list.dedup();
        if list.is_empty() {
            Err(wrong())
        } else {
            Ok(Self::List(list))
        }
    }
}

/// Highest CPU number that a list may name.
const MAX_CPU: usize = 65_535;

impl Cores {
    /// The CPUs to run on, one for each shard. `allowed` are those that the process may use.
    ///
    /// # Errors
    /// If they are not among `allowed`.
    pub fn choose(&self, allowed: &[usize]) -> Result<Vec<usize>, CoresError> {
        let count = match self {
            Self::Auto => (allowed.len() / 2).max(1),
            Self::All => allowed.len(),
            Self::Count(count) => *count,
            Self::List(list) => {
                return match list.iter().find(|cpu| !allowed.contains(cpu)) {
                    Some(cpu) => Err(CoresError::NotAllowed {
                        cpu: *cpu,
                        allowed: allowed.to_vec(),
                    }),
                    None => Ok(list.clone()),
                };
            }
        };
        allowed
            .get(..count)
            .map(<[usize]>::to_vec)
            .ok_or(CoresError::TooMany {
                asked: count,
                have: allowed.len(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_numbers_and_lists() {
        assert_eq!("auto".parse(), Ok(Cores::Auto));
        assert_eq!("0".parse(), Ok(Cores::Auto));
        assert_eq!("all".parse(), Ok(Cores::All));
        assert_eq!("3".parse(), Ok(Cores::Count(3)));
        assert_eq!("0,2-5,3".parse(), Ok(Cores::List(vec![0, 2, 3, 4, 5])));
        assert_eq!("0-0".parse(), Ok(Cores::List(vec![0])));
        for wrong in [
            "",
            "x",
            "-1",
            "5-2",
            "1,,x",
            ",",
            "0-9999999999",
            "0-99999999",
        ] {
            assert!(wrong.parse::<Cores>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn choices() {
        let allowed = [1, 2, 5, 7];
        assert_eq!(Cores::Auto.choose(&allowed), Ok(vec![1, 2]));
        assert_eq!(Cores::Auto.choose(&[3]), Ok(vec![3]));
        assert_eq!(Cores::All.choose(&allowed), Ok(allowed.to_vec()));
        assert_eq!(Cores::Count(3).choose(&allowed), Ok(vec![1, 2, 5]));
        assert_eq!(
            Cores::Count(5).choose(&allowed),
            Err(CoresError::TooMany { asked: 5, have: 4 })
        );
        assert_eq!(Cores::List(vec![5, 7]).choose(&allowed), Ok(vec![5, 7]));
        let error = Cores::List(vec![0, 1])
            .choose(&allowed)
            .map_err(|error| error.to_string());
        assert_eq!(
            error,
            Err("--cores: CPU 0 is not among those this process may use (1,2,5,7)".to_owned())
        );
    }
}
