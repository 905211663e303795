//! Random ids that nothing has yet.

use crate::database::Connection;
use crate::error::Result;
use std::fmt::Display;

/// A random id for which `taken`, a statement that selects by one id, finds no row.
pub(crate) async fn unused<Id: Display>(
    db: &mut Connection,
    taken: &'static str,
    random: impl Fn() -> Result<Id, getrandom::Error>,
) -> Result<Id> {
    loop {
        let id = random()?;
        let row = sqlx::query(taken).bind(id.to_string()).fetch_optional(&mut *db).await?;
        if row.is_none() {
            return Ok(id);
        }
    }
}
