use super::*;
use proptest::prelude::*;

const GOOD: &str = "EUCALYPTUS=/opt/eucalyptus\nHYPERVISOR=qemu\nVNET_SUBNET=10.128.0.0\n\
                    VNET_NETMASK=255.255.0.0\nVNET_DNS=192.0.2.53\n";

fn conf(extra: &str) -> Result<(Conf, Vec<String>), ConfError> {
    let text = format!("{GOOD}{extra}\n");
    Conf::from_document(Path::new("/f"), &Document::parse(text.as_bytes()))
}

#[test]
fn a_file_that_sets_only_what_must_be_set_works_on_one_machine() {
    let (conf, warnings) = conf("").unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(conf.start, Components { cloud: true, cc: true, nc: true });
    let metrics = Some(MetricsPorts { cloud: 8780, cc: 8781, nc: 8782 });
    let (walrus, metadata) = (Some(9000), 8776);
    let ports =
        Ports { cloud: 8773, walrus, cloud_ssl: 8443, cc: 8774, nc: 8775, metadata, metrics };
    assert_eq!(conf.ports, ports);
    assert_eq!(conf.walrus_domains, ["localhost"]);
    assert!(!conf.ec2_signature_v1, "it is asked for by name");
    assert_eq!(conf.nodes, ["localhost".parse().unwrap()]);
    assert_eq!(conf.limits, NodeLimits::default());
    assert_eq!((conf.swap_mb, conf.ephemeral_mb), (512, 0));
    assert_eq!(conf.log_files, LogFiles { max_bytes: 104_857_600, kept: 10 });
    assert_eq!(conf.cluster_name.as_str(), "cluster");
    assert_eq!(conf.instance_path, Path::new("/opt/eucalyptus/var/eucalyptus/instances"));
    assert_eq!(conf.address_space.unwrap().subnet, "10.128.0.0/16".parse().unwrap());
}

#[test]
fn walrus_has_a_port_and_domains_unless_it_is_to_have_none() {
    let domains = |lines: &str| conf(lines).unwrap().0.walrus_domains;
    assert_eq!(
        domains("CLOUD_HOST=Head.example"),
        ["head.example", "localhost", "s3.head.example"]
    );
    assert_eq!(domains("CLOUD_HOST=192.0.2.1"), ["localhost"]);
    assert_eq!(domains("WALRUS_DOMAINS=\"S3.example a\""), ["s3.example", "a"]);
    assert_eq!(domains("WALRUS_DOMAINS=none"), Vec::<String>::new());
    assert_eq!(conf("WALRUS_PORT=0").unwrap().0.ports.walrus, None);
}

