//! The host's own rules outlive the cloud, and those of `iptables-preload` are added to them.

use crate::guest::Guest;
use crate::machine::wait_for;
use crate::site::Site;
use std::fs;
use std::time::Duration;

/// What an administrator had before.
const OWN: &str = "
    iptables -A INPUT -p tcp --dport 25 -j REJECT
    iptables -N DOCKER-USER; iptables -A FORWARD -j DOCKER-USER; iptables -A DOCKER-USER -j RETURN
    iptables -t nat -A POSTROUTING -s 172.17.0.0/16 -o uplink -j MASQUERADE
    ip6tables -A INPUT -p tcp --dport 25 -j REJECT
    nft add table inet own; nft add chain inet own c '{ type filter hook input priority 5; }'
    nft add rule inet own c tcp dport 26 counter drop
    nft add table bridge own; nft add table netdev own";

/// All rules that are not the cloud's. Numbers of packets and the hour are no rules.
const SHOW: &str = "
    iptables-save; ip6tables-save
    nft list tables | grep -v eucalyptus
    nft -s -a list table inet own; nft -s -a list table ip filter; nft -s -a list table ip nat";

fn rules(site: &Site) -> String {
    let shown = site.machine().must("sh", ["-ec", SHOW]);
    let lines = shown.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split(" [").next().unwrap().to_owned() + "\n").collect()
}

/// A whole life of a cloud.
fn live(site: &Site, look: impl Fn()) {
    site.start();
    look();
    site.credentials("admin");
    let emi = site.register_images();
    let key = site.key("admin", "mine");
    let guest = Guest::launch(site, &emi, &key);
    guest.says("true");
    look();
    let rule = ["default", "-P", "tcp", "-p", "22", "-s", "0.0.0.0/0"];
    site.tool("admin", "euca-authorize", rule);
    site.kill("cc");
    site.start();
    look();
    guest.terminate();
    site.stop();
    look();
}

#[test]
fn the_hosts_own_rules_stay_byte_for_byte_and_the_preload_is_added_once() {
    let site = Site::installed();
    site.machine().must("sh", ["-ec", OWN]);
    let before = rules(&site);
    let file = site.files().join("etc/eucalyptus/iptables-preload");
    fs::write(&file, "*filter\n-A INPUT -p tcp --dprt 22 -j ACCEPT\nCOMMIT\n").unwrap();
    live(&site, || assert_eq!(rules(&site), before));

    // as the guide makes it, with one rule more; and one in the other file
    let saved = site.machine().must("iptables-save", [] as [&str; 0]);
    let more = saved.replacen("COMMIT", "-A INPUT -p tcp --dport 27 -j DROP\nCOMMIT", 1);
    fs::write(&file, &more).unwrap();
    let other = site.files().join("var/run/eucalyptus/net/iptables-preload");
    fs::write(other, "*filter\n-A INPUT -p tcp --dport 28 -j DROP\nCOMMIT\n").unwrap();
    site.start();
    let added = rules(&site);
    for rule in ["-A INPUT -p tcp -m tcp --dport 27 -j DROP\n", "--dport 28 -j DROP\n"] {
        assert_eq!(added.matches(rule).count(), 1, "{rule}: {added}");
    }
    for line in before.lines().filter(|line| line.starts_with("-A ")) {
        assert!(added.contains(line), "{line}: {added}");
    }
    site.stop();
    site.start();
    assert_eq!(rules(&site), added, "twice adds nothing");

    // a file that cannot be loaded is told where problems are
    fs::write(&file, "*filter\n-A INPUT -p tcp --dprt 22 -j ACCEPT\nCOMMIT\n").unwrap();
    site.kill("cc");
    site.start();
    wait_for("the problem", Duration::from_secs(30), || {
        let said = site.must("euca_conf", ["--list-clusters"]);
        (said.contains("iptables-preload") && said.contains("line: 2")).then_some(())
    });
    assert_eq!(rules(&site), added);
    site.stop();
}
