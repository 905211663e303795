//! Public addresses lead to instances: from the world outside, from inside, from the instance
//! itself, and after whatever was killed.

use crate::guest::Guest;
use crate::machine::wait_for;
use crate::outside::{OUTSIDE, add_outside, enters, from_outside, outside};
use crate::site::{Key, Site};
use std::process::{Child, Stdio};
use std::time::Duration;

const LINES: &str =
    "MAX_CORES=\"4\"\nVNET_INTERFACE=\"uplink\"\nVNET_PUBLICIPS=\"203.0.113.8/30 203.0.113.12\"\n";
/// The pool: the network's two hosts, and one more.
const POOL: [&str; 3] = ["203.0.113.9", "203.0.113.10", "203.0.113.12"];
const SOON: Duration = Duration::from_secs(60);

const WHO: &str = "wget -qO - http://169.254.169.254/latest/meta-data/instance-id";

/// A server outside that tells every caller who it takes them for.
const MIRROR: &str = "
import socketserver
class Mirror(socketserver.StreamRequestHandler):
    def handle(self): self.wfile.write((self.client_address[0]+'\\n').encode())
socketserver.ThreadingTCPServer(('',8001),Mirror).serve_forever()
";

/// The public address that an instance is shown to have.
fn shown(guest: &Guest<'_>) -> String {
    guest.site.describe("admin", &guest.id).unwrap()[3].clone()
}

/// The instance that an address leads to from outside.
fn behind(site: &Site, key: &Key, ip: &str) -> Option<String> {
    from_outside(site, key, ip, WHO)
}

fn wait_leads(guest: &Guest<'_>, ip: &str) {
    wait_for(&format!("{ip} to lead to {}", guest.id), SOON, || {
        (behind(guest.site, guest.key, ip)? == guest.id).then_some(())
    });
}

/// The administrator's list of addresses, each with what it says of where it leads.
fn addresses(site: &Site) -> Vec<String> {
    let said = site.tool("admin", "euca-describe-addresses", [] as [&str; 0]);
    said.lines().map(|line| line.trim_start_matches("ADDRESS\t").replace('\t', " ")).collect()
}

/// The addresses on the device.
fn on_device(site: &Site) -> Vec<String> {
    let said = site.machine().must("ip", ["-4", "-o", "address", "show", "dev", "uplink"]);
    let ours = said.lines().filter(|line| line.contains("uplink:euca"));
    let address = |line: &str| line.split_whitespace().nth(3).unwrap().to_owned();
    let mut found: Vec<_> = ours.map(address).collect();
    found.sort();
    found
}

/// A session from outside that lasts until its packets are not answered any more.
fn session(site: &Site, key: &Key, ip: &str) -> Child {
    let mut ssh = outside(site, "ssh");
    for option in [
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "BatchMode=yes",
        "LogLevel=ERROR",
        "ServerAliveInterval=3",
        "ServerAliveCountMax=5",
    ] {
        ssh.args(["-o", option]);
    }
    ssh.arg("-i").arg(&key.file).arg(format!("root@{ip}")).arg("echo in; sleep 1000");
    let mut session = ssh.stdout(Stdio::piped()).spawn().unwrap();
    let mut said = [0; 3];
    std::io::Read::read_exact(session.stdout.as_mut().unwrap(), &mut said).unwrap();
    session
}

/// A cloud on a machine with the world outside, and two instances with addresses of the pool.
#[test]
fn public_addresses_lead_to_their_instances() {
    let site = Site::installed();
    site.append(LINES);
    add_outside(&site);
    // as it is without Docker: an instance that calls itself is for the router
    site.machine().must("sysctl", ["-w", "net.bridge.bridge-nf-call-iptables=0"]);
    site.start();
    site.credentials("admin");
    // four of them fit on a small machine
    site.must("euca_conf", ["--set-vm-types", "m1.small=1,128,2"]);
    let mut mirror = outside(&site, "python3").args(["-c", MIRROR]).spawn().unwrap();
    let emi = site.register_images();
    let key = site.key("admin", "mine");
    let one = Guest::launch(&site, &emi, &key);
    let two = Guest::launch(&site, &emi, &key);
    assert_eq!((shown(&one).as_str(), shown(&two).as_str()), (POOL[0], POOL[1]));
    one.says("true");
    two.says("true");

    assert!(!enters(&site, &key, POOL[0]), "its group lets nobody in");
    site.tool("admin", "euca-authorize", ["default", "-P", "tcp", "-p", "22", "-s", "0.0.0.0/0"]);
    wait_leads(&one, POOL[0]);
    wait_leads(&two, POOL[1]);
    reach_each_other(&one, &two);
    an_elastic_address_moves(&one, &two);
    everything_is_killed(&one, &two);
    launches_without(&site, &emi, &key);

    one.terminate();
    two.terminate();
    wait_for("the addresses to be given back", SOON, || on_device(&site).is_empty().then_some(()));
    mirror.kill().unwrap();
    mirror.wait().unwrap();
}

/// From inside, from the instance itself and from the machine; and who is seen behind it.
fn reach_each_other(one: &Guest<'_>, two: &Guest<'_>) {
    assert_eq!(one.says("wget -qO - http://169.254.169.254/latest/meta-data/public-ipv4"), POOL[0]);
    assert_eq!(one.says(&format!("timeout 10 nc {OUTSIDE} 8001 </dev/null")), POOL[0]);
    for ip in [POOL[1], POOL[0]] {
        // twice: a guest that was told of a shorter way takes it then
        for _ in 0..2 {
            let greeting = one.says(&format!("timeout 10 nc {ip} 22 </dev/null | head -c 3; true"));
            assert_eq!(greeting, "SSH", "{ip}");
        }
    }
    assert_eq!(one.site.wait_ssh(one.key, POOL[1], WHO), two.id, "from the machine");
}

