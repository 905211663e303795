//! Instances on the site's own network, plugged into the administrator's bridge.

use crate::dhcp;
use crate::dhcpd::Daemon;
use crate::plans::METADATA_PORT;
use crate::spoofing::{frames, sniffer, sniffer_on};
use crate::world::{Controller, Guest, LIMIT, Namespace, sh};
use netplan::{
    Lease, METADATA_ADDRESS, NodeInput, NodePlan, RouterPlan, SITE_MARK, Sighting, SiteDhcp,
    SiteNic, node_plan,
};
use std::net::Ipv4Addr;
use std::time::Instant;
use types::MacAddr;

pub(crate) const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
pub(crate) const OWN: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 7);
pub(crate) const BRIDGE: &str = "br0";

/// A host with an administrator's bridge, and a machine of the site that is the gateway there.
pub(crate) struct Site {
    pub(crate) host: Namespace,
    pub(crate) controller: Controller,
    gateway: Namespace,
}

impl Site {
    pub(crate) fn new() -> Self {
        let (host, gateway) = (Namespace::new("host"), Namespace::new("gateway"));
        let (h, g) = (&host.name, &gateway.name);
        sh(&format!("ip -n {h} link add {BRIDGE} type bridge forward_delay 0"));
        sh(&format!("ip -n {h} link set {BRIDGE} up"));
        sh(&format!("ip -n {h} link add eth0 type veth peer name eth0 netns {g}"));
        sh(&format!("ip -n {h} link set eth0 master {BRIDGE} up"));
        sh(&format!("ip -n {g} addr add {GATEWAY}/24 dev eth0 && ip -n {g} link set eth0 up"));
        // As strict as any distribution sets it.
        host.sh("sysctl -qw net.ipv4.conf.all.rp_filter=1");
        let controller = Controller::start(&host);
        Self { host, controller, gateway }
    }

    /// A guest on the bridge; the address is in its namespace only when it is given there.
    pub(crate) fn guest(&self, bits: u32, ip: Ipv4Addr) -> Guest {
        let guest = self.host.guest(bits, crate::plans::tag(10), &ip.to_string());
        sh(&format!("ip -n {} link set {} master {BRIDGE} up", self.host.name, guest.nic.tap));
        guest
    }

    /// Our DHCP for a guest, on the device that leads to the site.
    pub(crate) fn dhcp_of(&self, guest: &Guest) -> RouterPlan {
        RouterPlan::of_site(SiteDhcp {
            device: "eth0".to_owned(),
            subnet: "10.9.0.0/24".parse().unwrap(),
            broadcast: [10, 9, 0, 255].into(),
            router: GATEWAY,
            dns: vec![[10, 9, 0, 3].into()],
            mtu: 1500,
            leases: [(guest.nic.mac, Lease::new(guest.nic.mac, OWN))].into(),
        })
    }

    pub(crate) fn apply(&self, guests: &[(&Guest, bool)]) -> Vec<String> {
        self.controller.node(&self.plan(guests))
    }

    /// With each guest goes whether its address is known.
    fn plan(&self, guests: &[(&Guest, bool)]) -> NodePlan {
        let nic = |(guest, is_known): &(&Guest, bool)| SiteNic {
            tap: guest.nic.tap.clone(),
            mac: guest.nic.mac,
            ip: is_known.then_some(guest.nic.ip),
            is_watched: true,
        };
        let nics: Vec<_> = guests.iter().map(nic).collect();
        let bridge = self.controller.site_bridge(BRIDGE);
        node_plan(&NodeInput {
            site_nics: &nics,
            site_bridge: bridge.as_ref(),
            metadata_port: METADATA_PORT,
            ..NodeInput::default()
        })
    }
}

pub(crate) fn address(guest: &Guest) {
    let (g, ip) = (&guest.namespace.name, guest.nic.ip);
    sh(&format!("ip -n {g} addr add {ip}/24 dev eth0"));
    sh(&format!("ip -n {g} route add default via {GATEWAY}"));
}

/// The door of the metadata service for the site: it tells everybody their address.
pub(crate) fn door() -> String {
    format!(
        "import socket
s=socket.socket(); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1)
s.setsockopt(socket.SOL_IP,19,1); s.setsockopt(socket.SOL_SOCKET,36,{SITE_MARK})
s.bind(('{METADATA_ADDRESS}',{METADATA_PORT})); s.listen(); print('ready')
while True:
    c,where=s.accept(); c.sendall((where[0]+'\\n').encode()); c.close()"
    )
}

