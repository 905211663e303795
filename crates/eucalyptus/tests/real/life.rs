//! What befalls an instance: its owner reboots it, its guest crashes or powers itself off, its QEMU
//! dies, libvirtd is away, its host is rebooted.

use crate::guest::Guest;
use crate::kills::METADATA;
use crate::machine::{must, wait_for};
use crate::site::{Site, client};
use crate::watch::{Watch, room_of_m1_small};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// Ends a guest's kernel a moment later, when the ssh that asked for it is over.
const PANIC: &str = "(sleep 1; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 </dev/null &";

const QEMU_DIES: &str = "kill -9 $(cat /run/libvirt/qemu/$0.pid)";
const LIBVIRTD_DIES: &str = "kill -9 $(cat /run/libvirtd.pid)";

/// All that a reboot of the host ends or forgets.
const HOST_GOES_DOWN: &str = r#"
    ps -e -o pid=,comm= | while read -r pid name; do
        case $name in qemu-* | libvirtd | virtlogd | eucalyptus) kill -9 "$pid" ;; esac
    done
    umount "$(command -v systemctl)" 2>/dev/null || true
    rm -rf /run/libvirt /run/libvirtd.pid /run/virtlogd.pid
    mkdir /run/libvirt
    ip -o link | sed -n 's/^[0-9]*: \(euca[^:@]*\).*/\1/p' | while read -r link; do
        ip link del "$link"
    done
    nft flush ruleset
    echo 0 >/proc/sys/net/ipv4/ip_forward
    cat /proc/sys/kernel/random/uuid >"$0"
    mount --bind "$0" /proc/sys/kernel/random/boot_id
    virtlogd -d
    libvirtd -d
"#;

/// From now on systemd says that the machine is being shut down.
const SYSTEMD_IS_STOPPING: &str = r#"
    printf '#!/bin/sh\necho stopping\nexit 1\n' >"$0"
    chmod 755 "$0"
    mount --bind "$0" "$(command -v systemctl)"
"#;

/// What systemd runs then before it stops libvirtd; it asks each guest to shut down.
const LIBVIRT_GUESTS: [&str; 3] =
    ["LIBVIRT_DEFAULT_URI=qemu:///system", "/usr/lib/libvirt/libvirt-guests.sh", "stop"];

#[test]
fn a_guest_is_rebooted_crashes_loses_its_qemu_and_powers_itself_off() {
    let site = Site::started();
    let emi = site.register_images();
    let key = site.key("admin", "mine");
    let guest = Guest::launch(&site, &emi, &key);
    guest.keep("precious");
    assert_measured(&site);

    let boot_id = guest.boot_id();
    site.tool("admin", "euca-reboot-instances", [&guest.id]);
    guest.wait_booted(&boot_id);
    guest.wait_running();
    wait_for("the reboot to be counted", SOON, || {
        let noted = guest.journal();
        (noted["reboots"] == 1 && noted["rebooting"].is_null()).then_some(())
    });
    assert!(console(&guest).contains("Power down"), "its guest went down in order");
    crashes(&guest);
    loses_its_qemu(&guest);
    powers_itself_off(&guest);
}

fn crashes(guest: &Guest<'_>) {
    let site = guest.site;
    let boot_id = guest.boot_id();
    guest.says(PANIC);
    guest.wait_reason("Server.InternalError: the guest crashed");
    let line = site.describe("admin", &guest.id).unwrap();
    assert_eq!((line[4].as_str(), line[5].as_str()), (guest.ip.as_str(), "running"), "it is kept");
    let status = aws(site, &["describe-instance-status", "--instance-ids", &guest.id]);
    assert!(status.contains("impaired"), "{status}");
    let said = console(guest);
    assert!(said.contains("Kernel panic - not syncing"), "{said}");
    assert_eq!(site.domains(), [guest.id.as_str()]);

    site.tool("admin", "euca-reboot-instances", [&guest.id]);
    guest.wait_booted(&boot_id);
    guest.wait_running();
    wait_for("the crash to be over", SOON, || {
        (!site.reason("admin", &guest.id).contains("crashed")).then_some(())
    });
    assert_eq!(guest.kept(), "precious");
}

fn loses_its_qemu(guest: &Guest<'_>) {
    guest.keep("dearer");
    let boot_id = guest.boot_id();
    guest.site.machine().must("sh", ["-c", QEMU_DIES, &guest.id]);
    guest.wait_reason("the process of its virtual machine died");
    guest.wait_booted(&boot_id);
    guest.wait_running();
    assert_eq!(guest.kept(), "dearer");
    assert_eq!(guest.says(METADATA), guest.id);
}

fn powers_itself_off(guest: &Guest<'_>) {
    let site = guest.site;
    guest.says("poweroff");
    site.wait_state("admin", &guest.id, "terminated");
    guest.wait_reason("Client.InstanceInitiatedShutdown: the guest powered itself off");
    let code = ["describe-instances", "--query", "Reservations[].Instances[].StateReason.Code"];
    assert_eq!(aws(site, &code).trim(), "Client.InstanceInitiatedShutdown");
    let said = console(guest);
    assert!(said.trim_end().ends_with("reboot: Power down"), "to its last line: {said}");
    assert!(said.contains("Kernel panic"), "from before, too");
    assert_eq!(site.domains(), [] as [&str; 0]);
    let instances = site.root().join("var/eucalyptus/instances/admin");
    let found = site.machine().must("find", [instances.to_str().unwrap(), "-name", "root*"]);
    assert_eq!(found, "", "its disks are gone");
}

