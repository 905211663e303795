//! A component's own keys, loaded, and the TLS configurations made from them.

use crate::pki::{self, der_of, file_error, read};
use crate::role::RoleKind;
use crate::{Role, TransportError};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::path::Path;
use std::sync::Arc;
use x509_parser::prelude::{FromDer, X509Certificate};

/// A component's certificate and key with the authority that it trusts.
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    roots: Arc<RootCertStore>,
}

impl Identity {
    /// Reads the component's files from the key directory.
    ///
    /// # Errors
    /// [`TransportError::File`] of kind `NotFound` while the cloud controller has not made them
    /// (or `euca_sync_key` has not copied them); otherwise what is wrong with them.
    pub fn load(keys: &Path, role: &Role) -> Result<Self, TransportError> {
        let authority_path = pki::authority_certificate(keys);
        let authority = der_of(&read(&authority_path)?, &authority_path)?;
        let mut roots = RootCertStore::empty();
        roots
            .add(authority.into())
            .map_err(|e| TransportError::Key { path: authority_path, detail: e.to_string() })?;
        let (certificate_path, key_path) = pki::component_files(keys, role);
        let certificate = der_of(&read(&certificate_path)?, &certificate_path)?.into();
        let key = PrivateKeyDer::from_pem_file(&key_path).map_err(|e| match e {
            rustls::pki_types::pem::Error::Io(source) => file_error(&key_path, source),
            other => TransportError::Key { path: key_path.clone(), detail: other.to_string() },
        })?;
        Ok(Self { certificate, key, roots: Arc::new(roots) })
    }

    /// For a server: a client may present a component's certificate or none.
    pub(crate) fn server(&self) -> Result<Arc<ServerConfig>, TransportError> {
        let verifier = WebPkiClientVerifier::builder(self.roots.clone())
            .allow_unauthenticated()
            .build()
            .map_err(|e| TransportError::Tls(e.to_string()))?;
        let mut config = ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![self.certificate.clone()], self.key.clone_key())
            .map_err(|e| TransportError::Tls(e.to_string()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// For a client of another component.
    pub(crate) fn client(&self) -> Result<Arc<ClientConfig>, TransportError> {
        let config = ClientConfig::builder()
            .with_root_certificates(self.roots.clone())
            .with_client_auth_cert(vec![self.certificate.clone()], self.key.clone_key())
            .map_err(|e| TransportError::Tls(e.to_string()))?;
        Ok(Arc::new(config))
    }
}

/// The kind of component that a verified certificate names.
pub(crate) fn role_of(certificate: &CertificateDer<'_>) -> Option<RoleKind> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    pki::names_of(&parsed).iter().find_map(|name| RoleKind::of_dns_name(name))
}
