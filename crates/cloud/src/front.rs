//! The public front door on port 8773: which service a path belongs to.

use crate::{Cloud, ec2};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode};
use std::sync::Arc;

/// Where EC2 is (FACTS 3.1).
pub(crate) const EC2: &str = "/services/Eucalyptus";
/// Where S3 is.
const WALRUS: &str = "/services/Walrus";

const ELSEWHERE: &str = "There is nothing here. EC2 is at /services/Eucalyptus and S3 at \
                         /services/Walrus; instances find their metadata at \
                         http://169.254.169.254/latest/.\n";

impl Cloud {
    /// The public services, for a listener that limits what a peer may take.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new().fallback(dispatch).with_state(Arc::clone(self))
    }
}

async fn dispatch(State(cloud): State<Arc<Cloud>>, request: Request<Body>) -> Response {
    let path = request.uri().path();
    if is_below(path, EC2) {
        ec2::handle(&cloud, request).await
    } else if is_below(path, WALRUS) {
        cloud.walrus.handle(cloud.as_ref(), request).await.map(Body::new)
    } else {
        (StatusCode::NOT_FOUND, ELSEWHERE).into_response()
    }
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
