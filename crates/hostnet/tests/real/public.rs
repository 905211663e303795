//! Public addresses: where they lead, who is seen behind them, and what becomes of connections.

use crate::plans::{DB, PUBLIC, Town, WEB, network, open, open_to_group, public_router};
use crate::world::{Guest, HOST_OUTSIDE, LIMIT, OUTSIDE, World};
use hostnet::HostNetError;
use netplan::RouterPlan;
use protocol::{Carrier, GroupRule};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;
use types::Protocol;

const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
const ONE: Ipv4Addr = PUBLIC[0];
const TWO: Ipv4Addr = PUBLIC[1];

/// Everybody may come in at port 22.
fn ssh() -> Vec<GroupRule> {
    vec![open(Protocol::Tcp, 22, 22, "0.0.0.0/0")]
}

fn plan(town: &Town, public: &[(Ipv4Addr, &Guest)]) -> RouterPlan {
    let networks = [network(10, ssh()), network(11, ssh())];
    public_router(&networks, &town.guests(), (Carrier::Vxlan, &[]), public)
}

/// Lets addresses lead to guests, and gives what was changed.
fn lead(town: &Town, public: &[(Ipv4Addr, &Guest)]) -> Vec<String> {
    town.world.controller.router(&plan(town, public))
}

fn echoes(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(700))).unwrap();
    stream.write_all(b"x").is_ok() && stream.read_exact(&mut [0]).is_ok()
}

fn inet(world: &World) -> String {
    world.host.sh("ip -br -4 addr show dev up0")
}

/// A town in which bridged packets meet the rules for routed ones, or not.
fn town(bridged: u8) -> Town {
    let town = Town::new();
    // Where the module is not there, they do not.
    town.world.host.can(&format!("sysctl -qw net.bridge.bridge-nf-call-iptables={bridged}"));
    town
}

#[test]
fn an_address_leads_to_its_instance_from_everywhere() {
    for bridged in [0, 1] {
        let town = town(bridged);
        let Town { world, web1, web2, db } = &town;
        lead(&town, &[(ONE, web1), (TWO, db)]);
        for guest in [web1, db] {
            guest.namespace.serve(ANY, 22);
            guest.namespace.serve(ANY, 23);
        }
        for problem in world.controller.check() {
            let remedy = problem.rsplit_once(": ").unwrap().1;
            assert!(web1.namespace.is_silent(ONE, 22), "in its way is {problem}");
            world.host.sh(remedy);
        }
        assert!(world.controller.check().is_empty());
        // Twice: a host that was told of a shorter way takes it the second time.
        for _ in 0..2 {
            assert_eq!(world.outside.ask(ONE, 22), OUTSIDE.to_string());
            assert_eq!(web2.namespace.ask(TWO, 22), web2.nic.ip.to_string(), "another group");
            assert_eq!(web1.namespace.ask(TWO, 22), ONE.to_string(), "that with one of its own");
            assert_eq!(web2.namespace.ask(ONE, 22), WEB.to_string(), "its own group");
            assert_eq!(web1.namespace.ask(ONE, 22), ONE.to_string(), "itself");
            assert_eq!(world.host.ask(ONE, 22), WEB.to_string(), "the machine itself");
            assert!(world.host.pings(ONE));
        }
        for caller in [&world.outside, &db.namespace, &web2.namespace, &web1.namespace] {
            assert!(caller.is_silent(ONE, 23), "{}: its group does not let that in", caller.name);
        }
        assert_eq!(web2.namespace.ask(web1.nic.ip, 23), web2.nic.ip.to_string(), "members do");
    }
}

#[test]
fn what_is_bridged_may_meet_the_rules_for_what_is_routed() {
    let town = town(1);
    let Town { world, web1, web2, db } = &town;
    lead(&town, &[(ONE, web1), (TWO, db)]);
    web1.namespace.serve(ANY, 22);
    db.namespace.serve(ANY, 22);
    assert_eq!(world.outside.ask(ONE, 22), OUTSIDE.to_string());
    assert_eq!(web1.namespace.ask(TWO, 22), ONE.to_string());
    assert_eq!(web2.namespace.ask(ONE, 22), WEB.to_string());
}

