//! The account that Postgres runs as. It refuses to run as root, so a server of root runs it under another account.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::geteuid;

use super::EmbeddedError;

/// A line of /etc/passwd. `initdb` refuses a uid without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SystemAccount {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl SystemAccount {
    /// `None`: Postgres runs under our own account. For root: the owner of an existing folder, which may be older than the
    /// account `postgres`; else `postgres`, else `nobody`.
    pub(super) fn to_run_as(dir: &Path) -> Result<Option<SystemAccount>, EmbeddedError> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let path = "/etc/passwd";
        let passwd = std::fs::read_to_string(path).map_err(EmbeddedError::file("read", path))?;
        let owner = std::fs::metadata(dir).ok().map(|dir| dir.uid());
        choose(&passwd, owner)
            .ok_or(EmbeddedError::NoAccount)
            .map(Some)
    }

    /// The first ancestor of `dir` that this account may not enter.
    pub(super) fn barrier_to<'a>(&self, dir: &'a Path) -> Option<&'a Path> {
        let ancestors = dir.ancestors().skip(1).collect::<Vec<_>>();
        ancestors.into_iter().rev().find(|dir| !self.may_enter(dir))
    }

    fn may_enter(&self, dir: &Path) -> bool {
        std::fs::metadata(dir).is_ok_and(|dir| {
            let bit = if dir.uid() == self.uid {
                0o100
            } else if dir.gid() == self.gid {
                0o010
            } else {
                0o001
            };
            dir.mode() & bit != 0
        })
    }
}

fn choose(passwd: &str, owner: Option<u32>) -> Option<SystemAccount> {
    let accounts = passwd.lines().filter_map(parse).collect::<Vec<_>>();
    let named = |name: &str| accounts.iter().find(|account| account.name == name);
    accounts
        .iter()
        .find(|account| account.uid != 0 && Some(account.uid) == owner)
        .or_else(|| named("postgres"))
        .or_else(|| named("nobody"))
        .cloned()
}

/// `name:password:uid:gid:…`
fn parse(line: &str) -> Option<SystemAccount> {
    let mut fields = line.split(':');
    Some(SystemAccount {
        name: fields.next()?.to_owned(),
        uid: fields.nth(1)?.parse().ok()?,
        gid: fields.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
         # a comment\n\
         nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n\
         ada:x:1000:1001::/home/ada:/bin/sh\n";

    #[test]
    fn nobody_serves_where_there_is_no_postgres() {
        assert_eq!(choose(PASSWD, None).unwrap().name, "nobody");
        let with = format!("{PASSWD}postgres:x:101:104::/var/lib/postgresql:/bin/bash\n");
        assert_eq!(choose(&with, None).unwrap().name, "postgres");
    }

    #[test]
    fn an_existing_folder_keeps_its_owner_unless_that_is_root() {
        assert_eq!(choose(PASSWD, Some(1000)).unwrap().gid, 1001);
        assert_eq!(choose(PASSWD, Some(0)).unwrap().name, "nobody");
        assert_eq!(choose("", Some(1000)), None);
    }
}
