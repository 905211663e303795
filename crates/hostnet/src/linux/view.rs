//! Looking at the host, without changing anything.

use super::devices::Devices;
use super::{check, nft};
use crate::{Counted, HostNetError, HostView, Passage};
use ipnet::Ipv4Net;
use netplan::{NodePlan, RouterPlan};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

impl HostView {
    /// Looks at the host that this process runs on, or at its network namespace, with the eyes of
    /// who does this for instances.
    ///
    /// # Errors
    /// When the kernel does not say which devices there are.
    pub async fn take(passages: &[Passage]) -> Result<Self, HostNetError> {
        let devices = Devices::open()?.views().await?;
        let mut view = Self { devices, forwards: check::forwards(), ..Self::default() };
        view.read_rules(passages).await;
        Ok(view)
    }

    async fn read_rules(&mut self, passages: &[Passage]) {
        if let Err(error) = nft::base_chains().await {
            self.unreadable = Some(error.to_string());
            return;
        }
        for table in RouterPlan::TABLES.iter().chain(NodePlan::TABLES) {
            let (family, name) = (table.family.as_str(), table.name);
            // One that is not there cannot be shown.
            if nft::show(family, name).await.is_ok() {
                self.tables.insert(format!("{family} {name}"));
            }
        }
        for table in RouterPlan::TABLES {
            let listing = nft::show_counted(table.family.as_str(), table.name).await;
            let listing = listing.ok().and_then(|text| serde_json::from_str(&text).ok());
            let listing: Value = listing.unwrap_or_default();
            self.ruled = ruled(&listing);
            self.counted = counted(&listing);
        }
        self.hindrances = check::hindrances(passages).await;
    }
}

/// The elements of set `members`, each a bridge and the addresses behind it.
fn ruled(listing: &Value) -> BTreeMap<String, Ipv4Net> {
    let sets = check::objects(listing).map(|object| &object["set"]);
    let members =
        sets.filter(|set| set["name"] == "members").flat_map(|set| set["elem"].as_array());
    members.flatten().filter_map(member).collect()
}

fn member(element: &Value) -> Option<(String, Ipv4Net)> {
    let parts = &element["concat"];
    let prefix = &parts[1]["prefix"];
    let address: Ipv4Addr = prefix["addr"].as_str()?.parse().ok()?;
    let length = u8::try_from(prefix["len"].as_u64()?).ok()?;
    Some((parts[0].as_str()?.to_owned(), Ipv4Net::new(address, length).ok()?))
}

/// Rules that accept count what is let in; a rule that only counts, what the ones before it left.
/// The chains behind a group's first one, `<name>/<number>`, are the group's.
fn counted(listing: &Value) -> BTreeMap<String, Counted> {
    let mut chains: BTreeMap<String, Counted> = BTreeMap::new();
    for rule in check::objects(listing).map(|object| &object["rule"]) {
        let Some(chain) = rule["chain"].as_str().and_then(|name| name.split('/').next()) else {
            continue;
        };
        let parts = || rule["expr"].as_array().into_iter().flatten();
        let Some(counter) = parts().find_map(|part| part.get("counter")) else { continue };
        let number = |key: &str| counter[key].as_u64().unwrap_or(0);
        let counted = chains.entry(chain.to_owned()).or_default();
        if parts().any(|part| part.get("accept").is_some()) {
            counted.packets += number("packets");
            counted.bytes += number("bytes");
        } else {
            counted.refused += number("packets");
        }
    }
    chains
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn networks_and_counters_are_read_from_what_nft_prints() {
        let counter =
            |packets: u64| json!({"counter": {"packets": packets, "bytes": 60 * packets}});
        let rule = |expr: Vec<Value>| json!({"rule": {"chain": "admin-default", "expr": expr}});
        let member = json!({"concat": ["eucabr10", {"prefix": {"addr": "10.77.2.0", "len": 26}}]});
        let listing = json!({"nftables": [
            {"set": {"name": "taps", "elem": ["tap1"]}},
            {"set": {"name": "members", "elem": [member]}},
            rule(vec![json!({"match": {}}), counter(2), json!({"accept": null})]),
            rule(vec![counter(3), json!({"accept": null})]),
            rule(vec![counter(7)]),
            {"rule": {"chain": "admin-default/1", "expr": [counter(1)]}},
            {"rule": {"chain": "forward", "expr": [{"drop": null}]}},
        ]});
        assert_eq!(
            ruled(&listing),
            [("eucabr10".to_owned(), "10.77.2.0/26".parse().unwrap())].into()
        );
        let expect = Counted { packets: 5, bytes: 300, refused: 8 };
        assert_eq!(counted(&listing), [("admin-default".to_owned(), expect)].into());
        assert_eq!(ruled(&Value::Null), BTreeMap::new());
    }
}
