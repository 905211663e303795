//! The network interface of an instance, in answers.

use super::notes::Notes;
use super::{tag_specification, vpc};
use ec2_wire::Xml;
use state::{Address, Association, Instance, Owner};
use types::{GroupId, GroupName, InterfaceId, SubnetId, Tags, VpcId};

/// The one interface of a live instance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interface<'a> {
    /// Its instance.
    pub(super) instance: &'a Instance,
    /// The security groups of the launch.
    pub(super) groups: &'a [(GroupId, GroupName)],
    /// The public address that leads to it.
    pub(super) address: Option<&'a Address>,
    /// The caller's tags.
    pub(super) tags: &'a Tags,
}

impl<'a> Interface<'a> {
    /// That of an instance; none once it is terminated.
    pub(super) fn of(
        instance: &'a Instance,
        groups: &'a [(GroupId, GroupName)],
        notes: &'a Notes,
    ) -> Option<Self> {
        let tags = notes.tags(vpc::interface(instance.id));
        let address = notes.address(instance.id);
        instance.state.is_live().then_some(Self { instance, groups, address, tags })
    }

    pub(super) const fn id(&self) -> InterfaceId {
        vpc::interface(self.instance.id)
    }

    pub(super) fn vpc(&self) -> VpcId {
        vpc::vpc(self.instance.account)
    }

    pub(super) fn subnet(&self) -> SubnetId {
        vpc::subnet(self.instance.account, &self.instance.cluster)
    }

    pub(super) fn attachment(&self) -> String {
        format!("eni-attach-{:08X}", self.id().bits())
    }

    pub(super) fn owner(&self) -> Option<&'a Owner> {
        self.address?.owner.as_ref()
    }

    /// Whose the address is, in EC2's words: those that instances have by themselves are the
    /// provider's.
    pub(super) fn address_owner(&self) -> Option<String> {
        let owner = self.address?.owner.as_ref();
        Some(owner.map_or_else(|| "amazon".to_owned(), |owner| owner.account.to_string()))
    }

    pub(super) fn association(&self) -> Option<&'a Association> {
        self.address?.association.as_ref()
    }
}

/// The elements of an interface: `whole`, or those that an instance's own elements have.
pub(super) fn encode(xml: &mut Xml, shown: &Interface<'_>, whole: bool) {
    let instance = shown.instance;
    xml.text("networkInterfaceId", shown.id());
    xml.text("subnetId", shown.subnet());
    xml.text("vpcId", shown.vpc());
    if whole {
        xml.text("availabilityZone", &instance.cluster);
    }
    xml.text("description", "");
    xml.text("ownerId", instance.account);
    if whole {
        xml.text("requesterManaged", false);
    }
    xml.text("status", "in-use");
    xml.text("macAddress", instance.mac);
    xml.text("privateIpAddress", instance.ip);
    xml.text("privateDnsName", instance.ip);
    xml.text("sourceDestCheck", true);
    xml.list("groupSet", shown.groups, |xml, (id, name)| {
        xml.text("groupId", id);
        xml.text("groupName", name);
    });
    xml.element("attachment", |xml| encode_attachment(xml, shown, whole));
    encode_association(xml, shown, whole);
    xml.list("privateIpAddressesSet", [shown], |xml, shown| {
        xml.text("privateIpAddress", shown.instance.ip);
        xml.text("privateDnsName", shown.instance.ip);
        xml.text("primary", true);
        encode_association(xml, shown, whole);
    });
    xml.empty("ipv6AddressesSet");
    xml.text("interfaceType", "interface");
    if whole {
        tag_specification::encode(xml, shown.tags);
    }
}

fn encode_attachment(xml: &mut Xml, shown: &Interface<'_>, whole: bool) {
    xml.text("attachmentId", shown.attachment());
    if whole {
        xml.text("instanceId", shown.instance.id);
        xml.text("instanceOwnerId", shown.instance.account);
    }
    xml.text("deviceIndex", 0);
    xml.text("status", "attached");
    xml.text("attachTime", shown.instance.launch_time);
    xml.text("deleteOnTermination", true);
}

fn encode_association(xml: &mut Xml, shown: &Interface<'_>, whole: bool) {
    let Some(address) = shown.address else { return };
    xml.element("association", |xml| {
        xml.text("publicIp", address.ip);
        xml.text("publicDnsName", address.ip);
        xml.maybe("ipOwnerId", shown.address_owner());
        if whole {
            xml.maybe("allocationId", shown.owner().map(|owner| owner.allocation));
            xml.maybe("associationId", shown.association().and_then(|there| there.id));
        }
    });
}
