//! Who a certificate speaks for.

use aws_lc_rs::digest::{SHA256, digest};
use types::{ClusterName, NodeName};

/// A component, as its certificate names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// The cloud controller.
    Cloud,
    /// The cluster controller of this cluster.
    Cluster(ClusterName),
    /// The node controller of this node.
    Node(NodeName),
}

/// The kind of component, as read from a peer's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoleKind {
    Cloud,
    Cluster,
    Node,
}

/// Who makes a call, as its verified certificate says; an extension of every internal request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) kind: RoleKind,
    dns_name: String,
}

impl Caller {
    /// The component with this DNS name in its certificate.
    pub(crate) fn of_dns_name(name: &str) -> Option<Self> {
        Some(Self { kind: RoleKind::of_dns_name(name)?, dns_name: name.to_owned() })
    }

    pub(crate) fn is(&self, role: &Role) -> bool {
        self.dns_name == role.dns_name()
    }
}

const CLUSTER_SUBJECT: &str = "Eucalyptus cluster controller ";
const NODE_SUBJECT: &str = "Eucalyptus node controller ";
const CLOUD: &str = "cloud.eucalyptus.internal";
const CLUSTER: &str = ".cc.eucalyptus.internal";
const NODE: &str = ".nc.eucalyptus.internal";

impl Role {
    /// The DNS name in the component's certificate, by which TLS checks it.
    ///
    /// Names of clusters and nodes may be no DNS labels (`10.0.0.5`), so they are hashed.
    pub fn dns_name(&self) -> String {
        match self {
            Self::Cloud => CLOUD.to_owned(),
            Self::Cluster(name) => label(name.as_str()) + CLUSTER,
            Self::Node(name) => label(name.as_str()) + NODE,
        }
    }

    /// The stem of the component's files in the key directory (FACTS 2.4).
    pub(crate) const fn file_stem(&self) -> &'static str {
        match self {
            Self::Cloud => "cloud-tls",
            Self::Cluster(_) => "cluster",
            Self::Node(_) => "node",
        }
    }

    /// What people read in the certificate's subject.
    pub(crate) fn common_name(&self) -> String {
        match self {
            Self::Cloud => "Eucalyptus cloud controller".to_owned(),
            Self::Cluster(name) => format!("{CLUSTER_SUBJECT}{name}"),
            Self::Node(name) => format!("{NODE_SUBJECT}{name}"),
        }
    }

    /// The cluster controller or node controller that a certificate's subject names.
    pub(crate) fn of_subject(subject: &str) -> Option<Self> {
        let node = || subject.strip_prefix(NODE_SUBJECT)?.parse().ok().map(Self::Node);
        let cluster = || subject.strip_prefix(CLUSTER_SUBJECT)?.parse().ok().map(Self::Cluster);
        node().or_else(cluster)
    }
}

impl RoleKind {
    /// The kind that a certificate's DNS name stands for.
    fn of_dns_name(name: &str) -> Option<Self> {
        if name == CLOUD {
            Some(Self::Cloud)
        } else if name.ends_with(CLUSTER) {
            Some(Self::Cluster)
        } else if name.ends_with(NODE) {
            Some(Self::Node)
        } else {
            None
        }
    }
}

fn label(name: &str) -> String {
    digest(&SHA256, name.as_bytes()).as_ref()[..16].iter().map(|b| format!("{b:02x}")).collect()
}