/// Allocated, associated, moved while the cluster controller is dead, disassociated, released.
fn an_elastic_address_moves(one: &Guest<'_>, two: &Guest<'_>) {
    let (site, key, elastic) = (one.site, one.key, POOL[2]);
    let said = site.tool("admin", "euca-allocate-address", [] as [&str; 0]);
    assert_eq!(said.trim(), format!("ADDRESS\t{elastic}"));
    site.tool("admin", "euca-associate-address", [elastic, "-i", &one.id]);
    wait_leads(one, elastic);
    assert!(!enters(site, key, POOL[0]), "the other one is free again");
    assert_eq!(
        addresses(site),
        [
            format!("{} nobody", POOL[0]),
            format!("{} {} (eucalyptus)", POOL[1], two.id),
            format!("{elastic} {} (admin)", one.id),
        ]
    );

    let mut there = session(site, key, elastic);
    site.kill("cc");
    site.tool("admin", "euca-associate-address", [elastic, "-i", &two.id]);
    assert_eq!(behind(site, key, elastic).as_ref(), Some(&one.id), "nobody was told yet");
    assert!(there.try_wait().unwrap().is_none(), "the session goes on");
    site.start();
    wait_leads(two, elastic);
    wait_leads(one, POOL[0]);
    wait_for("the session with the one before to end", SOON, || there.try_wait().unwrap());

    let mut there = session(site, key, elastic);
    site.tool("admin", "euca-disassociate-address", [elastic]);
    wait_leads(two, POOL[1]);
    wait_for("the session to end", SOON, || there.try_wait().unwrap());
    assert!(!enters(site, key, elastic));
    assert_eq!(addresses(site)[2], format!("{elastic} available (admin)"));
    site.tool("admin", "euca-release-address", [elastic]);
    assert_eq!(addresses(site)[2], format!("{elastic} nobody"));
}

/// What is in the kernel serves on, what is broken there meanwhile is mended by the next start.
fn everything_is_killed(one: &Guest<'_>, two: &Guest<'_>) {
    let (site, key) = (one.site, one.key);
    let both = [format!("{}/32", POOL[1]), format!("{}/32", POOL[0])];
    assert_eq!(on_device(site), both);
    for component in ["cloud", "cc", "nc"] {
        site.kill(component);
    }
    assert_eq!(behind(site, key, POOL[0]).as_ref(), Some(&one.id));
    site.machine().must("ip", ["address", "del", &format!("{}/32", POOL[0]), "dev", "uplink"]);
    site.machine().must("nft", ["delete", "table", "inet", "eucalyptus"]);
    site.start();
    wait_leads(one, POOL[0]);
    wait_leads(two, POOL[1]);
    assert_eq!(on_device(site), both);
}

/// One that should have no public address, and one that finds none.
fn launches_without(site: &Site, emi: &str, key: &Key) {
    let run = |options: &[&str]| {
        let options = [&[emi, "-k", &key.name, "-t", "m1.small"], options].concat();
        let said = site.tool("admin", "euca-run-instances", options);
        let line = said.lines().find(|line| line.starts_with("INSTANCE\t")).unwrap();
        line.split('\t').map(str::to_owned).collect::<Vec<_>>()
    };
    let private = run(&["--addressing", "private"]);
    assert_eq!(private[3], private[4], "it has its private address only");
    site.tool("admin", "euca-allocate-address", [] as [&str; 0]);
    let late = run(&[]);
    assert_eq!(late[3], late[4], "none is free");
    site.wait_state("admin", &late[1], "running");
    let reason = site.reason("admin", &late[1]);
    assert!(reason.contains("no public address was free"), "{reason}");
    site.wait_state("admin", &private[1], "running");
    let reason = site.reason("admin", &private[1]);
    assert!(!reason.contains("public address"), "it was asked for: {reason}");
    for id in [&private[1], &late[1]] {
        site.tool("admin", "euca-terminate-instances", [id]);
        site.wait_state("admin", id, "terminated");
    }
}

/// An address that a machine outside has is not taken, and is used as soon as it is free.
#[test]
fn an_address_of_another_machine_is_left_to_it_and_reported() {
    let site = Site::installed();
    site.append(LINES);
    add_outside(&site);
    let outsiders = |verb: &str| {
        let line = ["-n", "outside", "address", verb, "203.0.113.9/32", "dev", "eth0"];
        site.machine().must("ip", line);
    };
    outsiders("add");
    site.start();
    site.credentials("admin");
    let emi = site.register_images();
    let key = site.key("admin", "mine");
    site.tool("admin", "euca-authorize", ["default", "-P", "tcp", "-p", "22", "-s", "0.0.0.0/0"]);
    let guest = Guest::launch(&site, &emi, &key);
    guest.says("true");
    let told = || site.must("euca_conf", ["--list-clusters"]);
    wait_for("the problem to be shown", SOON, || {
        told().contains("problem: public address 203.0.113.9 does not lead").then_some(())
    });
    assert_eq!(on_device(&site), [] as [&str; 0]);
    // the instance is as one without: the world sees the machine's address
    guest.says(&format!("ping -c 1 -W 5 {OUTSIDE}"));
    outsiders("del");
    wait_leads(&guest, POOL[0]);
    wait_for("the problem to be over", SOON, || {
        (!told().contains("problem: public address")).then_some(())
    });
    guest.terminate();
}
