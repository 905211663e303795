//! The public front door on port 8773: which service a path belongs to. On a port of its own
//! Walrus has all paths.

use crate::{Cloud, ec2};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use ec2_wire::Service;
use http::{Request, StatusCode};
use std::sync::Arc;
use std::time::Instant;
use walrus::Door;

/// Where EC2 is (FACTS 3.1).
pub(crate) const EC2: &str = "/services/Eucalyptus";
/// Where STS and IAM are, as far as SDKs ask them before they use EC2.
pub(crate) const STS: &str = "/services/Tokens";
pub(crate) const IAM: &str = "/services/Euare";
/// Where S3 is.
pub(crate) const WALRUS: &str = "/services/Walrus";

const ELSEWHERE: &str = "There is nothing here. EC2 is at /services/Eucalyptus and S3 at \
                         /services/Walrus, STS at /services/Tokens and IAM at /services/Euare; \
                         instances find their metadata at http://169.254.169.254/latest/.\n";

impl Cloud {
    /// The public services, for a listener that limits what a peer may take.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new().fallback(dispatch).with_state(Arc::clone(self))
    }

    /// Walrus alone, at the root.
    pub fn walrus_router(self: &Arc<Self>) -> Router {
        Router::new().fallback(walrus_alone).with_state(Arc::clone(self))
    }
}

async fn dispatch(State(cloud): State<Arc<Cloud>>, request: Request<Body>) -> Response {
    let path = request.uri().path();
    if query_service(path).is_some() {
        ec2::handle(&cloud, request).await
    } else if is_below(path, WALRUS) {
        walrus(&cloud, Door::Prefix, request).await
    } else {
        (StatusCode::NOT_FOUND, ELSEWHERE).into_response()
    }
}

async fn walrus_alone(State(cloud): State<Arc<Cloud>>, request: Request<Body>) -> Response {
    walrus(&cloud, Door::Root, request).await
}

async fn walrus(cloud: &Cloud, door: Door, request: Request<Body>) -> Response {
    let (begun, method) = (Instant::now(), request.method().clone());
    let request = from_peer(request);
    let answer = cloud.walrus.handle(cloud, door, request).await.map(Body::new);
    cloud.measures.walrus(&method, answer.status().as_u16(), begun);
    answer
}

/// Tells Walrus where a request comes from: its policies may ask.
fn from_peer(mut request: Request<Body>) -> Request<Body> {
    if let Some(&transport::Peer { address, tls }) = request.extensions().get() {
        let peer = walrus::Peer { address: Some(address.ip()), tls };
        request.extensions_mut().insert(peer);
    }
    request
}

/// The service at a path that speaks EC2's Query protocol.
pub(crate) fn query_service(path: &str) -> Option<Service> {
    [(EC2, Service::Ec2), (STS, Service::Sts), (IAM, Service::Iam)]
        .into_iter()
        .find_map(|(at, service)| is_below(path, at).then_some(service))
}

/// Whether a path is a service's own or below it. Walrus needs the path as it was sent, since that
/// is what was signed; so no router takes it apart.
fn is_below(path: &str, service: &str) -> bool {
    path.strip_prefix(service).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_its_path_and_all_below_it() {
        for (path, below) in [
            ("/services/Walrus", true),
            ("/services/Walrus/", true),
            ("/services/Walrus/b/a%2Fb//c", true),
            ("/services/Walrusx", false),
            ("/services", false),
            ("/", false),
        ] {
            assert_eq!(is_below(path, WALRUS), below, "{path}");
        }
    }
}
