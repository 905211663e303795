//! What somebody else's firewall does to instances.

use super::nft;
use serde_json::Value;

/// The hooks that packets of instances pass, and what fails where they are dropped.
const HOOKS: [(&str, &str); 2] = [
    ("forward", "instances reach neither the outside nor each other"),
    ("input", "instances reach neither DHCP nor their metadata"),
];

pub(super) async fn problems() -> Vec<String> {
    let chains = match nft::base_chains().await {
        Ok(chains) => chains,
        Err(error) => return vec![error.to_string()],
    };
    let mut problems = Vec::new();
    for chain in dropping_chains(&chains) {
        let text = nft::show(chain.family, chain.table).await.unwrap_or_default();
        // A rule that names our bridges is taken for the remedy.
        if !text.contains("eucabr") {
            problems.push(chain.problem(&text));
        }
    }
    problems.extend(forwarding_problem());
    problems
}

fn forwarding_problem() -> Option<String> {
    let setting = std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").ok()?;
    let problem = "IP forwarding is off, so instances reach nothing outside their network: \
                   sysctl -w net.ipv4.ip_forward=1";
    (setting.trim() == "0").then(|| problem.to_owned())
}

#[derive(Debug, PartialEq, Eq)]
struct DroppingChain<'a> {
    family: &'a str,
    table: &'a str,
    chain: &'a str,
    hook: &'static str,
    effect: &'static str,
}

fn dropping_chains(listing: &Value) -> Vec<DroppingChain<'_>> {
    let objects = listing["nftables"].as_array().into_iter().flatten();
    objects.filter_map(|object| dropping_chain(&object["chain"])).collect()
}

fn dropping_chain(chain: &Value) -> Option<DroppingChain<'_>> {
    let text = |key: &str| chain[key].as_str();
    let (hook, effect) = HOOKS.into_iter().find(|(hook, _)| text("hook") == Some(hook))?;
    let (family, table) = (text("family")?, text("table")?);
    let drops = text("policy") == Some("drop") && matches!(family, "ip" | "inet");
    drops.then_some(DroppingChain { family, table, chain: text("name")?, hook, effect })
}

impl DroppingChain<'_> {
    fn problem(&self, rules: &str) -> String {
        let Self { family, table, chain, hook, effect } = self;
        format!(
            "table {family} {table} drops what its chain {chain} does not accept, so {effect}: {}",
            self.remedy(rules, hook)
        )
    }

    /// Accepting here does not open anything: the rules of table `inet eucalyptus` still decide.
    fn remedy(&self, rules: &str, hook: &str) -> String {
        let iptables = self.family == "ip" && self.table == "filter";
        if iptables && hook == "forward" && rules.contains("\"DOCKER-USER\"") {
            return accept_both("iptables -I DOCKER-USER");
        }
        if iptables && rules.contains("\"ufw-user-input\"") {
            let verb = if hook == "forward" { "ufw route allow" } else { "ufw allow" };
            let out = if hook == "forward" { "; ufw route allow out on eucabr+" } else { "" };
            return format!("{verb} in on eucabr+{out}");
        }
        match (iptables, hook) {
            (true, "forward") => accept_both("iptables -I FORWARD"),
            (true, _) => "iptables -I INPUT -i eucabr+ -j ACCEPT".to_owned(),
            (false, _) => self.native(hook),
        }
    }

    fn native(&self, hook: &str) -> String {
        let Self { family, table, chain, .. } = self;
        let rule = |device: &str| {
            format!("nft insert rule {family} {table} {chain} {device} \"eucabr*\" accept")
        };
        match hook {
            "forward" => format!("{}; {}", rule("iifname"), rule("oifname")),
            _ => rule("iifname"),
        }
    }
}

fn accept_both(insert: &str) -> String {
    format!("{insert} -i eucabr+ -j ACCEPT; {insert} -o eucabr+ -j ACCEPT")
}
