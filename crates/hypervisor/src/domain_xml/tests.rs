use super::*;
use std::path::PathBuf;
use types::{Figures, MacAddr, Uefi};

fn trio() -> DomainSpec {
    let id: InstanceId = "i-4EA305C1".parse().unwrap();
    DomainSpec {
        id,
        figures: Figures { cores: 2, memory_mb: 512, disk_gb: 10 },
        root: "/opt/eucalyptus/instances/alice/i-4EA305C1/root".into(),
        further_disks: vec![],
        bus: DiskBus::Virtio,
        kernel: Some("/opt/eucalyptus/instances/eucalyptus/cache/aa/image".into()),
        ramdisk: Some("/opt/eucalyptus/instances/eucalyptus/cache/bb/image".into()),
        vm_type: "m1.small".into(),
        root_device: "/dev/vda1".into(),
        uefi: None,
        nic: NicModel::Virtio,
        mac: MacAddr::of_instance(id),
        bridge: "eucabr10".into(),
        tap: "tap4EA305C1".into(),
        console: "/opt/eucalyptus/instances/alice/i-4EA305C1/console.log".into(),
    }
}

fn disk() -> DomainSpec {
    DomainSpec { kernel: None, ramdisk: None, ..trio() }
}

fn uefi() -> DomainSpec {
    let uefi = Uefi { code: "/usr/share/OVMF/CODE.fd".into(), nvram: "/srv/i/nvram".into() };
    let further_disks = vec!["/srv/i/ephemeral".into(), "/srv/i/swap".into()];
    DomainSpec { uefi: Some(uefi), further_disks, ..disk() }
}

fn old() -> DomainSpec {
    let root_device = "/dev/sda1".into();
    DomainSpec { bus: DiskBus::Scsi, nic: NicModel::E1000, root_device, ..trio() }
}

fn awkward() -> DomainSpec {
    DomainSpec {
        root: "/srv/<a> & \"b\" 'c' caf\u{e9}/root".into(),
        bridge: "br<&>'\"".into(),
        tap: "tap\"/>".into(),
        ramdisk: None,
        ..trio()
    }
}

/// Compares with `fixtures/<name>.xml`; `UPDATE_FIXTURES=1` writes the file instead.
fn check(name: &str, spec: &DomainSpec, accelerator: Accelerator, user: Option<QemuUser>) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/{name}.xml"));
    let made = domain_xml(spec, accelerator, user).unwrap() + "\n";
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let wanted = std::fs::read_to_string(&file).unwrap();
    assert_eq!(made, wanted, "differs from {}", file.display());
}

#[test]
fn every_kind_of_domain_looks_like_its_fixture() {
    let user = QemuUser { uid: 64055, gid: 108 };
    check("qemu-kernel-ramdisk", &trio(), Accelerator::Qemu, Some(user));
    check("kvm-kernel-ramdisk", &trio(), Accelerator::Kvm, Some(user));
    check("qemu-disk", &disk(), Accelerator::Qemu, None);
    check("xen-kernel-ramdisk", &trio(), Accelerator::Xen, None);
    check("xen-disk", &disk(), Accelerator::Xen, None);
    check("qemu-uefi", &uefi(), Accelerator::Qemu, Some(user));
    check("qemu-scsi", &old(), Accelerator::Qemu, Some(user));
    check("qemu-escaped", &awkward(), Accelerator::Qemu, Some(user));
}

#[test]
fn what_xml_cannot_carry_is_refused() {
    use std::os::unix::ffi::OsStringExt;
    let broken_path = PathBuf::from(std::ffi::OsString::from_vec(b"/srv/\xff".to_vec()));
    let cases = [
        DomainSpec { root: broken_path, ..trio() },
        DomainSpec { root: "relative/root".into(), ..trio() },
        DomainSpec { console: "/srv/a\u{1}".into(), ..trio() },
        DomainSpec { root_device: "/dev/\u{2}".into(), ..trio() },
        DomainSpec { further_disks: vec!["swap".into()], ..trio() },
        DomainSpec { kernel: Some("/srv/a\nb".into()), ..trio() },
        DomainSpec { bridge: String::new(), ..trio() },
        DomainSpec { tap: "tap\0".into(), ..trio() },
    ];
    for spec in cases {
        assert!(domain_xml(&spec, Accelerator::Qemu, None).is_err(), "{spec:?}");
    }
}

#[test]
fn the_uuid_follows_from_the_id() {
    assert_eq!(uuid(InstanceId::from_bits(0x4EA3_05C1)), "ec2e5ca1-0000-8000-8000-00004ea305c1");
}
