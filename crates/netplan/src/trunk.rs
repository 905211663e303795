//! What carries the group networks from machine to machine.

use crate::Overlay;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use types::NetworkTag;

/// The longest name that the kernel gives a device.
const LONGEST_NAME: usize = 15;

/// How the group networks of this machine reach the other machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trunk {
    /// In UDP, over any network.
    Vxlan(Overlay),
    /// As they are, with their tag (IEEE 802.1Q), over switches that let tagged frames pass.
    Vlan(Vlan),
}

impl Trunk {
    /// The machines that VXLAN packets are taken from; none where there is no VXLAN.
    pub(crate) fn peers(&self) -> Option<&BTreeSet<Ipv4Addr>> {
        match self {
            Self::Vxlan(overlay) => Some(&overlay.peers),
            Self::Vlan(_) => None,
        }
    }

    /// The device that joins the bridge of a network with the other machines.
    pub fn device(&self, tag: NetworkTag) -> String {
        match self {
            Self::Vxlan(_) => Overlay::device(tag),
            Self::Vlan(vlan) => vlan.device(tag),
        }
    }
}

/// Tagged frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vlan {
    /// VNET_INTERFACE of this machine; empty when it is not configured.
    pub interface: String,
}

impl Vlan {
    /// The device of a network: `<interface>.<tag>`, which the guides have people look for, or
    /// `euvl<tag>` where that would be longer than the kernel takes.
    pub fn device(&self, tag: NetworkTag) -> String {
        let name = format!("{}.{tag}", self.interface);
        if name.len() <= LONGEST_NAME { name } else { format!("euvl{tag}") }
    }
}

/// The largest packet of a group network whose frames travel with their tag: a tag is no part of
/// the packet, and no interface of an instance takes more than plain Ethernet has.
pub fn vlan_mtu(underlay: u32) -> u16 {
    u16::try_from(underlay).unwrap_or(u16::MAX).min(crate::overlay::PLAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_named_as_the_guides_say_as_long_as_the_kernel_takes_it() {
        for (interface, tag, name) in [
            ("eth0", 10, "eth0.10"),
            ("peth0", 4094, "peth0.4094"),
            ("enp94s0f1np", 10, "enp94s0f1np.10"),
            ("enp94s0f1np", 4094, "euvl4094"),
        ] {
            let vlan = Vlan { interface: interface.to_owned() };
            let named = Trunk::Vlan(vlan).device(NetworkTag::try_from(tag).unwrap());
            assert_eq!(named, name);
            assert!(named.len() <= LONGEST_NAME);
        }
    }

    #[test]
    fn a_tag_takes_nothing_from_a_packet() {
        for (underlay, mtu) in [(1500, 1500), (1400, 1400), (9000, 1500), (u32::MAX, 1500)] {
            assert_eq!(vlan_mtu(underlay), mtu);
        }
    }
}
