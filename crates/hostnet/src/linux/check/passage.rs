//! What fails where packets of a passage are dropped, and by what a rule shows that it is for them.

use super::chain::Hook;
use crate::Passage;
use netplan::SITE_MARK;
use serde_json::Value;

/// How bridges of group networks begin.
const GROUPS: &str = "eucabr";
/// How the bridges' ports that lead to instances begin.
pub(super) const TAPS: &str = "tap";
const DHCP_PORT: u32 = 67;

/// Why a rule for routed packets decides on those that only pass a bridge.
macro_rules! bridged {
    ($effect:literal) => {
        concat!($effect, " (bridged packets meet it while net.bridge.bridge-nf-call-iptables is 1)")
    };
}

impl Passage {
    /// What fails when its packets are dropped at this hook; none when they do not come there.
    pub(super) fn effect(
        &self,
        hook: Hook,
        is_of_bridges: bool,
        bridged_meet_rules: bool,
    ) -> Option<&'static str> {
        use Hook::{Forward, Input};
        match (self, hook) {
            (Self::Router, Forward) if !is_of_bridges => {
                Some("instances reach neither the outside nor each other")
            }
            (Self::Router, Input) => Some("instances reach neither DHCP nor their metadata"),
            (Self::Router | Self::GroupNode, Forward) if is_of_bridges => {
                Some("instances of a group do not reach each other")
            }
            (Self::GroupNode, Forward) => bridged_meet_rules
                .then_some(bridged!("instances of a group do not reach each other")),
            (Self::SiteNode(_), Forward) if is_of_bridges => {
                Some("instances reach nobody on their network")
            }
            (Self::SiteNode(_), Forward) => {
                bridged_meet_rules.then_some(bridged!("instances reach nobody on their network"))
            }
            (Self::GroupNode | Self::SiteNode(_), Input) => {
                Some("instances do not reach their metadata")
            }
            (Self::SiteDhcp(_), Input) => Some("instances get no answer to DHCP"),
            (Self::SiteDhcp(_) | Self::Router, Forward) => None,
        }
    }

    /// The mark that its packets have when they come in, or the port that they come to.
    fn number(&self) -> Option<u32> {
        match self {
            Self::Router | Self::GroupNode => None,
            Self::SiteNode(_) => Some(SITE_MARK),
            Self::SiteDhcp(_) => Some(DHCP_PORT),
        }
    }

    /// Its bridges or its device in the words of iptables and ufw.
    pub(super) fn iptables_device(&self) -> &str {
        match self {
            Self::Router | Self::GroupNode => "eucabr+",
            Self::SiteNode(name) | Self::SiteDhcp(name) => name,
        }
    }

    /// The same for nft.
    pub(super) fn nft_device(&self) -> &str {
        match self {
            Self::Router | Self::GroupNode => "eucabr*",
            Self::SiteNode(name) | Self::SiteDhcp(name) => name,
        }
    }
}

/// Packets of a passage as a table's rules see them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packets<'a> {
    pub(super) passage: &'a Passage,
    /// Whether devices are the bridges' ports, and not the bridges.
    pub(super) by_ports: bool,
}

impl Packets<'_> {
    /// Whether one comes from or goes to the device of this name, in which `*` stands for the rest.
    pub(super) fn have_device(&self, pattern: &str) -> bool {
        let (start, is_open) = match pattern.strip_suffix('*') {
            Some(start) => (start, true),
            None => (pattern, false),
        };
        let begin = |own: &str| start.starts_with(own) || is_open && own.starts_with(start);
        match self.passage {
            _ if self.by_ports && begin(TAPS) => true,
            Passage::Router | Passage::GroupNode => begin(GROUPS),
            Passage::SiteNode(name) | Passage::SiteDhcp(name) => {
                start == name || is_open && name.starts_with(start)
            }
        }
    }

    /// Whether a part of a rule names their devices, or what else they have.
    pub(super) fn are_named_by(&self, part: &Value) -> bool {
        match part {
            Value::String(text) => self.have_device(text),
            Value::Number(number) => {
                self.passage.number().is_some_and(|own| number.as_u64() == Some(u64::from(own)))
            }
            Value::Array(parts) => parts.iter().any(|part| self.are_named_by(part)),
            Value::Object(parts) => parts.values().any(|part| self.are_named_by(part)),
            Value::Null | Value::Bool(_) => false,
        }
    }
}
