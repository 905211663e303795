//! A disk with a GPT and an EFI system partition: its instance boots by itself, with nothing of the
//! cloud's.

use crate::guest::Guest;
use crate::machine::must;
use crate::site::{Site, client};
use std::path::{Path, PathBuf};

/// What `scripts/test-uefi-disk` has made.
fn disk() -> PathBuf {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../build/test-uefi/uefi.img");
    let script = "scripts/test-uefi-disk build/test-image build/test-uefi";
    assert!(made.exists(), "no disk; run: {script}");
    made.canonicalize().unwrap()
}

#[test]
fn a_disk_with_an_efi_system_partition_boots_by_itself_where_no_kernel_is_registered() {
    let site = Site::started();
    let emi = site.install_image("admin", &disk());
    let what = "Images[].[ImageId,BootMode,KernelId,RamdiskId]";
    let mut images = site.as_user("admin", &client("aws"));
    images.args(["ec2", "describe-images", "--query", what, "--output", "text"]);
    assert_eq!(must(images).trim(), format!("{emi}\tuefi\tNone\tNone"), "it is the only image");

    let key = site.key("admin", "mine");
    // the firmware takes more memory than m1.small has
    let id = site.run("admin", &[&emi, "-k", &key.name, "-t", "c1.medium"]);
    let guest = Guest::known(&site, &key, id);
    assert_eq!(guest.says("ls -d /sys/firmware/efi"), "/sys/firmware/efi");
    assert!(guest.says("cat /proc/cmdline").contains("started=by-itself"), "the disk's own kernel");
    let domain = site.machine().must("virsh", ["-c", "qemu:///system", "dumpxml", &guest.id]);
    assert!(!domain.contains("<kernel>") && domain.contains("type='pflash'"), "{domain}");
    // the disk is as large as the VM type's; its partitions are left to the guest
    let sectors: u64 = guest.says("cat /sys/block/vda/size").parse().unwrap();
    assert_eq!(sectors * 512, 10 << 30);

    let boot_id = guest.boot_id();
    guest.keep("precious");
    site.tool("admin", "euca-reboot-instances", [&guest.id]);
    guest.wait_booted(&boot_id);
    assert_eq!(guest.kept(), "precious");
    guest.terminate();
}