#[test]
fn a_rule_for_a_group_means_its_members_by_their_public_addresses_too() {
    let town = Town::new();
    let Town { world, web1, web2, db } = &town;
    let networks =
        [network(10, vec![open_to_group(22, &network(11, vec![]))]), network(11, vec![])];
    let public = [(ONE, web1), (TWO, db)];
    world.controller.router(&public_router(
        &networks,
        &town.guests(),
        (Carrier::Vxlan, &[]),
        &public,
    ));
    web1.namespace.serve(ANY, 22);
    assert_eq!(db.namespace.ask(ONE, 22), TWO.to_string());
    for other in [&world.outside, &web2.namespace, &web1.namespace] {
        assert!(other.is_silent(ONE, 22), "{} is not of that group", other.name);
    }
}

#[test]
fn an_instance_reaches_the_world_with_its_address_and_the_others_with_the_machines() {
    let town = Town::new();
    let Town { world, web1, web2, .. } = &town;
    lead(&town, &[(ONE, web1)]);
    world.outside.serve(ANY, 80);
    assert_eq!(web1.namespace.ask(OUTSIDE, 80), ONE.to_string());
    assert_eq!(web2.namespace.ask(OUTSIDE, 80), HOST_OUTSIDE.to_string());
    assert_eq!(world.host.ask(OUTSIDE, 80), HOST_OUTSIDE.to_string(), "no address of its own");
    assert!(web1.namespace.pings(OUTSIDE));
}

#[test]
fn connections_end_when_their_address_leads_elsewhere_and_no_others() {
    let town = town(0);
    let Town { world, web1, web2, db } = &town;
    lead(&town, &[(ONE, web1)]);
    web1.namespace.serve(ANY, 22);
    db.namespace.serve(ANY, 22);
    world.outside.serve(ANY, 80);
    let connect = |from: &Guest, to, port| from.namespace.connect(to, port, LIMIT).unwrap().0;
    let mut others = [connect(web2, web1.nic.ip, 22), connect(db, OUTSIDE, 80)];
    let mut ended = [
        world.outside.connect(ONE, 22, LIMIT).unwrap().0,
        world.host.connect(ONE, 22, LIMIT).unwrap().0,
        connect(web2, ONE, 22),
        connect(web1, ONE, 22),
        connect(web1, OUTSIDE, 80),
    ];
    assert!(others.iter_mut().chain(&mut ended).all(echoes));
    lead(&town, &[(ONE, db)]);
    for (at, connection) in ended.iter_mut().enumerate() {
        assert!(!echoes(connection), "connection {at} goes on with another's address");
    }
    assert!(others.iter_mut().all(echoes));
    assert_eq!(world.outside.ask(ONE, 22), OUTSIDE.to_string());
    assert_eq!(web1.namespace.ask(OUTSIDE, 80), HOST_OUTSIDE.to_string());
    let mut newer = [world.outside.connect(ONE, 22, LIMIT).unwrap().0, connect(db, OUTSIDE, 80)];
    assert!(newer.iter_mut().all(echoes));
    lead(&town, &[]);
    assert!(!newer.iter_mut().any(echoes), "it leads nowhere");
    assert!(world.outside.is_silent(ONE, 22));
    // That is not what ended them: a process that starts anew knows nothing of before.
    assert!(others.iter_mut().all(echoes));
}

#[test]
fn neighbours_that_knew_another_machine_learn_of_the_new_one() {
    let town = Town::new();
    let Town { world, web1, .. } = &town;
    web1.namespace.serve(ANY, 22);
    world
        .outside
        .sh(&format!("ip neigh replace {ONE} lladdr 02:00:00:00:00:99 dev eth0 nud reachable"));
    lead(&town, &[(ONE, web1)]);
    let own = world.host.sh("cat /sys/class/net/up0/address");
    let known = world.outside.sh(&format!("ip neigh show {ONE}"));
    assert!(known.contains(own.trim()), "{known}, and not {own}");
    assert_eq!(world.outside.ask(ONE, 22), OUTSIDE.to_string());
}

