//! The pairs that the cloud controller has issued: those of its own machine lie in the key
//! directory itself, those of other machines below it, in `clusters/NAME` and `nodes/HOST`, from
//! where `euca_sync_key` copies them.

use super::{
    Authority, authority_certificate, component_files, der_of, file_error, names_of, read, role_in,
    write_secret,
};
use crate::{Role, TransportError};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use x509_parser::prelude::{FromDer, X509Certificate};

/// A pair that was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// Whose it is.
    pub role: Role,
    /// The directory that it lies in, with the authority's certificate.
    pub directory: PathBuf,
    /// Whether it is of the cloud controller's own machine.
    pub here: bool,
}

impl Issued {
    /// The names of the three files that the component needs.
    pub fn files(&self) -> Vec<String> {
        let (certificate, key) = component_files(&self.directory, &self.role);
        let all = [authority_certificate(&self.directory), key, certificate];
        all.iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect()
    }
}

/// The pair of a component, which is issued when there is none that is current.
///
/// # Errors
/// When a file cannot be read or written; [`TransportError::Key`] for the cloud controller, whose
/// pair is nobody else's.
pub fn issue(keys: &Path, role: &Role) -> Result<Issued, TransportError> {
    if let Some(own) = own(keys).into_iter().find(|own| own.role == *role) {
        return Ok(own);
    }
    let directory = directory(keys, role)?;
    let authority = Authority::open(keys)?;
    let mut builder = fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(&directory)
        .map_err(|e| file_error(&directory, e))?;
    authority.make_current(&directory, role, vec![role.dns_name()])?;
    let copy = authority_certificate(&directory);
    if read(&copy).ok().as_deref() != Some(authority.certificate()) {
        write_secret(&copy, authority.certificate())?;
    }
    Ok(Issued { role: role.clone(), directory, here: false })
}

/// Makes a new pair in the place of an issued one, with the same names. The old one stays valid
/// until it ends.
///
/// # Errors
/// When a file cannot be read or written.
pub fn rotate(keys: &Path, pair: &Issued) -> Result<(), TransportError> {
    let (path, _) = component_files(&pair.directory, &pair.role);
    let der = der_of(&read(&path)?, &path)?;
    let names = match X509Certificate::from_der(&der) {
        Ok((_, parsed)) => names_of(&parsed),
        Err(_) => vec![pair.role.dns_name()],
    };
    Authority::open(keys)?.issue(&pair.directory, &pair.role, names)
}

/// Every pair that was issued: those of this machine first, then by kind and name.
///
/// # Errors
/// When a directory cannot be read.
pub fn all(keys: &Path) -> Result<Vec<Issued>, TransportError> {
    let mut all = own(keys);
    for kind in ["clusters", "nodes"] {
        let mut roles = Vec::new();
        for name in names_in(&keys.join(kind))? {
            let role = match kind {
                "clusters" => name.parse().ok().map(Role::Cluster),
                _ => name.parse().ok().map(Role::Node),
            };
            roles.extend(role);
        }
        for role in roles {
            let directory = directory(keys, &role)?;
            if component_files(&directory, &role).0.exists() {
                all.push(Issued { role, directory, here: false });
            }
        }
    }
    Ok(all)
}

/// Forgets the pair of a component of another machine. What was copied there stays valid until it
/// ends.
///
/// # Errors
/// When the directory cannot be removed.
pub fn forget(keys: &Path, role: &Role) -> Result<(), TransportError> {
    let directory = directory(keys, role)?;
    match fs::remove_dir_all(&directory) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(file_error(&directory, e)),
        _ => Ok(()),
    }
}

/// The pairs of this machine.
fn own(keys: &Path) -> Vec<Issued> {
    let cloud = component_files(keys, &Role::Cloud).0.exists().then_some(Role::Cloud);
    let others = ["cluster-cert.pem", "node-cert.pem"];
    let others = others.iter().filter_map(|name| role_in(&keys.join(name)).ok());
    let own = |role| Issued { role, directory: keys.to_owned(), here: true };
    cloud.into_iter().chain(others).map(own).collect()
}

