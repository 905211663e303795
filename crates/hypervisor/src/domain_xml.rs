//! Domain XML from a [`DomainSpec`]: a pure function (<https://libvirt.org/formatdomain.html>).

use crate::{Accelerator, DomainSpec, HypervisorError, NicModel};
use quick_xml::events::BytesText;
use quick_xml::writer::Writer;
use std::io;
use std::path::Path;
use types::{DiskBus, InstanceId};

/// The user and group under which libvirt runs QEMU, as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QemuUser {
    /// The user's number.
    pub(crate) uid: u32,
    /// The group's number.
    pub(crate) gid: u32,
}

/// Marks a domain as ours in its `<metadata>`; the number grows when its meaning changes.
const NAMESPACE: &str = "urn:eucalyptus:instance:1";

/// What the kernel is told besides its root. `rw`, because an image of the kernel, ramdisk and root kind need not
/// have a line for `/` in its fstab; `net.ifnames=0`, because such images configure `eth0`.
const KERNEL_COMMAND_LINE: &str = "rw console=ttyS0 net.ifnames=0";

/// The machine that QEMU emulates: i440fx. Both it and q35 boot stock kernels in the same time;
/// this one takes hot-plugged disks without slots set aside beforehand and boots old images too.
const MACHINE: &str = "pc";

type Xml = Writer<Vec<u8>>;

/// The XML of a domain.
///
/// With `qemu_user` the domain's files keep their owners: libvirt would otherwise hand the shared
/// kernel, ramdisk and root image to the user that QEMU runs as, and a guest that breaks out of
/// one QEMU could then rewrite what every later instance boots. The caller gives the root disk to
/// that user itself.
///
/// # Errors
/// When a path or name cannot be written in XML.
pub(crate) fn domain_xml(
    spec: &DomainSpec,
    accelerator: Accelerator,
    qemu_user: Option<QemuUser>,
) -> Result<String, HypervisorError> {
    let names = Names::checked(spec)?;
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    write_domain(&mut xml, spec, &names, accelerator, qemu_user)
        .map_err(|error| cannot(format!("writing the XML of {}", spec.id), error))?;
    String::from_utf8(xml.into_inner())
        .map_err(|error| cannot(format!("writing the XML of {}", spec.id), error))
}

/// The domain's UUID, the same at every start.
///
/// It begins with `ec2`, by which cloud-init recognises EC2: see [`write_smbios`].
fn uuid(id: InstanceId) -> String {
    format!("ec2e5ca1-0000-8000-8000-0000{:08x}", id.bits())
}

fn cannot(doing: String, error: impl std::fmt::Display) -> HypervisorError {
    HypervisorError::Failed(format!("{doing}: {error}"))
}

/// The strings of a specification, known to fit into XML 1.0.
struct Names<'a> {
    disks: Vec<&'a str>,
    kernel: Option<&'a str>,
    ramdisk: Option<&'a str>,
    vm_type: &'a str,
    root_device: &'a str,
    uefi: Option<(&'a str, &'a str)>,
    console: &'a str,
    bridge: &'a str,
    tap: &'a str,
}

impl<'a> Names<'a> {
    fn checked(spec: &'a DomainSpec) -> Result<Self, HypervisorError> {
        let disks = [&spec.root].into_iter().chain(&spec.further_disks);
        let uefi = spec.uefi.as_ref().map(|uefi| Ok((path(&uefi.code)?, path(&uefi.nvram)?)));
        Ok(Self {
            disks: disks.map(|disk| path(disk)).collect::<Result<_, _>>()?,
            kernel: spec.kernel.as_deref().map(path).transpose()?,
            ramdisk: spec.ramdisk.as_deref().map(path).transpose()?,
            vm_type: name(&spec.vm_type)?,
            root_device: name(&spec.root_device)?,
            uefi: uefi.transpose()?,
            console: path(&spec.console)?,
            bridge: name(&spec.bridge)?,
            tap: name(&spec.tap)?,
        })
    }
}

fn path(path: &Path) -> Result<&str, HypervisorError> {
    if !path.is_absolute() {
        return Err(cannot(format!("{path:?}"), "libvirt takes absolute paths only"));
    }
    let text = path.to_str().ok_or_else(|| cannot(format!("{path:?}"), "is not UTF-8"))?;
    name(text)
}

fn name(text: &str) -> Result<&str, HypervisorError> {
    let carried = |c: char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    if !text.is_empty() && text.chars().all(carried) {
        return Ok(text);
    }
    Err(cannot(format!("{text:?}"), "is empty or has characters that XML cannot carry"))
}

