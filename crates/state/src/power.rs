//! Stopping and starting instances, and their metadata options.

use crate::clusters::bump;
use crate::database::{Connection, Row, State};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::instances::{StateChange, visible};
use crate::request::set_request;
use protocol::MetadataOptions;
use types::{AccountId, InstanceId, InstanceState, RequestId, Timestamp};

/// Which metadata options to change; those that are none stay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MetadataChange {
    /// Whether requests are answered at all.
    pub enabled: Option<bool>,
    /// Whether only requests with a session token are answered.
    pub tokens_required: Option<bool>,
    /// How many hops a session token may travel, 1 to [`MetadataOptions::MOST_HOPS`].
    pub hops: Option<u8>,
}

impl MetadataChange {
    /// What these options become.
    pub fn apply(&self, options: MetadataOptions) -> MetadataOptions {
        MetadataOptions {
            enabled: self.enabled.unwrap_or(options.enabled),
            tokens_required: self.tokens_required.unwrap_or(options.tokens_required),
            hops: self.hops.unwrap_or(options.hops),
        }
    }
}

impl State {
    /// Wants these instances stopped: they are stopping from now on. All or none; instances that
    /// are stopping or stopped already stay as they are. `forced` does not let their guests shut
    /// down, those of instances that are stopping already included.
    ///
    /// `account` limits it to what that account owns; none is for administrators.
    ///
    /// # Errors
    /// [`Error::InstanceNotFound`], [`Error::InstanceNotRunning`] for one that is going away.
    pub async fn stop_instances(
        &self,
        account: Option<AccountId>,
        ids: Vec<InstanceId>,
        forced: bool,
        now: Timestamp,
    ) -> Result<Vec<StateChange>> {
        let by = self.request;
        self.write(move |db| Box::pin(stop(db, by, account, ids, forced, now))).await
    }

    /// Wants these stopped instances to run again: they are pending from now on. All or none;
    /// instances that are pending or running stay as they are.
    ///
    /// # Errors
    /// [`Error::InstanceNotFound`], [`Error::InstanceNotRunning`] for one that is still stopping or
    /// going away.
    pub async fn start_instances(
        &self,
        account: Option<AccountId>,
        ids: Vec<InstanceId>,
        now: Timestamp,
    ) -> Result<Vec<StateChange>> {
        let by = self.request;
        self.write(move |db| Box::pin(start(db, by, account, ids, now))).await
    }

    /// Changes how an instance's metadata requests are answered; the options that it has then, and
    /// whether its node still has to put them in force.
    ///
    /// # Errors
    /// [`Error::InstanceNotFound`], [`Error::InstanceNotRunning`] for one that is going away.
    pub async fn set_metadata_options(
        &self,
        account: Option<AccountId>,
        id: InstanceId,
        change: MetadataChange,
        now: Timestamp,
    ) -> Result<(MetadataOptions, bool)> {
        self.write(move |db| Box::pin(set_metadata(db, account, id, change, now))).await
    }
}

fn refused(id: InstanceId, state: InstanceState) -> Error {
    Error::InstanceNotRunning { id, state: state.as_str() }
}

async fn stop(
    db: &mut Connection,
    by: Option<RequestId>,
    account: Option<AccountId>,
    ids: Vec<InstanceId>,
    forced: bool,
    now: Timestamp,
) -> Result<Vec<StateChange>> {
    use InstanceState::{Pending, Running, ShuttingDown, Stopped, Stopping, Terminated};
    let mut changes = Vec::new();
    for id in ids {
        let (cluster, previous) = visible(db, account, id, now).await?;
        let current = match previous {
            Pending | Running => {
                sqlx::query(
                    "UPDATE instances SET turn = turn + 1, forced = $1, state = 'stopping',
                         reason = $2 WHERE id = $3",
                )
                .bind(i64::from(forced))
                .bind(format!("User initiated ({now})"))
                .bind(id.to_string())
                .execute(&mut *db)
                .await?;
                set_request(db, id, by).await?;
                bump(db, &cluster).await?;
                Stopping
            }
            Stopping if forced => {
                sqlx::query("UPDATE instances SET forced = 1 WHERE id = $1")
                    .bind(id.to_string())
                    .execute(&mut *db)
                    .await?;
                set_request(db, id, by).await?;
                bump(db, &cluster).await?;
                Stopping
            }
            Stopping | Stopped => previous,
            ShuttingDown | Terminated => return Err(refused(id, previous)),
        };
        changes.push(StateChange { id, previous, current });
    }
    Ok(changes)
}

async fn start(
    db: &mut Connection,
    by: Option<RequestId>,
    account: Option<AccountId>,
    ids: Vec<InstanceId>,
    now: Timestamp,
) -> Result<Vec<StateChange>> {
    use InstanceState::{Pending, Running, ShuttingDown, Stopped, Stopping, Terminated};
    let mut changes = Vec::new();
    for id in ids {
        let (cluster, previous) = visible(db, account, id, now).await?;
        let current = match previous {
            Stopped => {
                sqlx::query(
                    "UPDATE instances SET turn = turn + 1, forced = 0, state = 'pending',
                         reason = NULL WHERE id = $1",
                )
                .bind(id.to_string())
                .execute(&mut *db)
                .await?;
                set_request(db, id, by).await?;
                bump(db, &cluster).await?;
                Pending
            }
            Pending | Running => previous,
            // Its node may have begun to end it, so it cannot run on.
            Stopping | ShuttingDown | Terminated => return Err(refused(id, previous)),
        };
        changes.push(StateChange { id, previous, current });
    }
    Ok(changes)
}

async fn set_metadata(
    db: &mut Connection,
    account: Option<AccountId>,
    id: InstanceId,
    change: MetadataChange,
    now: Timestamp,
) -> Result<(MetadataOptions, bool)> {
    let (cluster, state) = visible(db, account, id, now).await?;
    if state >= InstanceState::ShuttingDown {
        return Err(refused(id, state));
    }
    let row = sqlx::query(
        "SELECT metadata_enabled, metadata_tokens, metadata_hops, metadata_pending
         FROM instances WHERE id = $1",
    )
    .bind(id.to_string())
    .fetch_one(&mut *db)
    .await?;
    let before = metadata(&row)?;
    let after = change.apply(before);
    if after == before {
        return Ok((after, row.flag("metadata_pending")?));
    }
    sqlx::query(
        "UPDATE instances SET metadata_enabled = $1, metadata_tokens = $2, metadata_hops = $3,
             metadata_pending = 1 WHERE id = $4",
    )
    .bind(i64::from(after.enabled))
    .bind(i64::from(after.tokens_required))
    .bind(i64::from(after.hops))
    .bind(id.to_string())
    .execute(&mut *db)
    .await?;
    bump(db, &cluster).await?;
    Ok((after, true))
}

/// The columns `metadata_enabled`, `metadata_tokens` and `metadata_hops`.
pub(crate) fn metadata(row: &Row) -> Result<MetadataOptions> {
    Ok(MetadataOptions {
        enabled: row.flag("metadata_enabled")?,
        tokens_required: row.flag("metadata_tokens")?,
        hops: row.number("metadata_hops")?,
    })
}
