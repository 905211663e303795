//! Networks on three machines while controllers die in the middle of a change: what was open stays
//! open, what was closed stays closed, and the next start makes the change.

use crate::crashes::until_it_dies;
use crate::installation::Installation;
use crate::kills::METADATA;
use crate::machine::wait_for;
use crate::nodes::Town;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
/// An emulated guest on a busy machine.
const LATE: Duration = Duration::from_secs(180);
/// A machine's own address on the switch, which leads to an instance.
const PUBLIC: &str = "10.99.0.100";
const LINES: &str =
    "NODES=\"node1 node2\"\nSCHEDPOLICY=\"ROUNDROBIN\"\nVNET_PUBLICIPS=\"10.99.0.100\"\n";
/// Each says whether it works. The lease that there is stays as it is.
const LEASE: &str =
    "udhcpc -f -q -n -i eth0 -t 4 -T 1 -s /bin/true >/dev/null 2>&1 && echo yes || echo no";
const PING: &str = "ping -c 1 -W 3 $TO >/dev/null && echo yes || echo no";
const SSH: &str =
    "[ \"$(timeout 5 nc $TO 22 </dev/null | head -c 3)\" = SSH ] && echo yes || echo no";

/// What an administrator had before.
const OWN: &str = "nft add table inet own
    nft add chain inet own c '{ type filter hook forward priority 5; }'
    nft add rule inet own c tcp dport 26 counter drop
    iptables -A INPUT -p tcp --dport 25 -j REJECT";
const SHOW_OWN: &str = "nft -s -a list table inet own; nft -s -a list table ip filter";

/// Somebody who has logged in from outside, and stays.
struct Session {
    ssh: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    said: u32,
}

impl Session {
    fn open(town: &Town) -> Self {
        let mut ssh = town.fleet.switch.command("ssh");
        for option in ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes"]
        {
            ssh.args(["-o", option]);
        }
        ssh.arg("-i").arg(&town.key.file).arg(format!("root@{PUBLIC}")).arg("cat");
        let ssh = ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut ssh = ssh.unwrap();
        let (to, from) = (ssh.stdin.take().unwrap(), ssh.stdout.take().unwrap());
        Self { ssh, to, from: BufReader::new(from), said: 0 }
    }

    /// What is written there comes back.
    fn goes_on(&mut self) {
        self.said += 1;
        writeln!(self.to, "{}", self.said).unwrap();
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), self.said.to_string(), "the session has ended");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.ssh.kill();
        let _ = self.ssh.wait();
    }
}

/// An instance with its private address.
#[derive(Debug, Clone)]
struct Instance {
    id: String,
    ip: String,
}

/// Two instances of group `default`, one on each node, and a group `back` without any.
struct Story {
    town: Town,
    session: Session,
    both: [Instance; 2],
}

#[test]
fn networks_hold_whoever_dies_in_the_middle_of_a_change() {
    let mut story = Story::new();
    let own = story.own_rules();
    let first = story.cluster_controller_dies();
    let second = story.node_controller_dies(&first);
    let mut all = story.both.to_vec();
    all.extend([first, second]);
    story.reach(&all, false);
    story.everybody_dies();
    story.reach(&all, true);
    story.holds();
    assert_eq!(story.says(&all[3], LEASE), "yes");
    assert_eq!(story.own_rules(), own, "the machines' own rules");
    story.town.terminate(&all.iter().map(|it| it.id.as_str()).collect::<Vec<_>>());
}

impl Story {
    fn new() -> Self {
        let town = Town::new(LINES);
        town.start("node1");
        town.start("node2");
        let front = &town.fleet.front;
        // those on the switch, and no instances
        let ssh = |from| ["default", "-P", "tcp", "-p", "22", "-s", from];
        front.tool("admin", "euca-revoke", ssh("0.0.0.0/0"));
        front.tool("admin", "euca-authorize", ssh("10.99.0.0/24"));
        front.tool("admin", "euca-add-group", ["back", "-d", "back"]);
        let both = [(); 2].map(|()| running(&town, town.launch().0));
        both.iter().for_each(|it| _ = front.wait_ssh(&town.key, &it.ip, "true"));
        let session = Session::open(&town);
        let mut story = Self { town, session, both };
        story.machines().for_each(|it| _ = it.machine().must("sh", ["-ec", OWN]));
        story.holds();
        story
    }

