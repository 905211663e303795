//! How an image boots: as its bytes say, or as its owner does.

use crate::error::{Error, Result};
use diskimage::Inspected;
use types::{Boot, ImageFormat};

/// How an image is to boot, in EC2's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BootMode {
    /// By the BIOS.
    LegacyBios,
    /// By UEFI.
    Uefi,
    /// By UEFI where the image has an EFI system partition.
    UefiPreferred,
}

/// The format of an image and how it boots. A kernel or ramdisk is no disk.
pub(super) fn choose(
    disk: Option<&Inspected>,
    wanted: Option<BootMode>,
) -> Result<(ImageFormat, Boot)> {
    let Some(disk) = disk else {
        return if wanted.is_none() { Ok(Default::default()) } else { Err(Error::NoBootMode) };
    };
    let boot = match (disk.boot, wanted) {
        (found, None) => found,
        (Boot::Kernel, Some(_)) => return Err(Error::NoBootMode),
        (_, Some(BootMode::LegacyBios)) => Boot::Bios,
        (_, Some(BootMode::UefiPreferred)) if !disk.efi => Boot::Bios,
        (_, Some(BootMode::Uefi | BootMode::UefiPreferred)) => Boot::Uefi,
    };
    Ok((disk.format, boot))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_a_disk_chooses_how_it_boots() {
        use BootMode::{LegacyBios, Uefi, UefiPreferred};
        for (found, efi, wanted, boot) in [
            (Boot::Bios, false, None, Some(Boot::Bios)),
            (Boot::Uefi, true, None, Some(Boot::Uefi)),
            (Boot::Kernel, false, None, Some(Boot::Kernel)),
            (Boot::Uefi, true, Some(LegacyBios), Some(Boot::Bios)),
            (Boot::Bios, true, Some(Uefi), Some(Boot::Uefi)),
            (Boot::Bios, true, Some(UefiPreferred), Some(Boot::Uefi)),
            (Boot::Bios, false, Some(UefiPreferred), Some(Boot::Bios)),
            (Boot::Kernel, false, Some(LegacyBios), None),
            (Boot::Kernel, false, Some(UefiPreferred), None),
        ] {
            let format = ImageFormat::Qcow2;
            let disk = Inspected { format, boot: found, efi, disk_bytes: 1 };
            let chosen = choose(Some(&disk), wanted).ok();
            assert_eq!(chosen, boot.map(|boot| (format, boot)), "{found:?} {efi} {wanted:?}");
        }
        assert!(choose(None, Some(Uefi)).is_err());
        assert_eq!(choose(None, None).unwrap(), (ImageFormat::Raw, Boot::Kernel));
    }
}
