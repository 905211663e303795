//! The default VPC that every account has.
//!
//! Nothing of it has a row of its own: it follows from the account, the clusters and the
//! instances. One VPC, one subnet for each availability zone, one route table, one internet
//! gateway, and one network interface for each instance. Their ids are the same every time.

use sha2::{Digest, Sha256};
use types::{
    AccountId, ClusterName, GatewayId, InstanceId, InterfaceId, RouteTableId, SubnetId, VpcId,
};

/// An account's VPC.
pub(super) fn vpc(account: AccountId) -> VpcId {
    VpcId::from_bits(derived("vpc", account, ""))
}

/// An account's subnet in a zone.
pub(super) fn subnet(account: AccountId, zone: &ClusterName) -> SubnetId {
    SubnetId::from_bits(derived("subnet", account, zone.as_str()))
}

/// An account's route table.
pub(super) fn route_table(account: AccountId) -> RouteTableId {
    RouteTableId::from_bits(derived("route table", account, ""))
}

/// The gateway by which an account's instances reach the world.
pub(super) fn gateway(account: AccountId) -> GatewayId {
    GatewayId::from_bits(derived("internet gateway", account, ""))
}

/// An instance's network interface.
pub(super) const fn interface(instance: InstanceId) -> InterfaceId {
    InterfaceId::from_bits(instance.bits())
}

/// The instance of a network interface.
pub(super) const fn instance_of(interface: InterfaceId) -> InstanceId {
    InstanceId::from_bits(interface.bits())
}

fn derived(kind: &str, account: AccountId, name: &str) -> u32 {
    let [a, b, c, d, ..] = Sha256::digest(format!("{kind}/{account}/{name}")).0;
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_and_differ_between_accounts_and_zones() {
        let (one, other) = ("000100729354".parse().unwrap(), "000100729355".parse().unwrap());
        let (north, south) = ("north".parse().unwrap(), "south".parse().unwrap());
        assert_eq!(vpc(one).to_string(), "vpc-8700B1A1");
        assert_ne!(vpc(one), vpc(other));
        assert_ne!(subnet(one, &north), subnet(one, &south));
        assert_ne!(subnet(one, &north), subnet(other, &north));
        let instance = "i-4EA305C1".parse().unwrap();
        assert_eq!(interface(instance).to_string(), "eni-4EA305C1");
        assert_eq!(instance_of(interface(instance)), instance);
    }
}
