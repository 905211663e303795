//! The network planner: from desired state to what one host's kernel should hold. Pure.
//!
//! On every machine two processes may own a part: the cluster controller the router's
//! (addresses, DHCP, NAT, group rules: table `inet eucalyptus`) and the node controller the
//! instances' (bridges, anti-spoofing, metadata: tables `bridge eucalyptus`,
//! `ip eucalyptus_metadata`, `inet eucalyptus_taps` and `arp eucalyptus_taps`). Neither touches the
//! other's part, nor anything else of the host.
//!
//! On a machine with the router the router's side also makes the way to the other machines; on one
//! without, where nothing of the router's side is, the node's side does, and guards the machine.

mod cells;
mod chain_name;
mod dhcp;
mod nft;
mod node;
mod overlay;
mod router;
mod sight;
mod subnet;
mod trunk;

pub use cells::{Cell, GroupChain, pieces};
pub use chain_name::chain_name;
pub use dhcp::{DhcpNetwork, DhcpReply, Lease, MOST_DHCP_BYTES, answer, dhcpd_conf, hostname};
pub use nft::{Family, Ruleset, Table};
pub use node::{
    METADATA_ADDRESS, NodeBridge, NodeInput, NodeNic, NodePlan, SITE_MARK, SiteBridge, SiteNic,
    SitePlan, node_plan, tap_name,
};
pub use overlay::{Overlay, VXLAN_PORT, overlay_mtu};
pub use router::{
    Packet, PublicInput, PublicPlan, RouterBridge, RouterInput, RouterPlan, SiteDhcp, Source,
    router_plan,
};
pub use sight::{Sighting, sight};
pub use subnet::{GroupSubnet, subnet_of};
pub use trunk::{Trunk, Vlan, vlan_mtu};
