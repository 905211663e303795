//! The credentials zip: certificate and key made for this download, and `eucarc` (FACTS 2.1).

use crate::Cloud;
use crate::error::Result;
use crate::eucarc::{CLOUD_CERTIFICATE, Eucarc};
use crate::keys::{NewPair, new_pair, read};
use state::{Certificate, User};
use std::io::{Cursor, Write};
use types::UserName;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// How long a user's certificate is valid, as in 1.4.
const CERTIFICATE_YEARS: i64 = 5;
/// The authority of the cloud's HTTPS certificate, in the zip.
const AUTHORITY: &str = "ca-cert.pem";

impl Cloud {
    /// The zip of a user's credentials, with a new certificate and key. Certificates of earlier
    /// downloads stay valid.
    ///
    /// # Errors
    /// [`state::Error::UserNotFound`].
    pub async fn credentials(&self, name: UserName) -> Result<Vec<u8>> {
        let user = self.user(&name).await?;
        let pair = new_pair(name.to_string(), CERTIFICATE_YEARS, self.now()).await?;
        let zip = self.pack(&user, &pair, &self.public_url().await?)?;
        let certificate = Certificate {
            fingerprint: pair.fingerprint,
            account: user.account,
            pem: pair.certificate_pem,
            created: self.now(),
        };
        self.state.add_certificate(certificate).await?;
        Ok(zip)
    }

    fn pack(&self, user: &User, pair: &NewPair, public_url: &str) -> Result<Vec<u8>> {
        let stem = format!("euca2-{}-{}", user.name, pair.key_name);
        let (certificate, key) = (format!("{stem}-cert.pem"), format!("{stem}-pk.pem"));
        let authority = self.authority(public_url)?;
        let eucarc = Eucarc {
            user,
            public_url,
            walrus_url: self.settings.walrus_url.as_deref(),
            certificate: &certificate,
            key: &key,
            authority: authority.is_some().then_some(AUTHORITY),
        };
        let eucarc = eucarc.text();
        let mut files = vec![
            ("eucarc", eucarc.as_str()),
            (CLOUD_CERTIFICATE, &self.keys.certificate_pem),
            (&key, pair.key_pem.expose()),
            (&certificate, &pair.certificate_pem),
        ];
        files.extend(authority.as_deref().map(|pem| (AUTHORITY, pem)));
        packed(&files)
    }

    /// The authority's certificate, where clients need it: when the cloud is reached by HTTPS.
    fn authority(&self, public_url: &str) -> Result<Option<String>> {
        if !public_url.starts_with("https:") {
            return Ok(None);
        }
        read(&transport::pki::authority_certificate(&self.settings.layout.keys())).map(Some)
    }
}

fn packed(files: &[(&str, &str)]) -> Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.set_comment("To set up your environment, unpack this file and type: . ./eucarc")?;
    let private = SimpleFileOptions::default().unix_permissions(0o600);
    for (name, content) in files {
        zip.start_file(*name, private)?;
        zip.write_all(content.as_bytes()).map_err(zip::result::ZipError::Io)?;
    }
    Ok(zip.finish()?.into_inner())
}
