//! What a machine image is made of, and how a machine starts from it.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::str::FromStr;

/// The format of an image's bytes. It is found out once, when the image is registered, and never
/// guessed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageFormat {
    /// The bytes of the disk themselves.
    #[default]
    Raw,
    /// QEMU's format, which holds only what was written.
    Qcow2,
}

/// How a machine starts from an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Boot {
    /// The image is a filesystem: a kernel is loaded for it.
    #[default]
    Kernel,
    /// The image is a disk whose boot code the BIOS runs.
    Bios,
    /// The image is a disk with an EFI system partition.
    Uefi,
}

impl ImageFormat {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
        }
    }
}

impl Boot {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Bios => "bios",
            Self::Uefi => "uefi",
        }
    }

    /// Whether the image boots by itself, with no kernel and no ramdisk beside it.
    pub const fn by_itself(self) -> bool {
        !matches!(self, Self::Kernel)
    }
}

/// The firmware of a machine that boots with UEFI. Node controllers keep this in their journals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uefi {
    /// The firmware itself, which all machines share.
    pub code: PathBuf,
    /// What it remembers: the machine's own.
    pub nvram: PathBuf,
}

/// A word that names no format, or no way to boot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not known here")]
pub struct UnknownWord(String);

impl FromStr for ImageFormat {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let known = [Self::Raw, Self::Qcow2].into_iter().find(|format| format.as_str() == text);
        known.ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

impl FromStr for Boot {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let all = [Self::Kernel, Self::Bios, Self::Uefi];
        let known = all.into_iter().find(|boot| boot.as_str() == text);
        known.ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// What a machine's disks are attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskBus {
    /// Virtio, which guests since 2008 know.
    #[default]
    Virtio,
    /// A SCSI controller as old machines have it.
    Scsi,
}

impl DiskBus {
    /// How a guest names the disk with this number, from 0.
    pub fn disk(self, number: u8) -> String {
        let kind = match self {
            Self::Virtio => "vd",
            Self::Scsi => "sd",
        };
        format!("{kind}{}", char::from(b'a' + number.min(25)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for format in [ImageFormat::Raw, ImageFormat::Qcow2] {
            assert_eq!(format.as_str().parse(), Ok(format));
        }
        for boot in [Boot::Kernel, Boot::Bios, Boot::Uefi] {
            assert_eq!(boot.as_str().parse(), Ok(boot));
        }
        assert!("vmdk".parse::<ImageFormat>().is_err() && "".parse::<Boot>().is_err());
    }

    #[test]
    fn disks_have_the_names_of_linux() {
        assert_eq!((DiskBus::Virtio.disk(0), DiskBus::Scsi.disk(2)), ("vda".into(), "sdc".into()));
    }
}
