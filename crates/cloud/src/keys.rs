//! The key pair for which images are encrypted: `cloud-cert.pem`, which users bundle with, and
//! `cloud-pk.pem`, which never leaves the cloud (FACTS 2.4).

use crate::error::{Error, Result};
use bundle::UnwrappingKey;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use sha1::{Digest, Sha1};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use time::{Duration, OffsetDateTime};
use types::{Secret, Timestamp};

const IMAGE_KEY_YEARS: i64 = 20;

/// A new RSA-2048 key pair with a self-signed certificate.
pub(crate) struct NewPair {
    /// The private key, PKCS#8 in PEM.
    pub(crate) key_pem: Secret<String>,
    /// The certificate in PEM.
    pub(crate) certificate_pem: String,
    /// SHA-1 of the certificate's DER, in lower-case hex.
    pub(crate) fingerprint: String,
    /// The first eight hex digits of the SHA-1 of the public key.
    pub(crate) key_name: String,
}

/// Makes a pair. It takes up to a second of computing, so it has a thread of its own.
pub(crate) async fn new_pair(subject: String, years: i64, now: Timestamp) -> Result<NewPair> {
    tokio::task::spawn_blocking(move || make_pair(&subject, years, now)).await?
}

fn make_pair(subject: &str, years: i64, now: Timestamp) -> Result<NewPair> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject);
    params.distinguished_name.push(DnType::OrganizationalUnitName, "Eucalyptus");
    let now = OffsetDateTime::from_unix_timestamp(now.millis() / 1000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    params.not_before = now - Duration::days(1);
    params.not_after = now + Duration::days(365 * years);
    let certificate = params.self_signed(&key)?;
    Ok(NewPair {
        fingerprint: hex::encode(Sha1::digest(certificate.der())),
        key_name: hex::encode_upper(&Sha1::digest(key.public_key_raw())[..4]),
        certificate_pem: certificate.pem(),
        key_pem: Secret::new(key.serialize_pem()),
    })
}

/// The cloud's key pair for images.
pub(crate) struct ImageKeys {
    /// The certificate that bundles are made for.
    pub(crate) certificate_pem: String,
    /// The key that unwraps their secrets.
    pub(crate) key: Arc<UnwrappingKey>,
}

impl ImageKeys {
    /// Reads the pair from the key directory; makes it when there is none.
    pub(crate) async fn prepare(directory: PathBuf, now: Timestamp) -> Result<Self> {
        let (certificate, key) = (directory.join("cloud-cert.pem"), directory.join("cloud-pk.pem"));
        // The certificate is written last: with it, both are there.
        if !certificate.exists() {
            let pair = new_pair("Eucalyptus cloud".to_owned(), IMAGE_KEY_YEARS, now).await?;
            write_secret(&key, pair.key_pem.expose().as_bytes())?;
            write_secret(&certificate, pair.certificate_pem.as_bytes())?;
        }
        let problem = |error: bundle::InvalidKey| Error::Key {
            path: key.clone(),
            problem: error.to_string(),
        };
        let pem = Secret::new(read(&key)?);
        Ok(Self {
            certificate_pem: read(&certificate)?,
            key: Arc::new(UnwrappingKey::from_pem(pem.expose()).map_err(problem)?),
        })
    }
}

pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Writes a file that only its owner can read, whole or not at all, and durably.
fn write_secret(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || -> io::Result<()> {
        let directory = path.parent().unwrap_or(Path::new("/"));
        let new = path.with_extension("pem.new");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(directory)?.sync_all()
    };
    write().map_err(|source| Error::File { path: path.to_owned(), source })
}
