//! From root to a user that may do one thing that others may not: open packet sockets.
//!
//! What only root may open is opened before, and threads start after: privileges belong to threads, and new ones
//! have those of the thread that starts them. CAP_NET_RAW is kept because an interface that comes back takes
//! new sockets. Nothing of what is given up can be had back.

use std::ffi::CString;
use std::fmt;
use std::io;
use std::str::FromStr;

use caps::errors::CapsError;
use caps::{CapSet, Capability, CapsHashSet};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{Gid, Group, Uid, User, geteuid, initgroups, setresgid, setresuid};

use crate::start::error::StartError;

/// The one capability that is kept.
const KEPT: Capability = Capability::CAP_NET_RAW;

/// `USER` or `USER:GROUP`, names or numbers, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    user: String,
    group: Option<String>,
}

/// A user of this machine, to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    account: Account,
    name: CString,
    user: Uid,
    group: Gid,
}

impl FromStr for Account {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        if user.is_empty() || group.is_some_and(str::is_empty) {
            return Err("USER or USER:GROUP is wanted".to_owned());
        }
        Ok(Account {
            user: user.to_owned(),
            group: group.map(str::to_owned),
        })
    }
}

impl fmt::Display for Account {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.user)?;
        match &self.group {
            Some(group) => write!(to, ":{group}"),
            None => Ok(()),
        }
    }
}

impl Identity {
    /// Looks up user and group; without a group, the user's own.
    ///
    /// # Errors
    /// If there is no such user or group, or it is root.
    pub fn look_up(account: Account) -> Result<Self, StartError> {
        let usage = |reason: String| StartError::Usage(format!("--user {account}: {reason}"));
        let failed = |errno: Errno| usage(format!("can't be looked up: {errno}"));
        let user = match account.user.parse() {
            Ok(number) => User::from_uid(Uid::from_raw(number)),
            Err(_) => User::from_name(&account.user),
        };
        let user = user.map_err(failed)?.ok_or_else(|| {
            let user = &account.user;
            usage(format!(
                "there is no user '{user}'. `getent passwd` lists them"
            ))
        })?;
        let group = match &account.group {
            None => user.gid,
            Some(name) => {
                let group = match name.parse() {
                    Ok(number) => Group::from_gid(Gid::from_raw(number)),
                    Err(_) => Group::from_name(name),
                };
                let none = || {
                    usage(format!(
                        "there is no group '{name}'. `getent group` lists them"
                    ))
                };
                group.map_err(failed)?.ok_or_else(none)?.gid
            }
        };
        if user.uid.is_root() {
            return Err(usage(
                "that would give up nothing; name another user".to_owned(),
            ));
        }
        let name = CString::new(user.name).map_err(|_| failed(Errno::EINVAL))?;
        Ok(Identity {
            name,
            user: user.uid,
            group,
            account,
        })
    }

    /// Whether this process may become somebody else at all.
    ///
    /// # Errors
    /// If it is not root.
    pub fn check(&self) -> Result<(), StartError> {
        if geteuid().is_root() {
            return Ok(());
        }
        Err(StartError::Usage(format!(
            "--user {}: only root can become another user. Leave it out: where a service manager starts dnsflow, \
             that knows the user",
            self.account
        )))
    }

    /// Becomes the user, for good: its user and group ids, the groups that it is in, and of all capabilities
    /// CAP_NET_RAW. To be called by the only thread.
    ///
    /// # Errors
    /// Which step failed. Privileges are then neither whole nor gone: the process has to end.
    pub fn assume(&self) -> Result<(), StartError> {
        let step = |what: &'static str| {
            move |source: io::Error| StartError::Privileges {
                account: self.account.to_string(),
                what,
                source,
            }
        };
        for capability in caps::runtime::thread_all_supported() {
            if capability != KEPT {
                // Where CAP_SETPCAP is missing: what is set last keeps anybody from reaching for them.
                let _ = caps::drop(None, CapSet::Bounding, capability);
            }
        }
        caps::securebits::set_keepcaps(true)
            .map_err(system)
            .map_err(step("keep a capability"))?;
        initgroups(&self.name, self.group)
            .map_err(io::Error::from)
            .map_err(step("take its groups"))?;
        setresgid(self.group, self.group, self.group)
            .map_err(io::Error::from)
            .map_err(step("take its group"))?;
        setresuid(self.user, self.user, self.user)
            .map_err(io::Error::from)
            .map_err(step("take its user id"))?;
        keep_one_capability()
            .map_err(system)
            .map_err(step("give up capabilities"))?;
        prctl::set_no_new_privs()
            .map_err(io::Error::from)
            .map_err(step("refuse new privileges"))
    }
}

fn keep_one_capability() -> Result<(), CapsError> {
    let kept = CapsHashSet::from([KEPT]);
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)?;
    caps::clear(None, CapSet::Inheritable)?;
    caps::securebits::set_keepcaps(false)
}

fn system(error: CapsError) -> io::Error {
    io::Error::other(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(text: &str) -> Result<(Uid, Gid), String> {
        let account = text.parse()?;
        Identity::look_up(account)
            .map(|found| (found.user, found.group))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn accounts() {
        assert_eq!(
            "nobody".parse(),
            Ok(Account {
                user: "nobody".to_owned(),
                group: None
            })
        );
        assert_eq!(
            "a:b".parse::<Account>().map(|account| account.to_string()),
            Ok("a:b".to_owned())
        );
        for wrong in ["", ":b", "a:"] {
            assert!(wrong.parse::<Account>().is_err(), "{wrong}");
        }
    }

    /// Users and groups that every Linux has (LSB Core, 23.2).
    #[test]
    fn users_by_name_and_number() {
        let daemon = (Uid::from_raw(1), Gid::from_raw(1));
        assert_eq!(identity("daemon"), Ok(daemon));
        assert_eq!(identity("1"), Ok(daemon));
        assert_eq!(identity("daemon:root"), Ok((daemon.0, Gid::from_raw(0))));
        assert_eq!(identity("daemon:0"), Ok((daemon.0, Gid::from_raw(0))));
        for (wrong, word) in [
            ("no.such.user", "no user 'no.such.user'"),
            ("4294967000", "no user"),
            ("daemon:no.such.group", "no group 'no.such.group'"),
            ("root", "name another"),
            ("0", "name another"),
        ] {
            assert!(
                identity(wrong).is_err_and(|error| error.contains(word)),
                "{wrong}"
            );
        }
    }
}
