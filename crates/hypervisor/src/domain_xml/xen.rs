//! Domains for Xen (<https://libvirt.org/drvxen.html>): paravirtual with a kernel of ours, else a
//! whole machine that boots from its disk. No machine of ours runs Xen: this is tested as text
//! only.

use super::{Names, Xml, empty, nest, text, write_identity};
use crate::DomainSpec;
use std::io;

/// What a kernel under Xen is told.
const KERNEL_COMMAND_LINE: &str = "rw console=hvc0 net.ifnames=0";

pub(super) fn write_domain(xml: &mut Xml, spec: &DomainSpec, names: &Names<'_>) -> io::Result<()> {
    nest(xml, "domain", &[("type", "xen")], |xml| {
        write_identity(xml, spec.id)?;
        text(xml, "memory", &[("unit", "MiB")], &spec.figures.memory_mb.to_string())?;
        text(xml, "vcpu", &[("placement", "static")], &spec.figures.cores.to_string())?;
        match names.kernel {
            Some(kernel) => write_paravirtual(xml, kernel, names)?,
            None => write_machine(xml)?,
        }
        empty(xml, "clock", &[("offset", "utc")])?;
        text(xml, "on_poweroff", &[], "destroy")?;
        text(xml, "on_reboot", &[], "restart")?;
        text(xml, "on_crash", &[], "preserve")?;
        write_devices(xml, spec, names)
    })
}

fn write_paravirtual(xml: &mut Xml, kernel: &str, names: &Names<'_>) -> io::Result<()> {
    nest(xml, "os", &[], |xml| {
        text(xml, "type", &[("arch", "x86_64"), ("machine", "xenpv")], "linux")?;
        text(xml, "kernel", &[], kernel)?;
        if let Some(ramdisk) = names.ramdisk {
            text(xml, "initrd", &[], ramdisk)?;
        }
        // Xen's own name for the disk, whatever bus others would have it on.
        let partition = names.root_device.trim_start_matches(|c: char| !c.is_ascii_digit());
        let line = format!("root=/dev/xvda{partition} {KERNEL_COMMAND_LINE}");
        text(xml, "cmdline", &[], &line)
    })
}

fn write_machine(xml: &mut Xml) -> io::Result<()> {
    nest(xml, "os", &[], |xml| {
        text(xml, "type", &[("arch", "x86_64"), ("machine", "xenfv")], "hvm")?;
        empty(xml, "boot", &[("dev", "hd")])
    })?;
    nest(xml, "features", &[], |xml| {
        empty(xml, "acpi", &[])?;
        empty(xml, "apic", &[])
    })
}

fn write_devices(xml: &mut Xml, spec: &DomainSpec, names: &Names<'_>) -> io::Result<()> {
    nest(xml, "devices", &[], |xml| {
        for (letter, disk) in ('a'..='z').zip(&names.disks) {
            nest(xml, "disk", &[("type", "file"), ("device", "disk")], |xml| {
                empty(xml, "driver", &[("name", "qemu"), ("type", "qcow2")])?;
                empty(xml, "source", &[("file", disk)])?;
                empty(xml, "target", &[("dev", &format!("xvd{letter}")), ("bus", "xen")])
            })?;
        }
        nest(xml, "interface", &[("type", "bridge")], |xml| {
            empty(xml, "mac", &[("address", &spec.mac.to_string())])?;
            empty(xml, "source", &[("bridge", names.bridge)])?;
            empty(xml, "target", &[("dev", names.tap)])
        })?;
        let (port, target) = match names.kernel {
            Some(_) => ("console", ("type", "xen")),
            None => ("serial", ("port", "0")),
        };
        nest(xml, port, &[("type", "file")], |xml| {
            empty(xml, "source", &[("path", names.console), ("append", "on")])?;
            empty(xml, "target", &[target])
        })
    })
}
