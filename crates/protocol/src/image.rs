//! Images as the node sees them: bytes with a digest.

use crate::CallError;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use tokio::io::AsyncRead;
use types::{Boot, ImageFormat, ImageId};

/// The SHA-256 of an image's decrypted bytes. It is the image's name in every cache.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(pub [u8; 32]);

/// Text that is not 64 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 64 lower-case hex digits")]
pub struct MalformedDigest;

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = MalformedDigest;
    fn from_str(text: &str) -> Result<Self, MalformedDigest> {
        let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 64 || !text.bytes().all(lower) {
            return Err(MalformedDigest);
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| MalformedDigest)?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = MalformedDigest;
    fn try_from(text: String) -> Result<Self, MalformedDigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

/// An image that an instance uses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImageRef {
    /// The id under which it is registered.
    pub id: ImageId,
    /// `bucket/manifest`, as registered (metadata shows it).
    pub location: String,
    /// What its bytes must hash to.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// The format of its bytes.
    #[serde(default)]
    pub format: ImageFormat,
    /// How a machine starts from it. Of a kernel or ramdisk it says nothing.
    #[serde(default)]
    pub boot: Boot,
}

/// Where a node gets images from: the cloud over mutual TLS, or memory in the simulated world.
#[async_trait]
pub trait ImageSource: Send + Sync {
    /// The image's bytes from `offset` to the end.
    async fn open(
        &self,
        from: &str,
        image: &ImageRef,
        offset: u64,
    ) -> Result<Box<dyn AsyncRead + Send + Unpin>, CallError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_of_an_older_cloud_is_a_filesystem_in_raw_bytes() {
        let digest = "ab".repeat(32);
        let text =
            format!(r#"{{"id":"emi-0000000A","location":"b/m","digest":"{digest}","size":7}}"#);
        let image: ImageRef = serde_json::from_str(&text).unwrap();
        assert_eq!((image.format, image.boot), (ImageFormat::Raw, Boot::Kernel));
        let disk = ImageRef { format: ImageFormat::Qcow2, boot: Boot::Uefi, ..image };
        let again = serde_json::to_string(&disk).unwrap();
        assert_eq!(serde_json::from_str::<ImageRef>(&again).unwrap(), disk);
    }

    #[test]
    fn digests_are_strict() {
        let text = "0123456789abcdef".repeat(4);
        assert_eq!(text.parse::<Digest>().unwrap().to_string(), text);
        for bad in ["", "00", &"0123456789ABCDEF".repeat(4), &"+".repeat(64), "../../etc/passwd"] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }
}