fn write_domain(
    xml: &mut Xml,
    spec: &DomainSpec,
    names: &Names<'_>,
    accelerator: Accelerator,
    qemu_user: Option<QemuUser>,
) -> io::Result<()> {
    let kind = match accelerator {
        Accelerator::Kvm => "kvm",
        Accelerator::Qemu => "qemu",
        Accelerator::Xen => return xen::write_domain(xml, spec, names),
    };
    xml.create_element("domain").with_attribute(("type", kind)).write_inner_content(|xml| {
        write_identity(xml, spec.id)?;
        text(xml, "memory", &[("unit", "MiB")], &spec.figures.memory_mb.to_string())?;
        text(xml, "vcpu", &[("placement", "static")], &spec.figures.cores.to_string())?;
        write_boot(xml, names)?;
        write_machine(xml, accelerator)?;
        write_smbios(xml, spec.id, names)?;
        write_life_cycle(xml)?;
        write_devices(xml, spec, names)?;
        qemu_user.map_or(Ok(()), |user| write_ownership(xml, user))
    })?;
    Ok(())
}

fn write_identity(xml: &mut Xml, id: InstanceId) -> io::Result<()> {
    let id_text = id.to_string();
    text(xml, "name", &[], &id_text)?;
    text(xml, "uuid", &[], &uuid(id))?;
    nest(xml, "metadata", &[], |xml| {
        let marks = [("xmlns:eucalyptus", NAMESPACE), ("id", &id_text)];
        empty(xml, "eucalyptus:instance", &marks)
    })
}

/// What the guest's firmware says of the machine, as on EC2 (AWS, "Identify EC2 Linux instances").
/// cloud-init takes a machine for one of EC2 when its UUID and its serial number are the same and
/// begin with `ec2`.
fn write_smbios(xml: &mut Xml, id: InstanceId, names: &Names<'_>) -> io::Result<()> {
    const MAKER: &str = "Amazon EC2";
    let (uuid, id) = (uuid(id), id.to_string());
    let tables: [(&str, &[(&str, &str)]); 4] = [
        ("bios", &[("vendor", MAKER)]),
        (
            "system",
            &[
                ("manufacturer", MAKER),
                ("product", names.vm_type),
                ("serial", &uuid),
                ("uuid", &uuid),
            ],
        ),
        ("baseBoard", &[("manufacturer", MAKER), ("asset", &id)]),
        ("chassis", &[("manufacturer", MAKER), ("asset", MAKER)]),
    ];
    nest(xml, "sysinfo", &[("type", "smbios")], |xml| {
        tables.into_iter().try_for_each(|(table, entries)| {
            nest(xml, table, &[], |xml| {
                entries
                    .iter()
                    .try_for_each(|(entry, says)| text(xml, "entry", &[("name", entry)], says))
            })
        })
    })
}

fn write_boot(xml: &mut Xml, names: &Names<'_>) -> io::Result<()> {
    nest(xml, "os", &[], |xml| {
        text(xml, "type", &[("arch", "x86_64"), ("machine", MACHINE)], "hvm")?;
        if let Some((code, nvram)) = names.uefi {
            text(xml, "loader", &[("readonly", "yes"), ("type", "pflash")], code)?;
            text(xml, "nvram", &[], nvram)?;
        }
        empty(xml, "smbios", &[("mode", "sysinfo")])?;
        let Some(kernel) = names.kernel else {
            return empty(xml, "boot", &[("dev", "hd")]);
        };
        text(xml, "kernel", &[], kernel)?;
        if let Some(ramdisk) = names.ramdisk {
            text(xml, "initrd", &[], ramdisk)?;
        }
        let line = format!("root={} {KERNEL_COMMAND_LINE}", names.root_device);
        text(xml, "cmdline", &[], &line)
    })
}

fn write_machine(xml: &mut Xml, accelerator: Accelerator) -> io::Result<()> {
    nest(xml, "features", &[], |xml| {
        empty(xml, "acpi", &[])?;
        empty(xml, "apic", &[])
    })?;
    match accelerator {
        // Instances do not migrate, so they get the whole processor.
        Accelerator::Kvm => {
            empty(xml, "cpu", &[("mode", "host-passthrough"), ("check", "none")])?;
        }
        // QEMU's own default lacks what current distributions are compiled for (x86-64-v2).
        Accelerator::Qemu | Accelerator::Xen => empty(xml, "cpu", &[("mode", "maximum")])?,
    }
    empty(xml, "clock", &[("offset", "utc")])
}

