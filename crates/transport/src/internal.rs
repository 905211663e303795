//! The internal routes: what a component offers to the component above or below it.
//!
//! `POST /v1/cluster/sync`, `GET /v1/cluster/observe?since=&wait_ms=`,
//! `GET /v1/cluster/console/{instance}`; the same under `/v1/node`; `GET /v1/images/{digest}`.

use crate::role::{Caller, Role, RoleKind};
use async_trait::async_trait;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http::{StatusCode, header};
use protocol::{CallError, ClusterApi, ClusterDesired, Digest, NodeApi, NodeDesired, Revision};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;
use types::InstanceId;

/// Bytes of one desired state. Two thousand instances with full user data take half of it.
const SYNC_BYTES: usize = 128 << 20;
/// An observer never waits longer than this.
const WAIT_MS: u32 = 30_000;

/// Where the cloud keeps decrypted images.
#[async_trait]
pub trait ImageStore: Send + Sync {
    /// The number of bytes from `offset` to the end, and those bytes.
    ///
    /// # Errors
    /// [`CallError::NotFound`] when there is no such image.
    async fn open(
        &self,
        digest: &Digest,
        offset: u64,
    ) -> Result<(u64, Box<dyn AsyncRead + Send + Unpin>), CallError>;
}

#[derive(Deserialize)]
pub(crate) struct Observe {
    since: Option<Revision>,
    wait_ms: u32,
}

#[derive(Deserialize)]
struct Offset {
    #[serde(default)]
    offset: u64,
}

/// A cluster controller's routes; only the cloud controller may use them.
pub fn cluster_routes(api: Arc<dyn ClusterApi>) -> Router {
    async fn sync(
        State(api): State<Arc<dyn ClusterApi>>,
        Json(desired): Json<ClusterDesired>,
    ) -> Response {
        answer(api.sync(desired).await)
    }
    async fn observe(State(api): State<Arc<dyn ClusterApi>>, Query(q): Query<Observe>) -> Response {
        answer(api.observe(q.since, q.wait_ms.min(WAIT_MS)).await)
    }
    async fn console(
        State(api): State<Arc<dyn ClusterApi>>,
        Path(id): Path<InstanceId>,
    ) -> Response {
        answer(api.console_output(id).await)
    }
    let routes = Router::new()
        .route("/v1/cluster/sync", post(sync))
        .route("/v1/cluster/observe", get(observe))
        .route("/v1/cluster/console/{id}", get(console))
        .with_state(api);
    only(RoleKind::Cloud, routes)
}

/// A node controller's routes; only cluster controllers may use them, and each commands in the
/// name of its own cluster only.
pub fn node_routes(api: Arc<dyn NodeApi>) -> Router {
    async fn sync(
        State(api): State<Arc<dyn NodeApi>>,
        Extension(caller): Extension<Caller>,
        Json(desired): Json<NodeDesired>,
    ) -> Response {
        if !caller.is(&Role::Cluster(desired.cluster.clone())) {
            let cluster = &desired.cluster;
            return refusal(format!(
                "this is the certificate of another component than the controller of cluster \
                 \"{cluster}\", which alone may say what should be of it"
            ));
        }
        answer(api.sync(desired).await)
    }
    async fn observe(State(api): State<Arc<dyn NodeApi>>, Query(q): Query<Observe>) -> Response {
        answer(api.observe(q.since, q.wait_ms.min(WAIT_MS)).await)
    }
    async fn console(State(api): State<Arc<dyn NodeApi>>, Path(id): Path<InstanceId>) -> Response {
        answer(api.console_output(id).await)
    }
    let routes = Router::new()
        .route("/v1/node/sync", post(sync))
        .route("/v1/node/observe", get(observe))
        .route("/v1/node/console/{id}", get(console))
        .with_state(api);
    only(RoleKind::Cluster, routes)
}

/// The cloud controller's image routes; only node controllers may use them.
pub fn image_routes(store: Arc<dyn ImageStore>) -> Router {
    async fn image(
        State(store): State<Arc<dyn ImageStore>>,
        Path(digest): Path<Digest>,
        Query(Offset { offset }): Query<Offset>,
    ) -> Response {
        match store.open(&digest, offset).await {
            Ok((length, bytes)) => {
                let body = Body::from_stream(ReaderStream::with_capacity(bytes, 256 * 1024));
                ([(header::CONTENT_LENGTH, length)], body).into_response()
            }
            Err(e) => failure(e),
        }
    }
    let routes = Router::new().route("/v1/images/{digest}", get(image)).with_state(store);
    only(RoleKind::Node, routes)
}

/// Answers nobody but components of one kind.
fn only(kind: RoleKind, routes: Router) -> Router {
    let gate = move |request: Request, next: Next| async move {
        if request.extensions().get::<Caller>().is_some_and(|caller| caller.kind == kind) {
            return next.run(request).await;
        }
        refusal("this certificate may not make this call".to_owned())
    };
    routes.layer(DefaultBodyLimit::max(SYNC_BYTES)).layer(from_fn(gate))
}

fn refusal(text: String) -> Response {
    (StatusCode::FORBIDDEN, Json(CallError::Failed(text))).into_response()
}

fn answer<T: Serialize>(result: Result<T, CallError>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(e) => failure(e),
    }
}

fn failure(error: CallError) -> Response {
    // whom the answering component trusts is for its caller the same as whom it reaches
    let error = match error {
        CallError::NotTrusted(cause) => CallError::Unreachable(cause),
        other => other,
    };
    let status = match error {
        CallError::Stale { .. } => StatusCode::CONFLICT,
        CallError::NotFound(_) => StatusCode::NOT_FOUND,
        CallError::Unreachable(_) | CallError::NotTrusted(_) => StatusCode::BAD_GATEWAY,
        CallError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, Json(error)).into_response()
}
