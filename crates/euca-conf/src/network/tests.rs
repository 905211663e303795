//! A sound machine, and what is said of it when one thing is broken.

use super::scene::{Heard, Report, Scene};
use super::step::{Outcome, Step};
use super::{show, steps};
use conf::{Conf, Document, HostFacts};
use hostnet::probe::Feature;
use hostnet::{Counted, DeviceView, HostView};
use protocol::admin::{
    ClusterStanding, ClusterStatus, Lease, NetworkReport, NetworkStatus, NodePlace,
};
use protocol::{GroupRule, Peer};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::Path;
use types::{PortRange, Protocol};

const NODE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 11);
const HERE: Ipv4Addr = Ipv4Addr::new(10, 128, 2, 2);
const THERE: Ipv4Addr = Ipv4Addr::new(10, 128, 2, 3);
const PUBLIC: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);

fn conf(lines: &str) -> Conf {
    let path = Path::new("/f");
    let mut document = Document::parse(conf::TEMPLATE.as_bytes());
    conf::setup(&mut document, path, "/opt/eucalyptus", &HostFacts::default()).unwrap();
    for line in lines.lines() {
        let (key, value) = line.split_once('=').unwrap();
        document.set(key, value).unwrap();
    }
    Conf::from_document(path, &document).unwrap().0
}

fn device(kind: &str, addresses: &[&str], bridge: Option<&str>) -> DeviceView {
    DeviceView {
        kind: kind.to_owned(),
        up: true,
        carrier: true,
        addresses: addresses.iter().map(|it| it.parse().unwrap()).collect(),
        bridge: bridge.map(str::to_owned),
        peers: BTreeSet::new(),
    }
}

fn host() -> HostView {
    let trunk = DeviceView { peers: [NODE].into(), ..device("vxlan", &[], Some("eucabr10")) };
    let devices = [
        ("eth0", device("", &["192.0.2.1/24", "198.51.100.10/32"], None)),
        ("eucabr10", device("bridge", &["10.128.2.1/26"], None)),
        ("euvx10", trunk),
        ("tap00000001", device("tun", &[], Some("eucabr10"))),
    ];
    let tables = [
        "inet eucalyptus",
        "bridge eucalyptus",
        "ip eucalyptus_metadata",
        "inet eucalyptus_taps",
        "arp eucalyptus_taps",
    ];
    HostView {
        devices: devices.map(|(name, device)| (name.to_owned(), device)).into(),
        forwards: true,
        tables: tables.map(str::to_owned).into(),
        ruled: [("eucabr10".to_owned(), "10.128.2.0/26".parse().unwrap())].into(),
        counted: [("admin-default".to_owned(), Counted { packets: 3, bytes: 180, refused: 2 })]
            .into(),
        ..HostView::default()
    }
}

fn lease(bits: u32, ip: Ipv4Addr, node: &str, public_ip: Option<Ipv4Addr>) -> Lease {
    let instance = types::InstanceId::from_bits(bits);
    let mac = types::MacAddr::of_instance(instance);
    Lease { instance, mac, ip, public_ip, node: Some(node.parse().unwrap()), running: true }
}

fn report() -> NetworkReport {
    let ssh = GroupRule {
        protocol: Protocol::Tcp,
        ports: PortRange { from: 22, to: 22 },
        peer: Peer::Cidr("0.0.0.0/0".parse().unwrap()),
    };
    let place = |name: &str, address: Option<Ipv4Addr>| NodePlace {
        name: name.parse().unwrap(),
        reachable: true,
        is_here: Some(address.is_none()),
        address,
        problems: vec![],
    };
    NetworkReport {
        cluster: Some("one".parse().unwrap()),
        networks: vec![NetworkStatus {
            tag: 10.try_into().unwrap(),
            user: "admin".parse().unwrap(),
            group: "default".parse().unwrap(),
            group_id: types::GroupId::from_bits(1),
            chain: "admin-default".to_owned(),
            gateway: "10.128.2.1/26".parse().unwrap(),
            trunk: Some("euvx10".to_owned()),
            ingress: vec![ssh],
            egress: vec![GroupRule::UNLIMITED],
            instances: vec![lease(1, HERE, "head", Some(PUBLIC)), lease(2, THERE, "node1", None)],
        }],
        nodes: vec![place("head", None), place("node1", Some(NODE))],
        rules_hold: Some(true),
        problems: vec![],
    }
}

fn cluster(reachable: bool) -> ClusterStatus {
    ClusterStatus {
        name: "one".parse().unwrap(),
        endpoint: "127.0.0.1:8774".to_owned(),
        reachable,
        problems: vec![],
        nodes: vec![],
        standing: ClusterStanding::Here,
        since: None,
        last_seen: None,
        instances: 0,
        lag: None,
        settings: None,
    }
}

