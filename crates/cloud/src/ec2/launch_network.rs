//! Where a launch is placed by SubnetId and NetworkInterface.N, the forms of today's tools.

use super::call::Call;
use super::describe_subnets::zone_of;
use ec2_wire::{Code, Error, Text, parameters};
use types::{ClusterName, GroupId, InterfaceId, SubnetId};

parameters! {
    /// A network interface of a launch. Instances have one.
    #[derive(Debug)]
    pub(super) struct NewInterface {
        /// Its place, which is 0.
        index: Option<u32> = "DeviceIndex", "deviceIndex", since (2012, 6, 15);
        /// The subnet, which chooses the availability zone.
        subnet: Option<SubnetId> = "SubnetId", "subnetId", since (2012, 6, 15);
        /// The security groups; the first has the network.
        groups: Vec<GroupId> =
            "SecurityGroupId.N", "groupSet/item/groupId", since (2012, 6, 15);
        /// Whether it gets a public address, where the zone has any.
        public: Option<bool> =
            "AssociatePublicIpAddress", "associatePublicIpAddress", since (2013, 7, 15);
        /// Whether it goes with its instance, which it does.
        deleted: Option<bool> = "DeleteOnTermination", "deleteOnTermination", since (2012, 6, 15);
        /// Is not kept.
        _description: Option<Text<255>> = "Description", "description", since (2012, 6, 15);
        /// An interface that exists already; there are none without an instance.
        id: Option<InterfaceId> = "NetworkInterfaceId", "networkInterfaceId", since (2012, 6, 15);
        /// Chosen private addresses; the cloud chooses.
        private_ips: Vec<PrivateAddress> =
            "PrivateIpAddresses.N", "privateIpAddressesSet/item", since (2012, 6, 15);
        /// More private addresses; there is one.
        more: Option<u32> = "SecondaryPrivateIpAddressCount", "secondaryPrivateIpAddressCount",
            since (2012, 6, 15);
        /// IPv6 addresses; there are none.
        ipv6: Option<u32> = "Ipv6AddressCount", "ipv6AddressCount", since (2016, 11, 15);
        /// A chosen private address; the cloud chooses.
        private_ip: Option<Text<64>> =
            "PrivateIpAddress", "privateIpAddress", since (2012, 6, 15);
    }
}

parameters! {
    /// A chosen private address.
    #[derive(Debug)]
    pub(super) struct PrivateAddress {
        /// The address.
        _ip: Text<64> = "PrivateIpAddress", "privateIpAddress", since (2012, 6, 15);
    }
}

/// What the forms of today come to.
#[derive(Debug, Default)]
pub(super) struct Network {
    /// The zone that a subnet chose.
    pub(super) zone: Option<ClusterName>,
    /// The groups of the interface.
    pub(super) groups: Vec<GroupId>,
    /// Whether it gets a public address; none when it is not said.
    pub(super) public: Option<bool>,
}

/// The zone and the groups that a launch names by subnet and interface.
///
/// # Errors
/// `InvalidSubnetID.NotFound`, `InvalidParameterCombination` when they contradict each other,
/// `UnsupportedOperation` for what interfaces here cannot do.
pub(super) async fn network(
    call: &Call<'_>,
    subnet: Option<SubnetId>,
    interfaces: Vec<NewInterface>,
) -> Result<Network, Error> {
    let mut interfaces = interfaces.into_iter();
    let interface = interfaces.next();
    if interfaces.next().is_some() {
        return Err(unsupported("an instance of this cloud has one network interface"));
    }
    if subnet.is_some() && interface.is_some() {
        let message = "with NetworkInterface the subnet is that of the interface: leave out \
                       SubnetId";
        return Err(Error::new(Code::InvalidParameterCombination, message));
    }
    if let Some(interface) = &interface {
        check(interface)?;
    }
    let (subnet, groups, public) = match interface {
        Some(interface) => (interface.subnet, interface.groups, interface.public),
        None => (subnet, Vec::new(), None),
    };
    let zone = match subnet {
        Some(subnet) => Some(zone_of(call, subnet).await?),
        None => None,
    };
    Ok(Network { zone, groups, public })
}

fn check(interface: &NewInterface) -> Result<(), Error> {
    if interface.index.is_some_and(|index| index != 0) {
        return Err(unsupported("an instance of this cloud has one network interface, number 0"));
    }
    if interface.id.is_some() {
        return Err(unsupported("network interfaces of this cloud come and go with instances"));
    }
    if interface.more.is_some_and(|count| count > 0) {
        return Err(unsupported("an instance of this cloud has one private address"));
    }
    if interface.ipv6.is_some_and(|count| count > 0) {
        return Err(unsupported("instances of this cloud have no IPv6"));
    }
    if interface.private_ip.is_some() || !interface.private_ips.is_empty() {
        return Err(unsupported("private addresses are chosen by this cloud"));
    }
    if interface.deleted == Some(false) {
        return Err(unsupported("network interfaces of this cloud end with their instances"));
    }
    Ok(())
}

fn unsupported(message: &str) -> Error {
    Error::new(Code::UnsupportedOperation, message)
}
