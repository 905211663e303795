//! A DHCP server of the administrator's, as the guide configures it, in place of the built-in one.

use crate::guest::Guest;
use crate::machine::wait_for;
use crate::site::Site;
use std::fs;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
/// In a guest: its DHCP client asks its server to keep the address.
const RENEW: &str = "kill -USR1 $(pidof udhcpc)";

fn log(site: &Site, name: &str) -> String {
    fs::read_to_string(site.files().join("var/log/eucalyptus").join(name)).unwrap()
}

/// The guide's look at the front end.
fn processes(site: &Site) -> Vec<String> {
    let said = site.machine().must("sh", ["-c", "ps axww | grep [/]dhcpd || true"]);
    said.lines().map(str::to_owned).collect()
}

/// How often dhcpd has confirmed a guest's address.
fn confirmed(site: &Site, guest: &Guest<'_>) -> usize {
    log(site, "dhcpd.log").matches(&format!("DHCPACK on {} to ", guest.ip)).count()
}

fn assert_renews(site: &Site, guest: &Guest<'_>) {
    let before = confirmed(site, guest);
    guest.says(RENEW);
    wait_for("dhcpd to confirm the address", SOON, || {
        (confirmed(site, guest) > before).then_some(())
    });
    guest.says("true");
}

fn checks(site: &Site) -> String {
    wait_for("nothing to be wrong", SOON, || {
        let output = site.command("euca_conf").args(["--check", "network"]).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        output.status.success().then_some(said)
    })
}

#[test]
fn the_guides_dhcp_daemon_serves_guests_while_the_cluster_controller_is_dead() {
    let lines = "VNET_DHCPDAEMON=\"/usr/sbin/dhcpd3\"\nVNET_DHCPUSER=\"nobody\"\n";
    let site = Site::started_with(lines);
    let warning = "there is no /usr/sbin/dhcpd3 (VNET_DHCPDAEMON); /usr/sbin/dhcpd is run";
    assert!(log(&site, "cc.log").contains(warning));
    let emi = site.register_images();
    let key = site.key("admin", "mine");
    site.tool("admin", "euca-authorize", ["default", "-P", "tcp", "-p", "22", "-s", "0.0.0.0/0"]);
    let guest = Guest::launch(&site, &emi, &key);
    guest.says("true");
    assert!(confirmed(&site, &guest) > 0);
    let [process] = &processes(&site)[..] else { panic!("{:?}", processes(&site)) };
    assert!(process.contains("-user nobody") && process.ends_with("eucabr10"), "{process}");
    let said = checks(&site);
    assert!(said.contains("on 1 networks with instances, by dhcpd (process"), "{said}");

    site.kill("cc");
    assert_renews(&site, &guest);
    site.start();
    let other = Guest::launch(&site, &emi, &key);
    other.says("true");
    assert_eq!(processes(&site).len(), 1, "the one that was left, or one in its place");
    assert_renews(&site, &guest);

    site.stop();
    assert_eq!(processes(&site), [""; 0], "it ends with an orderly end");
    site.start();
    assert_renews(&site, &guest);
    site.kill("cc");
    site.append("VNET_DHCPDAEMON=\"\"\n");
    site.start();
    let said = checks(&site);
    assert!(said.contains("on 1 networks with instances, by eucalyptus (process"), "{said}");
    assert_eq!(processes(&site), [""; 0]);
    guest.says("true");

    site.stop();
    site.append("VNET_DHCPDAEMON=\"/usr/sbin/no-dhcpd\"\n");
    let refused = site.command("eucalyptus").arg("start").output().unwrap();
    let said = String::from_utf8(refused.stdout).unwrap();
    assert!(!refused.status.success() && said.contains("install the package isc-dhcp"), "{said}");
}
