//! A stopped instance starts again from its disk, whatever is killed meanwhile; and its metadata
//! options take effect.

use crate::kills::wait_no_domain;
use crate::machine::{must, wait_for};
use crate::site::{Key, Site, client};
use std::time::Duration;

const BOOT_ID: &str = "cat /proc/sys/kernel/random/boot_id";
const METADATA: &str = "timeout 5 wget -q -O - http://169.254.169.254/latest/meta-data/instance-id";
/// Asks for a session token as curl does; the guest has no program that sends PUT.
const TOKEN: &str = "{ printf 'PUT /latest/api/token HTTP/1.1\\r\\nHost: metadata\\r\\n\
    X-aws-ec2-metadata-token-ttl-seconds: 60\\r\\n\\r\\n'; sleep 3; } \
    | timeout 10 nc 169.254.169.254 80 | tail -n 1";

/// A running instance.
struct Guest<'a> {
    site: &'a Site,
    key: Key,
    id: String,
    ip: String,
}

impl Guest<'_> {
    fn says(&self, command: &str) -> String {
        self.site.wait_ssh(&self.key, &self.ip, command)
    }

    /// Stops or starts it, and kills its node's and its cluster's controller at once.
    fn turn(&self, tool: &str, options: &[&str], before: &str, now: &str) {
        let said = self.site.tool("admin", tool, options.iter().chain([&self.id.as_str()]));
        assert_eq!(said.trim(), format!("INSTANCE\t{}\t{before}\t{now}", self.id));
        for component in ["nc", "cc"] {
            self.site.kill(component);
        }
        self.site.start();
    }

    /// Its node controller dies when it has asked the guest to shut down, and is dead when the
    /// guest does.
    fn stop_while_its_node_controller_is_dead(&self) {
        self.site.kill("nc");
        let mut doomed = self.site.start_to_crash_at("nc", "nc.shutdown-asked");
        self.site.tool("admin", "euca-stop-instances", [&self.id]);
        wait_for("the crash", Duration::from_secs(60), || doomed.try_wait().unwrap());
        // It has stopped and is still known: the node controller takes it away.
        wait_for("the guest's end", Duration::from_secs(60), || {
            let list = ["-c", "qemu:///system", "list", "--name"];
            self.site.machine().must("virsh", list).trim().is_empty().then_some(())
        });
        assert_eq!(self.site.domains(), [self.id.as_str()]);
        self.site.start();
        self.wait_stopped();
    }

    /// Its disks on the node.
    fn disks(&self) -> String {
        let instances = self.site.root().join("var/eucalyptus/instances/admin");
        let find = [instances.to_str().unwrap(), "-name", "root"];
        self.site.machine().must("find", find)
    }

    fn wait_stopped(&self) {
        let line = self.site.wait_state("admin", &self.id, "stopped");
        assert_eq!(line[4], self.ip, "it keeps its address");
        assert_eq!(self.site.domains(), [] as [&str; 0]);
        assert_eq!(self.disks().lines().count(), 1, "it keeps its disk");
    }

    fn wait_running(&self) {
        let line = self.site.wait_state("admin", &self.id, "running");
        assert_eq!(line[4], self.ip, "it has the address that it had");
        assert_eq!(self.site.domains(), [self.id.as_str()]);
    }

    fn console(&self) -> String {
        self.site.tool("admin", "euca-get-console-output", [&self.id])
    }

    /// Changes a metadata option and waits until the node has it.
    fn set_metadata(&self, option: &str, value: &str) {
        let aws = |arguments: &[&str]| {
            let mut command = self.site.as_user("admin", &client("aws"));
            command.arg("ec2").args(arguments).args(["--output", "text"]);
            must(command)
        };
        aws(&["modify-instance-metadata-options", "--instance-id", &self.id, option, value]);
        let query = "Reservations[0].Instances[0].MetadataOptions.State";
        wait_for("the metadata options", Duration::from_secs(60), || {
            let state = aws(&["describe-instances", "--instance-ids", &self.id, "--query", query]);
            (state.trim() == "applied").then_some(())
        });
    }
}

#[test]
fn a_stopped_instance_starts_again_from_its_disk() {
    let site = Site::started();
    let emi = site.register_images();
    let key = site.key("admin", "mine");
    site.tool("admin", "euca-authorize", ["default", "-P", "tcp", "-p", "22", "-s", "0.0.0.0/0"]);
    let id = site.run_instance("admin", &emi, &key);
    let ip = site.wait_state("admin", &id, "running")[4].clone();
    let guest = Guest { site: &site, key, id, ip };
    guest.says("echo precious >/root/kept; sync");
    let first_boot = guest.says(BOOT_ID);

    guest.turn("euca-stop-instances", &[], "running", "stopping");
    guest.wait_stopped();
    let console = guest.console();
    assert!(console.contains("Power down"), "its guest shut down in order: {console}");

    guest.turn("euca-start-instances", &[], "stopped", "pending");
    guest.wait_running();
    assert_eq!(guest.says("cat /root/kept"), "precious");
    assert_ne!(guest.says(BOOT_ID), first_boot);
    assert!(guest.console().contains("Power down"), "what it said before is kept");

    metadata_options(&guest);

    guest.turn("euca-stop-instances", &["--force"], "running", "stopping");
    guest.wait_stopped();
    site.tool("admin", "euca-start-instances", [&guest.id]);
    guest.wait_running();
    assert_eq!(guest.says("cat /root/kept"), "precious");
    guest.stop_while_its_node_controller_is_dead();
    site.tool("admin", "euca-terminate-instances", [&guest.id]);
    site.wait_state("admin", &guest.id, "terminated");
    wait_no_domain(&site);
    assert_eq!(guest.disks(), "", "its disk is gone");
}

fn metadata_options(guest: &Guest<'_>) {
    assert_eq!(guest.says(METADATA), guest.id);
    let with_token =
        |token: &str| format!("{METADATA} --header 'X-aws-ec2-metadata-token: {token}'");
    guest.set_metadata("--http-tokens", "required");
    let refused = guest.says(&format!("{METADATA} 2>&1 || true"));
    assert!(refused.contains("401"), "{refused}");
    let token = guest.says(TOKEN);
    assert_eq!(guest.says(&with_token(&token)), guest.id, "with the token {token}");
    guest.set_metadata("--http-endpoint", "disabled");
    let refused = guest.says(&format!("{} 2>&1 || true", with_token(&token)));
    assert!(refused.contains("403"), "{refused}");
}
