//! The administrator's interface on a unix socket (see [`protocol::admin`]).

mod certificates;
mod clusters;
mod keys;
mod vm_types;
mod walrus;

pub(crate) use walrus::quotas;

use crate::Cloud;
use crate::error::Error;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use bytes::Bytes;
use http::{StatusCode, header};
use protocol::admin::{
    ADDRESSES_PER_USER, AccessKeys, CERTIFICATES, CLUSTERS, DefaultImages, Failure,
    IGNORED_PARAMETERS, ISSUE_KEYS, IgnoredParameters, NewUser, ROTATE_KEYS, Status, User,
    VM_TYPES, WALRUS_LIMITS, WALRUS_USAGE,
};
use std::sync::Arc;
use types::{ImageId, ImageKind, UserName};

const MAX_BODY_BYTES: usize = 64 * 1024;

type Answer = Result<Response, Error>;

impl Cloud {
    /// The routes of the administrator's interface, for a socket that only root can open.
    pub fn admin_router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/v1/status", get(status))
            .route(IGNORED_PARAMETERS, get(ignored_parameters))
            .route("/v1/users", get(list).post(create))
            .route("/v1/users/{name}", delete(remove))
            .route("/v1/users/{name}/enable", post(enable))
            .route("/v1/users/{name}/disable", post(disable))
            .route("/v1/users/{name}/keys", post(new_keys))
            .route("/v1/users/{name}/credentials", post(credentials))
            .route("/v1/users/{name}/certificates", post(certificates::add))
            .route(CERTIFICATES, get(certificates::list))
            .route("/v1/certificates/{fingerprint}", delete(certificates::remove))
            .route(ADDRESSES_PER_USER, get(addresses_per_user).put(set_addresses_per_user))
            .route(WALRUS_LIMITS, get(walrus::limits).put(walrus::set_limits))
            .route(WALRUS_USAGE, get(walrus::usage))
            .route("/v1/default-images", get(default_images))
            .route("/v1/default-images/{kind}", put(set_default_image))
            .route(CLUSTERS, get(clusters::list))
            .route("/v1/clusters/{name}", put(clusters::register).delete(clusters::deregister))
            .route(VM_TYPES, get(vm_types::list).put(vm_types::set_all))
            .route("/v1/vm-types/{name}", put(vm_types::set).delete(vm_types::remove))
            .route(ISSUE_KEYS, post(keys::issue))
            .route(ROTATE_KEYS, post(keys::rotate))
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .with_state(Arc::clone(self))
    }
}

fn shown(user: state::User) -> User {
    User { name: user.name, account: user.account, admin: user.admin, enabled: user.enabled }
}

/// A user's name in a path. What cannot be one names nobody.
fn named(text: String) -> Result<UserName, state::Error> {
    text.parse().map_err(|_| state::Error::UserNotFound(text))
}

async fn list(State(cloud): State<Arc<Cloud>>) -> Answer {
    let users: Vec<_> = cloud.state.users().await?.into_iter().map(shown).collect();
    Ok(Json(users).into_response())
}

async fn create(State(cloud): State<Arc<Cloud>>, body: Bytes) -> Answer {
    let new: NewUser = serde_json::from_slice(&body).map_err(Error::Malformed)?;
    let user = cloud.create_user(new.name, new.admin).await?;
    Ok((StatusCode::CREATED, Json(shown(user))).into_response())
}

async fn remove(State(cloud): State<Arc<Cloud>>, Path(name): Path<String>) -> Answer {
    cloud.delete_user(named(name)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn enable(cloud: State<Arc<Cloud>>, name: Path<String>) -> Answer {
    switch(cloud, name, true).await
}

async fn disable(cloud: State<Arc<Cloud>>, name: Path<String>) -> Answer {
    switch(cloud, name, false).await
}

async fn switch(
    State(cloud): State<Arc<Cloud>>,
    Path(name): Path<String>,
    enabled: bool,
) -> Answer {
    let user = cloud.state.set_user_enabled(named(name)?, enabled).await?;
    Ok(Json(shown(user)).into_response())
}

async fn new_keys(State(cloud): State<Arc<Cloud>>, Path(name): Path<String>) -> Answer {
    let user = cloud.new_access_key(named(name)?).await?;
    let keys = AccessKeys { access_key: user.access_key, secret_key: user.secret_key };
    Ok(Json(keys).into_response())
}

async fn credentials(State(cloud): State<Arc<Cloud>>, Path(name): Path<String>) -> Answer {
    let zip = cloud.credentials(named(name)?).await?;
    Ok(([(header::CONTENT_TYPE, "application/zip")], zip).into_response())
}

async fn addresses_per_user(State(cloud): State<Arc<Cloud>>) -> Answer {
    Ok(Json(cloud.state.settings().await?.addresses_per_user).into_response())
}

async fn set_addresses_per_user(State(cloud): State<Arc<Cloud>>, body: Bytes) -> Answer {
    let most = serde_json::from_slice(&body).map_err(Error::Malformed)?;
    cloud.state.set_addresses_per_user(most).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn default_images(State(cloud): State<Arc<Cloud>>) -> Answer {
    let defaults = cloud.state.settings().await?;
    let state::Settings { default_kernel: kernel, default_ramdisk: ramdisk, .. } = defaults;
    Ok(Json(DefaultImages { kernel, ramdisk }).into_response())
}

async fn set_default_image(
    State(cloud): State<Arc<Cloud>>,
    Path(kind): Path<String>,
    body: Bytes,
) -> Answer {
    let image: Option<ImageId> = serde_json::from_slice(&body).map_err(Error::Malformed)?;
    let Some(kind) =
        [ImageKind::Kernel, ImageKind::Ramdisk].into_iter().find(|k| k.as_str() == kind)
    else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    cloud.state.set_default_image(kind, image).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn status(State(cloud): State<Arc<Cloud>>) -> Answer {
    let clusters = cloud.cluster_statuses().await?;
    let instances = cloud.state.count_instances(cloud.now()).await?;
    Ok(Json(Status { clusters, instances }).into_response())
}

async fn ignored_parameters(State(cloud): State<Arc<Cloud>>) -> Json<IgnoredParameters> {
    Json(cloud.ignored.shown())
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::State(
                state::Error::UserNotFound(_)
                | state::Error::CertificateNotFound(_)
                | state::Error::ClusterNotFound(_)
                | state::Error::VmTypeNotFound(_),
            )
            | Self::NoKeys(_) => StatusCode::NOT_FOUND,
            Self::State(state::Error::VmTypeInvalid(_) | state::Error::VmTypeTwice(_))
            | Self::UserCertificate(_)
            | Self::Endpoint(_)
            | Self::KeysStay => StatusCode::BAD_REQUEST,
            Self::State(
                state::Error::UserExists(_)
                | state::Error::UserOwns { .. }
                | state::Error::LastAdministrator(_)
                | state::Error::CredentialExists
                | state::Error::ImageNotFound(_)
                | state::Error::ImageKindWrong { .. }
                | state::Error::ClusterIsHere(_)
                | state::Error::EndpointTaken { .. }
                | state::Error::ClusterInUse { .. }
                | state::Error::ClusterAnswers(_)
                | state::Error::NoVmTypes
                | state::Error::LimitReached { .. },
            )
            | Self::UserOwnsBuckets { .. } => StatusCode::CONFLICT,
            Self::State(state::Error::Overloaded) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            tracing::error!(error = %self, "administrator's request failed");
        }
        (status, Json(Failure { message: self.to_string() })).into_response()
    }
}