fn write_life_cycle(xml: &mut Xml) -> io::Result<()> {
    text(xml, "on_poweroff", &[], "destroy")?;
    text(xml, "on_reboot", &[], "restart")?;
    // What a crashed guest leaves is looked at, and a crash is told from an end.
    text(xml, "on_crash", &[], "preserve")?;
    // Nobody could wake a guest that put itself to sleep.
    nest(xml, "pm", &[], |xml| {
        empty(xml, "suspend-to-mem", &[("enabled", "no")])?;
        empty(xml, "suspend-to-disk", &[("enabled", "no")])
    })
}

fn write_devices(xml: &mut Xml, spec: &DomainSpec, names: &Names<'_>) -> io::Result<()> {
    nest(xml, "devices", &[], |xml| {
        for (number, disk) in (0..).zip(&names.disks) {
            write_disk(xml, disk, spec.bus, number)?;
        }
        if spec.bus == DiskBus::Scsi {
            let model = [("type", "scsi"), ("index", "0"), ("model", "lsilogic")];
            empty(xml, "controller", &model)?;
        }
        write_interface(xml, spec, names)?;
        // Append: what the guest said before a reset is what explains the reset.
        nest(xml, "serial", &[("type", "file")], |xml| {
            empty(xml, "source", &[("path", names.console), ("append", "on")])?;
            empty(xml, "target", &[("port", "0")])
        })?;
        nest(xml, "rng", &[("model", "virtio")], |xml| {
            text(xml, "backend", &[("model", "random")], "/dev/urandom")
        })?;
        // By this a guest's kernel says that it has panicked.
        empty(xml, "panic", &[("model", "isa")])?;
        empty(xml, "controller", &[("type", "usb"), ("model", "none")])?;
        empty(xml, "memballoon", &[("model", "none")])
    })
}

fn write_disk(xml: &mut Xml, disk: &str, bus: DiskBus, number: u8) -> io::Result<()> {
    // Write-back through the host's page cache: a flush by the guest still reaches the platter,
    // instances of one image read it from the disk once, and it needs no O_DIRECT below.
    let driver =
        [("name", "qemu"), ("type", "qcow2"), ("cache", "writeback"), ("discard", "unmap")];
    nest(xml, "disk", &[("type", "file"), ("device", "disk")], |xml| {
        empty(xml, "driver", &driver)?;
        empty(xml, "source", &[("file", disk)])?;
        let kind = match bus {
            DiskBus::Virtio => "virtio",
            DiskBus::Scsi => "scsi",
        };
        empty(xml, "target", &[("dev", &bus.disk(number)), ("bus", kind)])
    })
}

fn write_interface(xml: &mut Xml, spec: &DomainSpec, names: &Names<'_>) -> io::Result<()> {
    let model = match spec.nic {
        NicModel::Virtio => "virtio",
        NicModel::E1000 => "e1000",
    };
    nest(xml, "interface", &[("type", "bridge")], |xml| {
        empty(xml, "mac", &[("address", &spec.mac.to_string())])?;
        empty(xml, "source", &[("bridge", names.bridge)])?;
        empty(xml, "target", &[("dev", names.tap)])?;
        empty(xml, "model", &[("type", model)])
    })
}

fn write_ownership(xml: &mut Xml, user: QemuUser) -> io::Result<()> {
    let attributes = [("type", "static"), ("model", "dac"), ("relabel", "no")];
    nest(xml, "seclabel", &attributes, |xml| {
        text(xml, "label", &[], &format!("+{}:+{}", user.uid, user.gid))
    })
}

fn nest(
    xml: &mut Xml,
    name: &str,
    attributes: &[(&str, &str)],
    inner: impl FnOnce(&mut Xml) -> io::Result<()>,
) -> io::Result<()> {
    let element = xml.create_element(name).with_attributes(attributes.iter().copied());
    element.write_inner_content(inner).map(drop)
}

fn empty(xml: &mut Xml, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
    xml.create_element(name).with_attributes(attributes.iter().copied()).write_empty().map(drop)
}

fn text(xml: &mut Xml, name: &str, attributes: &[(&str, &str)], text: &str) -> io::Result<()> {
    let element = xml.create_element(name).with_attributes(attributes.iter().copied());
    element.write_text_content(BytesText::new(text)).map(drop)
}

mod xen;

#[cfg(test)]
mod tests;
