//! The certificate that browsers see: self-signed at first, then whatever the administrator puts
//! in its place.

use crate::TransportError;
use crate::listener::ServerKeys;
use crate::pki::{der_of, read, self_signed};
use aws_lc_rs::digest::{SHA256, digest};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(3);
/// The self-signed certificate is made anew at a start within this time of its end.
const RENEW_BEFORE: time::Duration = time::Duration::days(30);
/// Who the self-signed certificate says it is.
const SUBJECT: &str = "Eucalyptus console";

/// Certificate and key of the web console: `console-cert.pem`, which may hold a chain, and
/// `console-pk.pem`. New files are used for the next connection. Clones share them.
#[derive(Clone)]
pub struct WebKeys {
    shared: Arc<Shared>,
}

struct Shared {
    keys: PathBuf,
    current: RwLock<Current>,
}

struct Current {
    /// Names the files' content.
    digest: Vec<u8>,
    server: Arc<ServerConfig>,
}

fn files(keys: &Path) -> (PathBuf, PathBuf) {
    (keys.join("console-cert.pem"), keys.join("console-pk.pem"))
}

impl WebKeys {
    /// Reads the files, which are made when there are none, or when they are of a self-signed pair
    /// that ends. `hosts` are the names and addresses under which browsers reach the console.
    ///
    /// # Errors
    /// When a file cannot be written, read or used.
    pub fn prepare(keys: &Path, hosts: &[String]) -> Result<Self, TransportError> {
        let (certificate, key) = files(keys);
        if !certificate.exists() || is_ours_and_ends(&certificate)? {
            // the certificate is written last: with it, both are there
            self_signed(&certificate, &key, SUBJECT, hosts)?;
            tracing::info!(certificate = %certificate.display(), "made the console's certificate");
        }
        let current = RwLock::new(Current::read(keys)?);
        Ok(Self { shared: Arc::new(Shared { keys: keys.to_owned(), current }) })
    }

    /// Takes newer files, if there are any; answers whether there were. The old ones stay in use
    /// when the new ones cannot be used.
    ///
    /// # Errors
    /// What is wrong with the new ones.
    pub fn refresh(&self) -> Result<bool, TransportError> {
        let Shared { keys, current } = &*self.shared;
        let digest = content(keys)?.2;
        if digest == current.read().unwrap_or_else(PoisonError::into_inner).digest {
            return Ok(false);
        }
        let new = Current::read(keys)?;
        *current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(true)
    }

    /// Looks for newer files for ever. Never done; dropped by who needs it no more.
    pub async fn keep_fresh(self) {
        let mut told = None;
        loop {
            tokio::time::sleep(LOOK).await;
            let keys = self.clone();
            let Ok(looked) = tokio::task::spawn_blocking(move || keys.refresh()).await else {
                continue;
            };
            told = match looked {
                Ok(true) => {
                    tracing::info!("the console's new certificate is in use");
                    None
                }
                Ok(false) => None,
                Err(error) => {
                    let error = error.to_string();
                    if told.as_ref() != Some(&error) {
                        tracing::warn!(error, "the console's certificate stays the old one");
                    }
                    Some(error)
                }
            };
        }
    }
}

impl ServerKeys for WebKeys {
    fn server(&self) -> Arc<ServerConfig> {
        self.shared.current.read().unwrap_or_else(PoisonError::into_inner).server.clone()
    }
}

/// The texts of both files, and what names them.
fn content(keys: &Path) -> Result<(String, String, Vec<u8>), TransportError> {
    let (certificate, key) = files(keys);
    let (certificate, key) = (read(&certificate)?, read(&key)?);
    let both = format!("{}\n{certificate}{key}", certificate.len());
    Ok((certificate, key, digest(&SHA256, both.as_bytes()).as_ref().to_vec()))
}

impl Current {
    fn read(keys: &Path) -> Result<Self, TransportError> {
        let (certificate_path, key_path) = files(keys);
        let (certificate, key, digest) = content(keys)?;
        let bad =
            |path: &Path, detail: String| TransportError::Key { path: path.to_owned(), detail };
        let chain = CertificateDer::pem_slice_iter(certificate.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| bad(&certificate_path, error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|error| bad(&key_path, error.to_string()))?;
        let server = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
        let mut server = server.map_err(|error| bad(&certificate_path, error.to_string()))?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { digest, server: Arc::new(server) })
    }
}

/// Whether the certificate is the self-signed one and will not do much longer.
fn is_ours_and_ends(path: &Path) -> Result<bool, TransportError> {
    let der = der_of(&read(path)?, path)?;
    let Ok((_, parsed)) = X509Certificate::from_der(&der) else { return Ok(false) };
    let mut names = parsed.subject().iter_common_name();
    let is_ours = names.next().is_some_and(|name| name.as_str() == Ok(SUBJECT))
        && parsed.subject() == parsed.issuer();
    let ends = parsed.validity().not_after.timestamp();
    Ok(is_ours && ends < (OffsetDateTime::now_utc() + RENEW_BEFORE).unix_timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn prepared(dir: &Path) -> WebKeys {
        WebKeys::prepare(dir, &["front.example.org".to_owned(), "192.0.2.1".to_owned()]).unwrap()
    }

    #[test]
    fn the_pair_is_made_once_and_can_be_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let keys = prepared(dir.path());
        let (certificate, key) = files(dir.path());
        let first = fs::read(&certificate).unwrap();
        prepared(dir.path());
        assert_eq!(fs::read(&certificate).unwrap(), first);
        assert!(!keys.refresh().unwrap());

        let other = tempfile::tempdir().unwrap();
        prepared(other.path());
        fs::copy(files(other.path()).0, &certificate).unwrap();
        assert!(keys.refresh().is_err(), "a certificate without its key is not taken");
        fs::copy(files(other.path()).1, &key).unwrap();
        assert!(keys.refresh().unwrap());
        prepared(dir.path());
        let (theirs, ours) = (fs::read(files(other.path()).0).unwrap(), fs::read(&certificate));
        assert_eq!(ours.unwrap(), theirs, "a start leaves the administrator's in place");
    }

    #[test]
    fn a_file_that_is_no_certificate_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(files(dir.path()).0, "no certificate").unwrap();
        let error = WebKeys::prepare(dir.path(), &[]).err().unwrap().to_string();
        assert!(error.contains("console-cert.pem"), "{error}");
    }
}