/// The head of a cloud with one node more, on which all is well.
fn sound() -> Scene {
    let lines = "VNET_INTERFACE=eth0\nVNET_TRANSPORT=vxlan\nVNET_PUBLICIPS=198.51.100.10";
    Scene {
        conf: conf(lines),
        doubts: vec![],
        host: host(),
        report: Report::Told(report()),
        clusters: Some(vec![cluster(true)]),
        heard: Heard {
            components: vec![("cluster controller", 8774, true)],
            features: [(Feature::Bridge, Ok(())), (Feature::Vxlan, Ok(()))].into(),
            dhcp: [(10.try_into().unwrap(), Ok(()))].into(),
            dhcp_servers: ["dhcpd (process 7)".to_owned()].into(),
            answering: [HERE, THERE].into(),
        },
    }
}

fn told(scene: &mut Scene) -> &mut NetworkReport {
    match &mut scene.report {
        Report::Told(report) => report,
        other => panic!("{other:?}"),
    }
}

fn on<'a>(scene: &'a mut Scene, device: &str) -> &'a mut DeviceView {
    scene.host.devices.get_mut(device).unwrap()
}

fn wrong(scene: &Scene) -> String {
    let is_wrong = |step: &Step| matches!(step.outcome, Outcome::Wrong(_));
    steps(scene).into_iter().filter(is_wrong).map(|step| step.to_string()).collect()
}

#[test]
fn nothing_is_wrong_with_a_sound_machine() {
    let all: String = steps(&sound()).iter().map(Step::to_string).collect();
    let lines: Vec<_> = all.lines().collect();
    assert!(lines.iter().all(|line| line.starts_with("ok     ")), "{all}");
    assert!(lines.contains(&"ok     bridges: eucabr10"), "{all}");
    assert!(
        all.contains("DHCP: it is answered on 1 networks with instances, by dhcpd (process 7)")
    );
    assert!(all.contains("trunk: node node1 is reached: 10.128.2.3 on network 10"), "{all}");
    assert!(all.contains("public addresses: 1 of 1 lead to instances"), "{all}");
}

#[test]
fn each_thing_that_is_broken_is_named_and_nothing_else() {
    type Breakage = fn(&mut Scene);
    let cases: [(Breakage, &str); 27] = [
        (
            |s| s.clusters = Some(vec![cluster(false)]),
            "clusters: the controller of cluster one does not answer at 127.0.0.1:8774",
        ),
        (|s| s.doubts.push("VNET_SUBNET overlaps 10.0.0.0/8".into()), "configuration: VNET_SUBNET"),
        (|s| s.conf.vnet_interface = None, "VNET_INTERFACE: it is not set"),
        (
            |s| s.conf.vnet_interface = Some("eth9".into()),
            "VNET_INTERFACE: it is eth9, and there is no such device\n       mend it: set it to \
             one that is there: eth0",
        ),
        (|s| on(s, "eth0").up = false, "VNET_INTERFACE: eth0 is down"),
        (|s| on(s, "eth0").carrier = false, "nothing is at the other end of eth0"),
        (
            |s| drop(s.heard.features.insert(Feature::Vxlan, Err("Unknown device type".into()))),
            "kernel: the kernel makes no devices of module vxlan: Unknown device type",
        ),
        (
            |s| s.heard.components[0].2 = false,
            "the cluster controller does not answer at port 8774",
        ),
        (|s| s.host.forwards = false, "forwarding: net.ipv4.ip_forward is 0"),
        (|s| told(s).problems.push("no transport".into()), "cluster: no transport"),
        (|s| told(s).nodes[1].reachable = false, "cluster: node node1 does not answer"),
        (|s| told(s).nodes[1].problems.push("no disk".into()), "cluster: node node1: no disk"),
        (
            |s| drop(s.host.devices.remove("eucabr10")),
            "bridges: eucabr10 of network 10 (admin-default) is not there",
        ),
        (
            |s| on(s, "eucabr10").up = false,
            "bridges: eucabr10 of network 10 (admin-default) is down",
        ),
        (|s| on(s, "eucabr10").kind = "dummy".into(), "is no bridge"),
        (|s| on(s, "eucabr10").addresses.clear(), "has not the gateway's address"),
        (|s| on(s, "tap00000001").bridge = None, "i-00000001 is plugged into no bridge"),
        (|s| drop(s.host.devices.remove("euvx10")), "trunk devices: euvx10 of network 10"),
        (
            |s| on(s, "euvx10").bridge = None,
            "euvx10 of network 10 (admin-default) is not in eucabr10",
        ),
        (|s| on(s, "euvx10").peers.clear(), "does not lead to node node1 (192.0.2.11)"),
        (
            |s| s.heard.answering.retain(|ip| *ip != THERE),
            "trunk: no instance of network 10 (admin-default) on node node1 answers",
        ),
        (
            |s| drop(s.heard.dhcp.insert(10.try_into().unwrap(), Err("nobody answers".into()))),
            "DHCP: network 10 (admin-default): nobody answers; at port 67 listens dhcpd (process 7)",
        ),
        (
            |s| s.host.tables.retain(|table| table != "ip eucalyptus_metadata"),
            "rules: nft table ip eucalyptus_metadata is not there",
        ),
        (|s| told(s).rules_hold = Some(false), "is not as the cluster controller wrote it"),
        (
            |s| s.host.hindrances.push("table ip x drops".into()),
            "other firewalls: table ip x drops",
        ),
        (
            |s| on(s, "eth0").addresses.truncate(1),
            "public addresses: 198.51.100.10 of instance i-00000001 is on no device",
        ),
        (
            |s| told(s).networks[0].instances[0].public_ip = None,
            "198.51.100.10 of VNET_PUBLICIPS is an address of this machine itself",
        ),
    ];
    for (breakage, expect) in cases {
        let mut scene = sound();
        breakage(&mut scene);
        let said = wrong(&scene);
        assert!(said.contains(expect), "{expect}: {said}");
        let faults = said.matches("WRONG").count();
        // A bridge that is not there has nothing plugged in.
        let expected = if expect.contains("eucabr10 of network 10 (admin-default) is not there") {
            2
        } else {
            1
        };
        assert_eq!(faults, expected, "{expect}: {said}");
    }
}

