//! The cloud's own certificate authority and the components' keys.
//!
//! Keys live in `var/eucalyptus/keys`, mode 0600. The authority's key stays with the cloud
//! controller; every component has a pair of its own, which the cloud controller issues (those of
//! other machines: [`issued`]).

pub mod issued;

use crate::{Role, TransportError};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

const AUTHORITY_YEARS: i64 = 20;
const COMPONENT_YEARS: i64 = 5;
/// A certificate is made anew at a start within this time of its end.
const RENEW_BEFORE: Duration = Duration::days(60);

/// The authority's certificate, which everybody in the cloud trusts; clients use it as
/// `AWS_CA_BUNDLE`.
pub fn authority_certificate(keys: &Path) -> PathBuf {
    keys.join("ca-cert.pem")
}

/// The two files of a component: certificate and private key.
pub fn component_files(keys: &Path, role: &Role) -> (PathBuf, PathBuf) {
    let stem = role.file_stem();
    (keys.join(format!("{stem}-cert.pem")), keys.join(format!("{stem}-pk.pem")))
}

/// The role of the node controller whose certificate lies in the key directory: a node is told
/// its name by the cloud, with its keys.
///
/// # Errors
/// [`TransportError::File`] while there is no certificate; [`TransportError::Key`] when it is not
/// a node's.
pub fn node_role(keys: &Path) -> Result<Role, TransportError> {
    let path = keys.join("node-cert.pem");
    match role_in(&path)? {
        node @ Role::Node(_) => Ok(node),
        _ => Err(bad(&path, "not the certificate of a node controller")),
    }
}

/// The cluster or node controller that a certificate is for.
fn role_in(path: &Path) -> Result<Role, TransportError> {
    let der = der_of(&read(path)?, path)?;
    let (_, parsed) =
        X509Certificate::from_der(&der).map_err(|_| bad(path, "not an X.509 certificate"))?;
    let mut subjects = parsed.subject().iter_common_name();
    let subject = subjects.next().and_then(|name| name.as_str().ok()).unwrap_or_default();
    Role::of_subject(subject).ok_or_else(|| bad(path, "not the certificate of a component"))
}

fn bad(path: &Path, detail: &str) -> TransportError {
    TransportError::Key { path: path.to_owned(), detail: detail.to_owned() }
}

/// Makes what is missing: the authority, and a key pair with certificate for each role.
///
/// `hosts` are the names and addresses under which users reach the cloud over HTTPS. A
/// certificate that lacks one of them, is of another authority or ends soon is made anew.
///
/// # Errors
/// When a file cannot be written, or one that exists cannot be read.
pub fn prepare(keys: &Path, hosts: &[String], roles: &[Role]) -> Result<(), TransportError> {
    fs::create_dir_all(keys).map_err(|e| file_error(keys, e))?;
    let authority = Authority::open(keys)?;
    for role in roles {
        let mut names = vec![role.dns_name()];
        if *role == Role::Cloud {
            names.extend_from_slice(hosts);
        }
        names.sort();
        names.dedup();
        authority.make_current(keys, role, names)?;
    }
    Ok(())
}

/// The authority at work.
pub(crate) struct Authority {
    certificate: String,
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Opens the authority, which is made when there is none.
    pub(crate) fn open(keys: &Path) -> Result<Self, TransportError> {
        let (certificate, key) = authority(keys)?;
        let der = der_of(&certificate, &authority_certificate(keys))?;
        let issuer = Issuer::from_ca_cert_pem(&certificate, KeyPair::from_pem(&key)?)?;
        Ok(Self { certificate, der, issuer })
    }

    /// The certificate in PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Issues a pair into a directory, unless a current one is there.
    pub(crate) fn make_current(
        &self,
        directory: &Path,
        role: &Role,
        names: Vec<String>,
    ) -> Result<(), TransportError> {
        if is_current(directory, role, &names, &self.der) {
            return Ok(());
        }
        self.issue(directory, role, names)
    }

    /// Issues a new pair into a directory.
    pub(crate) fn issue(
        &self,
        directory: &Path,
        role: &Role,
        names: Vec<String>,
    ) -> Result<(), TransportError> {
        issue(directory, role, names, &self.issuer)?;
        tracing::info!(component = role.common_name(), "made keys and certificate");
        Ok(())
    }
}

/// The authority's certificate and key, made when there are none.
fn authority(keys: &Path) -> Result<(String, String), TransportError> {
    let (certificate_path, key_path) = (authority_certificate(keys), keys.join("ca-pk.pem"));
    // the certificate is written last: with it, both are there
    if certificate_path.exists() {
        return Ok((read(&certificate_path)?, read(&key_path)?));
    }
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "Eucalyptus cloud authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut params, AUTHORITY_YEARS);
    let certificate = params.self_signed(&key)?.pem();
    write_secret(&key_path, &key.serialize_pem())?;
    write_secret(&certificate_path, &certificate)?;
    Ok((certificate, key.serialize_pem()))
}