fn directory(keys: &Path, role: &Role) -> Result<PathBuf, TransportError> {
    match role {
        Role::Cluster(name) => Ok(keys.join("clusters").join(name.as_str())),
        Role::Node(name) => Ok(keys.join("nodes").join(name.as_str())),
        Role::Cloud => {
            let detail = "the cloud controller's keys stay on its machine".to_owned();
            Err(TransportError::Key { path: keys.to_owned(), detail })
        }
    }
}

/// The names in a directory, in order; none when it is not there.
fn names_in(directory: &Path) -> Result<Vec<String>, TransportError> {
    let entries = match fs::read_dir(directory) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|e| file_error(directory, e))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(|e| file_error(directory, e))?.file_name();
        names.extend(name.into_string());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::prepare;
    use std::os::unix::fs::PermissionsExt;

    fn node(name: &str) -> Role {
        Role::Node(name.parse().unwrap())
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn another_machine_gets_a_pair_of_its_own_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path(), &[], &[Role::Cloud]).unwrap();
        let issued = issue(dir.path(), &node("n1")).unwrap();
        assert_eq!(issued.directory, dir.path().join("nodes/n1"));
        assert_eq!(issued.files(), ["ca-cert.pem", "node-pk.pem", "node-cert.pem"]);
        let mut there = names_in(&issued.directory).unwrap();
        there.sort_by_key(|name| issued.files().iter().position(|file| file == name));
        assert_eq!(there, issued.files(), "the authority's key is not among them");
        for file in issued.files() {
            assert_eq!(mode(&issued.directory.join(file)), 0o600);
        }
        assert_eq!(mode(&issued.directory), 0o700);
        let first = read(&issued.directory.join("node-cert.pem")).unwrap();
        assert_eq!(issue(dir.path(), &node("n1")).unwrap(), issued);
        assert_eq!(read(&issued.directory.join("node-cert.pem")).unwrap(), first, "made once");
        assert!(issue(dir.path(), &Role::Cloud).is_ok_and(|cloud| cloud.here));
    }

    #[test]
    fn the_own_machines_pairs_stay_where_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let cluster = Role::Cluster("one".parse().unwrap());
        prepare(dir.path(), &[], &[Role::Cloud, cluster.clone(), node("localhost")]).unwrap();
        let here = issue(dir.path(), &node("localhost")).unwrap();
        assert!(here.here && here.directory == dir.path());
        let elsewhere = issue(dir.path(), &node("n2")).unwrap();
        assert!(!elsewhere.here);
        let roles: Vec<_> = all(dir.path()).unwrap().into_iter().map(|pair| pair.role).collect();
        assert_eq!(roles, [Role::Cloud, cluster, node("localhost"), node("n2")]);
        forget(dir.path(), &node("n2")).unwrap();
        forget(dir.path(), &node("n2")).unwrap();
        assert_eq!(all(dir.path()).unwrap().len(), 3);
    }

    #[test]
    fn a_rotated_pair_keeps_its_names() {
        let dir = tempfile::tempdir().unwrap();
        let hosts = ["front".to_owned(), "10.1.2.3".to_owned()];
        prepare(dir.path(), &hosts, &[Role::Cloud]).unwrap();
        let cloud = all(dir.path()).unwrap().remove(0);
        let path = component_files(dir.path(), &Role::Cloud).0;
        let before = read(&path).unwrap();
        rotate(dir.path(), &cloud).unwrap();
        let after = read(&path).unwrap();
        assert_ne!(after, before);
        prepare(dir.path(), &hosts, &[Role::Cloud]).unwrap();
        assert_eq!(read(&path).unwrap(), after, "it is current");
    }

    #[test]
    fn a_pair_that_was_half_written_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let issued = issue(dir.path(), &node("n1")).unwrap();
        let other = issue(dir.path(), &node("n2")).unwrap();
        let key = issued.directory.join("node-pk.pem");
        fs::copy(other.directory.join("node-pk.pem"), &key).unwrap();
        let killed = read(&key).unwrap();
        issue(dir.path(), &node("n1")).unwrap();
        assert_ne!(read(&key).unwrap(), killed);
        assert!(crate::Identity::load(&issued.directory, &node("n1")).is_ok());
    }
}
