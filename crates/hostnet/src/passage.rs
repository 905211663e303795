//! The ways that packets of instances go through a host, and so through its firewalls.

/// What a host does for instances, which a firewall of somebody else's can keep it from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passage {
    /// It is the router of the group networks.
    Router,
    /// It is a node with instances on bridges of group networks.
    GroupNode,
    /// It is a node with instances on the administrator's bridge of this name.
    SiteNode(String),
    /// It answers DHCP on this device, which is on the site's network.
    SiteDhcp(String),
}