fn issue(
    keys: &Path,
    role: &Role,
    names: Vec<String>,
    issuer: &Issuer<'_, KeyPair>,
) -> Result<(), TransportError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, role.common_name());
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    set_validity(&mut params, COMPONENT_YEARS);
    let certificate = params.signed_by(&key, issuer)?.pem();
    let (certificate_path, key_path) = component_files(keys, role);
    // a pair that does not match (killed between the two) is seen by `is_current` and made anew
    write_secret(&key_path, &key.serialize_pem())?;
    write_secret(&certificate_path, &certificate)
}

/// Writes a pair that nobody but itself vouches for.
pub(crate) fn self_signed(
    certificate_path: &Path,
    key_path: &Path,
    subject: &str,
    hosts: &[String],
) -> Result<(), TransportError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.push(DnType::CommonName, subject);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    set_validity(&mut params, COMPONENT_YEARS);
    let certificate = params.self_signed(&key)?.pem();
    write_secret(key_path, &key.serialize_pem())?;
    write_secret(certificate_path, &certificate)
}

fn set_validity(params: &mut CertificateParams, years: i64) {
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::days(1);
    params.not_after = now + Duration::days(365 * years);
}

/// Whether the component's files exist, belong together and to this authority, carry the names,
/// and do not end soon.
fn is_current(keys: &Path, role: &Role, names: &[String], authority_der: &[u8]) -> bool {
    let (certificate_path, key_path) = component_files(keys, role);
    let (Ok(certificate), Ok(key)) = (read(&certificate_path), read(&key_path)) else {
        return false;
    };
    let (Ok(der), Ok(key)) = (der_of(&certificate, &certificate_path), KeyPair::from_pem(&key))
    else {
        return false;
    };
    let (Ok((_, parsed)), Ok((_, authority))) =
        (X509Certificate::from_der(&der), X509Certificate::from_der(authority_der))
    else {
        return false;
    };
    let ends = parsed.validity().not_after.timestamp();
    let held = names_of(&parsed);
    parsed.public_key().subject_public_key.data == key.public_key_raw()
        && parsed.verify_signature(Some(authority.public_key())).is_ok()
        && ends > (OffsetDateTime::now_utc() + RENEW_BEFORE).unix_timestamp()
        && names.iter().all(|name| held.contains(name))
}

/// The DNS names and addresses in a certificate, as text.
pub(crate) fn names_of(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let as_text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address_text(bytes),
        _ => None,
    };
    names.value.general_names.iter().filter_map(as_text).collect()
}

fn address_text(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(std::net::IpAddr::from);
    let v6 = <[u8; 16]>::try_from(bytes).map(std::net::IpAddr::from);
    v4.or(v6).ok().map(|address| address.to_string())
}

pub(crate) fn der_of(pem: &str, path: &Path) -> Result<Vec<u8>, TransportError> {
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes())
        .map_err(|e| bad(path, &format!("not a PEM certificate: {e}")))?;
    Ok(block.contents)
}

pub(crate) fn read(path: &Path) -> Result<String, TransportError> {
    fs::read_to_string(path).map_err(|e| file_error(path, e))
}

pub(crate) fn file_error(path: &Path, source: std::io::Error) -> TransportError {
    TransportError::File { path: path.to_owned(), source }
}

/// Writes a file that only its owner may read, whole or not at all.
pub(crate) fn write_secret(path: &Path, text: &str) -> Result<(), TransportError> {
    let temporary = path.with_extension("new");
    let write = || {
        let mut options = fs::OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|e| file_error(path, e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn cluster() -> Role {
        Role::Cluster("one".parse().unwrap())
    }

    #[test]
    fn keys_are_made_once_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let hosts = ["10.1.2.3".to_owned(), "front".to_owned()];
        prepare(dir.path(), &hosts, &[Role::Cloud, cluster()]).unwrap();
        let (certificate, key) = component_files(dir.path(), &Role::Cloud);
        let first = fs::read(&certificate).unwrap();
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        prepare(dir.path(), &hosts, &[Role::Cloud, cluster()]).unwrap();
        assert_eq!(fs::read(&certificate).unwrap(), first);
        prepare(dir.path(), &["10.9.9.9".to_owned()], &[Role::Cloud]).unwrap();
        assert_ne!(fs::read(&certificate).unwrap(), first, "a new host name needs a new one");
    }

    #[test]
    fn a_node_learns_its_name_from_its_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let node = Role::Node("10.0.0.5".parse().unwrap());
        assert!(matches!(node_role(dir.path()), Err(TransportError::File { .. })));
        prepare(dir.path(), &[], std::slice::from_ref(&node)).unwrap();
        assert_eq!(node_role(dir.path()).unwrap(), node);
    }

    #[test]
    fn a_pair_that_does_not_match_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path(), &[], &[Role::Cloud, cluster()]).unwrap();
        let (certificate, _) = component_files(dir.path(), &Role::Cloud);
        let (other, _) = component_files(dir.path(), &cluster());
        fs::copy(&other, &certificate).unwrap();
        prepare(dir.path(), &[], &[Role::Cloud]).unwrap();
        assert_ne!(fs::read(&certificate).unwrap(), fs::read(&other).unwrap());
    }
}
