//! Values for a new machine, chosen once and written down, so that they never change by
//! themselves later.

use crate::{Conf, ConfError, Document, HostFacts, Layout, Route};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;
use std::path::Path;

/// The file as it is installed: every variable with what it means.
pub const TEMPLATE: &str = include_str!("eucalyptus.conf");

/// A name server for a machine that has none of its own that instances could reach.
const PUBLIC_RESOLVER: Ipv4Addr = Ipv4Addr::new(9, 9, 9, 9);

/// A variable that was set, and why so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The variable.
    pub key: &'static str,
    /// Its new value.
    pub value: String,
    /// The reason, as a sentence part.
    pub why: String,
}

/// Sets what is not configured yet to values that work on this machine. What is set stays.
///
/// # Errors
/// When no private network is free.
pub fn setup(
    document: &mut Document,
    path: &Path,
    root: &str,
    facts: &HostFacts,
) -> Result<Vec<Change>, ConfError> {
    let unset = |key: &str| {
        document.get(key).map(str::trim).is_none_or(|v| v.is_empty() || v == "not_configured")
    };
    let mut changes = Vec::new();
    let mut change = |key, value: String, why: &str| {
        changes.push(Change { key, value, why: why.to_owned() });
    };
    if unset("EUCALYPTUS") {
        change("EUCALYPTUS", root.to_owned(), "the installation");
    }
    if unset("INSTANCE_PATH") {
        let instances = Layout::new(root).instances();
        change("INSTANCE_PATH", instances.display().to_string(), "below the installation");
    }
    if unset("CLOUD_HOST") {
        let (address, why) = match facts.primary_address {
            Some(address) => (address, "this machine's address"),
            None => (Ipv4Addr::LOCALHOST, "this machine has no address that others reach"),
        };
        change("CLOUD_HOST", address.to_string(), why);
    }
    if let Some(interface) = facts.default_interface().filter(|_| unset("VNET_INTERFACE")) {
        change("VNET_INTERFACE", interface.to_owned(), "the device of the default route");
    }
    let dns = facts.resolvers.iter().find(|a| !a.is_loopback() && !a.is_unspecified());
    if unset("VNET_SUBNET") {
        let subnet = choose_subnet(&taken(facts))
            .ok_or_else(|| ConfError::NoFreeSubnet { path: path.to_owned() })?;
        let why = "overlaps no route and no address of this machine";
        change("VNET_SUBNET", subnet.network().to_string(), why);
        change("VNET_NETMASK", subnet.netmask().to_string(), "goes with VNET_SUBNET");
    } else if unset("VNET_NETMASK") {
        change("VNET_NETMASK", "255.255.0.0".to_owned(), "the usual size, 65536 addresses");
    }
    if unset("VNET_DNS") {
        let why = if dns.is_some() {
            "this machine's own name server"
        } else {
            "a public one: this machine has no name server that instances could reach"
        };
        change("VNET_DNS", dns.unwrap_or(&PUBLIC_RESOLVER).to_string(), why);
    }
    for Change { key, value, .. } in &changes {
        document.set(key, value)?;
    }
    Ok(changes)
}

/// What in a checked configuration does not fit this machine, one sentence each. Machines change
/// (an address from DHCP, a new tunnel), so this is looked at again and not only at setup.
pub fn doubts(conf: &Conf, facts: &HostFacts) -> Vec<String> {
    let mut doubts = Vec::new();
    let foreign = |address: &Ipv4Addr| !facts.is_own(*address);
    if let Some(host) = conf.cloud_host.parse().ok().filter(foreign).filter(|_| conf.start.cloud) {
        let now = facts.primary_address.unwrap_or(Ipv4Addr::LOCALHOST);
        doubts.push(format!(
            "CLOUD_HOST is {host}, which is no address of this machine (now {now}): clients may \
             not reach the cloud; correct it and get new credentials"
        ));
    }
    let subnet = conf.address_space.map(|space| space.subnet);
    for other in taken(facts).into_iter().filter(|other| subnet.is_some_and(|s| clash(s, *other))) {
        doubts.push(format!(
            "VNET_SUBNET overlaps {other}, which this machine reaches otherwise: instances and \
             {other} may not reach each other; choose another VNET_SUBNET"
        ));
    }
    doubts
}

/// Whether two networks overlap. One that covers more than a /8, such as the default route, leads
/// to everywhere and does not count.
fn clash(ours: Ipv4Net, other: Ipv4Net) -> bool {
    other.prefix_len() >= 8 && (other.contains(&ours) || ours.contains(&other))
}

/// What instances' addresses must not overlap. Our own bridges' routes do not count.
fn taken(facts: &HostFacts) -> Vec<Ipv4Net> {
    let ours = |route: &&Route| route.device.as_deref().is_some_and(|d| d.starts_with("eucabr"));
    let routes = facts.routes.iter().filter(|route| !ours(route)).map(|route| route.net);
    routes.chain(facts.resolvers.iter().map(|address| Ipv4Net::from(*address))).collect()
}

