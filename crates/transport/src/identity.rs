//! A component's own keys, loaded, and the TLS configurations made from them.

use crate::listener::ServerKeys;
use crate::pki::{self, der_of, file_error, read};
use crate::role::Caller;
use crate::{Role, TransportError};
use aws_lc_rs::digest::{Context, SHA256};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use x509_parser::prelude::{FromDer, X509Certificate};

/// How often the key directory is looked at for new files.
const LOOK: Duration = Duration::from_secs(3);

/// A component's certificate and key with the authority that it trusts. Clones share them, and
/// what they are used for takes newer ones for its next connection.
#[derive(Clone)]
pub struct Identity {
    shared: Arc<Shared>,
}

struct Shared {
    keys: PathBuf,
    role: Role,
    current: RwLock<Current>,
}

/// What was made from the files as they were.
struct Current {
    /// Names the files' content.
    digest: Vec<u8>,
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

impl Identity {
    /// Reads the component's files from the key directory.
    ///
    /// # Errors
    /// [`TransportError::File`] of kind `NotFound` while the cloud controller has not made them
    /// (or `euca_sync_key` has not copied them); [`TransportError::Mismatch`] while only some of
    /// them are new; otherwise what is wrong with them.
    pub fn load(keys: &Path, role: &Role) -> Result<Self, TransportError> {
        let current = RwLock::new(Current::of(&Files::read(keys, role)?, role)?);
        let shared = Shared { keys: keys.to_owned(), role: role.clone(), current };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Takes newer files, if there are any; answers whether there were. The old ones stay in use
    /// when the new ones cannot be used.
    ///
    /// # Errors
    /// As [`Identity::load`].
    pub fn refresh(&self) -> Result<bool, TransportError> {
        let Shared { keys, role, current } = &*self.shared;
        let files = Files::read(keys, role)?;
        if files.digest() == current.read().unwrap_or_else(PoisonError::into_inner).digest {
            return Ok(false);
        }
        let new = Current::of(&files, role)?;
        *current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(true)
    }

    /// Looks for newer files for ever. Never done; dropped by who needs it no more.
    pub async fn keep_fresh(self) {
        let mut told = None;
        loop {
            tokio::time::sleep(LOOK).await;
            let identity = self.clone();
            let Ok(looked) = tokio::task::spawn_blocking(move || identity.refresh()).await else {
                continue;
            };
            let component = self.shared.role.common_name();
            told = match looked {
                Ok(true) => {
                    tracing::info!(component, "new keys are in use");
                    None
                }
                Ok(false) => None,
                Err(error) => {
                    let error = error.to_string();
                    if told.as_ref() != Some(&error) {
                        tracing::warn!(component, error, "new keys cannot be used; the old stay");
                    }
                    Some(error)
                }
            };
        }
    }

    /// For a client of another component.
    pub(crate) fn client(&self) -> Arc<ClientConfig> {
        self.shared.current.read().unwrap_or_else(PoisonError::into_inner).client.clone()
    }
}

impl ServerKeys for Identity {
    /// A client may present a component's certificate or none.
    fn server(&self) -> Arc<ServerConfig> {
        self.shared.current.read().unwrap_or_else(PoisonError::into_inner).server.clone()
    }
}

/// The texts of a component's three files.
struct Files {
    authority: (PathBuf, String),
    certificate: (PathBuf, String),
    key: (PathBuf, String),
}

impl Files {
    fn read(keys: &Path, role: &Role) -> Result<Self, TransportError> {
        let (certificate, key) = pki::component_files(keys, role);
        let file = |path: PathBuf| read(&path).map(|text| (path, text));
        Ok(Self {
            authority: file(pki::authority_certificate(keys))?,
            certificate: file(certificate)?,
            key: file(key)?,
        })
    }

    fn digest(&self) -> Vec<u8> {
        let mut digest = Context::new(&SHA256);
        for (_, text) in [&self.authority, &self.certificate, &self.key] {
            digest.update(&(text.len() as u64).to_be_bytes());
            digest.update(text.as_bytes());
        }
        digest.finish().as_ref().to_vec()
    }

    fn certificate(&self) -> Result<CertificateDer<'static>, TransportError> {
        let (path, text) = &self.certificate;
        Ok(der_of(text, path)?.into())
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, TransportError> {
        let (path, text) = &self.key;
        PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|e| match e {
            rustls::pki_types::pem::Error::Io(source) => file_error(path, source),
            other => TransportError::Key { path: path.clone(), detail: other.to_string() },
        })
    }

    fn roots(&self) -> Result<Arc<RootCertStore>, TransportError> {
        let (path, text) = &self.authority;
        let mut roots = RootCertStore::empty();
        roots
            .add(der_of(text, path)?.into())
            .map_err(|e| TransportError::Key { path: path.clone(), detail: e.to_string() })?;
        Ok(Arc::new(roots))
    }
}

impl Current {
    fn of(files: &Files, role: &Role) -> Result<Self, TransportError> {
        let (certificate, key, roots) = (files.certificate()?, files.key()?, files.roots()?);
        check_name(&files.certificate.0, &certificate, role)?;
        let tls = |e: rustls::Error| match e {
            rustls::Error::InconsistentKeys(_) => {
                TransportError::Mismatch { certificate: files.certificate.0.clone() }
            }
            other => TransportError::Tls(other.to_string()),
        };
        let verifier = WebPkiClientVerifier::builder(roots.clone())
            .allow_unauthenticated()
            .build()
            .map_err(|e| TransportError::Tls(e.to_string()))?;
        let mut server = ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate.clone()], key.clone_key())
            .map_err(tls)?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        let client = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![certificate], key)
            .map_err(tls)?;
        Ok(Self { digest: files.digest(), server: Arc::new(server), client: Arc::new(client) })
    }
}

/// Refuses another component's certificate: nobody would accept it from this one.
fn check_name(
    path: &Path,
    certificate: &CertificateDer<'_>,
    role: &Role,
) -> Result<(), TransportError> {
    let bad = |detail: String| TransportError::Key { path: path.to_owned(), detail };
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|_| bad("not an X.509 certificate".to_owned()))?;
    if pki::names_of(&parsed).contains(&role.dns_name()) {
        return Ok(());
    }
    Err(bad(format!(
        "not the certificate of {}; copy its keys with euca_sync_key, or correct eucalyptus.conf \
         and restart",
        role.common_name()
    )))
}

/// The component that a verified certificate names.
pub(crate) fn caller_of(certificate: &CertificateDer<'_>) -> Option<Caller> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    pki::names_of(&parsed).iter().find_map(|name| Caller::of_dns_name(name))
}
