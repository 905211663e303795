//! Failures before it is known whose they are.

use crate::DiskError;
use std::fmt::Display;
use std::io;
use std::path::Path;
use types::ImageId;

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// The filesystem is full; what was being done.
    #[error("{0}: no space left")]
    NoSpace(String),
    /// Something is wrong with an image.
    #[error("image {0}: {1}")]
    Image(ImageId, String),
    /// A tool did its work to the end and found that it cannot be done.
    #[error("{0}")]
    Refused(String),
    /// Anything else, with what was being done. The next attempt may go well.
    #[error("{0}")]
    Failed(String),
}

impl Fault {
    /// An I/O error while doing something.
    pub(super) fn io(doing: impl Display, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::NoSpace(doing.to_string())
            }
            _ => Self::Failed(format!("{doing}: {error}")),
        }
    }

    /// The failure of a tool that said `said` on standard error. On a full disk, e2fsprogs
    /// sometimes report only that less was written than asked.
    pub(super) fn tool(doing: impl Display, said: &str) -> Self {
        let full = ["No space left on device", "Disk quota exceeded", "resulted in short write"];
        if full.iter().any(|text| said.contains(text)) {
            return Self::NoSpace(doing.to_string());
        }
        let said = if said.is_empty() { "no error message" } else { said };
        Self::Refused(format!("{doing}: {said}"))
    }

    /// The error that the caller of the crate sees.
    pub(super) fn under(self, instance_path: &Path) -> DiskError {
        match self {
            Self::NoSpace(detail) => {
                DiskError::NoSpace { path: instance_path.display().to_string(), detail }
            }
            Self::Image(image, detail) => DiskError::Image { image: image.to_string(), detail },
            Self::Refused(message) | Self::Failed(message) => DiskError::Failed(message),
        }
    }
}

/// Turns I/O errors into faults that say what was being done.
pub(super) trait Doing<T> {
    /// Names what was being done; only called after an error.
    fn doing<D: Display>(self, doing: impl FnOnce() -> D) -> Result<T, Fault>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing<D: Display>(self, doing: impl FnOnce() -> D) -> Result<T, Fault> {
        self.map_err(|error| Fault::io(doing(), &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_recognised_however_it_is_said() {
        let full = Fault::NoSpace("writing x".into());
        assert_eq!(Fault::io("writing x", &io::Error::from_raw_os_error(28)), full);
        assert_eq!(Fault::io("writing x", &io::Error::from_raw_os_error(122)), full);
        assert_eq!(Fault::tool("writing x", "qemu-img: y: No space left on device"), full);
        assert!(matches!(Fault::tool("writing x", ""), Fault::Refused(_)));
        assert!(matches!(Fault::io("x", &io::Error::from_raw_os_error(5)), Fault::Failed(_)));
    }
}
