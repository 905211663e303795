//! Looking at the host and asking on its networks, as `euca_conf --check network` does.

use crate::dhcpd::Daemon;
use crate::plans::{DB, Town, WEB, network, node, open, router, tag};
use crate::world::{Namespace, World};
use hostnet::probe::{self, Feature};
use hostnet::{Counted, HostView, Passage};
use netplan::VXLAN_PORT;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use types::{MacAddr, Protocol};

const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// Runs it inside, as a process of its own would.
fn inside<T: Send + 'static>(
    host: &Namespace,
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    host.run(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(work)
    })
}

pub(crate) fn look(host: &Namespace, passage: Passage) -> HostView {
    inside(host, async move { HostView::take(&[passage]).await.unwrap() })
}

fn asks_dhcp(host: &Namespace, gateway: Ipv4Addr, mac: MacAddr) -> Result<(), String> {
    inside(host, async move { probe::dhcp_answers("eucabr10", gateway, mac).await })
}

fn answering(host: &Namespace, wanted: &[Ipv4Addr]) -> Vec<Ipv4Addr> {
    let wanted: BTreeSet<_> = wanted.iter().copied().collect();
    let asked = inside(host, async move { probe::who_answers("eucabr10", &wanted).await });
    asked.unwrap().into_iter().collect()
}

#[test]
fn a_host_is_seen_as_it_is() {
    let town = Town::new();
    town.allow(vec![open(Protocol::Tcp, 22, 22, "0.0.0.0/0")], vec![]);
    let view = look(&town.world.host, Passage::Router);
    let bridge = &view.devices["eucabr10"];
    assert_eq!((bridge.kind.as_str(), bridge.up, bridge.carrier), ("bridge", true, true));
    assert_eq!(bridge.addresses, ["10.77.2.1/26".parse().unwrap()]);
    let tap = &view.devices[&town.web1.nic.tap];
    assert_eq!((tap.kind.as_str(), tap.bridge.as_deref()), ("veth", Some("eucabr10")));
    assert!(view.forwards);
    let tables = [
        "arp eucalyptus_taps",
        "bridge eucalyptus",
        "inet eucalyptus",
        "inet eucalyptus_taps",
        "ip eucalyptus_metadata",
    ];
    assert!(view.tables.iter().eq(tables.iter()), "{:?}", view.tables);
    let ruled = [("eucabr10", "10.77.2.0/26"), ("eucabr11", "10.77.2.64/26")];
    let ruled = ruled.map(|(bridge, net)| (bridge.to_owned(), net.parse().unwrap()));
    assert_eq!(view.ruled, ruled.into());
    assert_eq!(view.counted["alice-web"], Counted::default());
    assert_eq!((view.hindrances, view.unreadable), (vec![], None));

    town.world.host.sh("sysctl -qw net.ipv4.ip_forward=0");
    assert!(!look(&town.world.host, Passage::Router).forwards);
}

#[test]
fn a_chain_counts_what_it_lets_in_and_what_it_refuses() {
    let town = Town::new();
    let (outside, web) = (&town.world.outside, town.web1.nic.ip);
    town.allow(vec![open(Protocol::Tcp, 22, 22, "0.0.0.0/0")], vec![]);
    town.web1.namespace.serve(ANY, 22);
    outside.ask(web, 22);
    let first = look(&town.world.host, Passage::Router).counted["alice-web"];
    assert!(first.packets > 0 && first.bytes >= 40 * first.packets, "{first:?}");
    assert_eq!(first.refused, 0);
    assert!(outside.is_silent(web, 23));
    let then = look(&town.world.host, Passage::Router).counted["alice-web"];
    assert!(then.refused > 0, "{then:?}");
    // Counting is no change of the rules.
    let plan = town.router_plan(vec![open(Protocol::Tcp, 22, 22, "0.0.0.0/0")], vec![]);
    assert_eq!(town.world.controller.router(&plan), [""; 0]);
}

#[test]
fn dhcp_is_asked_without_an_instance() {
    let world = World::new();
    let guest = world.guest(0x21, tag(10), "10.77.2.2");
    world.controller.router(&router(&[network(10, vec![])], &[&guest]));
    world.controller.node(&node(&[&guest]));
    assert_eq!(asks_dhcp(&world.host, WEB, guest.nic.mac), Ok(()));
    let nobody = MacAddr([0xd0, 0x0d, 9, 9, 9, 9]);
    let silence = Err("nobody answers DHCP on eucabr10".to_owned());
    assert_eq!(asks_dhcp(&world.host, WEB, nobody), silence);
    world.host.sh("iptables -A INPUT -p udp --dport 67 -j DROP");
    assert_eq!(asks_dhcp(&world.host, WEB, guest.nic.mac), silence);
}

#[test]
fn dhcpd_is_asked_in_the_same_way() {
    let (daemon, mut world) = (Daemon::new(), World::new());
    world.controller = daemon.start(&world.host);
    let guest = world.guest(0x21, tag(10), "10.77.2.2");
    world.controller.router(&router(&[network(10, vec![])], &[&guest]));
    assert_eq!(asks_dhcp(&world.host, WEB, guest.nic.mac), Ok(()));
    let servers = || inside(&world.host, async { probe::dhcp_servers().await.unwrap() });
    let names: Vec<_> = servers().into_iter().collect();
    assert!(names.len() == 1 && names[0].starts_with("dhcpd (process "), "{names:?}");
    world.controller.end_dhcp();
    assert!(asks_dhcp(&world.host, WEB, guest.nic.mac).is_err());
    assert!(servers().is_empty());
}

