//! The same answers by ISC's dhcpd: its configuration (dhcpd.conf(5)).

use super::{DhcpNetwork, LEASE_S, Lease, MOST_DNS};
use std::fmt::Write;
use std::net::Ipv4Addr;

/// What a dhcpd that serves these networks is told. It lends to whom the built-in server lends, and
/// tells them the same. (A network's own options it tells to whoever has an address there and asks
/// for no more, DHCPINFORM.)
///
/// Every address is fixed, so nothing depends on what dhcpd remembers of its leases.
pub fn dhcpd_conf<'a>(networks: impl IntoIterator<Item = &'a DhcpNetwork>) -> String {
    let mut conf = String::from("ddns-update-style none;\n");
    for which in ["default", "min", "max"] {
        conf += &format!("{which}-lease-time {LEASE_S};\n");
    }
    conf += "deny unknown-clients;\ndeny bootp;\n";
    for network in networks {
        conf += &subnets(network);
        network.leases.values().for_each(|lease| conf += &host(lease));
    }
    conf
}

/// dhcpd listens on a device when it knows the subnet of one of its addresses, which on the site's
/// network may be another than that of the instances.
fn subnets(network: &DhcpNetwork) -> String {
    let served = subnet(network);
    if network.subnet.contains(&network.server) {
        return served;
    }
    let own = format!("subnet {} netmask {} {{ }}\n", network.server, Ipv4Addr::BROADCAST);
    format!("shared-network site {{\n{served}{own}}}\n")
}

fn subnet(network: &DhcpNetwork) -> String {
    let (first, mask) = (network.subnet.network(), network.subnet.netmask());
    let dns: Vec<_> = network.dns.iter().take(MOST_DNS).map(Ipv4Addr::to_string).collect();
    // One that is authoritative also tells clients of others that they are wrong.
    let authority = if network.is_ours { "authoritative" } else { "not authoritative" };
    let mut lines = vec![
        authority.to_owned(),
        format!("server-identifier {}", network.server),
        format!("option subnet-mask {mask}"),
        format!("option broadcast-address {}", network.broadcast),
        format!("option routers {}", network.router),
        format!("option interface-mtu {}", network.mtu),
    ];
    if !dns.is_empty() {
        lines.push(format!("option domain-name-servers {}", dns.join(", ")));
    }
    let mut text = format!("subnet {first} netmask {mask} {{\n");
    for line in lines {
        let _ = writeln!(text, "  {line};");
    }
    text + "}\n"
}

/// Named by the Ethernet address, for two hosts of one name are an error.
fn host(Lease { mac, ip, hostname }: &Lease) -> String {
    let name = mac.to_string().replace(':', "-");
    format!(
        "host {name} {{ hardware ethernet {mac}; fixed-address {ip}; \
         option host-name \"{hostname}\"; }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::MacAddr;

    fn network(third: u8, is_ours: bool, hosts: &[u8]) -> DhcpNetwork {
        let ip = |last: u8| Ipv4Addr::new(10, 77, third, last);
        let lease = |last: &u8| {
            let mac = MacAddr([0xd0, 0x0d, 0, 0, third, *last]);
            (mac, Lease::new(mac, ip(*last)))
        };
        DhcpNetwork {
            subnet: format!("10.77.{third}.0/26").parse().unwrap(),
            broadcast: ip(63),
            server: ip(1),
            router: ip(62),
            dns: vec![Ipv4Addr::new(192, 0, 2, 53)],
            mtu: 1450,
            is_ours,
            leases: hosts.iter().map(lease).collect(),
        }
    }

    const HEAD: &str = "ddns-update-style none;
default-lease-time 43200;
min-lease-time 43200;
max-lease-time 43200;
deny unknown-clients;
deny bootp;
";

    const SECOND: &str = "subnet 10.77.2.0 netmask 255.255.255.192 {
  authoritative;
  server-identifier 10.77.2.1;
  option subnet-mask 255.255.255.192;
  option broadcast-address 10.77.2.63;
  option routers 10.77.2.62;
  option interface-mtu 1450;
  option domain-name-servers 192.0.2.53;
}
";
    const HOST: &str = "host d0-0d-00-00-02-05 { hardware ethernet d0:0d:00:00:02:05; \
                        fixed-address 10.77.2.5; option host-name \"ip-10-77-2-5\"; }\n";

    #[test]
    fn the_text_has_each_network_and_each_known_instance_and_nobody_else() {
        let second = network(2, true, &[5]);
        let names = [Ipv4Addr::new(192, 0, 2, 53), Ipv4Addr::new(192, 0, 2, 54)];
        let nine: Vec<_> = (1..=9).map(|last| Ipv4Addr::new(192, 0, 2, last)).collect();
        let eight: Vec<_> = nine[..8].iter().map(Ipv4Addr::to_string).collect();
        let site = SECOND.replace("authoritative", "not authoritative");
        let elsewhere = Ipv4Addr::new(192, 0, 2, 7);
        let third = SECOND.replace("77.2", "77.3");
        let third_host = HOST.replace("77.2", "77.3").replace("77-2", "77-3");
        let third_host = third_host.replace("00:02:", "00:03:").replace("00-02-", "00-03-");
        let cases: [(&str, Vec<DhcpNetwork>, String); 8] = [
            ("none", vec![], String::new()),
            ("nobody known", vec![network(2, true, &[])], SECOND.to_owned()),
            ("an instance", vec![second.clone()], format!("{SECOND}{HOST}")),
            (
                "two networks",
                vec![second.clone(), network(3, true, &[5])],
                format!("{SECOND}{HOST}{third}{third_host}"),
            ),
            (
                "name servers",
                vec![DhcpNetwork { dns: names.to_vec(), ..second.clone() }],
                format!("{SECOND}{HOST}").replace("2.53;", "2.53, 192.0.2.54;"),
            ),
            (
                "no name server, and too many",
                vec![
                    DhcpNetwork { dns: vec![], ..network(2, true, &[]) },
                    DhcpNetwork { dns: nine, ..network(3, true, &[]) },
                ],
                SECOND.replace("  option domain-name-servers 192.0.2.53;\n", "")
                    + &third.replace("192.0.2.53", &eight.join(", ")),
            ),
            ("on the site's network", vec![network(2, false, &[5])], format!("{site}{HOST}")),
            (
                "from an address elsewhere",
                vec![DhcpNetwork { server: elsewhere, ..network(2, false, &[]) }],
                format!(
                    "shared-network site {{\n{}subnet 192.0.2.7 netmask 255.255.255.255 {{ }}\n}}\n",
                    site.replace("server-identifier 10.77.2.1", "server-identifier 192.0.2.7")
                ),
            ),
        ];
        for (what, networks, expect) in cases {
            assert_eq!(dhcpd_conf(&networks), format!("{HEAD}{expect}"), "{what}");
        }
    }
}