#[test]
fn every_wrong_value_is_named_with_its_line_and_what_would_be_right() {
    for (line, expected) in [
        ("START_CC=maybe", "/f:6: START_CC is \"maybe\", but must be Y or N"),
        ("LOGLEVEL=loud", "DEBUG, INFO"),
        ("CLOUD_PORT=0", "CLOUD_PORT is \"0\", but must be a TCP port from 1 to 65535"),
        ("CC_PORT=70000", "1 to 65535"),
        (
            "WALRUS_PORT=http",
            "WALRUS_PORT is \"http\", but must be a TCP port from 1 to 65535, or 0",
        ),
        ("WALRUS_PORT=8443", "CLOUD_SSL_PORT is 8443, as WALRUS_PORT is"),
        ("WALRUS_DOMAINS=192.0.2.1", "names of hosts"),
        ("WALRUS_DOMAINS=\"a.example b.example:9000\"", "names of hosts"),
        ("WALRUS_DOMAINS=-a.example", "names of hosts"),
        ("WALRUS_DOMAINS=a..example", "names of hosts"),
        ("NC_PORT=8774", "NC_PORT is 8774, as CC_PORT is"),
        ("METRICS_PORT=65534", "from 1 to 65533, or 0 for none"),
        ("METRICS_PORT=8774", "takes the three ports from 8774 on, and CC_PORT is 8774"),
        ("METRICS_PORT=8441", "CLOUD_SSL_PORT is 8443; choose another, or 0"),
        ("LOGMAXSIZE=10", "a number of bytes from 65536"),
        ("LOGROLLNUMBER=0", "a number from 1 to 999"),
        ("SCHEDPOLICY=RANDOM", "GREEDY, ROUNDROBIN or BESTFIT"),
        ("OVERCOMMIT_MEM=0.9", "a number from 1 to 100"),
        ("OVERCOMMIT_CORES=101", "a number from 1 to 100"),
        ("OVERCOMMIT_DISK=many", "a number from 1 to 100"),
        ("SWAP_SIZE=-1", "a number of MB from 0 (none)"),
        ("EPHEMERAL_SIZE=1048577", "a number of MB from 0 (none)"),
        ("NODES=\"a b;c\"", "host names"),
        ("NODES=\"a b\"\nDRAINED_NODES=\"b c\"", "/f:7: DRAINED_NODES names c, which is not in"),
        ("MAX_MEM=-1", "a number of MB"),
        ("MAX_CORES=0", "a number of cores"),
        ("INSTANCE_PATH=instances", "absolute path"),
        ("INSTANCE_PATH=/", "absolute path"),
        ("INSTANCE_PATH=/a/../etc", "absolute path"),
        ("HYPERVISOR=vmware", "kvm, qemu or xen"),
        ("LIBVIRT_URI=qemu", "qemu:///system"),
        ("DATABASE_URL=postgres://db/e", "PostgreSQL is not offered yet"),
        ("CLOUD_HOST=0.0.0.0", "not 0.0.0.0"),
        ("CLUSTER_NAME=\"a b\"", "CLUSTER_NAME"),
        ("VNET_MODE=EDGE", "must be SYSTEM, STATIC or MANAGED"),
        ("VNET_MODE=SYSTEM", "VNET_BRIDGE is missing; name the bridge"),
        ("VNET_MODE=STATIC", "VNET_BRIDGE is missing; name the bridge"),
        ("VNET_MODE=STATIC", "VNET_MACMAP is missing; VNET_MODE=\"STATIC\" needs it"),
        ("VNET_MODE=SYSTEM\nVNET_BRIDGE=eucabr10", "/f:7: VNET_BRIDGE is \"eucabr10\", but must"),
        ("VNET_MODE=SYSTEM\nVNET_BRIDGE=\"br 0\"", "the name of a bridge"),
        ("VNET_PUBLICIPS=\"192.0.2.9 192.0.2\"", "single ones"),
        ("VNET_PUBLICIPS=192.0.2.9-192.0.2.8", "single ones"),
        ("VNET_PUBLICIPS=10.0.0.0/8", "single ones"),
        ("VNET_PUBLICIPS=127.0.0.1", "single ones"),
        ("VNET_PUBLICIPS=10.128.3.0-10.128.3.9", "has 10.128.3.0, which is in VNET_SUBNET"),
        ("VNET_INTERFACE=\"eth0 eth1\"", "ip link"),
        ("VNET_TRANSPORT=gre", "\"vlan\", \"vxlan\", or \"none\""),
        ("VNET_SUBNET=10.128.0.9", "write its first address, 10.128.0.0"),
        ("VNET_SUBNET=127.0.0.0", "take a private one"),
        ("VNET_NETMASK=255.0.255.0", "a netmask"),
        ("VNET_NETMASK=255.255.255.0", "nine times"),
        ("VNET_ADDRSPERNET=48", "power of two"),
        ("VNET_DNS=127.0.0.53", "not 127.x.x.x"),
        ("EUCALYPTUS=not_configured", "euca_conf -d"),
        ("EUCALYPTUS=here", "absolute path"),
        ("START_NC=N\nNODES=\"\"", "/f:7: NODES is empty"),
        ("START_NC=N\nSTART_CC=N\nSTART_CLOUD=N", "nothing would start"),
        ("VNET_PUB_INTERFACE=eth0", "is the old name of VNET_INTERFACE"),
        ("VNET_DHCPDEAMON=/usr/sbin/dhcpd", "VNET_DHCPDAEMON"),
        ("VNET_DHCPDAEMON=dhcpd", "must be the absolute path of ISC's dhcpd"),
        ("VNET_DHCPDAEMON=/d\nVNET_DHCPUSER=-tf", "/f:7: VNET_DHCPUSER is \"-tf\", but must be"),
        ("VNET_DHCPDAEMON=/d\nVNET_DHCPUSER=\"a b\"", "the name of a user of this machine"),
        ("TEMPLATE_PATH=/x", "before version 1.4"),
        ("MAX_DISK=\"5", "/f:6: MAX_DISK has no closing quote"),
        ("hello", "/f:6: this line is neither a comment"),
    ] {
        let text = conf(line).expect_err(line).to_string();
        assert!(text.contains(expected), "{line}: {text}");
    }
}

