//! Which program it is, and whose it is when it runs.

use nix::unistd::{Gid, Group, Uid, User};
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tracing::warn;

/// Why VNET_DHCPDAEMON or VNET_DHCPUSER cannot be.
#[derive(Debug, thiserror::Error)]
pub enum DhcpdError {
    /// There is no such program.
    #[error(
        "VNET_DHCPDAEMON is {}, {why}: install the package isc-dhcp-server, name the dhcpd of this \
         machine, or take the line out to use the built-in DHCP server", path.display()
    )]
    Program {
        /// VNET_DHCPDAEMON.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There is no such user.
    #[error(
        "VNET_DHCPUSER is {name}, and {why}: name a user of this machine that dhcpd runs as, or \
         take the line out to run it as root"
    )]
    User {
        /// VNET_DHCPUSER.
        name: String,
        /// What is wrong with it.
        why: String,
    },
}

/// ISC's dhcpd as it is run.
#[derive(Debug, Clone)]
pub struct DhcpdProgram {
    pub(super) path: PathBuf,
    /// None for root.
    pub(super) account: Option<Account>,
}

/// What it becomes when it has opened its sockets.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) user: String,
    pub(super) group: String,
    pub(super) uid: Uid,
    pub(super) gid: Gid,
}

impl DhcpdProgram {
    /// The program that VNET_DHCPDAEMON names, to be run as VNET_DHCPUSER. The guide's dhcpd3 is
    /// called dhcpd nowadays.
    ///
    /// # Errors
    /// When there is no such program or user.
    pub fn find(path: &Path, user: Option<&str>) -> Result<Self, DhcpdError> {
        let successor = path.with_file_name("dhcpd");
        let is_of_old = path.file_name().is_some_and(|name| name == "dhcpd3");
        let path = match executable(path) {
            Err(_) if is_of_old && executable(&successor).is_ok() => {
                let (old, new) = (path.display(), successor.display());
                warn!("there is no {old} (VNET_DHCPDAEMON); {new} is run in its place");
                successor
            }
            Err(why) => return Err(DhcpdError::Program { path: path.to_owned(), why }),
            Ok(()) => path.to_owned(),
        };
        Ok(Self { path, account: user.map(account).transpose()? })
    }
}

fn executable(path: &Path) -> Result<(), String> {
    let found = std::fs::metadata(path).map_err(|error| format!("which cannot be run: {error}"))?;
    match found.is_file() && found.permissions().mode() & 0o111 != 0 {
        true => Ok(()),
        false => Err("which is no executable file".to_owned()),
    }
}

fn account(name: &str) -> Result<Account, DhcpdError> {
    let refused = |why: String| DhcpdError::User { name: name.to_owned(), why };
    let user = User::from_name(name).map_err(|error| refused(error.to_string()))?;
    let user = user.ok_or_else(|| refused("there is no such user".to_owned()))?;
    let group = Group::from_gid(user.gid).map_err(|error| refused(error.to_string()))?;
    let group = group.ok_or_else(|| refused("its group has no name".to_owned()))?;
    Ok(Account { user: user.name, group: group.name, uid: user.uid, gid: user.gid })
}

impl fmt::Display for DhcpdProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.account.as_ref().map_or("root", |account| &account.user);
        write!(f, "{} as {user}", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_program_or_a_user_that_is_not_there_is_named_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let find = |name: &str, user| DhcpdProgram::find(&at(name), user);
        let refused = |name: &str, user| find(name, user).unwrap_err().to_string();

        let missing = refused("dhcpd3", None);
        assert!(missing.contains("dhcpd3, which cannot be run: No such file"), "{missing}");
        assert!(missing.contains("install the package isc-dhcp-server"), "{missing}");
        fs::write(at("dhcpd"), "").unwrap();
        for name in ["dhcpd", "dhcpd3"] {
            fs::set_permissions(at("dhcpd"), fs::Permissions::from_mode(0o644)).unwrap();
            assert!(refused(name, None).contains(name), "not executable");
            fs::set_permissions(at("dhcpd"), fs::Permissions::from_mode(0o755)).unwrap();
            assert_eq!(find(name, None).unwrap().path, at("dhcpd"));
        }
        assert!(refused("", None).contains("no executable file"), "a directory");

        assert!(find("dhcpd", Some("nobody")).unwrap().to_string().ends_with("dhcpd as nobody"));
        let nobody = refused("dhcpd", Some("no-such-user"));
        assert!(nobody.contains("VNET_DHCPUSER is no-such-user, and there is no such user"));
    }
}
