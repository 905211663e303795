//! What can be wrong with a bundle, or go wrong while one is made.

use crate::InvalidKey;
use std::io;
use std::path::PathBuf;

/// Why a bundle that somebody uploaded is refused.
///
/// The messages are fit to be shown to that somebody.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The manifest is not a manifest of the known format; the text says where it fails.
    #[error("the manifest is not valid: {0}")]
    Manifest(String),
    /// None of the certificates made the signature over these bytes.
    #[error(
        "the signature of the manifest does not fit: it was changed after it was signed, or it \
         was not signed with a certificate of this user"
    )]
    Signature,
    /// A part cannot be opened or read.
    #[error("part {name} of the bundle cannot be read: {source}; upload the bundle again")]
    Part {
        /// The part's name in the manifest.
        name: String,
        /// What the source of parts said.
        source: io::Error,
    },
    /// A part is not the one that the manifest describes: truncated, changed or another part.
    #[error("part {name} of the bundle differs from its digest in the manifest; upload it again")]
    PartDigest {
        /// The part's name in the manifest.
        name: String,
    },
    /// The parts together are longer or shorter than the manifest says.
    #[error("the parts of the bundle do not add up to the {bundled_size} bytes of its manifest")]
    BundledSize {
        /// What the manifest says, in bytes.
        bundled_size: u64,
    },
    /// The image is larger than this cloud takes.
    #[error("the image has {size} bytes; this cloud takes images of up to {limit} bytes")]
    TooLarge {
        /// What the manifest says, in bytes.
        size: u64,
        /// What is allowed, in bytes.
        limit: u64,
    },
    /// The parts are as the manifest says, and yet no image comes out of them.
    ///
    /// A key that was wrapped for another cloud, wrong padding, broken compression, a damaged
    /// archive and a wrong digest or size of its content are all this one error.
    #[error(
        "the image cannot be decrypted: it was bundled for another cloud (bundle it with this \
         cloud's certificate, EUCALYPTUS_CERT), or its bundle is damaged"
    )]
    Undecipherable,
    /// The decrypted image could not be written.
    #[error("the decrypted image cannot be written: {0}")]
    Write(#[source] io::Error),
}

/// Why a bundle cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// A key or a certificate is not usable.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// A value of the recipe that a manifest cannot hold.
    #[error("{what} \"{value}\" is not valid: {rule}")]
    Value {
        /// What the value is.
        what: &'static str,
        /// The value.
        value: String,
        /// The rule that it breaks, as a sentence part.
        rule: &'static str,
    },
    /// The image cannot be read.
    #[error("{}: cannot read the image: {source}", path.display())]
    Image {
        /// The image.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The image changed its length while it was read.
    #[error("{}: the image changed while it was bundled; bundle it again", .0.display())]
    Changed(PathBuf),
    /// A part or the manifest cannot be written.
    #[error("{}: cannot write the bundle: {source}", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system or the crypto library refused to work.
    #[error("cannot encrypt the image: {0}")]
    Crypto(&'static str),
}
