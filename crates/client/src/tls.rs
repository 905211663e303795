//! Whom an https address is trusted to be.

use crate::Environment;
use crate::error::Error;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::PathBuf;
use std::sync::Arc;

/// Debian's bundle of public authorities, for a cloud behind a public name.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Trusts the authorities in AWS_CA_BUNDLE or EUCALYPTUS_CERT, else those of the system.
pub(crate) fn config(environment: &Environment) -> Result<Arc<ClientConfig>, Error> {
    let named = environment.first(&["AWS_CA_BUNDLE", "EUCALYPTUS_CERT"]);
    let path = PathBuf::from(named.unwrap_or(SYSTEM_ROOTS));
    let roots = roots(&path).map_err(|reason| Error::Roots { path: path.clone(), reason })?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Roots { path, reason: error.to_string() })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn roots(path: &PathBuf) -> Result<RootCertStore, String> {
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| error.to_string())?;
        // a system's bundle may hold a few that webpki does not like; the others still count
        let _ = roots.add(certificate);
    }
    if roots.is_empty() {
        return Err("it holds no certificate".to_owned());
    }
    Ok(roots)
}
