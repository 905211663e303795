//! Whom an https address is trusted to be.

use crate::Environment;
use crate::error::Error;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Debian's bundle of public authorities, for a cloud behind a public name.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Trusts the authorities in AWS_CA_BUNDLE and no others; where it is not set, the system's and
/// the cloud's own certificate.
pub(crate) fn config(environment: &Environment) -> Result<Arc<ClientConfig>, Error> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = environment.first(&["AWS_CA_BUNDLE"]) {
        add(&mut roots, path)?;
    } else {
        let system = Some(SYSTEM_ROOTS).filter(|path| Path::new(path).exists());
        for path in environment.first(&["EUCALYPTUS_CERT"]).into_iter().chain(system) {
            add(&mut roots, path)?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Start(io::Error::other(error)))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn add(roots: &mut RootCertStore, path: &str) -> Result<(), Error> {
    let refuse = |reason: String| Error::Roots { path: path.into(), reason };
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| refuse(error.to_string()))?;
    let mut found = false;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| refuse(error.to_string()))?;
        // a system's bundle may hold a few that webpki does not like; the others still count
        found |= roots.add(certificate).is_ok();
    }
    if found { Ok(()) } else { Err(refuse("it holds no certificate".to_owned())) }
}
