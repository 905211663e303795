//! Two clusters, each with a controller on a machine of its own.

use crate::fleet::Fleet;
use crate::machine::wait_for;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

#[test]
fn a_second_cluster_joins_serves_and_leaves() {
    let mut fleet = Fleet::started("NODES=\"node1\"\n", &["node1", "node3"]);
    fleet.front.must("euca_sync_key", ["node1"]);
    fleet.on("node1").start();
    let second = "CLUSTER_NAME=\"two\"\nSTART_CLOUD=\"N\"\nSTART_NC=\"N\"\nNODES=\"node3\"\n\
         VNET_TRANSPORT=\"vxlan\"\nVNET_SUBNET=\"10.140.0.0\"\nVNET_NETMASK=\"255.255.0.0\"\n\
         VNET_PUBLICIPS=\"10.99.0.100\"\n";
    fleet.add("second", second);
    let front = &fleet.front;
    let emi = front.register_images();
    let key = front.key("admin", "mine");

    fleet.follow("A second cluster", "euca_conf --register-cluster");
    fleet.on("second").start();
    fleet.on("node3").start();
    let zones = || front.tool("admin", "euca-describe-availability-zones", ["verbose"]);
    wait_for("node3 in cluster two", SOON, || {
        let listed = zones();
        let line = listed.lines().find(|line| line.contains("node3"))?;
        line.contains("nc=true").then_some(())
    });

    let listed = fleet.follow("A second cluster", "euca_conf --list-clusters");
    assert!(listed.contains("two  second:8774  up since"), "{listed}");
    let types = fleet.follow("VM types", "euca_conf --set-vm-types");
    assert!(types.contains("huge.1") && zones().contains("huge.1"), "{types}");

    let run = |zone: &str| {
        let args = [emi.as_str(), "-k", &key.name, "-t", "m1.small", "-z", zone];
        let said = front.tool("admin", "euca-run-instances", args);
        let line = said.lines().find(|line| line.starts_with("INSTANCE\t")).unwrap();
        line.split('\t').nth(1).unwrap().to_owned()
    };
    let (one, two) = (run("one"), run("two"));
    for (id, home) in [(&one, "node1"), (&two, "node3")] {
        front.wait_state("admin", id, "running");
        assert_eq!(fleet.home_of(id), home);
    }
    let ip = front.describe("admin", &two).unwrap()[4].clone();
    wait_for("ssh from its own router", Duration::from_secs(180), || {
        let from = fleet.on("second").machine().command("timeout");
        let output = front.ssh_from(from, &key, &format!("root@{ip}"), "true");
        output.status.success().then_some(())
    });

    // its own pool, on the switch that all machines are at; the other cluster has none
    let shown = |id: &str| front.describe("admin", id).unwrap()[3].clone();
    assert_eq!(
        (shown(&two).as_str(), shown(&one)),
        ("10.99.0.100", front.describe("admin", &one).unwrap()[4].clone())
    );
    front.tool(
        "admin",
        "euca-authorize",
        ["default", "-P", "tcp", "-p", "22", "-s", "10.99.0.0/24"],
    );
    let who = "wget -qO - http://169.254.169.254/latest/meta-data/instance-id";
    assert_eq!(front.wait_ssh(&key, "10.99.0.100", who), two, "by its public address");

    let leave = front.command("euca_conf").args(["--deregister-cluster", "two"]).output().unwrap();
    let said = String::from_utf8(leave.stderr).unwrap();
    assert!(!leave.status.success() && said.contains(&two), "{said}");
    front.tool("admin", "euca-terminate-instances", [&two]);
    front.wait_state("admin", &two, "terminated");
    fleet.follow("A second cluster", "euca_conf --deregister-cluster");
    assert!(!zones().contains("two"), "{}", zones());
    front.tool("admin", "euca-terminate-instances", [&one]);
    front.wait_state("admin", &one, "terminated");
}
