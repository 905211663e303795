//! Nodes on machines of their own that join, are drained, die and leave while the cloud runs.

use crate::fleet::Fleet;
use crate::machine::wait_for;
use crate::site::Key;
use std::time::Duration;

const BOOT_ID: &str = "cat /proc/sys/kernel/random/boot_id";
const METADATA: &str = "wget -qO - http://169.254.169.254/latest/meta-data/instance-id";
const SOON: Duration = Duration::from_secs(60);

/// A fleet whose front end knows `node1`, with the test images and a key that may log in.
pub(crate) struct Town {
    pub(crate) fleet: Fleet,
    pub(crate) emi: String,
    pub(crate) key: Key,
}

impl Town {
    pub(crate) fn new(lines: &str) -> Self {
        let fleet = Fleet::started(lines, &["node1", "node2"]);
        let front = &fleet.front;
        let emi = front.register_images();
        let key = front.key("admin", "mine");
        let ssh = ["default", "-P", "tcp", "-p", "22", "-s", "0.0.0.0/0"];
        front.tool("admin", "euca-authorize", ssh);
        Self { fleet, emi, key }
    }

    /// Copies a node's keys to it and starts it.
    pub(crate) fn start(&self, node: &str) {
        self.fleet.front.must("euca_sync_key", [node]);
        self.fleet.on(node).start();
        self.wait_up(node);
    }

    /// Waits until a node answers and the cloud knows what it has.
    fn wait_up(&self, node: &str) {
        self.wait_listed(node, " up ");
        self.wait_known(node);
    }

    /// Waits until the cloud has heard of a node's room, too.
    fn wait_known(&self, node: &str) {
        wait_for(&format!("{node}'s room"), SOON, || {
            let said =
                self.fleet.front.tool("admin", "euca-describe-availability-zones", ["verbose"]);
            let known = said.lines().filter(|line| line.contains("nc=true"));
            let (is_known, nodes) = known.fold((false, 0), |(is_known, count), line| {
                (is_known || line.contains(node), count + 1)
            });
            // each has two cores, which count once the way to it is known
            let small = said.lines().find(|line| line.contains("m1.small"))?;
            let most = small.split(" / ").nth(1)?.split_whitespace().next()?.parse::<u32>().ok()?;
            (is_known && most == 2 * nodes).then_some(())
        });
    }

    /// Waits until a node is listed with these words.
    fn wait_listed(&self, node: &str, words: &str) {
        wait_for(&format!("{node} to be{words}"), SOON, || {
            let line = self.listed(node)?;
            format!("{line} ").contains(words).then_some(())
        });
    }

