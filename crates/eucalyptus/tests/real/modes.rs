//! The network modes in which instances are on the site's own network: SYSTEM with a DHCP server
//! that is not ours, and STATIC with ours.

use crate::fleet::Fleet;
use crate::machine::{must, wait_for};
use crate::site::{Key, Site};
use crate::switch::GATEWAY;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);
const BOOT: Duration = Duration::from_secs(180);
const NODE: &str = "node1";
/// In a guest: what its metadata says.
const SAYS: &str = "timeout 10 wget -q -O - http://169.254.169.254/latest/meta-data";
/// In a guest: a session token, as curl asks for it, and with it the address.
const SAYS_V2: &str = "t=$({ printf 'PUT /latest/api/token HTTP/1.1\\r\\nHost: metadata\\r\\n\
    X-aws-ec2-metadata-token-ttl-seconds: 60\\r\\n\\r\\n'; sleep 3; } \
    | timeout 10 nc 169.254.169.254 80 | tail -n 1) && \
    timeout 10 wget -q -O - --header \"X-aws-ec2-metadata-token: $t\" \
    http://169.254.169.254/latest/meta-data/local-ipv4";

/// A site with its own network, on which are the front end, a node and whoever else there is.
pub(crate) struct Town {
    fleet: Fleet,
    emi: String,
    key: Key,
}

impl Town {
    /// The node's bridge is not there yet.
    pub(crate) fn new(mode: &str, lines: &str) -> Self {
        let mode = format!("VNET_MODE=\"{mode}\"\n");
        let mut fleet = Fleet::started(&format!("NODES=\"{NODE}\"\n{mode}{lines}"), &[]);
        let node = "START_CLOUD=\"N\"\nSTART_CC=\"N\"\nMAX_CORES=\"2\"\nVNET_BRIDGE=\"br0\"\n";
        fleet.add(NODE, &format!("{node}{mode}"));
        let emi = fleet.front.register_images();
        let key = fleet.front.key("admin", "mine");
        fleet.front.must("euca_sync_key", [NODE]);
        fleet.on(NODE).start();
        Self { fleet, emi, key }
    }

    pub(crate) fn front(&self) -> &Site {
        &self.fleet.front
    }

    fn on_node(&self, script: &str) -> String {
        self.fleet.on(NODE).machine().must("sh", ["-ec", script])
    }

    /// What the administrator does: the bridge takes the place of the node's network card.
    pub(crate) fn make_bridge(&self) {
        self.on_node(
            "a=$(ip -o -4 address show dev eth0 | awk '{print $4}')
            ip link add br0 type bridge forward_delay 0
            ip address flush dev eth0
            ip link set eth0 master br0
            ip address add $a dev br0
            ip link set br0 up",
        );
    }

    /// All of the bridge and of the node's routes that is the administrator's.
    fn bridge(&self) -> String {
        self.on_node(
            "ip -o link show br0; ip -o address show dev br0 | sed 's/ tentative//'; ip route; \
             ip rule; ip -o link show master br0 type veth; ip neigh show nud permanent",
        )
    }

