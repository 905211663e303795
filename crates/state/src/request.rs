//! The call that changed last what should be of an instance.

use crate::database::Connection;
use crate::error::Result;
use types::{InstanceId, RequestId};

/// Notes the call that has changed what should be of an instance.
pub(crate) async fn set_request(
    db: &mut Connection,
    id: InstanceId,
    by: Option<RequestId>,
) -> Result<()> {
    sqlx::query("UPDATE instances SET request = $1 WHERE id = $2")
        .bind(by.map(|request| request.to_string()))
        .bind(id.to_string())
        .execute(db)
        .await?;
    Ok(())
}
