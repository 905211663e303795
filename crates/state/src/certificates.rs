//! The X.509 certificates of users.

use crate::database::{Connection, Row, State};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::users::{User, taken};
use types::{AccountId, Timestamp};

/// A user's X.509 certificate, which verifies bundles and SOAP requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-1 of the DER, in lower-case hex.
    pub fingerprint: String,
    /// Whose it is.
    pub account: AccountId,
    /// The certificate.
    pub pem: String,
    /// When it was made.
    pub created: Timestamp,
}

impl State {
    /// Adds a certificate to a user's; older ones stay valid.
    ///
    /// # Errors
    /// [`Error::CredentialExists`]; a database error when there is no such account.
    pub async fn add_certificate(&self, certificate: Certificate) -> Result<()> {
        self.write(move |db| Box::pin(add(db, certificate))).await
    }

    /// The certificates of one user, or of all, newest first.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn certificates(&self, account: Option<AccountId>) -> Result<Vec<Certificate>> {
        let rows = sqlx::query(
            "SELECT fingerprint, account, pem, created_ms FROM certificates
             WHERE account = $1 OR $1 IS NULL ORDER BY created_ms DESC, fingerprint",
        )
        .bind(account.map(|account| account.to_string()))
        .fetch_all(&mut *self.snapshot().await?)
        .await?;
        rows.iter().map(certificate).collect()
    }

    /// The owner, enabled or not, of the certificate with this fingerprint, and its PEM.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn certificate(&self, fingerprint: &str) -> Result<Option<(User, String)>> {
        let row = sqlx::query("SELECT account, pem FROM certificates WHERE fingerprint = $1")
            .bind(fingerprint)
            .fetch_optional(self.readers())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let owner = self.user_by_account(row.parsed("account")?).await?;
        owner.map(|owner| Ok((owner, row.text("pem")?))).transpose()
    }

    /// Removes a certificate: from now on it is nobody's.
    ///
    /// # Errors
    /// [`Error::CertificateNotFound`].
    pub async fn remove_certificate(&self, fingerprint: String) -> Result<()> {
        self.write(move |db| Box::pin(remove(db, fingerprint))).await
    }
}

fn certificate(row: &Row) -> Result<Certificate> {
    Ok(Certificate {
        fingerprint: row.text("fingerprint")?,
        account: row.parsed("account")?,
        pem: row.text("pem")?,
        created: row.time("created_ms")?,
    })
}

async fn add(db: &mut Connection, new: Certificate) -> Result<()> {
    sqlx::query(
        "INSERT INTO certificates (fingerprint, account, pem, created_ms) VALUES ($1, $2, $3, $4)",
    )
    .bind(&new.fingerprint)
    .bind(new.account.to_string())
    .bind(&new.pem)
    .bind(new.created.millis())
    .execute(db)
    .await
    .map_err(|error| taken(error, Error::CredentialExists))?;
    Ok(())
}

async fn remove(db: &mut Connection, fingerprint: String) -> Result<()> {
    let removed = sqlx::query("DELETE FROM certificates WHERE fingerprint = $1")
        .bind(&fingerprint)
        .execute(db)
        .await?;
    match removed.rows_affected() {
        0 => Err(Error::CertificateNotFound(fingerprint)),
        _ => Ok(()),
    }
}