/// Waits until something that was seen on the tap satisfies.
fn sees(site: &Site, tap: &str, wanted: Sighting) {
    let seen = site.controller.sightings();
    let until = Instant::now() + LIMIT;
    while seen.borrow().get(tap) != Some(&wanted) {
        assert!(
            Instant::now() < until,
            "{tap}: {:?} instead of {wanted:?}",
            seen.borrow().get(tap)
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// A DHCP server of the site's that is not ours.
fn site_dhcp(site: &Site, dir: &std::path::Path) {
    let conf = dir.join("udhcpd.conf");
    let leases = dir.join("leases");
    std::fs::write(&leases, "").unwrap();
    let text = format!(
        "start {OWN}\nend {OWN}\ninterface eth0\nlease_file {}\npidfile {}\nopt subnet \
         255.255.255.0\nopt router {GATEWAY}\n",
        leases.display(),
        dir.join("pid").display()
    );
    std::fs::write(&conf, text).unwrap();
    site.gateway.sh(&format!("busybox udhcpd -S {}", conf.display()));
}

#[test]
fn a_lease_of_the_sites_server_is_seen_and_opens_the_way_for_that_address_alone() {
    let site = Site::new();
    let guest = site.guest(0x51, OWN);
    site.apply(&[(&guest, false)]);
    address(&guest);
    assert!(guest.namespace.pings_in_vain(GATEWAY), "an address by hand opens nothing");
    sees(&site, &guest.nic.tap, Sighting::Claimed(OWN));
    // what a guest sends is no lease, whatever it looks like
    let ack = "eth(ip(struct.pack('!HHHH',67,68,252,0)+b'\\x02\\x01\\x06'+bytes(13)+\
               ip4('10.9.0.1')+bytes(8)+ME+bytes(202)+b'\\x63\\x82\\x53\\x63\\x35\\x01\\x05\\xff'))";
    let forged = frames("eth0", guest.nic.mac, OWN, &[("", ack)]);
    guest.namespace.python(&forged);
    guest.namespace.sh("ip addr flush dev eth0");

    let dir = tempfile::tempdir().unwrap();
    site_dhcp(&site, dir.path());
    let told = dhcp::ask(&guest);
    assert_eq!(told["ip"], OWN.to_string());
    sees(&site, &guest.nic.tap, Sighting::Leased(OWN));
    address(&guest);
    site.apply(&[(&guest, true)]);
    assert!(guest.namespace.pings(GATEWAY));
    let pid = std::fs::read_to_string(dir.path().join("pid")).unwrap();
    sh(&format!("kill {}", pid.trim()));
}

#[test]
fn nothing_that_an_instance_forges_reaches_the_site() {
    let site = Site::new();
    let (guest, other) = (site.guest(0x51, OWN), site.guest(0x52, [10, 9, 0, 8].into()));
    site.apply(&[(&guest, true), (&other, true)]);
    let forged = [
        ("another mac", "eth(ip(udp()),src=OTHER)"),
        ("another ip", "eth(ip(udp(),src='10.9.0.9'))"),
        ("ip of the gateway", "eth(ip(udp(),src='10.9.0.1'))"),
        ("ip of its neighbour", "eth(ip(udp(),src='10.9.0.8'))"),
        ("arp for the gateway", "eth(arp(sip='10.9.0.1'),kind=0x806)"),
        ("arp with another mac", "eth(arp(smac=OTHER),kind=0x806)"),
        ("dhcp answer", "eth(ip(udp(67,68)))"),
        ("dhcp answer from nowhere", "eth(ip(udp(67,68),src='0.0.0.0'))"),
        ("ipv6", "eth(b'\\x60'+bytes(39)+mark,kind=0x86dd)"),
        ("vlan", "eth(struct.pack('!HH',5,0x800)+ip(udp()),kind=0x8100)"),
    ];
    let honest = [
        ("arp for itself", "eth(arp(),kind=0x806)"),
        ("arp probe", "eth(arp(sip='0.0.0.0',op=1),kind=0x806)"),
        ("dhcp discover", "eth(ip(udp(68,67),src='0.0.0.0'))"),
        ("the end", "eth(ip(udp()))"),
    ];
    let seen = [&site.gateway, &other.namespace].map(|who| who.python(&sniffer()));
    let seen_by_host = site.host.python(&sniffer_on(BRIDGE));
    for frames_to_send in [&forged[..], &honest[..]] {
        guest.namespace.python(&frames("eth0", guest.nic.mac, OWN, frames_to_send));
    }
    for seen in seen.iter().chain([&seen_by_host]) {
        for (mark, _) in honest {
            assert_eq!(seen.line(), mark);
        }
    }
}

#[test]
fn what_is_not_of_our_instances_passes_the_bridge_untouched() {
    let site = Site::new();
    let machine = Namespace::new("machine");
    let (h, m) = (&site.host.name, &machine.name);
    sh(&format!("ip -n {h} link add vm0 type veth peer name eth0 netns {m}"));
    sh(&format!("ip -n {h} link set vm0 master {BRIDGE} up && ip -n {m} link set eth0 up"));
    let guest = site.guest(0x51, OWN);
    site.apply(&[(&guest, true)]);
    // where br_netfilter is loaded the kernel itself drops what is malformed
    let ipv6 = "eth(struct.pack('!IHBB',6<<28,len(mark),59,64)+bytes(32)+mark,kind=0x86dd)";
    let all = [
        ("another mac", "eth(ip(udp()),src=OTHER)"),
        ("address of an instance", "eth(ip(udp(),src='10.9.0.7'))"),
        ("dhcp answer", "eth(ip(udp(67,68)))"),
        ("arp for the gateway", "eth(arp(sip='10.9.0.1'),kind=0x806)"),
        ("ipv6", ipv6),
        ("vlan", "eth(struct.pack('!HH',5,0x800)+ip(udp()),kind=0x8100)"),
        ("spanning tree", "eth(b'\\x42\\x42\\x03'+mark,kind=60)"),
    ];
    let seen = site.gateway.python(&sniffer());
    machine.python(&frames("eth0", MacAddr([2, 0, 0, 0, 0, 5]), GATEWAY, &all));
    for (mark, _) in all {
        assert_eq!(seen.line(), mark);
    }
}

#[test]
fn metadata_answers_with_and_without_an_address_of_the_host_in_the_network() {
    let site = Site::new();
    let (one, two) = (site.guest(0x51, OWN), site.guest(0x52, [10, 9, 0, 8].into()));
    site.apply(&[(&one, true), (&two, true)]);
    let _door = site.host.python(&door());
    let answers = || {
        for guest in [&one, &two] {
            let told = guest.namespace.ask(METADATA_ADDRESS, 80);
            assert_eq!(told, guest.nic.ip.to_string());
        }
    };
    [&one, &two].into_iter().for_each(address);
    answers();
    // the host reaches the same addresses elsewhere, and goes on doing so
    let elsewhere = Namespace::new("elsewhere");
    let (h, e) = (&site.host.name, &elsewhere.name);
    sh(&format!("ip -n {h} link add eth1 type veth peer name eth0 netns {e}"));
    sh(&format!("ip -n {h} addr add 10.9.0.200/24 dev eth1 && ip -n {h} link set eth1 up"));
    sh(&format!("ip -n {e} addr add {OWN}/24 dev eth0 && ip -n {e} link set eth0 up"));
    elsewhere.serve(OWN, 7);
    assert_eq!(site.host.ask(OWN, 7), "10.9.0.200");
    answers();
    sh(&format!("ip -n {h} link del eth1"));
    // the host has an address on the bridge itself
    site.host.sh(&format!("ip addr add 10.9.0.2/24 dev {BRIDGE}"));
    answers();
    assert!(site.host.pings(OWN), "as any machine of the site");
    assert_eq!(site.apply(&[(&one, true), (&two, true)]), [""; 0]);
}

#[test]
fn nobody_else_of_the_site_reaches_the_metadata_service() {
    let site = Site::new();
    let guest = site.guest(0x51, OWN);
    address(&guest);
    site.apply(&[(&guest, true)]);
    let _door = site.host.python(&door());
    assert_eq!(guest.namespace.ask(METADATA_ADDRESS, 80), OWN.to_string());
    let host = site.controller.site_bridge(BRIDGE).unwrap().mac;
    // a machine of the site that takes the host for the way there, and has the guest's address
    let liar = Namespace::new("liar");
    let (h, l) = (&site.host.name, &liar.name);
    sh(&format!("ip -n {h} link add vm0 type veth peer name eth0 netns {l}"));
    sh(&format!("ip -n {h} link set vm0 master {BRIDGE} up && ip -n {l} link set eth0 up"));
    for ip in ["10.9.0.66", "10.9.0.7"] {
        sh(&format!("ip -n {l} addr flush dev eth0 && ip -n {l} addr add {ip}/24 dev eth0"));
        sh(&format!("ip -n {l} route add {METADATA_ADDRESS} dev eth0"));
        sh(&format!("ip -n {l} neigh replace {METADATA_ADDRESS} lladdr {host} dev eth0"));
        for port in [80, METADATA_PORT] {
            assert!(liar.is_silent(METADATA_ADDRESS, port), "{ip} {port}");
        }
    }
    assert!(guest.namespace.is_silent(METADATA_ADDRESS, METADATA_PORT), "only by port 80");
}

#[test]
fn the_administrators_bridge_is_found_by_name_and_is_as_before_at_the_end() {
    let site = Site::new();
    site.host.sh(&format!("ip addr add 10.9.0.2/24 dev {BRIDGE}"));
    // the kernel makes sure first that nobody has the bridge's own IPv6 address
    let settled = "until [ -z \"$(ip -6 -o addr show tentative)\" ]; do sleep 0.1; done";
    site.host.sh(&format!("timeout 20 sh -c '{settled}'"));
    let looks = || {
        let all = "ip -d -o link show br0; ip -o addr show br0; ip route; ip rule; \
                   ip route show table all dev br0";
        let looks = site.host.sh(&format!("sh -c '{all}'"));
        // the bridge's timers run
        let timers = without_timers(&looks);
        (timers, site.host.sh("nft list ruleset"))
    };
    let before = looks();
    assert_eq!(site.controller.site_bridge("eth0"), None, "a device that is no bridge");
    assert_eq!(site.controller.site_bridge("br1"), None);
    let guest = site.guest(0x51, OWN);
    site.apply(&[(&guest, true)]);
    assert_ne!(looks(), before);
    assert_eq!(site.apply(&[(&guest, true)]), [""; 0], "twice changes nothing");
    // somebody removes what leads back
    site.host.sh(&format!("ip rule del fwmark {SITE_MARK}"));
    site.host.sh(&format!("ip neigh del {OWN} dev {BRIDGE}"));
    site.apply(&[(&guest, true)]);
    let known = site.host.sh(&format!("ip neigh show {OWN} dev {BRIDGE}"));
    assert!(known.contains(&guest.nic.mac.to_string()), "{known}");

    site.host.sh(&format!("ip link del {}", guest.nic.tap));
    site.controller.node(&NodePlan::default());
    assert_eq!(site.host.sh(&format!("ip neigh show {OWN} dev {BRIDGE}")), "");
    assert_eq!(looks(), before);
}

/// The lines without the words that say how long the kernel's timers have run.
fn without_timers(text: &str) -> String {
    let mut words = text.split_whitespace().peekable();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        if word.ends_with("_timer") {
            words.next();
        } else {
            kept.push(word);
        }
    }
    kept.join(" ")
}

#[test]
fn our_dhcp_answers_on_the_bridge_of_its_device_and_only_those_it_knows() {
    assert_our_dhcp_answers(&Site::new(), "DHCP started on br0");
}

#[test]
fn dhcpd_answers_there_in_its_place() {
    let daemon = Daemon::new();
    let site = Site::new();
    let site = Site { controller: daemon.start(&site.host), ..site };
    assert_our_dhcp_answers(&site, "dhcpd started on br0");
}

fn assert_our_dhcp_answers(site: &Site, started: &str) {
    let (known, stranger) = (site.guest(0x51, OWN), site.guest(0x52, [10, 9, 0, 8].into()));
    site.apply(&[(&known, true), (&stranger, true)]);
    let plan = site.dhcp_of(&known);
    let refused = site.controller.try_router(&plan).unwrap_err().to_string();
    assert!(refused.contains("no DHCP on eth0 (VNET_INTERFACE): br0 has no IPv4"), "{refused}");
    site.host.sh(&format!("ip addr add 10.9.0.2/24 dev {BRIDGE}"));
    assert_eq!(site.controller.router(&plan), [started]);
    assert_eq!(site.controller.router(&plan), [""; 0]);
    let told = dhcp::ask(&known);
    for (name, value) in [
        ("ip", "10.9.0.7"),
        ("subnet", "255.255.255.0"),
        ("broadcast", "10.9.0.255"),
        ("router", "10.9.0.1"),
        ("serverid", "10.9.0.2"),
        ("dns", "10.9.0.3"),
        ("hostname", "ip-10-9-0-7"),
    ] {
        assert_eq!(told.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert_eq!(dhcp::ask_times(&stranger, 2), None);
    sees(site, &known.nic.tap, Sighting::Leased(OWN));
}
