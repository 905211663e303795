//! The keys of the components: the authority's key is used here and nowhere else.

use super::Answer;
use crate::Cloud;
use crate::error::{Error, Result};
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use bytes::Bytes;
use protocol::admin::{IssuedKeys, KeyOwner};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use transport::pki::issued::{self, Issued};
use transport::{Role, TransportError};
use types::{ClusterName, host_of_endpoint};

/// In the place of names: everybody.
const ALL: &str = "all";

pub(super) async fn issue(State(cloud): State<Arc<Cloud>>, body: Bytes) -> Answer {
    let owner = serde_json::from_slice(&body).map_err(Error::Malformed)?;
    Ok(Json(cloud.issue_keys(owner).await?).into_response())
}

pub(super) async fn rotate(State(cloud): State<Arc<Cloud>>, body: Bytes) -> Answer {
    let names = serde_json::from_slice(&body).map_err(Error::Malformed)?;
    Ok(Json(cloud.rotate_keys(names).await?).into_response())
}

impl Cloud {
    /// The keys of a component, which are made when there are none.
    ///
    /// # Errors
    /// [`state::Error::ClusterNotFound`] for a cluster that is not registered;
    /// [`Error::KeysStay`]; when a file cannot be read or written.
    pub async fn issue_keys(&self, owner: KeyOwner) -> Result<IssuedKeys> {
        let hosts = self.hosts().await?;
        let role = match owner {
            KeyOwner::Cloud => return Err(Error::KeysStay),
            KeyOwner::Node(name) => Role::Node(name),
            KeyOwner::Cluster(name) if hosts.contains_key(&name) => Role::Cluster(name),
            KeyOwner::Cluster(name) => return Err(state::Error::ClusterNotFound(name).into()),
        };
        let issued = self.with_authority(move |keys| issued::issue(&keys, &role)).await?;
        Ok(shown(issued, &hosts))
    }

    /// Makes new keys for the nodes and clusters of these names, for all components when there
    /// are none or one is "all". The old ones stay valid until they end.
    ///
    /// # Errors
    /// [`Error::NoKeys`] for a name that has none, before anything is made; when a file cannot be
    /// read or written.
    pub async fn rotate_keys(&self, names: Vec<String>) -> Result<Vec<IssuedKeys>> {
        let hosts = self.hosts().await?;
        let mut pairs = self.with_authority(|keys| issued::all(&keys)).await?;
        if !names.is_empty() && !names.iter().any(|name| name == ALL) {
            let of = |pair: &Issued, name: &String| match &pair.role {
                Role::Cloud => false,
                Role::Cluster(cluster) => cluster.as_str() == name,
                Role::Node(node) => node.as_str() == name,
            };
            if let Some(name) = names.iter().find(|name| !pairs.iter().any(|it| of(it, name))) {
                return Err(Error::NoKeys(name.chars().take(64).collect()));
            }
            pairs.retain(|pair| names.iter().any(|name| of(pair, name)));
        }
        let rotate = move |keys: PathBuf| {
            pairs.iter().try_for_each(|pair| issued::rotate(&keys, pair))?;
            Ok(pairs)
        };
        let rotated = self.with_authority(rotate).await?;
        Ok(rotated.into_iter().map(|pair| shown(pair, &hosts)).collect())
    }

    /// Forgets the keys that were issued to a component of another machine.
    pub(super) async fn forget_keys(&self, owner: KeyOwner) -> Result<()> {
        let role = match owner {
            KeyOwner::Cloud => return Err(Error::KeysStay),
            KeyOwner::Cluster(name) => Role::Cluster(name),
            KeyOwner::Node(name) => Role::Node(name),
        };
        self.with_authority(move |keys| issued::forget(&keys, &role)).await
    }

    /// Does something in the key directory, one after the other.
    async fn with_authority<T: Send + 'static>(
        &self,
        work: impl FnOnce(PathBuf) -> Result<T, TransportError> + Send + 'static,
    ) -> Result<T> {
        let _turn = self.issuing.lock().await;
        let keys = self.settings.layout.keys();
        Ok(tokio::task::spawn_blocking(move || work(keys)).await??)
    }

    /// The host of each cluster's controller.
    async fn hosts(&self) -> Result<BTreeMap<ClusterName, String>> {
        let clusters = self.state.clusters().await?.into_iter();
        let host = |endpoint: &str| host_of_endpoint(endpoint).to_owned();
        Ok(clusters.map(|it| (it.config.name, host(&it.config.endpoint))).collect())
    }
}

fn shown(issued: Issued, hosts: &BTreeMap<ClusterName, String>) -> IssuedKeys {
    let files = issued.files();
    let (owner, host) = match issued.role {
        Role::Cloud => (KeyOwner::Cloud, None),
        Role::Cluster(name) => {
            let host = hosts.get(&name).cloned();
            (KeyOwner::Cluster(name), host)
        }
        Role::Node(name) => {
            let host = name.to_string();
            (KeyOwner::Node(name), Some(host))
        }
    };
    IssuedKeys { owner, directory: issued.directory, files, here: issued.here, host }
}
