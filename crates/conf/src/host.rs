//! What this machine's own network looks like.

use crate::ConfError;
use ipnet::Ipv4Net;
use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use types::NodeName;

/// A route, or an address of the machine, with its device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where it leads; `0.0.0.0/0` for the default route, `/32` for an address.
    pub net: Ipv4Net,
    /// The device; none for a route that drops.
    pub device: Option<String>,
    /// Whether it is an address, or addresses, of this machine itself.
    pub local: bool,
}

/// What matters for the choice of values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostFacts {
    /// Routes of every table, and the machine's own addresses.
    pub routes: Vec<Route>,
    /// IPv4 name servers, loopback ones included, the preferred first.
    pub resolvers: Vec<Ipv4Addr>,
    /// The address from which the machine talks to others.
    pub primary_address: Option<Ipv4Addr>,
}

impl HostFacts {
    /// Looks at this machine.
    ///
    /// # Errors
    /// When the routes cannot be listed.
    pub fn probe() -> Result<Self, ConfError> {
        let routes = parse_routes(&list_routes()?);
        let files = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];
        let texts = files.iter().filter_map(|file| std::fs::read_to_string(file).ok());
        let resolvers = texts.flat_map(|text| parse_resolvers(&text)).collect();
        Ok(Self { routes, resolvers, primary_address: primary_address() })
    }

    /// The device of the default route.
    pub fn default_interface(&self) -> Option<&str> {
        let default = self.routes.iter().find(|route| route.net.prefix_len() == 0)?;
        default.device.as_deref()
    }

    /// Whether the address is one of this machine.
    pub fn is_own(&self, address: Ipv4Addr) -> bool {
        self.routes.iter().any(|route| route.local && route.net.contains(&address))
    }
}

/// Whether a name leads to this machine: only then can its address be bound.
pub fn is_here(host: &NodeName) -> bool {
    UdpSocket::bind((host.as_str(), 0)).is_ok()
}

fn list_routes() -> Result<String, ConfError> {
    let output = Command::new("ip")
        .args(["-4", "-o", "route", "show", "table", "all"])
        .output()
        .map_err(|error| ConfError::Routes(format!("ip: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(ConfError::Routes(said));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Reads what `ip -4 -o route show table all` prints: an optional type, the destination, then
/// pairs of words.
fn parse_routes(text: &str) -> Vec<Route> {
    text.lines().filter_map(parse_route).collect()
}

fn parse_route(line: &str) -> Option<Route> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().take(2).position(|word| destination(word).is_some())?;
    let device = words.iter().position(|word| *word == "dev").and_then(|dev| words.get(dev + 1));
    Some(Route {
        net: destination(words[at])?,
        device: device.map(|device| (*device).to_owned()),
        local: words[0] == "local",
    })
}

fn destination(word: &str) -> Option<Ipv4Net> {
    if word == "default" {
        return Some(Ipv4Net::default());
    }
    word.parse().ok().or_else(|| word.parse::<Ipv4Addr>().ok().map(Ipv4Net::from))
}

fn parse_resolvers(text: &str) -> Vec<Ipv4Addr> {
    let server = |line: &str| line.trim().strip_prefix("nameserver")?.trim().parse().ok();
    text.lines().filter_map(server).collect()
}

/// Asks the kernel which address it would send from. Connecting a UDP socket sends nothing;
/// 198.51.100.1 is a documentation address (RFC 5737), so only the default route can match.
fn primary_address() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(198, 51, 100, 1), 9)).ok()?;
    match socket.local_addr().ok()?.ip() {
        std::net::IpAddr::V4(address) if !address.is_unspecified() => Some(address),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_of_every_kind_are_read() {
        let routes = parse_routes(
            "default via 192.0.2.1 dev eth0 \n\
             10.8.0.0/24 dev tun0 table 52 proto kernel scope link\n\
             blackhole 172.20.0.0/16 proto static\n\
             local 192.0.2.2 dev eth0 table local proto kernel scope host src 192.0.2.2 \n\
             nonsense\n",
        );
        let shown: Vec<String> = routes
            .iter()
            .map(|r| format!("{} {}", r.net, r.device.as_deref().unwrap_or("-")))
            .collect();
        let expected =
            ["0.0.0.0/0 eth0", "10.8.0.0/24 tun0", "172.20.0.0/16 -", "192.0.2.2/32 eth0"];
        assert_eq!(shown, expected);
        let facts = HostFacts { routes, ..HostFacts::default() };
        assert_eq!(facts.default_interface(), Some("eth0"));
        assert!(facts.is_own(Ipv4Addr::new(192, 0, 2, 2)));
        assert!(!facts.is_own(Ipv4Addr::new(10, 8, 0, 1)));
    }

    #[test]
    fn the_loopback_is_here_and_a_documentation_address_is_not() {
        assert!(is_here(&"localhost".parse().unwrap()));
        assert!(!is_here(&"198.51.100.1".parse().unwrap()));
    }

    #[test]
    fn resolvers_are_the_ipv4_nameserver_lines() {
        let text = "# x\nnameserver 127.0.0.53\nnameserver  192.0.2.53\nnameserver ::1\nsearch a\n";
        let expected = [Ipv4Addr::new(127, 0, 0, 53), Ipv4Addr::new(192, 0, 2, 53)];
        assert_eq!(parse_resolvers(text), expected);
    }
}