#[test]
fn the_pool_of_public_addresses_has_three_notations() {
    for (text, expected) in [
        ("", ""),
        ("192.0.2.9", "192.0.2.9"),
        ("192.0.2.9 192.0.2.8,192.0.2.9", "192.0.2.8 192.0.2.9"),
        ("192.0.2.10-192.0.2.12 !192.0.2.11", "192.0.2.10 192.0.2.12"),
        ("192.0.2.0/30", "192.0.2.1 192.0.2.2"),
        ("192.0.2.7/32", "192.0.2.7"),
    ] {
        let (conf, _) = conf(&format!("VNET_PUBLICIPS=\"{text}\"")).expect(text);
        let pool: Vec<_> = conf.public_addresses.iter().map(|ip| ip.to_string()).collect();
        assert_eq!(pool.join(" "), expected, "{text}");
    }
    let (conf, _) = conf("VNET_PUBLICIPS=10.1.0.0/17").unwrap();
    assert_eq!(conf.public_addresses.iter().count(), 32_766);
}

#[test]
fn the_optional_figures_are_read() {
    let text = "OVERCOMMIT_CORES=4\nOVERCOMMIT_MEM=1.5\nSWAP_SIZE=0\nEPHEMERAL_SIZE=1024\n\
                SCHEDPOLICY=bestfit\nMETRICS_PORT=0\nLOGMAXSIZE=65536\nLOGROLLNUMBER=1";
    let (conf, _) = conf(text).unwrap();
    assert_eq!(conf.limits.overcommit_cores.of(2), 8);
    assert_eq!(conf.limits.overcommit_mem.of(1000), 1500);
    assert_eq!(conf.limits.overcommit_disk, Factor::ONE);
    assert_eq!((conf.swap_mb, conf.ephemeral_mb), (0, 1024));
    assert_eq!((conf.sched_policy, conf.ports.metrics), (SchedPolicy::BestFit, None));
    assert_eq!(conf.log_files, LogFiles { max_bytes: 65536, kept: 1 });
}

#[test]
fn all_problems_are_reported_at_once_in_the_order_of_the_file() {
    let text = conf("NC_PORT=x\nCC_PORT=y").unwrap_err().to_string();
    let (nc, cc) = (text.find(":6: NC_PORT"), text.find(":7: CC_PORT"));
    assert!(nc.is_some() && nc < cc, "{text}");
}

#[test]
fn what_a_head_needs_is_demanded_there_and_not_on_a_node() {
    let node = "EUCALYPTUS=/e\nSTART_CLOUD=N\nSTART_CC=N\nHYPERVISOR=kvm\n";
    let parse =
        |text: &str| Conf::from_document(Path::new("/f"), &Document::parse(text.as_bytes()));
    assert_eq!(parse(node).unwrap().0.address_space, None);
    let text = parse("EUCALYPTUS=/e\n").unwrap_err().to_string();
    for key in ["VNET_SUBNET", "VNET_NETMASK", "VNET_DNS"] {
        assert!(text.contains(&format!("/f: {key} is missing; euca_conf --setup")), "{text}");
    }
}

#[test]
fn a_dhcp_server_of_the_administrators_is_read_where_addresses_are_given_out() {
    let daemon = "VNET_DHCPDAEMON=/usr/sbin/dhcpd3\n";
    let path = PathBuf::from("/usr/sbin/dhcpd3");
    let user = Some("dhcpd".to_owned());
    for (lines, expect, warned) in [
        (daemon.to_owned(), Some(DhcpDaemon { path: path.clone(), user: None }), None),
        (format!("{daemon}VNET_DHCPUSER=dhcpd"), Some(DhcpDaemon { path, user }), None),
        ("VNET_DHCPDAEMON=\"\"".to_owned(), None, None),
        ("VNET_DHCPUSER=dhcpd".to_owned(), None, Some("VNET_DHCPDAEMON is not set")),
        (
            format!("VNET_MODE=SYSTEM\nVNET_BRIDGE=br0\n{daemon}VNET_DHCPUSER=dhcpd"),
            None,
            Some("without effect in SYSTEM mode: VNET_DHCPDAEMON, VNET_DHCPUSER"),
        ),
    ] {
        let (conf, warnings) = conf(&lines).expect(&lines);
        assert_eq!(conf.dhcp_daemon, expect, "{lines}");
        let last = warnings.last().map(String::as_str);
        assert!(last.is_some() == warned.is_some(), "{lines}: {warnings:?}");
        assert!(last.unwrap_or_default().contains(warned.unwrap_or_default()), "{warnings:?}");
    }
}