#[test]
fn only_addresses_of_ours_are_touched_and_they_are_known_after_a_crash() {
    let mut town = Town::new();
    town.world.host.sh("ip addr add 198.51.100.99/32 dev up0");
    let before = inet(&town.world);
    let made = lead(&town, &[(ONE, &town.web1), (TWO, &town.db)]);
    assert!(made.contains(&format!("public address {ONE} added to up0")), "{made:?}");
    let shown = town.world.host.sh("ip addr show dev up0");
    assert!(shown.contains("inet 198.51.100.50/32 scope link up0:euca"), "{shown}");
    assert_eq!(lead(&town, &[(ONE, &town.web1), (TWO, &town.db)]), [""; 0]);
    town.world.restart();
    let changes = lead(&town, &[(TWO, &town.db)]);
    assert_eq!(changes[0], format!("public address {ONE} removed"));
    assert!(!changes[1..].iter().any(|change| change.contains("address")), "{changes:?}");
    town.world.restart();
    town.world.controller.router(&RouterPlan::default());
    assert_eq!(inet(&town.world), before);
}

#[test]
fn what_is_changed_by_hand_is_mended_at_the_next_pass() {
    let town = Town::new();
    let Town { world, web1, .. } = &town;
    lead(&town, &[(ONE, web1)]);
    let before = inet(world);
    web1.namespace.serve(ANY, 22);
    for breakage in [
        "ip addr del 198.51.100.50/32 dev up0",
        "nft flush map inet eucalyptus public_to_private",
        "nft delete table inet eucalyptus",
        "ip link set up0 down",
    ] {
        world.host.sh(breakage);
        // What the administrator turns off is turned on by the administrator.
        world.host.sh("ip link set up0 up");
        world.host.can(&format!("ip route add default via {OUTSIDE}"));
        lead(&town, &[(ONE, web1)]);
        assert_eq!(inet(world), before, "{breakage}");
        assert_eq!(world.outside.ask(ONE, 22), OUTSIDE.to_string(), "{breakage}");
    }
}

#[test]
fn another_default_route_takes_the_addresses_with_it() {
    let town = Town::new();
    let Town { world, web1, .. } = &town;
    lead(&town, &[(ONE, web1)]);
    world.host.sh("ip link add up1 type veth peer name up2");
    world.host.sh("ip addr add 203.0.113.1/24 dev up1");
    world.host.sh("ip link set up1 up");
    world.host.sh("ip route replace default via 203.0.113.2 dev up1");
    lead(&town, &[(ONE, web1)]);
    assert!(!inet(world).contains("198.51.100.50"));
    let there = world.host.sh("ip addr show dev up1");
    assert!(there.contains("inet 198.51.100.50/32 scope link up1:euca"), "{there}");
}

#[test]
fn an_address_that_somebody_has_is_refused_with_whose_it_is() {
    let town = Town::new();
    let (world, controller) = (&town.world, &town.world.controller);
    assert_eq!(controller.refused(&[ONE, TWO], None), Ok([].into()));
    world.outside.sh(&format!("ip addr add {ONE}/32 dev eth0"));
    let mac = world.outside.sh("cat /sys/class/net/eth0/address");
    let refused = controller.refused(&[ONE, TWO, HOST_OUTSIDE], Some("up0")).unwrap();
    assert_eq!(refused.keys().copied().collect::<Vec<_>>(), [HOST_OUTSIDE, ONE]);
    assert!(refused[&ONE].contains(mac.trim()) && refused[&ONE].contains("up0"), "{refused:?}");
    assert!(refused[&HOST_OUTSIDE].contains("of this machine itself"), "{refused:?}");
    // what is ours stays ours
    world.outside.sh(&format!("ip addr del {ONE}/32 dev eth0"));
    lead(&town, &[(ONE, &town.web1)]);
    world.outside.sh(&format!("ip addr add {ONE}/32 dev eth0"));
    assert_eq!(controller.refused(&[ONE], None), Ok([].into()));
}

#[test]
fn without_a_device_for_them_the_addresses_are_reported_and_the_rest_works() {
    let town = Town::new();
    let Town { world, web1, .. } = &town;
    world.host.sh("ip route del default");
    let none =
        |answer: Result<_, HostNetError>| matches!(answer, Err(HostNetError::NoInterface(_)));
    assert!(none(world.controller.refused(&[ONE], None)));
    assert!(none(world.controller.refused(&[ONE], Some("eth9"))));
    assert!(none(world.controller.try_router(&plan(&town, &[(ONE, web1)])).map(|_| [].into())));
    assert!(web1.namespace.pings(DB));
}
