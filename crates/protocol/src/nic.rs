//! An instance's network interface.

use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use types::{MacAddr, NetworkTag, VnetMode};

/// An instance's network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nic {
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// What it is connected with.
    #[serde(flatten)]
    pub attachment: Attachment,
}

/// What a network interface is connected with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub enum Attachment {
    /// The network of its group (MANAGED).
    Group {
        /// The network.
        tag: NetworkTag,
        /// Its private address.
        ip: Ipv4Addr,
        /// Its elastic address.
        public_ip: Option<Ipv4Addr>,
    },
    /// The site's own network, by the administrator's bridge on its node (SYSTEM, STATIC).
    Site {
        /// Its address; none when it gets one from the site's DHCP server.
        ip: Option<Ipv4Addr>,
    },
}

impl Nic {
    /// The address that it was given; none when only the site's DHCP server gives one.
    pub const fn ip(&self) -> Option<Ipv4Addr> {
        match self.attachment {
            Attachment::Group { ip, .. } => Some(ip),
            Attachment::Site { ip } => ip,
        }
    }

    /// The network mode of the cluster that it was made for.
    pub const fn mode(&self) -> VnetMode {
        match self.attachment {
            Attachment::Group { .. } => VnetMode::Managed,
            Attachment::Site { ip: Some(_) } => VnetMode::Static,
            Attachment::Site { ip: None } => VnetMode::System,
        }
    }

    /// The group network that it is in.
    pub const fn tag(&self) -> Option<NetworkTag> {
        match self.attachment {
            Attachment::Group { tag, .. } => Some(tag),
            Attachment::Site { .. } => None,
        }
    }

    /// Its elastic address.
    pub const fn public_ip(&self) -> Option<Ipv4Addr> {
        match self.attachment {
            Attachment::Group { public_ip, .. } => public_ip,
            Attachment::Site { .. } => None,
        }
    }
}

/// An attachment as it is written: that of a group network as before there was another.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Fields {
    #[serde(default)]
    ip: Option<Ipv4Addr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag: Option<NetworkTag>,
    #[serde(default)]
    public_ip: Option<Ipv4Addr>,
}

impl From<Attachment> for Fields {
    fn from(attachment: Attachment) -> Self {
        match attachment {
            Attachment::Group { tag, ip, public_ip } => {
                Self { ip: Some(ip), tag: Some(tag), public_ip }
            }
            Attachment::Site { ip } => Self { ip, tag: None, public_ip: None },
        }
    }
}

impl TryFrom<Fields> for Attachment {
    type Error = &'static str;
    fn try_from(fields: Fields) -> Result<Self, &'static str> {
        match fields {
            Fields { tag: Some(tag), ip: Some(ip), public_ip } => {
                Ok(Self::Group { tag, ip, public_ip })
            }
            Fields { tag: Some(_), ip: None, .. } => Err("in a group network without an address"),
            Fields { tag: None, public_ip: Some(_), .. } => {
                Err("an elastic address outside of group networks")
            }
            Fields { tag: None, ip, public_ip: None } => Ok(Self::Site { ip }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_is_read_as_it_was_written_before_and_after_there_were_site_networks() {
        let mac = MacAddr([0xd0, 0x0d, 0, 0, 0, 1]);
        let ip = Ipv4Addr::new(10, 77, 2, 2);
        let tag = NetworkTag::FIRST;
        for (text, attachment) in [
            (
                r#"{"mac":"d0:0d:00:00:00:01","ip":"10.77.2.2","tag":10,"public_ip":null}"#,
                Attachment::Group { tag, ip, public_ip: None },
            ),
            (
                r#"{"mac":"d0:0d:00:00:00:01","ip":"10.77.2.2","tag":10,"public_ip":"10.77.2.2"}"#,
                Attachment::Group { tag, ip, public_ip: Some(ip) },
            ),
            (
                r#"{"mac":"d0:0d:00:00:00:01","ip":"10.77.2.2","public_ip":null}"#,
                Attachment::Site { ip: Some(ip) },
            ),
            (
                r#"{"mac":"d0:0d:00:00:00:01","ip":null,"public_ip":null}"#,
                Attachment::Site { ip: None },
            ),
        ] {
            let nic = Nic { mac, attachment };
            assert_eq!(serde_json::from_str::<Nic>(text).unwrap(), nic, "{text}");
            assert_eq!(serde_json::to_string(&nic).unwrap(), text);
        }
    }

    #[test]
    fn an_interface_that_is_neither_is_not_read() {
        for wrong in [
            r#"{"mac":"d0:0d:00:00:00:01","tag":10}"#,
            r#"{"mac":"d0:0d:00:00:00:01","tag":9,"ip":"10.77.2.2"}"#,
            r#"{"mac":"d0:0d:00:00:00:01","ip":"10.77.2.2","public_ip":"10.77.2.2"}"#,
        ] {
            assert!(serde_json::from_str::<Nic>(wrong).is_err(), "{wrong}");
        }
    }
}