    fn listed(&self, node: &str) -> Option<String> {
        let list = self.fleet.follow("A node joins", "euca_conf --list-nodes");
        let line = list.lines().find(|line| line.split_whitespace().next() == Some(node))?;
        Some(line.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Launches an instance; its id and where it runs.
    pub(crate) fn launch(&self) -> (String, &'static str) {
        let id = self.fleet.front.run_instance("admin", &self.emi, &self.key);
        self.fleet.front.wait_state("admin", &id, "running");
        let home = self.fleet.home_of(&id);
        (id, home)
    }

    pub(crate) fn says(&self, id: &str, command: &str) -> String {
        let ip = &self.fleet.front.describe("admin", id).unwrap()[4];
        self.fleet.front.wait_ssh(&self.key, ip, command)
    }

    pub(crate) fn terminate(&self, ids: &[&str]) {
        self.fleet.front.tool("admin", "euca-terminate-instances", ids);
        for id in ids {
            self.fleet.front.wait_state("admin", id, "terminated");
        }
    }

    /// A setting of the front end's, changed while it runs.
    fn set_policy(&self, policy: &str) {
        self.fleet.front.append(&format!("SCHEDPOLICY=\"{policy}\"\n"));
        let log = self.fleet.front.files().join("var/log/eucalyptus/cc.log");
        wait_for(&format!("policy {policy}"), SOON, || {
            let text = std::fs::read_to_string(&log).unwrap();
            text.lines()
                .rev()
                .find(|line| line.contains("policy"))
                .filter(|l| l.contains(policy))?;
            Some(())
        });
    }
}

#[test]
fn nodes_join_are_drained_and_leave_while_the_cloud_runs() {
    let town = Town::new("NODES=\"node1\"\nSCHEDPOLICY=\"ROUNDROBIN\"\n");
    let front = &town.fleet.front;
    town.start("node1");
    let (first, home) = town.launch();
    assert_eq!(home, "node1");

    town.fleet.follow("A node joins", "euca_conf --register-nodes");
    town.fleet.on("node2").start();
    town.wait_up("node2");
    let (second, home) = town.launch();
    assert_eq!(home, "node2", "ROUNDROBIN goes on with the next node");
    let verbose = front.tool("admin", "euca-describe-availability-zones", ["verbose"]);
    for node in ["node1", "node2"] {
        let line = verbose.lines().find(|line| line.contains(node)).unwrap();
        assert!(line.contains("certs[cc=true,nc=true] @ "), "{line}");
    }

    // one group's network spans the machines, and each serves its own metadata
    for id in [&first, &second] {
        assert_eq!(&town.says(id, METADATA), id);
    }
    let there = front.describe("admin", &second).unwrap()[4].clone();
    town.says(&first, &format!("ping -c 1 -W 5 {there} >/dev/null"));

    town.set_policy("GREEDY");
    town.fleet.follow("A node is drained and leaves", "euca_conf --drain-nodes");
    town.wait_listed("node1", " draining ");
    let (third, home) = town.launch();
    assert_eq!(home, "node2", "GREEDY would take node1, which is drained");
    let refused =
        front.command("euca_conf").args(["--deregister-nodes", "node1"]).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains(&first), "{said}");
    assert_eq!(&town.says(&first, METADATA), &first, "a drained node keeps its instances");

    town.terminate(&[&first]);
    town.fleet.follow("A node is drained and leaves", "euca_conf --deregister-nodes");
    wait_for("node1 to leave", SOON, || town.listed("node1").is_none().then_some(()));
    front.must("euca_conf", ["--register-nodes", "node1"]);
    town.wait_listed("node1", " up ");
    let (fourth, home) = town.launch();
    assert_eq!(home, "node1", "node2 is full, and node1 is an ordinary node again");
    town.terminate(&[&second, &third, &fourth]);
}

#[test]
fn a_dead_node_comes_back_with_its_instances_untouched_and_keys_rotate_under_them() {
    let town = Town::new("NODES=\"node1 node2\"\n");
    let front = &town.fleet.front;
    town.start("node1");
    town.start("node2");
    let (id, home) = town.launch();
    assert_eq!(home, "node1");
    let boot_id = town.says(&id, BOOT_ID);

    // its daemon dies, then the whole machine is out of reach
    town.fleet.on("node1").kill("nc");
    town.fleet.switch.set_plugged("node1", false);
    wait_for("node1 to be missed", SOON, || {
        town.listed("node1").filter(|line| line.contains("silent"))
    });
    assert_eq!(front.describe("admin", &id).unwrap()[5], "running", "unknown is not dead");
    let (other, home) = town.launch();
    assert_eq!(home, "node2");
    town.fleet.switch.set_plugged("node1", true);
    town.fleet.on("node1").start();
    town.wait_listed("node1", " up ");
    assert_eq!(town.says(&id, BOOT_ID), boot_id);
    assert_eq!(town.fleet.on("node1").domains(), [id.as_str()]);

    let certificate = |node: &str| {
        let show = "true | openssl s_client -connect $0:8775 2>/dev/null | \
                    openssl x509 -noout -fingerprint -sha256";
        front.machine().must("sh", ["-c", show, node])
    };
    let before = certificate("node1");
    town.fleet.follow("New keys", "euca_conf --rotate-keys");
    wait_for("the new certificate", SOON, || (certificate("node1") != before).then_some(()));
    town.wait_listed("node1", " up ");
    assert_eq!(town.says(&id, BOOT_ID), boot_id);
    town.terminate(&[&id, &other]);
}

#[test]
fn keys_are_copied_to_every_host_that_can_be_reached() {
    let fleet = Fleet::started("NODES=\"node1 node2 node3\"\n", &["node1", "node2"]);
    // one host without rsync, one that is not there
    fleet.on("node2").machine().must("mount", ["--bind", "/dev/null", "/usr/bin/rsync"]);
    let output = fleet.front.command("euca_sync_key").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("node3"), "{said}");
    for node in ["node1", "node2"] {
        let keys = fleet.on(node).files().join("var/eucalyptus/keys");
        let mut names: Vec<_> = std::fs::read_dir(&keys)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["ca-cert.pem", "node-cert.pem", "node-pk.pem"], "{node}: {said}");
    }
}