    /// The last of it goes a moment after the last instance.
    fn assert_bridge_is(&self, before: &str) {
        let until = Instant::now() + Duration::from_secs(20);
        while self.bridge() != before && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(200));
        }
        assert_eq!(self.bridge(), before);
    }

    fn verbose(&self) -> String {
        self.front().tool("admin", "euca-describe-availability-zones", ["verbose"])
    }

    fn wait_listed(&self, words: &str) {
        wait_for(words, SOON, || {
            let listed = self.front().must("euca_conf", ["--list-nodes"]);
            listed.contains(words).then_some(())
        });
    }

    pub(crate) fn wait_room(&self) {
        wait_for("room for two", SOON, || {
            let listed = self.verbose();
            let small = listed.lines().find(|line| line.contains("m1.small"))?;
            small.contains("0002 / 0002").then_some(())
        });
    }

    fn launch(&self) -> String {
        self.front().run_instance("admin", &self.emi, &self.key)
    }

    /// Waits until the instance shows an address, the same twice.
    pub(crate) fn address(&self, id: &str) -> String {
        wait_for(&format!("the address of {id}"), BOOT, || {
            let line = self.front().describe("admin", id)?;
            assert_eq!(line[3], line[4], "both fields show the same: {line:?}");
            (line[4] != "0.0.0.0").then(|| line[4].clone())
        })
    }

    fn says(&self, ip: &str, command: &str) -> String {
        self.front().wait_ssh(&self.key, ip, command)
    }

    fn terminate(&self, id: &str) {
        self.front().tool("admin", "euca-terminate-instances", [id]);
        self.front().wait_state("admin", id, "terminated");
    }

    /// Metadata, as the guest sees it, in both versions of the service.
    fn assert_metadata(&self, id: &str, ip: &str) {
        let path = |name: &str| self.says(ip, &format!("{SAYS}/{name}"));
        assert_eq!(path("instance-id"), id);
        for name in ["local-ipv4", "public-ipv4"] {
            assert_eq!(path(name), ip, "{name}");
        }
        assert_eq!(self.says(ip, SAYS_V2), ip);
    }

    /// Firewalls of the node's own that keep instances from their network and from their metadata:
    /// the cloud says so, the check too, and what it tells to do helps.
    fn assert_firewalls_are_named(&self, id: &str, ip: &str) {
        self.on_node(
            "sysctl -qw net.bridge.bridge-nf-call-iptables=1; iptables-nft -P FORWARD DROP; \
             iptables-legacy -A INPUT -i lo -j ACCEPT; iptables-legacy -A INPUT -p tcp --dport 8775 \
             -j ACCEPT; iptables-legacy -P INPUT DROP",
        );
        self.wait_listed("table ip filter drops what its chain FORWARD does not accept");
        self.wait_listed("table filter of iptables-legacy drops what its chain INPUT");
        let checked =
            self.fleet.on(NODE).command("euca_conf").args(["--check", "network"]).output();
        let said = String::from_utf8(checked.unwrap().stdout).unwrap();
        for remedy in [
            "iptables -I FORWARD -i br0 -o br0 -j ACCEPT",
            "iptables-legacy -t filter -I INPUT -m mark --mark 0xe0ca -j ACCEPT",
        ] {
            assert!(said.contains(remedy), "{remedy}: {said}");
            self.on_node(remedy);
        }
        self.assert_metadata(id, ip);
        self.on_node("iptables-legacy -P INPUT ACCEPT; iptables-legacy -F; iptables-nft -F");
        self.on_node("iptables-nft -P FORWARD ACCEPT");
    }

    /// A guest that tries to be somebody else on the network: each attempt is undone by the guest
    /// itself, and what came of it is read afterwards.
    fn assert_nothing_forged(&self, ip: &str) {
        let tries = format!(
            "ping -c 1 -W 5 {GATEWAY} >/dev/null || echo honest
            ip address add 10.99.0.66/32 dev eth0
            ping -c 1 -W 2 -I 10.99.0.66 {GATEWAY} >/dev/null && echo ip
            ip address del 10.99.0.66/32 dev eth0
            ip address add {GATEWAY}/32 dev eth0
            arping -c 2 -U -s {GATEWAY} -I eth0 {GATEWAY} >/dev/null || true
            ip address del {GATEWAY}/32 dev eth0
            m=$(cat /sys/class/net/eth0/address)
            ip link set eth0 down; ip link set eth0 address 02:00:00:00:00:66; ip link set eth0 up
            ip route replace default via {GATEWAY} dev eth0
            ping -c 1 -W 2 {GATEWAY} >/dev/null && echo mac
            ip link set eth0 down; ip link set eth0 address $m; ip link set eth0 up
            ip route replace default via {GATEWAY} dev eth0
            echo done"
        );
        let script = format!(
            "cat >/tmp/tries <<'E'\n{tries}\nE\nrm -f /tmp/told\n\
             (sh /tmp/tries >/tmp/told 2>/dev/null </dev/null &) ; true"
        );
        // who is told by ARP that the gateway is the guest would believe it
        let gateway_is = || {
            let ping = format!("ping -c 1 -W 5 {GATEWAY} >/dev/null; ip neigh show {GATEWAY}");
            self.front().machine().must("sh", ["-c", &ping])
        };
        let before = gateway_is();
        self.says(ip, &script);
        wait_for("the guest's attempts", SOON, || {
            let output = self.front().ssh(&self.key, ip, "cat /tmp/told");
            let told = String::from_utf8(output.stdout).unwrap();
            (output.status.success() && told.ends_with("done\n")).then(|| {
                assert_eq!(told, "done\n", "what the guest got away with");
            })
        });
        let mac = |text: &str| {
            text.split_whitespace().skip_while(|it| *it != "lladdr").nth(1).map(str::to_owned)
        };
        assert_eq!(mac(&gateway_is()), mac(&before));
    }
}