    /// The cluster controller makes the first network of a group, and then the cloud dies too.
    fn cluster_controller_dies(&mut self) -> Instance {
        let town = &self.town;
        let id = until_it_dies(&town.fleet.front, "cc", "hostnet.bridge-made", || launch(town));
        self.holds();
        self.town.fleet.front.kill("cloud");
        self.holds();
        let [one, _] = &self.both;
        assert_eq!(self.says(one, LEASE), "no", "the router answers DHCP, and its process is dead");
        self.town.fleet.front.start();
        let instance = running(&self.town, id);
        assert_eq!(self.says(&self.both[0], LEASE), "yes");
        instance
    }

    /// The node without an instance of that group gets one.
    fn node_controller_dies(&mut self, first: &Instance) -> Instance {
        let (town, home) = (&self.town, self.town.fleet.home_of(&first.id));
        let other = if home == "node1" { "node2" } else { "node1" };
        let node = town.fleet.on(other);
        let id = until_it_dies(node, "nc", "hostnet.bridge-made", || launch(town));
        self.holds();
        self.town.fleet.on(other).start();
        let instance = running(&self.town, id);
        assert_eq!(self.town.fleet.home_of(&instance.id), other);
        instance
    }

    /// All processes die while a rule is on its way.
    fn everybody_dies(&mut self) {
        let (front, nodes) = (&self.town.fleet.front, &self.town.fleet.others);
        let rule = ["back", "-o", "default", "-u", "admin"];
        front.tool("admin", "euca-authorize", rule);
        ["cc", "cloud"].iter().for_each(|component| front.kill(component));
        nodes.values().for_each(|node| node.kill("nc"));
        self.holds();
        self.town.fleet.front.start();
        self.town.fleet.others.values().for_each(Installation::start);
    }

    fn machines(&self) -> impl Iterator<Item = &Installation> {
        self.town.fleet.others.values().chain([&*self.town.fleet.front])
    }

    fn own_rules(&self) -> Vec<String> {
        self.machines().map(|it| it.machine().must("sh", ["-ec", SHOW_OWN])).collect()
    }

    fn says(&self, instance: &Instance, command: &str) -> String {
        self.town.fleet.front.wait_ssh(&self.town.key, &instance.ip, command)
    }

    /// Instances have their address, their metadata, each other, and their connections go on.
    fn holds(&mut self) {
        self.session.goes_on();
        let [one, other] = &self.both;
        for (instance, mate) in [(one, other), (other, one)] {
            assert_eq!(self.says(instance, METADATA), instance.id);
            let address = self.says(instance, "ip -4 -o addr show dev eth0");
            assert!(address.contains(&format!(" {}/", instance.ip)), "{address}");
            self.says(instance, &format!("ping -c 1 -W 5 {} >/dev/null", mate.ip));
        }
        self.session.goes_on();
    }

    /// What each of them reaches of each other: those of its group, and from `default` those of
    /// `back` once that is open to it.
    fn reach(&self, all: &[Instance], is_open: bool) {
        std::thread::scope(|scope| {
            for (at, from) in all.iter().enumerate() {
                scope.spawn(move || {
                    for (to, callee) in all.iter().enumerate().filter(|(to, _)| *to != at) {
                        let is_due = at / 2 == to / 2 || (at < 2 && is_open);
                        self.tries(from, callee, PING, is_due);
                        self.tries(from, callee, SSH, is_due);
                    }
                });
            }
        });
    }

    /// What is due may come late, and what must not be must not be once.
    fn tries(&self, from: &Instance, to: &Instance, how: &str, is_due: bool) {
        let command = how.replace("$TO", &to.ip);
        wait_for(&format!("{command} in {}: {is_due}", from.id), LATE, || {
            let does = self.says(from, &command);
            assert!(is_due || does == "no", "{command} in {}: {does}", from.id);
            (does == if is_due { "yes" } else { "no" }).then_some(())
        });
    }
}

/// An instance once it runs.
fn running(town: &Town, id: String) -> Instance {
    let ip = town.fleet.front.wait_state("admin", &id, "running")[4].clone();
    Instance { id, ip }
}

/// Launches in group `back`.
fn launch(town: &Town) -> String {
    let front = &town.fleet.front;
    let said = wait_for("a launch that is taken", SOON, || {
        let mut run = front.as_user("admin", "euca-run-instances");
        run.args([&town.emi, "-k", &town.key.name, "-g", "back", "-t", "m1.small"]);
        // what was restarted may not have heard of any room yet
        let output = run.output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    });
    let line = said.lines().find(|line| line.starts_with("INSTANCE\t")).unwrap();
    line.split('\t').nth(1).unwrap().to_owned()
}
