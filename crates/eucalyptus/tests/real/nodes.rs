//! Nodes that join, are drained and leave while the cloud runs.

use crate::fleet::Fleet;

#[test]
fn machines_reach_each_other_by_name() {
    let fleet = Fleet::started("NODES=\"node1\"\n", &["node1", "node2"]);
    let address = ["node1", "ip", "-4", "-o", "address", "show", "eth0"];
    assert!(fleet.front.machine().must("ssh", address).contains("10.99.0.11/24"));
}