/// The site's own DHCP server, ended when dropped.
pub(crate) struct SiteDhcp {
    server: Child,
    _dir: tempfile::TempDir,
}

impl SiteDhcp {
    pub(crate) fn start(town: &Town) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (conf, leases) = (dir.path().join("conf"), dir.path().join("leases"));
        std::fs::write(&leases, "").unwrap();
        let text = format!(
            "start 10.99.0.100\nend 10.99.0.120\ninterface switch\nlease_file {}\npidfile {}\n\
             opt subnet 255.255.255.0\nopt router {GATEWAY}\nopt lease 600\n",
            leases.display(),
            dir.path().join("pid").display()
        );
        std::fs::write(&conf, text).unwrap();
        let mut command = town.fleet.switch.command("busybox");
        Self { server: command.args(["udhcpd", "-f"]).arg(&conf).spawn().unwrap(), _dir: dir }
    }
}

impl Drop for SiteDhcp {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Whether somebody on the network answers DHCP.
fn is_lent_an_address(town: &Town) -> bool {
    let mut client: Command = town.fleet.switch.command("busybox");
    let args =
        ["udhcpc", "-i", "client", "-f", "-q", "-n", "-t", "3", "-T", "1", "-s", "/bin/true"];
    client.args(args).output().unwrap().status.success()
}

#[test]
fn in_system_mode_instances_get_addresses_from_a_server_of_the_site() {
    let town = Town::new("SYSTEM", "");
    town.wait_listed("there is no bridge br0 (VNET_BRIDGE)");
    town.make_bridge();
    town.wait_room();
    let before = town.bridge();
    let dhcp = SiteDhcp::start(&town);

    let id = town.launch();
    let line = town.front().wait_state("admin", &id, "running");
    assert_eq!((line[3].as_str(), line[4].as_str()), ("0.0.0.0", "0.0.0.0"), "not known yet");
    // nobody watches while it boots
    town.fleet.on(NODE).kill("nc");
    town.front().kill("cc");
    let console = town.fleet.on(NODE).files().join("var/eucalyptus/instances/admin");
    let console = console.join(&id).join("console.log");
    wait_for("the guest's lease", BOOT, || {
        let text = String::from_utf8_lossy(&std::fs::read(&console).ok()?).into_owned();
        text.contains("network: eth0 has 10.99.0.1").then_some(())
    });
    town.fleet.on(NODE).start();
    town.front().start();
    let ip = town.address(&id);
    assert!(ip.starts_with("10.99.0.1"), "{ip}");
    assert_eq!(town.says(&ip, "cat /sys/class/net/eth0/address"), mac_of(&id));
    town.assert_metadata(&id, &ip);

    let other = town.launch();
    let other_ip = town.address(&other);
    assert_ne!(ip, other_ip);
    town.says(&ip, &format!("ping -c 1 -W 5 {other_ip} >/dev/null"));
    // what was found is remembered, and metadata is answered by a process of its own
    town.fleet.on(NODE).kill("nc");
    town.front().kill("cc");
    town.assert_metadata(&other, &other_ip);
    town.fleet.on(NODE).start();
    town.front().start();
    assert_eq!((town.address(&id), town.address(&other)), (ip.clone(), other_ip.clone()));

    town.assert_firewalls_are_named(&other, &other_ip);
    town.assert_nothing_forged(&ip);
    let answers = "printf 'start 10.99.0.150\\nend 10.99.0.160\\ninterface eth0\\n\
         lease_file /tmp/leases\\npidfile /tmp/pid\\n' >/tmp/conf; touch /tmp/leases; \
         udhcpd /tmp/conf && sleep 1 && pidof udhcpd >/dev/null";
    let client = ["link", "add", "client", "type", "veth", "peer", "name", "client-port"];
    must_ip(&town, &client);
    must_ip(&town, &["link", "set", "client-port", "master", "switch", "up"]);
    must_ip(&town, &["link", "set", "client", "up"]);
    assert!(is_lent_an_address(&town), "by the site's server");
    drop(dhcp);
    town.says(&ip, answers);
    assert!(!is_lent_an_address(&town), "an instance answers DHCP");

    let refused = town.front().as_user("admin", "euca-allocate-address").output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("is SYSTEM, which has no"), "{said}");
    town.terminate(&id);
    town.terminate(&other);
    town.assert_bridge_is(&before);
}

