//! What goes wrong is said, with the remedy, and nothing is half done.

use crate::guest::Guest;
use crate::machine::wait_for;
use crate::site::Site;
use std::time::Duration;

/// Runs a tool that must fail; what it said.
fn refused(site: &Site, tool: &str, args: &[&str]) -> String {
    let output = site.as_user("admin", tool).args(args).output().unwrap();
    assert!(!output.status.success(), "{tool} {args:?} succeeded");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn bad_requests_get_clear_errors() {
    let site = Site::started();
    let emi = site.register_images();
    site.key("admin", "mine");
    let emi = emi.as_str();
    let run = |args: &[&str]| refused(&site, "euca-run-instances", args);
    for (args, code) in [
        (&["emi-00000000"][..], "InvalidAMIID.NotFound"),
        (&["emi-xyz"], "InvalidAMIID.Malformed"),
        (&[emi, "-k", "nobody"], "InvalidKeyPair.NotFound"),
        (&[emi, "-t", "m9.huge"], "InvalidParameterValue"),
        (&[emi, "-z", "nowhere"], "InvalidZone.NotFound"),
        (&[emi, "-g", "nogroup"], "InvalidGroup.NotFound"),
        (&[emi, "-n", "3-2"], "InvalidParameter"),
        (&[emi, "-n", "400"], "InsufficientInstanceCapacity"),
    ] {
        let said = run(args);
        assert!(said.starts_with(code), "{args:?}: {said}");
    }
    let said = run(&[emi, "-n", "400"]);
    assert!(said.chars().any(|c| c.is_ascii_digit()), "how much there is: {said}");
    let listed = site.tool("admin", "euca-describe-instances", [] as [&str; 0]);
    assert_eq!(listed, "", "a refused launch leaves nothing");
}

#[test]
fn a_full_disk_fails_one_launch_with_a_reason_and_nothing_else() {
    let site = Site::installed();
    let instances = site.root().join("var/eucalyptus/instances");
    std::fs::create_dir_all(&instances).unwrap();
    let mount = |options: &str| {
        let at = instances.to_str().unwrap();
        site.machine().must("mount", ["-t", "tmpfs", "-o", options, "tmpfs", at]);
    };
    mount("size=12g,mode=755");
    site.start();
    site.credentials("admin");
    let emi = site.register_images();
    let key = site.key("admin", "mine");

    // room for the journal of one more instance and for no disk: the filesystem is out of inodes
    let df = site.machine().must("df", ["--output=iused", instances.to_str().unwrap()]);
    let used: u32 = df.lines().nth(1).unwrap().trim().parse().unwrap();
    mount(&format!("remount,nr_inodes={}", used + 5));
    let id = site.run_instance("admin", &emi, &key);
    site.wait_state("admin", &id, "terminated");
    let reason = site.reason("admin", &id);
    assert!(reason.contains("no space left") && reason.contains("INSTANCE_PATH"), "{reason}");

    mount("remount,nr_inodes=100000");
    let guest = Guest::launch(&site, &emi, &key);
    guest.says("true");
    stands_still_until_there_is_room(&guest, instances.to_str().unwrap(), mount);
}

fn stands_still_until_there_is_room(guest: &Guest<'_>, disk: &str, mount: impl Fn(&str)) {
    // Longer than an ssh may take: it goes on after it.
    const WRITE_AND_COMPARE: &str = "(much() { head -c 32000000 /dev/zero | tr '\\000' e; }
        much >/root/much; sync; echo 3 >/proc/sys/vm/drop_caches
        much | cmp - /root/much && touch /root/done) >/dev/null 2>&1 </dev/null &";
    let site = guest.site;
    let boot_id = guest.boot_id();
    let df = site.machine().must("df", ["-k", "--output=used", disk]);
    let used: u64 = df.lines().nth(1).unwrap().trim().parse().unwrap();
    mount(&format!("remount,size={}k", used + 8 * 1024));
    guest.says(WRITE_AND_COMPARE);
    guest.wait_reason("the disk of its node is full");
    assert_eq!(site.describe("admin", &guest.id).unwrap()[5], "running");
    assert_eq!(site.domains(), [guest.id.as_str()]);

    mount("remount,size=12g");
    wait_for("the guest to go on", Duration::from_secs(60), || {
        (!site.reason("admin", &guest.id).contains("full")).then_some(())
    });
    guest.says("test -e /root/done");
    assert_eq!(guest.boot_id(), boot_id);
}

#[test]
fn a_launch_waits_for_libvirt_and_says_so() {
    let site = Site::started();
    let emi = site.register_images();
    let key = site.key("admin", "mine");
    site.machine().must("pkill", ["-x", "libvirtd"]);
    let id = site.run_instance("admin", &emi, &key);
    wait_for("the reason that names libvirt", Duration::from_secs(60), || {
        site.reason("admin", &id).contains("libvirt").then_some(())
    });
    site.machine().must("libvirtd", ["-d"]);
    site.wait_state("admin", &id, "running");
}

#[test]
fn a_taken_port_stops_the_start_with_its_name() {
    let site = Site::installed();
    let listen = "import socket,time\ns=socket.socket()\ns.bind(('0.0.0.0',8774))\ns.listen()\ntime.sleep(600)";
    let mut taker = site.machine().command("python3").args(["-c", listen]).spawn().unwrap();
    wait_for("the other program", Duration::from_secs(10), || {
        site.machine().must("ss", ["-ltn"]).contains(":8774").then_some(())
    });
    let output = site.command("eucalyptus").arg("start").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success());
    assert!(said.contains("8774") && said.contains("eucalyptus.conf"), "{said}");
    taker.kill().unwrap();
    taker.wait().unwrap();
}
