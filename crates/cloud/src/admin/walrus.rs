//! What users hold in Walrus, and what they may.

use super::Answer;
use crate::Cloud;
use crate::error::{Error, Result};
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::StatusCode;
use protocol::admin::{BucketUsage, UserUsage, WalrusUsage};
use std::collections::BTreeMap;
use std::sync::Arc;
use types::WalrusLimits;
use walrus::Quotas;

const MB: u64 = 1024 * 1024;

/// The limits as Walrus has them.
pub(crate) fn quotas(limits: WalrusLimits) -> Quotas {
    let bytes = |mb: Option<u32>| mb.map(|mb| u64::from(mb) * MB);
    Quotas {
        buckets_per_user: limits.buckets.map(u64::from),
        bucket_bytes: bytes(limits.bucket_mb),
        user_bytes: bytes(limits.user_mb),
    }
}

impl Cloud {
    /// Sets what users may have in Walrus from now on. Who has more keeps it.
    async fn set_walrus_limits(&self, limits: WalrusLimits) -> Result<()> {
        let _turn = self.limiting.lock().await;
        self.state.set_walrus_limits(limits).await?;
        self.walrus.set_quotas(quotas(limits));
        Ok(())
    }
}

pub(super) async fn limits(State(cloud): State<Arc<Cloud>>) -> Answer {
    Ok(Json(cloud.state.settings().await?.walrus_limits).into_response())
}

pub(super) async fn set_limits(State(cloud): State<Arc<Cloud>>, body: Bytes) -> Answer {
    let limits = serde_json::from_slice(&body).map_err(Error::Malformed)?;
    cloud.set_walrus_limits(limits).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn usage(State(cloud): State<Arc<Cloud>>) -> Answer {
    let report = cloud.walrus.usage().await?;
    let users = cloud.state.users().await?;
    let mut names: BTreeMap<_, _> = users.into_iter().map(|it| (it.account, it.name)).collect();
    let bucket = |it: walrus::BucketUsage| {
        let walrus::Usage { objects, bytes } = it.held;
        BucketUsage { name: it.name, owner: it.owner, objects, bytes }
    };
    let user = |it: walrus::UserUsage| {
        let walrus::Usage { objects, bytes } = it.held;
        let name = names.remove(&it.owner);
        UserUsage { account: it.owner, name, buckets: it.buckets, objects, bytes }
    };
    let buckets = report.buckets.into_iter().map(bucket).collect();
    let users = report.users.into_iter().map(user).collect();
    Ok(Json(WalrusUsage { buckets, users }).into_response())
}
