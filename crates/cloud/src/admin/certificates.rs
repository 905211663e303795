//! The users' certificates: several for each, which the cloud has made with credentials or the
//! administrator has added.

use super::{Answer, named};
use crate::Cloud;
use crate::error::{Error, Result};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use bytes::Bytes;
use http::StatusCode;
use protocol::admin::{Certificate, NewCertificate};
use std::collections::BTreeMap;
use std::sync::Arc;
use types::UserName;

pub(super) async fn add(
    State(cloud): State<Arc<Cloud>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Answer {
    let new: NewCertificate = serde_json::from_slice(&body).map_err(Error::Malformed)?;
    let added = cloud.add_certificate(named(name)?, &new.pem).await?;
    Ok((StatusCode::CREATED, Json(added)).into_response())
}

pub(super) async fn list(State(cloud): State<Arc<Cloud>>) -> Answer {
    let users = cloud.state.users().await?.into_iter().map(|user| (user.account, user.name));
    let names: BTreeMap<_, _> = users.collect();
    let all = cloud.state.certificates(None).await?.into_iter().filter_map(|found| {
        let user = names.get(&found.account)?.clone();
        Some(Certificate { fingerprint: found.fingerprint, user, created: found.created })
    });
    Ok(Json(all.collect::<Vec<_>>()).into_response())
}

pub(super) async fn remove(
    State(cloud): State<Arc<Cloud>>,
    Path(fingerprint): Path<String>,
) -> Answer {
    cloud.state.remove_certificate(fingerprint).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl Cloud {
    /// Adds a certificate to a user's; messages and bundles that its key has signed are the
    /// user's from now on.
    ///
    /// # Errors
    /// [`state::Error::UserNotFound`]; [`Error::Certificate`] for what is none, or too weak;
    /// [`state::Error::CredentialExists`] when it is somebody's already.
    pub async fn add_certificate(&self, name: UserName, pem: &str) -> Result<Certificate> {
        let user = self.user(&name).await?;
        let certificate = ws_security::Certificate::from_pem(pem.as_bytes())?;
        let new = state::Certificate {
            fingerprint: certificate.fingerprint(),
            account: user.account,
            pem: pem.to_owned(),
            created: self.now(),
        };
        let shown = Certificate {
            fingerprint: new.fingerprint.clone(),
            user: user.name,
            created: new.created,
        };
        self.state.add_certificate(new).await?;
        tracing::info!(user = name.as_str(), fingerprint = shown.fingerprint, "certificate added");
        Ok(shown)
    }
}