#[test]
fn unknown_variables_and_those_without_effect_are_named_in_one_warning_each() {
    let (_, warnings) = conf("ZOO=1\nBAR=2\nDISABLE_DNS=Y").unwrap();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].ends_with("without effect in this version: DISABLE_DNS"));
    assert!(warnings[1].ends_with("kept as they are: BAR, ZOO"));
}

#[test]
fn each_hypervisor_has_its_libvirt_and_the_best_is_found_where_none_is_named() {
    for (named, hypervisor, uri) in [
        ("not_configured", Hypervisor::Best, "qemu:///system"),
        ("KVM", Hypervisor::Kvm, "qemu:///system"),
        ("qemu", Hypervisor::Qemu, "qemu:///system"),
        ("xen", Hypervisor::Xen, "xen:///system"),
    ] {
        let (conf, warnings) = conf(&format!("HYPERVISOR={named}")).unwrap();
        assert_eq!((conf.hypervisor, conf.libvirt_uri.as_str()), (hypervisor, uri));
        assert_eq!(warnings, Vec::<String>::new());
    }
}

#[test]
fn of_nodes_that_cannot_be_read_nothing_else_is_said() {
    let text = conf("NODES=\"b;\"\nDRAINED_NODES=\"b\"").unwrap_err().to_string();
    assert!(text.contains("NODES is \"b;\"") && !text.contains("not in NODES"), "{text}");
}

#[test]
fn a_node_is_listed_once() {
    let (conf, _) = conf("NODES=\"b a b\"\nDRAINED_NODES=\"a a\"").unwrap();
    assert_eq!(conf.nodes, ["b".parse().unwrap(), "a".parse().unwrap()]);
    assert_eq!(conf.drained_nodes, ["a".parse().unwrap()]);
}

proptest! {
    #[test]
    fn no_file_makes_it_panic(bytes: Vec<u8>, key in 0..crate::variables::USED.len(), value: String) {
        let text = format!("{GOOD}{}={value}\n", crate::variables::USED[key]);
        let _ = Conf::from_document(Path::new("/f"), &Document::parse(&bytes));
        let _ = Conf::from_document(Path::new("/f"), &Document::parse(text.as_bytes()));
    }
}

const STATIC: &str = "EUCALYPTUS=/e\nHYPERVISOR=qemu\nVNET_MODE=static\nVNET_BRIDGE=br0\n\
                      VNET_SUBNET=192.168.1.0\nVNET_NETMASK=255.255.255.0\n\
                      VNET_BROADCAST=192.168.1.255\nVNET_ROUTER=192.168.1.1\n\
                      VNET_DNS=192.168.1.2\n";

fn static_conf(pairs: &str) -> Result<(Conf, Vec<String>), ConfError> {
    let text = format!("{STATIC}VNET_MACMAP=\"{pairs}\"\n");
    Conf::from_document(Path::new("/f"), &Document::parse(text.as_bytes()))
}

#[test]
fn a_site_network_is_read_with_its_pairs_in_order() {
    let text = "AA:DD:11:CE:FF:ED=192.168.1.4  aa:dd:11:ce:ff:ee=192.168.1.3";
    let (conf, warnings) = static_conf(text).unwrap();
    assert_eq!((conf.vnet_mode, conf.vnet_bridge.as_deref()), (VnetMode::Static, Some("br0")));
    assert_eq!(conf.address_space, None);
    let network = conf.static_network.unwrap();
    assert_eq!(network.subnet, "192.168.1.0/24".parse().unwrap());
    let pairs: Vec<_> = network.pairs.iter().map(|it| format!("{}={}", it.mac, it.ip)).collect();
    assert_eq!(pairs, ["aa:dd:11:ce:ff:ed=192.168.1.4", "aa:dd:11:ce:ff:ee=192.168.1.3"]);
    assert!(warnings[0].contains("VNET_MODE is STATIC: instances are on the site's own network"));
}

