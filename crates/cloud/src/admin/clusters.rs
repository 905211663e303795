//! Clusters: registered, changed, deregistered, listed.

use super::Answer;
use crate::Cloud;
use crate::error::{Error, Result};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::IntoResponse;
use bytes::Bytes;
use http::StatusCode;
use protocol::ClusterSettings;
use protocol::admin::{ClusterStanding, ClusterStatus, KeyOwner, NewCluster};
use serde::Deserialize;
use state::{Cluster, ClusterConfig, Registration, Standing};
use std::net::Ipv6Addr;
use std::sync::Arc;
use types::{ClusterName, NodeName};

/// CC_PORT, where a controller listens unless it is told otherwise.
const CC_PORT: u16 = 8774;

/// How a cluster is to be deregistered.
#[derive(Deserialize)]
pub(super) struct Removal {
    /// It will never come back: its instances are given up.
    #[serde(default)]
    lost: bool,
}

pub(super) async fn list(State(cloud): State<Arc<Cloud>>) -> Answer {
    Ok(Json(cloud.cluster_statuses().await?).into_response())
}

pub(super) async fn register(
    State(cloud): State<Arc<Cloud>>,
    Path(name): Path<ClusterName>,
    body: Bytes,
) -> Answer {
    let new: NewCluster = serde_json::from_slice(&body).map_err(Error::Malformed)?;
    let (led, wanted) = (Arc::clone(&cloud), name.clone());
    to_the_end(async move { led.register_cluster_at(wanted, &new.endpoint).await }).await?;
    let all = cloud.cluster_statuses().await?;
    let status = all.into_iter().find(|status| status.name == name);
    Ok(Json(status.ok_or(state::Error::ClusterNotFound(name))?).into_response())
}

pub(super) async fn deregister(
    State(cloud): State<Arc<Cloud>>,
    Path(name): Path<ClusterName>,
    Query(Removal { lost }): Query<Removal>,
) -> Answer {
    to_the_end(async move { cloud.deregister_cluster(name, lost).await }).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Does it as a whole, also when the administrator hangs up meanwhile: a cluster that is in the
/// records must be followed, and one that is not must not.
async fn to_the_end(work: impl Future<Output = Result<()>> + Send + 'static) -> Result<()> {
    tokio::spawn(work).await?
}

impl Cloud {
    /// The same as [`Cloud::register_cluster`] with what an administrator writes: `HOST[:PORT]`.
    ///
    /// # Errors
    /// [`Error::Endpoint`], and when the state refuses.
    pub async fn register_cluster_at(&self, name: ClusterName, at: &str) -> Result<()> {
        let endpoint = endpoint(at).ok_or_else(|| Error::Endpoint(at.to_owned()))?;
        self.register_cluster(Registration { name, endpoint }).await
    }

    /// Registers a cluster, or takes over that its controller is somewhere else now. It is
    /// followed from then on.
    ///
    /// # Errors
    /// When the state refuses.
    pub async fn register_cluster(&self, cluster: Registration) -> Result<()> {
        self.state.register_cluster(cluster).await?;
        self.take_in_clusters().await
    }

    /// Removes a registered cluster (see [`state::State::deregister_cluster`]), its keys too. Keys
    /// that an attempt which was broken off has left are removed by the next.
    ///
    /// # Errors
    /// When the state refuses.
    pub async fn deregister_cluster(&self, name: ClusterName, lost: bool) -> Result<()> {
        let removed = self.state.deregister_cluster(name.clone(), lost, self.now()).await;
        if matches!(removed, Ok(()) | Err(state::Error::ClusterNotFound(_))) {
            self.take_in_clusters().await?;
            self.forget_keys(KeyOwner::Cluster(name)).await?;
        }
        Ok(removed?)
    }

    /// All clusters as they were last seen.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cluster_statuses(&self) -> Result<Vec<ClusterStatus>> {
        let live = self.state.count_live_by_cluster().await?;
        let status = |cluster: Cluster| {
            let name = cluster.config.name;
            let kept = self.ways.get(&name).and_then(|way| way.kept());
            ClusterStatus {
                endpoint: cluster.config.endpoint,
                reachable: cluster.reachable,
                problems: cluster.problems,
                nodes: cluster.nodes,
                standing: match cluster.standing {
                    Standing::Here => ClusterStanding::Here,
                    Standing::Registered => ClusterStanding::Registered,
                    Standing::Left => ClusterStanding::Left,
                },
                since: cluster.changed,
                last_seen: cluster.last_seen,
                instances: live.get(&name).copied().unwrap_or_default(),
                lag: kept.map(|kept| cluster.generation.saturating_sub(kept)),
                settings: cluster.settings.map(shown),
                name,
            }
        };
        Ok(self.state.clusters().await?.into_iter().map(status).collect())
    }
}

fn shown(config: ClusterConfig) -> ClusterSettings {
    ClusterSettings {
        networks: config.networks,
        policy: config.policy.as_str().to_owned(),
        public_addresses: Some(config.public_addresses),
    }
}

/// `HOST[:PORT]` with its port.
fn endpoint(text: &str) -> Option<String> {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, port) = match bracketed {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':')?)),
        None if text.parse::<Ipv6Addr>().is_ok() => (text, None),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
        None => CC_PORT,
    };
    if host.contains(':') {
        let host: Ipv6Addr = host.parse().ok()?;
        return Some(format!("[{host}]:{port}"));
    }
    let host: NodeName = host.parse().ok()?;
    Some(format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_with_a_port() {
        for (text, expected) in [
            ("cc2", Some("cc2:8774")),
            ("cc2:9774", Some("cc2:9774")),
            ("10.0.0.7", Some("10.0.0.7:8774")),
            ("fd00::7", Some("[fd00::7]:8774")),
            ("[fd00::7]:9774", Some("[fd00::7]:9774")),
            ("[fd00::7]", Some("[fd00::7]:8774")),
            ("", None),
            ("-oProxyCommand=x", None),
            ("cc2:", None),
            ("cc2:0", None),
            ("cc2:65536", None),
            ("cc2:1:2", None),
            ("cc2/x", None),
            ("user@cc2", None),
            ("[fd00::7", None),
            ("[cc2:1]", None),
        ] {
            assert_eq!(endpoint(text).as_deref(), expected, "{text}");
        }
    }
}