#[test]
fn a_guest_outlives_libvirtd_and_comes_back_after_its_host() {
    let site = Site::started();
    let emi = site.register_images();
    let key = site.key("admin", "mine");
    let first = Guest::launch(&site, &emi, &key);
    first.keep("precious");
    let second = libvirtd_is_away(&first, &emi);
    second.keep("other");

    host_is_rebooted([&first, &second], || {});
    assert_eq!([first.kept(), second.kept()], ["precious", "other"]);
    let mut ids = [first.id.as_str(), second.id.as_str()];
    ids.sort_unstable();
    assert_eq!(site.domains(), ids);
    first.says(&format!("ping -c 1 -W 5 {} >/dev/null", second.ip));

    host_is_rebooted([&first, &second], || guests_are_shut_down([&first, &second]));
    assert_eq!([first.kept(), second.kept()], ["precious", "other"]);
    end_while_nobody_looks(&first, &second);
    first.terminate();
}

/// The host goes down, after this has been done, and comes up again, and its guests with it.
fn host_is_rebooted(guests: [&Guest<'_>; 2], before_it_goes_down: impl FnOnce()) {
    let site = guests[0].site;
    let before = guests.map(Guest::boot_id);
    before_it_goes_down();
    let boot_id = site.machine().dir().join("boot-id");
    site.machine().must("sh", ["-ec", HOST_GOES_DOWN, boot_id.to_str().unwrap()]);
    wait_for("libvirtd", SOON, || {
        site.machine().run("virsh", ["-c", "qemu:///system", "list"]).status.success().then_some(())
    });
    site.start();
    for (guest, before) in guests.into_iter().zip(&before) {
        guest.wait_reason("its node was rebooted");
        guest.wait_booted(before);
        guest.wait_running();
        assert_eq!(guest.says(METADATA), guest.id);
    }
}

/// As when the host is shut down in order, under the eyes of a node controller that runs on.
fn guests_are_shut_down(guests: [&Guest<'_>; 2]) {
    let machine = guests[0].site.machine();
    let systemctl = machine.dir().join("systemctl");
    machine.must("sh", ["-ec", SYSTEMD_IS_STOPPING, systemctl.to_str().unwrap()]);
    machine.must("env", LIBVIRT_GUESTS);
    for guest in guests {
        guest.wait_reason("its node is being shut down");
        let said = console(guest);
        assert!(said.trim_end().ends_with("reboot: Power down"), "in order: {said}");
    }
}

/// One guest's QEMU dies and the other guest powers itself off while neither libvirtd nor the node
/// controller is there: how each has ended is known afterwards.
fn end_while_nobody_looks(dying: &Guest<'_>, leaving: &Guest<'_>) {
    let site = dying.site;
    let boot_id = dying.boot_id();
    site.kill("nc");
    site.machine().must("sh", ["-c", LIBVIRTD_DIES]);
    site.machine().must("sh", ["-c", QEMU_DIES, &dying.id]);
    leaving.says("poweroff");
    let console = site.files().join("var/eucalyptus/instances/admin").join(&leaving.id);
    wait_for("the guest's last line", SOON, || {
        let said = std::fs::read(console.join("console.log")).unwrap();
        String::from_utf8_lossy(&said).trim_end().ends_with("Power down").then_some(())
    });
    site.machine().must("libvirtd", ["-d"]);
    site.start();
    dying.wait_reason("the process of its virtual machine died");
    dying.wait_booted(&boot_id);
    dying.wait_running();
    assert_eq!(dying.kept(), "precious");
    site.wait_state("admin", &leaving.id, "terminated");
    leaving.wait_reason("Client.InstanceInitiatedShutdown: the guest powered itself off");
}

/// libvirtd dies, and comes back after a launch that has to wait for it; gives the launched one.
fn libvirtd_is_away<'a>(guest: &Guest<'a>, emi: &str) -> Guest<'a> {
    let site = guest.site;
    let boot_id = guest.boot_id();
    let health = Watch::of(site, "nc");
    health.wait_health("200", "ok");
    site.machine().must("sh", ["-c", LIBVIRTD_DIES]);
    health.wait_health("503", "libvirt");
    let id = site.run_instance("admin", emi, guest.key);
    wait_for("the reason that names libvirt", SOON, || {
        site.reason("admin", &id).contains("libvirt").then_some(())
    });
    assert_eq!(site.describe("admin", &guest.id).unwrap()[5], "running", "unknown is not dead");
    assert_eq!(guest.boot_id(), boot_id);
    assert_eq!(guest.says(METADATA), guest.id);

    site.machine().must("libvirtd", ["-d"]);
    let launched = Guest::known(site, guest.key, id);
    health.wait_health("200", "ok");
    launched.boot_id();
    assert_eq!(guest.boot_id(), boot_id);
    launched
}

/// What the three processes tell of one instance that runs.
fn assert_measured(site: &Site) {
    for (component, phase) in [
        ("cloud", "accepted_to_running"),
        ("cc", "received_to_told"),
        ("nc", "told_to_disks_ready"),
    ] {
        let watch = Watch::of(site, component);
        watch.wait_health("200", "ok");
        let launches = watch.sample("launch_phase_seconds_count", ("phase", phase));
        assert_eq!(launches, 1.0, "{component}: {phase}");
    }
    for component in ["cloud", "cc", "nc"] {
        wait_for(&format!("{component} to agree with verbose"), SOON, || {
            let (free, max) = room_of_m1_small(site);
            (Watch::of(site, component).room_of_m1_small() == (free, max)).then_some(())
        });
    }
}

fn console(guest: &Guest<'_>) -> String {
    guest.site.tool("admin", "euca-get-console-output", [&guest.id])
}

fn aws(site: &Site, arguments: &[&str]) -> String {
    let mut command = site.as_user("admin", &client("aws"));
    command.arg("ec2").args(arguments).args(["--output", "text"]);
    must(command)
}
