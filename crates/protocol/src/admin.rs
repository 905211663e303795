//! The administrator's interface: JSON over HTTP on a unix socket that only root can open
//! (`conf::Layout::cloud_socket`). Served by the cloud controller, called by `euca_conf`.
//!
//! | Method and path | Body | Answer |
//! |---|---|---|
//! | `GET /v1/users` | | list of [`User`], by name |
//! | `POST /v1/users` | [`NewUser`] | [`User`]; 409 when the name is taken |
//! | `POST /v1/users/NAME/disable`, `/enable` | | [`User`] |
//! | `POST /v1/users/NAME/keys` | | [`AccessKeys`], new ones; the old ones end |
//! | `POST /v1/users/NAME/credentials` | | `application/zip` with a new certificate |
//! | `POST /v1/users/NAME/certificates` | [`NewCertificate`] | [`Certificate`]; 409 when it is somebody's |
//! | `GET /v1/certificates` | | list of [`Certificate`], newest first |
//! | `DELETE /v1/certificates/FINGERPRINT` | | 204; it is refused from now on |
//! | `DELETE /v1/users/NAME` | | 204; 409 while anything is owned |
//! | `GET /v1/default-images` | | [`DefaultImages`] |
//! | `PUT /v1/default-images/kernel`, `/ramdisk` | an image's id or null | 204; 409 when it is none |
//! | `GET /v1/addresses-per-user` | | a number |
//! | `PUT /v1/addresses-per-user` | a number | 204 |
//! | `GET /v1/walrus-limits` | | [`WalrusLimits`](types::WalrusLimits) |
//! | `PUT /v1/walrus-limits` | `WalrusLimits` | 204 |
//! | `GET /v1/walrus-usage` | | [`WalrusUsage`] |
//! | `GET /v1/status` | | [`Status`] |
//! | `GET /v1/ignored-parameters` | | [`IgnoredParameters`] |
//! | `GET /v1/clusters` | | list of [`ClusterStatus`], by name |
//! | `PUT /v1/clusters/NAME` | [`NewCluster`] | [`ClusterStatus`]; 409 for that of this machine |
//! | `DELETE /v1/clusters/NAME`, `?lost=true` | | 204; 409 while it has instances |
//! | `GET /v1/vm-types` | | list of [`VmType`](types::VmType), in their order |
//! | `PUT /v1/vm-types` | list of `VmType` | 204; all of them are replaced |
//! | `PUT /v1/vm-types/NAME` | `Figures` | 204 |
//! | `DELETE /v1/vm-types/NAME` | | 204 |
//! | `POST /v1/keys/issue` | [`KeyOwner`] | [`IssuedKeys`], which are made when there are none |
//! | `POST /v1/keys/rotate` | list of names of nodes and clusters, empty for all | list of [`IssuedKeys`] |
//!
//! A cluster controller has a socket of its own, `conf::Layout::cluster_socket`, as it may run on
//! another machine:
//!
//! | Method and path | Body | Answer |
//! |---|---|---|
//! | `GET /v1/nodes` | | list of [`NodeReport`] in the order of NODES, then those that are leaving |
//! | `GET /v1/networks` | | [`NetworkReport`] |
//!
//! Every failure answers [`Failure`] with a fitting status.

mod networks;
mod walrus;

pub use networks::{Lease, NETWORKS, NetworkReport, NetworkStatus, NodePlace};
pub use walrus::{BucketUsage, UserUsage, WALRUS_LIMITS, WALRUS_USAGE, WalrusUsage};

use crate::{ClusterSettings, NodeStatus};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use types::{
    AccountId, ClusterName, Figures, ImageId, InstanceId, NodeName, Secret, Timestamp, UserName,
};

/// Where the users are.
pub const USERS: &str = "/v1/users";
/// Where the users' certificates are.
pub const CERTIFICATES: &str = "/v1/certificates";
/// Where the parameters are that EC2 ignored.
pub const IGNORED_PARAMETERS: &str = "/v1/ignored-parameters";

/// Where the default images are.
pub const DEFAULT_IMAGES: &str = "/v1/default-images";

/// How many public addresses a user may have who is no administrator.
pub const ADDRESSES_PER_USER: &str = "/v1/addresses-per-user";

/// Where a cluster controller's nodes are.
pub const NODES: &str = "/v1/nodes";

/// A node, as its cluster controller knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeReport {
    /// What the cloud is told of it, too.
    pub status: NodeStatus,
    /// Whether it was reached and has not the keys that this cloud gave it.
    pub certificate_refused: bool,
    /// What its instances hold.
    pub used: Figures,
    /// The instances that it has, or may have heard of.
    pub instances: Vec<InstanceId>,
}
/// Where the clusters are.
pub const CLUSTERS: &str = "/v1/clusters";