/// The first private /16 that overlaps none of `taken` (routes that cover more than a /8 do not count). Networks that home
/// routers, offices and container tools like come last, shared address space (RFC 6598) after
/// them.
pub fn choose_subnet(taken: &[Ipv4Net]) -> Option<Ipv4Net> {
    let ten = (128..=255).chain(0..128).map(|second| (10, second));
    let twenty = (16..=31).rev().map(|second| (172, second));
    let shared = (64..=127).rev().map(|second| (100, second));
    let mut candidates = ten.chain(twenty).chain([(192, 168)]).chain(shared);
    let free = |net: &Ipv4Net| !taken.iter().any(|other| clash(*net, *other));
    candidates.find_map(|(first, second)| {
        Ipv4Net::new(Ipv4Addr::new(first, second, 0, 0), 16).ok().filter(free)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nets(texts: &[&str]) -> Vec<Ipv4Net> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_free_private_network_is_found_while_there_is_one() {
        for (taken, expected) in [
            (&["0.0.0.0/0"][..], Some("10.128.0.0/16")),
            (&["0.0.0.0/1", "128.0.0.0/1"], Some("10.128.0.0/16")),
            (&["10.128.4.0/24"], Some("10.129.0.0/16")),
            (&["10.0.0.0/8"], Some("172.31.0.0/16")),
            (&["10.0.0.0/8", "172.16.0.0/12"], Some("192.168.0.0/16")),
            (&["10.0.0.0/8", "172.16.0.0/12", "192.168.1.0/24"], Some("100.127.0.0/16")),
            (&["10.0.0.0/8", "172.16.0.0/12", "192.168.0.7/32", "100.64.0.0/10"], None),
        ] {
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(choose_subnet(&nets(taken)), expected, "{taken:?}");
        }
    }

    fn facts() -> HostFacts {
        let route = |net: &str, device: &str, local| Route {
            net: net.parse().unwrap(),
            device: Some(device.to_owned()),
            local,
        };
        HostFacts {
            routes: vec![
                route("0.0.0.0/0", "eth0", false),
                route("192.0.2.0/24", "eth0", false),
                route("192.0.2.2/32", "eth0", true),
                route("10.129.8.0/26", "eucabr10", false),
            ],
            resolvers: vec!["127.0.0.53".parse().unwrap(), "10.128.0.1".parse().unwrap()],
            primary_address: "192.0.2.2".parse().ok(),
        }
    }

    #[test]
    fn the_installed_file_after_setup_is_a_working_configuration() {
        let path = Path::new("/f");
        let mut document = Document::parse(TEMPLATE.as_bytes());
        setup(&mut document, path, "/opt/eucalyptus", &facts()).unwrap();
        let (conf, _) = Conf::from_document(path, &document).unwrap();
        assert_eq!(conf.cloud_host, "192.0.2.2");
        assert_eq!(conf.vnet_interface.as_deref(), Some("eth0"));
        let space = conf.address_space.unwrap();
        assert_eq!(space.dns, Ipv4Addr::new(10, 128, 0, 1));
        assert_eq!(space.subnet, "10.129.0.0/16".parse().unwrap(), "not the resolver's");
    }

    #[test]
    fn a_machine_that_changed_is_noticed() {
        let path = Path::new("/f");
        let mut document = Document::parse(TEMPLATE.as_bytes());
        setup(&mut document, path, "/opt/eucalyptus", &facts()).unwrap();
        let (conf, _) = Conf::from_document(path, &document).unwrap();
        assert_eq!(doubts(&conf, &facts()), Vec::<String>::new());

        let mut moved = facts();
        moved.routes[2].net = "198.51.100.7/32".parse().unwrap();
        moved.routes[3].device = Some("tun0".to_owned());
        let found = doubts(&conf, &moved);
        assert!(found[0].starts_with("CLOUD_HOST is 192.0.2.2, which is no address"), "{found:?}");
        assert!(found[1].starts_with("VNET_SUBNET overlaps 10.129.8.0/26"), "{found:?}");
    }

    #[test]
    fn setup_keeps_what_is_set_and_a_second_run_changes_nothing() {
        let (path, mut document) = (Path::new("/f"), Document::parse(b"VNET_DNS=\"192.0.2.1\"\n"));
        setup(&mut document, path, "/e", &facts()).unwrap();
        assert_eq!(document.get("VNET_DNS"), Some("192.0.2.1"));
        let before = document.clone();
        assert_eq!(setup(&mut document, path, "/e2", &HostFacts::default()).unwrap(), []);
        assert_eq!(document, before);
    }

    #[test]
    fn a_machine_without_network_still_gets_a_configuration() {
        let mut document = Document::parse(TEMPLATE.as_bytes());
        let changes = setup(&mut document, Path::new("/f"), "/e", &HostFacts::default()).unwrap();
        assert_eq!(document.get("CLOUD_HOST"), Some("127.0.0.1"));
        assert!(changes.iter().any(|c| c.key == "VNET_DNS" && c.why.starts_with("a public one")));
        assert!(Conf::from_document(Path::new("/f"), &document).is_ok());
    }

    #[test]
    fn the_installed_file_shows_every_variable_that_is_used() {
        for key in crate::variables::USED {
            assert!(TEMPLATE.contains(&format!("{key}=")), "{key}");
        }
    }

    proptest! {
        #[test]
        fn the_chosen_network_overlaps_nothing(routes in prop::collection::vec((any::<u32>(), 8_u8..=32), 0..40)) {
            let taken: Vec<Ipv4Net> =
                routes.iter().map(|(a, len)| Ipv4Net::new((*a).into(), *len).unwrap().trunc()).collect();
            let chosen = choose_subnet(&taken).unwrap();
            for other in &taken {
                prop_assert!(!chosen.contains(&other.network()) && !other.contains(&chosen.network()));
            }
        }
    }
}
