//! Which CPUs the shards run on.

use std::fmt;
use std::io;
use std::str::FromStr;

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// What the calls take for the thread that makes them.
const THIS_THREAD: Pid = Pid::from_raw(0);

/// What `--cores` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cores {
    /// Half of the CPUs that the process may use, at least one.
    Auto,
    /// Every CPU that the process may use.
    All,
    /// So many of them, from the first.
    Count(usize),
    /// These.
    List(Vec<usize>),
}

/// Why the CPUs that were asked for can't be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CoresError {
    /// More than there are.
    TooMany {
        /// Asked for.
        asked: usize,
        /// CPUs that the process may use.
        have: usize,
    },
    /// Not among those that the process may use.
    NotAllowed {
        /// The CPU that was asked for.
        cpu: usize,
        /// Those that the process may use.
        allowed: Vec<usize>,
    },
}

impl fmt::Display for CoresError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CoresError::TooMany { asked, have } => {
                write!(out, "--cores {asked}: this process may use {have} CPUs")
            }
            CoresError::NotAllowed { cpu, allowed } => {
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
        let wrong = || format!("'{text}' is none of a number, auto, all, or a list such as 0,2-5");
        let number = |text: &str| text.trim().parse::<usize>().map_err(|_| wrong());
        match text {
            "auto" | "0" => return Ok(Cores::Auto),
            "all" => return Ok(Cores::All),
            _ => {}
        }
        if !text.contains([',', '-']) {
            return number(text).map(Cores::Count);
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
            Ok(Cores::List(list))
        }
    }
}

/// Highest CPU number that a list may name.
const MAX_CPU: usize = 65_535;

impl Cores {
    /// The CPUs, one a shard, out of those that the process may use.
    ///
    /// # Errors
    /// If more are asked for, or others.
    pub fn choose(&self, allowed: &[usize]) -> Result<Vec<usize>, CoresError> {
        let count = match self {
            Cores::Auto => (allowed.len() / 2).max(1),
            Cores::All => allowed.len(),
            Cores::Count(count) => *count,
            Cores::List(list) => {
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

/// The CPUs that this thread may run on, in order.
///
/// # Errors
/// What sched_getaffinity(2) says.
pub fn allowed() -> io::Result<Vec<usize>> {
    let allowed = sched_getaffinity(THIS_THREAD)?;
    let is_set = |cpu: &usize| allowed.is_set(*cpu) == Ok(true);
    Ok((0..CpuSet::count()).filter(is_set).collect())
}

/// Whether a thread of this process may choose its CPU. Asks for none, which the kernel finds wrong only after it
/// has found that the call is allowed, so that nothing changes.
pub fn may_pin() -> bool {
    sched_setaffinity(THIS_THREAD, &CpuSet::new()) == Err(Errno::EINVAL)
}

/// Keeps this thread on a CPU from now on.
///
/// # Errors
/// What sched_setaffinity(2) says; `EINVAL` if there is no such CPU.
pub fn pin(cpu: usize) -> io::Result<()> {
    let mut only = CpuSet::new();
    only.set(cpu)?;
    Ok(sched_setaffinity(THIS_THREAD, &only)?)
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
