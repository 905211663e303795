//! What an instance may reach, as its group's egress rules say.

use crate::machine::wait_for;
use crate::outside::{OUTSIDE, add_outside, enters, outside};
use crate::site::{Key, Site};
use std::process::{Child, Stdio};
use std::time::Duration;

/// Two servers outside that give back every line.
const ECHO: &str = "
import socketserver,threading
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile: self.wfile.write(line)
for port in (8001,8002):
    server=socketserver.ThreadingTCPServer(('',port),Echo)
    threading.Thread(target=server.serve_forever).start()
";

/// A connection that stays open in the instance; what goes in comes out.
const OPEN: &str = "mkfifo /tmp/in /tmp/out; setsid sh -c \
    'exec 3<>/tmp/in 4<>/tmp/out; nc 203.0.113.2 8001 <&3 >&4' </dev/null >/dev/null 2>&1 &";
const ASK: &str = "echo hello > /tmp/in; timeout 5 head -n 1 /tmp/out";

/// An instance.
struct Guest<'a> {
    site: &'a Site,
    key: &'a Key,
    ip: &'a str,
}

impl Guest<'_> {
    /// What a command prints in it.
    fn says(&self, command: &str) -> String {
        let output = self.site.ssh(self.key, self.ip, command);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn reaches(&self, port: u16) -> bool {
        self.says(&format!("echo hello | timeout 3 nc {OUTSIDE} {port} | head -n 1")) == "hello"
    }

    fn wait_reaches(&self, port: u16, expected: bool) {
        let what = format!("port {port} to be reached: {expected}");
        wait_for(&what, Duration::from_secs(30), || (self.reaches(port) == expected).then_some(()));
    }
}

fn echo_outside(site: &Site) -> Child {
    let mut server = outside(site, "python3");
    server.args(["-c", ECHO]).stderr(Stdio::null());
    server.spawn().unwrap()
}

#[test]
fn a_group_says_what_its_instances_reach() {
    let site = Site::started();
    add_outside(&site);
    let mut server = echo_outside(&site);
    let emi = site.register_images();
    let key = site.key("admin", "mine");
    let id = site.run_instance("admin", &emi, &key);
    let ip = site.wait_state("admin", &id, "running")[4].clone();
    site.wait_ssh(&key, &ip, "true");
    let guest = Guest { site: &site, key: &key, ip: &ip };

    // a new group lets everything out
    guest.wait_reaches(8001, true);
    guest.says(OPEN);
    wait_for("the open connection", Duration::from_secs(20), || {
        (guest.says(ASK) == "hello").then_some(())
    });

    let everything = ["--egress", "default", "-P", "-1", "-s", "0.0.0.0/0"];
    let one_port = ["--egress", "default", "-P", "tcp", "-p", "8002", "-s", "203.0.113.2/32"];
    let ssh = ["default", "-P", "tcp", "-p", "22", "-s", "203.0.113.0/24"];
    site.tool("admin", "euca-authorize", one_port);
    site.tool("admin", "euca-authorize", ssh);
    site.tool("admin", "euca-revoke", everything);
    guest.wait_reaches(8001, false);
    assert!(guest.reaches(8002), "the one port that is allowed");
    assert_eq!(guest.says(ASK), "", "the connection outlives its rule");
    let group = site.tool("admin", "euca-describe-group", ["default"]);
    assert!(group.contains("\tALLOWS\ttcp\t8002\t8002\tTO\tCIDR\t203.0.113.2/32\tegress"));
    assert!(!group.contains("ALLOWS\t-1"), "{group}");

    // answers and what every instance needs pass whatever the rules say
    let way = ["-n", "outside", "route", "add", &format!("{ip}/32"), "via", "203.0.113.1"];
    site.machine().must("ip", way);
    wait_for("ssh from outside", Duration::from_secs(20), || {
        enters(&site, &key, &ip).then_some(())
    });
    site.machine().must("ip", ["-n", "outside", "route", "del", &format!("{ip}/32")]);
    let metadata = "wget -qO - http://169.254.169.254/latest/meta-data/instance-id";
    assert_eq!(guest.says(metadata), id);

    site.tool("admin", "euca-authorize", everything);
    guest.wait_reaches(8001, true);
    server.kill().unwrap();
    server.wait().unwrap();
}
