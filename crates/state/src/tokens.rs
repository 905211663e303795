//! Client tokens: a launch that is asked for again with the same token is made once.

use crate::database::Connection;
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::instances::{self, Reservation};
use crate::run::RunRequest;
use types::Timestamp;

/// How long after its launch a token is known (Amazon EC2 API, "Ensuring idempotency").
const KNOWN_MS: i64 = 24 * 3_600_000;

/// Tokens of launches at this time and before are forgotten.
pub(crate) fn known_since(now: Timestamp) -> Timestamp {
    now.plus_millis(-KNOWN_MS)
}

/// The reservation that the request's token has made within the day. An older one loses the
/// token, so that it can be used anew.
///
/// # Errors
/// [`Error::TokenMismatch`]; [`Error::TokenTerminated`] when all its instances have ended: the
/// client must not take them for new ones.
pub(crate) async fn launched_before(
    db: &mut Connection,
    request: &RunRequest,
    now: Timestamp,
) -> Result<Option<Reservation>> {
    let Some(token) = &request.client_token else { return Ok(None) };
    forget(db, request, token, now).await?;
    let row = sqlx::query(
        "SELECT id, request_digest, EXISTS (SELECT 1 FROM instances
             WHERE reservation = reservations.id AND state <> 'terminated') AS lives
         FROM reservations WHERE account = $1 AND client_token = $2",
    )
    .bind(request.account.to_string())
    .bind(token)
    .fetch_optional(&mut *db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    if row.text("request_digest")? != request.request_digest {
        return Err(Error::TokenMismatch);
    }
    if !row.flag("lives")? {
        return Err(Error::TokenTerminated);
    }
    instances::reservation(db, row.parsed("id")?).await.map(Some)
}

async fn forget(
    db: &mut Connection,
    request: &RunRequest,
    token: &str,
    now: Timestamp,
) -> Result<()> {
    sqlx::query(
        "UPDATE reservations SET client_token = NULL
         WHERE account = $1 AND client_token = $2 AND created_ms <= $3",
    )
    .bind(request.account.to_string())
    .bind(token)
    .bind(known_since(now).millis())
    .execute(db)
    .await?;
    Ok(())
}
