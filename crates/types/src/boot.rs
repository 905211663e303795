//! What a machine image is made of, and how a machine starts from it.

use serde::{Deserialize, Serialize};
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
