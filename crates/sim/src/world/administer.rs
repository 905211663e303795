//! The administrator of a simulated cloud: requests to the cloud's shipped socket interface.

use super::{MOST_TRIES, SimCloud, breathe};
use axum::body::Body;
use http::{Method, Request, StatusCode};
use std::collections::BTreeMap;
use std::sync::Arc;
use tower::ServiceExt;
use types::ClusterName;

impl SimCloud {
    /// Registers a cluster at an endpoint; none while no cloud lives.
    pub(crate) async fn register(&self, name: &ClusterName, endpoint: &str) -> Option<StatusCode> {
        let body = format!("{{\"endpoint\":\"{endpoint}\"}}");
        self.ask(Method::PUT, name, body).await
    }

    /// Deregisters a cluster; none while no cloud lives.
    pub(crate) async fn deregister(&self, name: &ClusterName) -> Option<StatusCode> {
        self.ask(Method::DELETE, name, String::new()).await
    }

    /// Waits until the cloud is done with what was begun for those who hung up.
    pub(crate) async fn settle_cloud(&self) {
        breathe().await;
        let Some(cloud) = self.cloud_wire.target() else { return };
        for _ in 0..MOST_TRIES {
            // The wire and this function have it.
            if Arc::strong_count(&cloud) <= 2 {
                return;
            }
            breathe().await;
        }
        panic!("the cloud does not come to an end with a request");
    }

    async fn ask(&self, method: Method, name: &ClusterName, body: String) -> Option<StatusCode> {
        let cloud = self.cloud_wire.target()?;
        let path = format!("/v1/clusters/{name}");
        let request = Request::builder().method(method).uri(path).body(Body::from(body));
        let router = cloud.admin_router();
        drop(cloud);
        let answer = router.oneshot(request.expect("a request")).await;
        Some(answer.expect("the router does not fail").status())
    }

    /// The clusters that are part of the cloud by its records, and where it looks for each.
    pub(crate) async fn registered(&self) -> BTreeMap<ClusterName, String> {
        let clusters = self.records.clusters().await.expect("the database works").into_iter();
        let followed = clusters.filter(state::Cluster::is_followed);
        followed.map(|it| (it.config.name, it.config.endpoint)).collect()
    }
}