/// Where the VM types are.
pub const VM_TYPES: &str = "/v1/vm-types";

/// Where the keys of a component are asked for.
pub const ISSUE_KEYS: &str = "/v1/keys/issue";

/// Where new keys are asked for.
pub const ROTATE_KEYS: &str = "/v1/keys/rotate";

/// The images of launches that name none, of images that have none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultImages {
    /// The kernel.
    pub kernel: Option<ImageId>,
    /// The ramdisk.
    pub ramdisk: Option<ImageId>,
}

/// A user of the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The name.
    pub name: UserName,
    /// The account number that EC2 and S3 show.
    pub account: AccountId,
    /// Whether the user administers the cloud.
    pub admin: bool,
    /// Whether the user's keys and certificates are accepted.
    pub enabled: bool,
}

/// A certificate that a user signs with: bundles of images, and SOAP messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// SHA-1 of the DER, in lower-case hex.
    pub fingerprint: String,
    /// Whose it is.
    pub user: UserName,
    /// When it was made here, or added.
    pub created: Timestamp,
}

/// A certificate to be added to a user's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCertificate {
    /// The certificate in PEM.
    pub pem: String,
}

/// A user to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewUser {
    /// The name.
    pub name: UserName,
    /// Whether the user administers the cloud.
    #[serde(default)]
    pub admin: bool,
}

/// What signs a user's requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKeys {
    /// The access key, which is sent with requests.
    pub access_key: String,
    /// The secret key, which never is.
    pub secret_key: Secret<String>,
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// One sentence for the administrator.
    pub message: String,
}

/// How the cloud is, as `GET /v1/status` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The clusters by name.
    pub clusters: Vec<ClusterStatus>,
    /// How many instances are in each state, by EC2's names of the states.
    pub instances: BTreeMap<String, u64>,
}

/// The parameters of EC2 requests that no action knows, since the cloud was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IgnoredParameters {
    /// Each of them, by action and name.
    pub parameters: Vec<IgnoredParameter>,
    /// How often others were ignored, after so many names had been seen that no more are kept.
    pub others: u64,
}

/// A parameter that an action does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IgnoredParameter {
    /// The action.
    pub action: String,
    /// The parameter's name, with `N` for each item number.
    pub parameter: String,
    /// In how many requests it was.
    pub times: u64,
}

/// A cluster, as the cloud last heard of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterStatus {
    /// Its name, which is its availability zone.
    pub name: ClusterName,
    /// `host:port` of its controller.
    pub endpoint: String,
    /// Whether its controller answered the last call.
    pub reachable: bool,
    /// What keeps it from working, with the remedy.
    pub problems: Vec<String>,
    /// Its nodes, in the order of NODES.
    pub nodes: Vec<NodeStatus>,
    /// Why it is part of the cloud.
    #[serde(default)]
    pub standing: ClusterStanding,
    /// When its controller began to answer, or ceased to.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// When its controller answered last.
    #[serde(default)]
    pub last_seen: Option<Timestamp>,
    /// How many instances it has that are not terminated.
    #[serde(default)]
    pub instances: u64,
    /// By how many generations it lags behind what is desired; none while that is not known.
    #[serde(default)]
    pub lag: Option<u64>,
    /// What it reported of its configuration; none before. It takes no launches then.
    #[serde(default)]
    pub settings: Option<ClusterSettings>,
}

/// Why a cluster is part of the cloud.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClusterStanding {
    /// The configuration of the cloud controller's machine names it.
    #[default]
    Here,
    /// The administrator registered it.
    Registered,
    /// Nobody names it any more, and it has instances.
    Left,
}

/// Where a cluster's controller is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCluster {
    /// `HOST[:PORT]`.
    pub endpoint: String,
}

/// Whose keys are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyOwner {
    /// The cloud controller.
    Cloud,
    /// The cluster controller of this cluster.
    Cluster(ClusterName),
    /// The node controller of this node.
    Node(NodeName),
}

/// Keys that were issued, and where the cloud controller's machine has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedKeys {
    /// Whose they are.
    pub owner: KeyOwner,
    /// The directory that holds them.
    pub directory: PathBuf,
    /// The files that the component needs, in that directory.
    pub files: Vec<String>,
    /// Whether the component is on this machine, so that nothing needs to be copied.
    pub here: bool,
    /// The host that the component is on, as far as the cloud knows.
    pub host: Option<String>,
}
