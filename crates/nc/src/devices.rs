//! The disks of an instance as its guest names them. Pure.

use crate::entry::DiskPaths;
use disks::Layout;

/// The device that a kernel which is loaded for the instance finds its root filesystem on.
pub(crate) fn root_device(disks: &DiskPaths) -> String {
    format!("/dev/{}", root_name(disks))
}

/// The root filesystem, or the whole root disk where the image has partitions of its own.
fn root_name(disks: &DiskPaths) -> String {
    let disk = disks.bus.disk(0);
    match disks.layout {
        Layout::Whole | Layout::Disks { .. } => disk,
        Layout::Partitions { .. } => format!("{disk}1"),
    }
}

/// What metadata calls the disks, and the devices that the guest sees (EC2, "Block device
/// mapping"; FACTS 7), in order.
pub(crate) fn block_devices(disks: &DiskPaths) -> Vec<(&'static str, String)> {
    let (bus, mut further) = (disks.bus, 0);
    let (ephemeral, swap) = match &disks.layout {
        Layout::Whole => (None, None),
        Layout::Partitions { ephemeral, swap } => {
            let partition = |number: u8| format!("{}{number}", bus.disk(0));
            (ephemeral.then(|| partition(2)), swap.then(|| partition(3)))
        }
        Layout::Disks { ephemeral, swap } => {
            let mut next = || {
                further += 1;
                bus.disk(further)
            };
            (ephemeral.as_ref().map(|_| next()), swap.as_ref().map(|_| next()))
        }
    };
    let ami = Some(("ami", root_name(disks)));
    let root = Some(("root", root_device(disks)));
    let ephemeral = ephemeral.map(|device| ("ephemeral0", device));
    let swap = swap.map(|device| ("swap", device));
    [ami, ephemeral, root, swap].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::DiskBus;

    #[test]
    fn each_layout_shows_what_the_guest_sees() {
        let disk = || Some("/x".into());
        let cases = [
            (Layout::Whole, DiskBus::Virtio, "ami=vda root=/dev/vda"),
            (
                Layout::Partitions { ephemeral: false, swap: false },
                DiskBus::Virtio,
                "ami=vda1 root=/dev/vda1",
            ),
            (
                Layout::Partitions { ephemeral: false, swap: true },
                DiskBus::Virtio,
                "ami=vda1 root=/dev/vda1 swap=vda3",
            ),
            (
                Layout::Partitions { ephemeral: true, swap: true },
                DiskBus::Scsi,
                "ami=sda1 ephemeral0=sda2 root=/dev/sda1 swap=sda3",
            ),
            (
                Layout::Disks { ephemeral: None, swap: disk() },
                DiskBus::Virtio,
                "ami=vda root=/dev/vda swap=vdb",
            ),
            (
                Layout::Disks { ephemeral: disk(), swap: disk() },
                DiskBus::Virtio,
                "ami=vda ephemeral0=vdb root=/dev/vda swap=vdc",
            ),
        ];
        for (layout, bus, expected) in cases {
            let root = "/root".into();
            let disks = DiskPaths { root, kernel: None, ramdisk: None, layout, uefi: None, bus };
            let shown: Vec<_> = block_devices(&disks)
                .iter()
                .map(|(key, device)| format!("{key}={device}"))
                .collect();
            assert_eq!(shown.join(" "), expected);
        }
    }
}
