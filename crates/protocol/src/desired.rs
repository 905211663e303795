//! Desired state: what should be.

use crate::{Generation, ImageRef, MetadataOptions, Nic};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use types::{
    AccountId, ClusterName, Figures, GroupId, GroupName, InstanceId, KeyName, NetworkTag, NodeName,
    PortRange, Protocol, RequestId, ReservationId, Timestamp, UserName,
};

/// All that a cluster should run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterDesired {
    /// Grows with every change; refused when older than one seen before.
    pub generation: Generation,
    /// The name of the cluster, which is its availability zone.
    pub cluster: ClusterName,
    /// `host:port` at which nodes fetch images from the cloud over mutual TLS.
    pub image_source: String,
    /// Every instance that is live, or not yet known to be gone. In the order of admission.
    pub instances: Vec<InstanceDesired>,
    /// Every group network with a live instance.
    pub networks: Vec<NetworkDesired>,
}

/// All that a node should run: the part of [`ClusterDesired`] that concerns it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeDesired {
    /// The generation of the cluster's state this was made from.
    pub generation: Generation,
    /// Grows with every placement that the cluster controller changes within one generation.
    /// Of two states with one generation the one with the smaller sequence is older.
    #[serde(default)]
    pub sequence: u64,
    /// The node it is meant for; another one refuses it.
    pub node: NodeName,
    /// The cluster that the node belongs to.
    pub cluster: ClusterName,
    /// `host:port` at which images are fetched.
    pub image_source: String,
    /// The instances that were placed here.
    pub instances: Vec<InstanceDesired>,
    /// The networks that they use.
    pub networks: Vec<NetworkDesired>,
    /// How the node's machine is joined with the others; none when the cluster's router is on it.
    #[serde(default)]
    pub fabric: Option<Fabric>,
}

/// The place of a machine among those that carry the same group networks, for one that does not
/// have their router.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fabric {
    /// The address that the others know it by.
    pub own: Ipv4Addr,
    /// The addresses of the others, the router's machine among them; empty when no transport
    /// between machines is configured.
    pub peers: BTreeSet<Ipv4Addr>,
    /// How group networks travel between them. A cluster controller that does not say knows
    /// VXLAN only.
    #[serde(default)]
    pub carrier: Carrier,
}

/// What carries group networks between machines, VNET_TRANSPORT.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    /// VXLAN, over any network.
    #[default]
    Vxlan,
    /// Frames with a tag (IEEE 802.1Q) on VNET_INTERFACE.
    Vlan,
}

/// Whether an instance should run or be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    /// It should run.
    Run,
    /// It should be gone.
    Terminate,
}

/// One instance, with all that a node needs to run it and to answer its metadata requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceDesired {
    /// Its id, also the name of its domain.
    pub id: InstanceId,
    /// Run or terminate.
    pub goal: Goal,
    /// How often its owner has asked for a reboot; the node reboots until it has done as many.
    pub reboots: u32,
    /// How often its owner has asked for a stop or a start: odd while it should be stopped.
    #[serde(default)]
    pub turn: u32,
    /// Whether its guest is not asked before it is stopped: its domain is ended at once.
    #[serde(default)]
    pub forced: bool,
    /// The reservation that it came with.
    pub reservation: ReservationId,
    /// Its place in the reservation, from 0.
    pub launch_index: u32,
    /// When it was launched.
    pub launch_time: Timestamp,
    /// Its owner.
    pub account: AccountId,
    /// Its owner's name, which is a directory name on the node.
    pub user: UserName,
    /// The security groups that it was launched into; the first has its network.
    pub groups: Vec<GroupName>,
    /// The name of its VM type.
    pub vm_type: String,
    /// What the type gives it.
    pub figures: Figures,
    /// Its root image.
    pub root: ImageRef,
    /// Its kernel; none for a disk that boots by itself.
    pub kernel: Option<ImageRef>,
    /// Its ramdisk.
    pub ramdisk: Option<ImageRef>,
    /// The key that may log in as root.
    pub key: Option<InstanceKey>,
    /// User data, decoded. At most 16 KB.
    #[serde(default, with = "base64_bytes")]
    pub user_data: Vec<u8>,
    /// How its metadata requests are answered.
    #[serde(default)]
    pub metadata: MetadataOptions,
    /// Its network interface.
    pub nic: Nic,
    /// The call that changed last what should be of it: its id stands in the log lines about the
    /// instance. None when the cloud is of before there were such ids.
    #[serde(default)]
    pub request: Option<RequestId>,
}

impl InstanceDesired {
    /// Whether it should be stopped, which holds only while its goal is to run.
    pub const fn should_be_stopped(&self) -> bool {
        !self.turn.is_multiple_of(2)
    }
}

/// A key pair's public half.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceKey {
    /// The pair's name.
    pub name: KeyName,
    /// One line in the form of `authorized_keys`.
    pub public_key: String,
}

/// A group network that is active: the instances of one security group of one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkDesired {
    /// Its tag, unique in the cluster.
    pub tag: NetworkTag,
    /// The group's owner.
    pub account: AccountId,
    /// The group's owner, by name.
    pub user: UserName,
    /// The group.
    pub group: GroupName,
    /// The group's id.
    pub group_id: GroupId,
    /// The addresses of the network; [`router`](Self::router) is the first host of it.
    pub subnet: Ipv4Net,
    /// The gateway, on the cluster controller.
    pub router: Ipv4Addr,
    /// What may come in from outside the group. All that is not named is dropped.
    pub ingress: Vec<GroupRule>,
    /// What its instances may reach outside the group. A cloud that does not say limits nothing.
    #[serde(default = "unlimited")]
    pub egress: Vec<GroupRule>,
}

fn unlimited() -> Vec<GroupRule> {
    vec![GroupRule::UNLIMITED]
}

/// Traffic that a security group lets in, or out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupRule {
    /// The protocol.
    pub protocol: Protocol,
    /// Its destination ports, or ICMP type and code.
    pub ports: PortRange,
    /// Where it may come from, or go to.
    #[serde(rename = "source")]
    pub peer: Peer,
}

impl GroupRule {
    /// Any traffic from or to anywhere: the egress rule of every new group.
    pub const UNLIMITED: Self = Self {
        protocol: Protocol::All,
        ports: PortRange::ALL,
        peer: Peer::Cidr(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0)),
    };
}

/// The other side of a rule's traffic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Peer {
    /// Addresses.
    Cidr(Ipv4Net),
    /// The members of a group; matches nothing while that group has no network.
    Group {
        /// The owner of that group.
        account: AccountId,
        /// Its name.
        group: GroupName,
    },
}

mod base64_bytes {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_an_older_cloud_is_read_and_its_egress_is_unlimited() {
        let text = r#"{"tag":10,"account":"000100729354","user":"alice","group":"web",
            "group_id":"sg-0000000A","subnet":"10.77.2.0/26","router":"10.77.2.1","ingress":[
            {"protocol":"tcp","ports":{"from":22,"to":22},"source":{"cidr":"0.0.0.0/0"}},
            {"protocol":"udp","ports":{"from":1,"to":2},
             "source":{"group":{"account":"000100729354","group":"db"}}}]}"#;
        let network: NetworkDesired = serde_json::from_str(text).unwrap();
        assert_eq!(network.ingress.len(), 2);
        assert_eq!(network.egress, [GroupRule::UNLIMITED]);
        let limited = NetworkDesired { egress: vec![], ..network.clone() };
        for network in [network, limited] {
            let again = serde_json::to_string(&network).unwrap();
            assert_eq!(serde_json::from_str::<NetworkDesired>(&again).unwrap(), network);
        }
    }
}