#[test]
fn a_pair_that_is_wrong_stops_the_start_with_its_place() {
    for (pairs, expected) in [
        // that of the guide
        (
            "AA:DD:11:CE:FF:ED=192.168.1.3 AA:DD:CE:FF:EE=192.168.1.4",
            "/f:10: VNET_MACMAP is wrong at pair 2, \"AA:DD:CE:FF:EE=192.168.1.4\": MAC address",
        ),
        ("192.168.1.3", "pair 1, \"192.168.1.3\": a pair is an Ethernet address, '='"),
        ("02:00:00:00:00:01=192.168.1.300", "pair 1"),
        ("02:00:00:00:00:01=192.168.2.3", "192.168.2.3 is no address of a host in 192.168.1.0/24"),
        ("02:00:00:00:00:01=192.168.1.0", "is no address of a host"),
        ("02:00:00:00:00:01=192.168.1.255", "is no address of a host"),
        ("02:00:00:00:00:01=192.168.1.1", "that of the broadcast, the router or the name server"),
        ("01:00:5e:00:00:01=192.168.1.3", "no address of a single network card"),
        ("00:00:00:00:00:00=192.168.1.3", "no address of a single network card"),
        (
            "02:00:00:00:00:01=192.168.1.3 02:00:00:00:00:02=192.168.1.3",
            "pair 2, \"02:00:00:00:00:02=192.168.1.3\": its IPv4 address stands in pair 1 already",
        ),
        (
            "02:00:00:00:00:0a=192.168.1.3 02:00:00:00:00:0A=192.168.1.4",
            "its Ethernet address stands in pair 1 already",
        ),
    ] {
        let text = static_conf(pairs).expect_err(pairs).to_string();
        assert!(text.contains(expected), "{pairs}: {text}");
    }
    let text = static_conf("").unwrap_err().to_string();
    assert!(text.contains("VNET_MACMAP is missing"), "{text}");
}

#[test]
fn what_describes_the_site_is_checked() {
    for (line, expected) in [
        ("VNET_SUBNET=192.168.1.9", "write its first address, 192.168.1.0"),
        ("VNET_ROUTER=192.168.2.1", "the network's gateway, an IPv4 address inside VNET_SUBNET"),
        ("VNET_BROADCAST=all", "the network's broadcast address"),
        ("VNET_DNS=127.0.0.1", "not 127.x.x.x"),
    ] {
        let pairs = "VNET_MACMAP=\"02:00:00:00:00:01=192.168.1.3\"";
        let text = format!("{STATIC}{pairs}\n{line}\n");
        let read = Conf::from_document(Path::new("/f"), &Document::parse(text.as_bytes()));
        let text = read.expect_err(line).to_string();
        assert!(text.contains(expected), "{line}: {text}");
    }
}

#[test]
fn what_another_mode_would_use_is_named_in_a_warning() {
    let (conf, warnings) = conf("VNET_BRIDGE=br0\nVNET_ROUTER=192.0.2.1").unwrap();
    assert_eq!(conf.vnet_mode, VnetMode::Managed);
    let expect = "variables that are without effect in MANAGED mode: VNET_BRIDGE, VNET_ROUTER";
    assert_eq!(warnings, [expect]);
    let lines = "VNET_MODE=system\nVNET_BRIDGE=br0\nVNET_PUBLICIPS=192.0.2.9\nVNET_MACMAP=x";
    let (conf, warnings) = super::tests::conf(lines).unwrap();
    assert!(conf.public_addresses.is_empty() && conf.static_network.is_none());
    assert!(warnings[1].ends_with("in SYSTEM mode: VNET_PUBLICIPS, VNET_MACMAP"), "{warnings:?}");
}

#[test]
fn a_node_of_any_mode_needs_the_bridge_alone() {
    for mode in ["SYSTEM", "STATIC"] {
        let text = format!(
            "EUCALYPTUS=/e\nSTART_CLOUD=N\nSTART_CC=N\nVNET_MODE={mode}\nVNET_BRIDGE=xenbr0\n"
        );
        let read = Conf::from_document(Path::new("/f"), &Document::parse(text.as_bytes()));
        assert_eq!(read.unwrap().0.vnet_bridge.as_deref(), Some("xenbr0"));
    }
    let head = "EUCALYPTUS=/e\nSTART_NC=N\nNODES=a\nVNET_MODE=SYSTEM\n";
    let read = Conf::from_document(Path::new("/f"), &Document::parse(head.as_bytes()));
    assert_eq!(read.unwrap().0.vnet_bridge, None, "the front end may have no bridge");
}