#[test]
fn an_instance_that_is_there_answers_each_time() {
    let town = Town::new();
    let host = &town.world.host;
    let [first, second] = [&town.web1, &town.web2].map(|guest| guest.nic.ip);
    assert_eq!(answering(host, &[first, second, Ipv4Addr::new(10, 77, 2, 9)]), [first, second]);
    let g = &town.web1.namespace;
    g.sh("ip link set eth0 down");
    assert_eq!(answering(host, &[first, second]), [second]);
    g.sh("ip link set eth0 up");
    assert_eq!(answering(host, &[first, second]), [first, second]);
    let error = inside(host, async { probe::who_answers("eucabr99", &[DB].into()).await });
    assert_eq!(error, Ok(BTreeSet::new()));
}

#[test]
fn what_the_kernel_can_make_is_tried_where_nobody_sees_it() {
    let world = World::new();
    let before = world.host.sh("ip link");
    for feature in [Feature::Bridge, Feature::Vxlan] {
        let tried = inside(&world.host, async move { feature.try_out().await });
        assert_eq!(tried, Ok(()), "{feature:?}");
    }
    // Whether 802.1Q is there depends on the kernel: it is asked as `ip` would ask.
    let has_vlans = world.host.can(
        "unshare --net sh -c 'ip link add name b type bridge && ip link add link b name v type vlan id 5'",
    );
    let tried = inside(&world.host, async { Feature::Vlan.try_out().await });
    assert_eq!(tried.is_ok(), has_vlans, "{tried:?}");
    assert_eq!(world.host.sh("ip link"), before);
}

#[test]
fn where_a_vxlan_device_leads_is_seen() {
    let world = World::new();
    world.host.sh("ip link add eucabr10 type bridge");
    world.host.sh(&format!("ip link add euvx10 type vxlan id 10 dstport {VXLAN_PORT}"));
    world.host.sh("ip link set euvx10 master eucabr10");
    world.host.sh("bridge fdb append 00:00:00:00:00:00 dev euvx10 dst 198.51.100.7 self");
    let view = look(&world.host, Passage::Router);
    let tunnel = &view.devices["euvx10"];
    assert_eq!((tunnel.kind.as_str(), tunnel.up), ("vxlan", false));
    assert_eq!(tunnel.peers, [Ipv4Addr::new(198, 51, 100, 7)].into());
    assert_eq!(tunnel.bridge.as_deref(), Some("eucabr10"));
}

#[test]
fn somebody_elses_rules_that_drop_what_instances_send_are_named() {
    for (rules, expect) in [
        (
            &["iptables -A FORWARD -i eucabr+ -j DROP"][..],
            "rule of its chain FORWARD, so instances reach neither the outside nor each other: \
             nft delete rule ip filter FORWARD handle ",
        ),
        (&["iptables -A FORWARD -j REJECT"], "iptables -I FORWARD -i eucabr+ -j ACCEPT"),
        (
            &["iptables -N last", "iptables -A last -j DROP", "iptables -A INPUT -j last"],
            "chain last, so instances reach neither DHCP nor their metadata",
        ),
        (&["iptables -P FORWARD DROP"], "drops what its chain FORWARD does not accept"),
        (
            &[
                "nft add table inet firewalld",
                "nft add chain inet firewalld f { type filter hook forward priority 10; }",
                "nft add rule inet firewalld f ct state established accept",
                "nft add rule inet firewalld f reject with icmpx admin-prohibited",
            ],
            "nft insert rule inet firewalld f iifname \"eucabr*\" accept; nft insert rule",
        ),
    ] {
        let world = World::new();
        rules.iter().for_each(|rule| drop(world.host.sh(&quoted(rule))));
        let found = look(&world.host, Passage::Router).hindrances;
        assert!(found.len() == 1 && found[0].contains(expect), "{rules:?}: {found:?}");
        let (_, remedy) = found[0].rsplit_once(": ").unwrap();
        remedy.split("; ").for_each(|command| drop(world.host.sh(&quoted(command))));
        assert_eq!(look(&world.host, Passage::Router).hindrances, [""; 0], "{remedy}");
    }
}

/// For the shell that reads it once more.
fn quoted(command: &str) -> String {
    let words = command.split(' ').map(|word| word.trim_matches('"'));
    words.map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ")
}

#[test]
fn rules_for_others_and_rules_that_let_instances_pass_are_none_of_it() {
    let world = World::new();
    for rule in [
        "iptables -A FORWARD -i docker0 -j DROP",
        "iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP",
        "iptables -A INPUT -p tcp --dport 22 -j REJECT",
        "iptables -A OUTPUT -j DROP",
        "ip6tables -P FORWARD DROP",
    ] {
        world.host.sh(rule);
    }
    assert_eq!(look(&world.host, Passage::Router).hindrances, [""; 0]);
}
