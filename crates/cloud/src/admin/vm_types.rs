//! The VM types, which every request reads anew.

use super::Answer;
use crate::Cloud;
use crate::error::Error;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use bytes::Bytes;
use http::StatusCode;
use std::sync::Arc;
use types::VmType;

pub(super) async fn list(State(cloud): State<Arc<Cloud>>) -> Answer {
    Ok(Json(cloud.state.vm_types().await?).into_response())
}

pub(super) async fn set_all(State(cloud): State<Arc<Cloud>>, body: Bytes) -> Answer {
    let types = serde_json::from_slice(&body).map_err(Error::Malformed)?;
    cloud.state.set_vm_types(types).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn set(
    State(cloud): State<Arc<Cloud>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Answer {
    let figures = serde_json::from_slice(&body).map_err(Error::Malformed)?;
    cloud.state.set_vm_type(VmType { name, figures }).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn remove(State(cloud): State<Arc<Cloud>>, Path(name): Path<String>) -> Answer {
    cloud.state.delete_vm_type(name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
