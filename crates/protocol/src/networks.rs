//! What of a cluster's networks the cloud must know to launch there.

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use types::{AddressPair, VnetMode};

/// How the instances of a cluster are connected, with what the cloud gives them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub enum Networks {
    /// Each group has a network of its own.
    Managed {
        /// VNET_SUBNET and VNET_NETMASK: the addresses that its networks are cut from.
        subnet: Ipv4Net,
        /// VNET_ADDRSPERNET: addresses per group network, a power of two.
        addrs_per_net: u32,
    },
    /// All are on the site's network and have an address of the administrator's list.
    Static {
        /// VNET_SUBNET and VNET_NETMASK.
        subnet: Ipv4Net,
        /// VNET_MACMAP, in its order.
        pairs: Vec<AddressPair>,
    },
    /// All are on the site's network, whose DHCP server gives the addresses.
    System,
}

impl Networks {
    /// VNET_MODE.
    pub const fn mode(&self) -> VnetMode {
        match self {
            Self::Managed { .. } => VnetMode::Managed,
            Self::Static { .. } => VnetMode::Static,
            Self::System => VnetMode::System,
        }
    }

    /// The addresses that instances have; none when only the site knows.
    pub const fn subnet(&self) -> Option<Ipv4Net> {
        match self {
            Self::Managed { subnet, .. } | Self::Static { subnet, .. } => Some(*subnet),
            Self::System => None,
        }
    }
}

/// The networks as they are written: those of MANAGED mode as before there was another.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Fields {
    #[serde(default = "managed")]
    mode: VnetMode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subnet: Option<Ipv4Net>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    addrs_per_net: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pairs: Vec<AddressPair>,
}

const fn managed() -> VnetMode {
    VnetMode::Managed
}

impl From<Networks> for Fields {
    fn from(networks: Networks) -> Self {
        let (mode, subnet) = (networks.mode(), networks.subnet());
        let (addrs_per_net, pairs) = match networks {
            Networks::Managed { addrs_per_net, .. } => (Some(addrs_per_net), Vec::new()),
            Networks::Static { pairs, .. } => (None, pairs),
            Networks::System => (None, Vec::new()),
        };
        Self { mode, subnet, addrs_per_net, pairs }
    }
}

impl TryFrom<Fields> for Networks {
    type Error = &'static str;
    fn try_from(fields: Fields) -> Result<Self, &'static str> {
        let Fields { mode, subnet, addrs_per_net, pairs } = fields;
        match (mode, subnet, addrs_per_net) {
            (VnetMode::Managed, Some(subnet), Some(addrs_per_net)) => {
                Ok(Self::Managed { subnet, addrs_per_net })
            }
            (VnetMode::Static, Some(subnet), _) => Ok(Self::Static { subnet, pairs }),
            (VnetMode::System, ..) => Ok(Self::System),
            (VnetMode::Managed | VnetMode::Static, ..) => {
                Err("a subnet or its division is missing")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_as_they_were_written_before_and_after_there_were_modes() {
        let subnet = "10.1.0.0/16".parse().unwrap();
        let read = |text: &str| serde_json::from_str::<Networks>(text);
        let old = r#"{"subnet":"10.1.0.0/16","addrs_per_net":64}"#;
        assert_eq!(read(old).unwrap(), Networks::Managed { subnet, addrs_per_net: 64 });
        let pair = AddressPair {
            mac: "aa:dd:11:ce:ff:ed".parse().unwrap(),
            ip: "10.1.0.3".parse().unwrap(),
        };
        for networks in [
            Networks::Managed { subnet, addrs_per_net: 64 },
            Networks::Static { subnet, pairs: vec![pair] },
            Networks::System,
        ] {
            let text = serde_json::to_string(&networks).unwrap();
            assert!(text.contains(networks.mode().as_str()), "{text}");
            assert_eq!(read(&text).unwrap(), networks);
        }
        for wrong in [r#"{"mode":"MANAGED"}"#, r#"{"mode":"STATIC"}"#, r#"{"mode":"EDGE"}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
