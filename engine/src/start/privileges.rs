//! `--user`: from root to a user whose only capability is to open packet sockets.
//!
//! Files that only root may open are opened before the switch. Threads start after it: privileges
//! belong to threads, and a new thread inherits those of the thread that starts it. CAP_NET_RAW is
//! kept because an interface that comes back needs new sockets. The privileges that are given up
//! can't be regained.

use std::ffi::CString;
use std::io;

use caps::errors::CapsError;
use caps::{CapSet, Capability, CapsHashSet};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{Gid, Group, Uid, User, geteuid, initgroups, setresgid, setresuid};

use crate::start::account::Account;
use crate::start::error::StartError;

/// The only capability that is kept.
const KEPT: Capability = Capability::CAP_NET_RAW;

/// A user of this machine to switch to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    account: Account,
    name: CString,
    user: Uid,
    group: Gid,
}

impl Identity {
    /// Looks up user and group. The default is the user's primary group.
    ///
    /// # Errors
    /// If there is no such user or group, or the user is root.
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
        Ok(Self {
            name,
            user: user.uid,
            group,
            account,
        })
    }

    /// Checks that this process may switch to another user.
    ///
    /// # Errors
    /// If it does not run as root.
    pub fn check(&self) -> Result<(), StartError> {
        if geteuid().is_root() {
            return Ok(());
        }
        Err(StartError::Usage(format!(
            "--user {}: only root can become another user. Leave it out: a service manager that starts dnsflow \
             sets the user itself",
            self.account
        )))
    }

    /// Switches to the user for good: to its user id, group id and supplementary groups, and to no
    /// capability except CAP_NET_RAW. To be called while the process has one thread.
    ///
    /// # Errors
    /// The step that failed. The process then has a part of its privileges, and has to end.
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
                // It fails without CAP_SETPCAP; then no_new_privs, which is set last, keeps them
                // from coming back.
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