#[test]
fn what_cannot_be_told_is_not_wrong() {
    let mut scene = sound();
    // one that is stopped answers nobody
    told(&mut scene).networks[0].instances[1].running = false;
    scene.heard.answering.clear();
    let said: String = steps(&scene).iter().map(Step::to_string).collect();
    assert!(said.contains("?      trunk: to node node1: no instance runs there"), "{said}");
    assert!(said.contains("?      instances: these on this machine do not answer ARP"), "{said}");
    assert_eq!(wrong(&scene), "");
}

#[test]
fn while_the_cluster_controller_is_silent_the_rules_tell_which_bridges_there_should_be() {
    let mut scene = sound();
    scene.report = Report::Silent("nothing listens".to_owned());
    assert_eq!(wrong(&scene), "WRONG  cluster: nothing listens\n");
    scene.host.devices.remove("eucabr10");
    on(&mut scene, "tap00000001").bridge = None;
    let said = wrong(&scene);
    assert!(
        said.contains("eucabr10 of 10.128.2.0/26, which the rules name is not there"),
        "{said}"
    );
    assert!(
        said.contains("tap00000001 of instance i-00000001 is plugged into no bridge"),
        "{said}"
    );
}

#[test]
fn a_node_without_the_cluster_controller_looks_at_its_own_part() {
    let mut scene = sound();
    scene.conf = conf("START_CLOUD=N\nSTART_CC=N\nVNET_INTERFACE=eth0");
    scene.report = Report::NotHere;
    scene.heard.dhcp.clear();
    scene.heard.answering.clear();
    on(&mut scene, "eucabr10").addresses.clear();
    scene.host.tables.remove("inet eucalyptus");
    scene.host.forwards = false;
    assert_eq!(wrong(&scene), "");
    on(&mut scene, "euvx10").bridge = None;
    assert!(wrong(&scene).contains("eucabr10 leads to no other machine"));
    scene.host.devices.remove("eucabr10");
    on(&mut scene, "tap00000001").bridge = None;
    assert!(wrong(&scene).contains("i-00000001 is plugged into no bridge"));
}

#[test]
fn a_machine_with_the_cloud_controller_alone_needs_no_network_of_instances() {
    let mut scene = sound();
    scene.conf = conf("START_CC=N\nSTART_NC=N");
    (scene.report, scene.host) = (Report::NotHere, HostView::default());
    assert_eq!(wrong(&scene), "");
    scene.clusters = Some(vec![cluster(true), cluster(false)]);
    assert!(wrong(&scene).starts_with("WRONG  clusters: the controller of cluster one"));
}

#[test]
fn a_network_is_shown_with_all_that_belongs_to_it() {
    let mut out = Vec::new();
    let mut shown = report();
    shown.networks[0].instances[1].running = false;
    show::write(&shown, &host(), &mut out).unwrap();
    let expect = "\
network 10  admin-default (sg-00000001)
    bridge   eucabr10, joined with other machines by euvx10
    subnet   10.128.2.0/26, router 10.128.2.1
    chain    admin-default: 3 packets (180 bytes) let in, 2 refused, since the rules were written last
    in       tcp 22 from 0.0.0.0/0
    out      everything to 0.0.0.0/0
    lease    10.128.2.2  d0:0d:00:00:00:01  i-00000001  head  public 198.51.100.10
    lease    10.128.2.3  d0:0d:00:00:00:02  i-00000002  node1  does not run
";
    assert_eq!(String::from_utf8(out).unwrap(), expect);
    let mut out = Vec::new();
    show::write(&NetworkReport::default(), &host(), &mut out).unwrap();
    assert!(String::from_utf8(out).unwrap().starts_with("no group has an instance"));
}