fn must_ip(town: &Town, arguments: &[&str]) {
    let mut command = town.fleet.switch.command("ip");
    command.args(arguments);
    must(command);
}

/// The Ethernet address that the guide promises.
fn mac_of(id: &str) -> String {
    let digits = id.trim_start_matches("i-").to_lowercase();
    let pairs: Vec<_> = (0..4).map(|at| &digits[2 * at..2 * at + 2]).collect();
    format!("d0:0d:{}", pairs.join(":"))
}

#[test]
fn in_static_mode_instances_get_the_administrators_pairs_from_our_server() {
    let lines = format!(
        "VNET_SUBNET=\"10.99.0.0\"\nVNET_NETMASK=\"255.255.255.0\"\nVNET_BROADCAST=\"10.99.0.255\"\n\
         VNET_ROUTER=\"{GATEWAY}\"\nVNET_DNS=\"10.99.0.253\"\n\
         VNET_MACMAP=\"AA:DD:11:CE:FF:ED=10.99.0.201\"\n"
    );
    let town = Town::new("STATIC", &lines);
    town.make_bridge();
    town.wait_room();
    let before = town.bridge();
    let id = town.launch();
    let line = town.front().describe("admin", &id).unwrap();
    assert_eq!((line[3].as_str(), line[4].as_str()), ("10.99.0.201", "10.99.0.201"));
    // there is room for another, and no pair
    let mut full = town.front().as_user("admin", "euca-run-instances");
    full.args([town.emi.as_str(), "-t", "m1.small"]);
    let full = full.output().unwrap();
    let said = String::from_utf8_lossy(&full.stderr).into_owned();
    let is_clear = said.contains("InsufficientInstanceCapacity") && said.contains("VNET_MACMAP");
    assert!(!full.status.success() && is_clear, "{said}");

    town.front().kill("cc");
    town.front().start();
    town.front().wait_state("admin", &id, "running");
    town.fleet.on(NODE).kill("nc");
    town.fleet.on(NODE).start();
    let ip = town.address(&id);
    assert_eq!(town.says(&ip, "cat /sys/class/net/eth0/address"), "aa:dd:11:ce:ff:ed");
    let route = town.says(&ip, "ip route | sed -n 's/^default via \\([0-9.]*\\).*/\\1/p'");
    assert_eq!(route, GATEWAY.to_string());
    assert!(town.says(&ip, "cat /etc/resolv.conf").contains("10.99.0.253"));
    town.assert_metadata(&id, &ip);
    town.assert_nothing_forged(&ip);

    // nobody else on the network is lent anything
    must_ip(&town, &["link", "add", "client", "type", "veth", "peer", "name", "client-port"]);
    must_ip(&town, &["link", "set", "client-port", "master", "switch", "up"]);
    must_ip(&town, &["link", "set", "client", "up"]);
    assert!(!is_lent_an_address(&town), "we answer those that we know, and nobody else");

    town.terminate(&id);
    let again = town.launch();
    town.front().wait_state("admin", &again, "running");
    assert_eq!(town.address(&again), "10.99.0.201", "the pair came back");
    town.says("10.99.0.201", "true");
    town.terminate(&again);
    town.assert_bridge_is(&before);
}
