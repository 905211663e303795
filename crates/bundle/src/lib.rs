//! Image bundles of the format 2007-10-10: the form in which images travel to the cloud.
//!
//! A bundle is an image put into a tar archive, compressed, encrypted with a fresh AES key, cut
//! into parts of 10 MiB, and a manifest that names the parts and their digests, holds the key
//! wrapped for the cloud and for its maker, and is signed by its maker.
//!
//! - [`make`] makes a bundle from an image file; `euca-bundle-image` calls it.
//! - [`Manifest::parse`] reads a stranger's manifest, [`Manifest::verify_signature`] says who
//!   made it, [`unbundle`] gives the image back. All three take hostile input: sizes, counts and
//!   depths are bounded, and every failure after the digests of the parts is the same
//!   [`BundleError::Undecipherable`], so that nobody can use the cloud to guess at its key.
//!
//! Everything streams: neither direction holds more than one part in memory.

mod error;
mod keys;
mod make;
mod manifest;
mod unbundle;
mod xml;

pub use error::{BundleError, MakeError};
pub use keys::{Certificate, InvalidKey, SigningKey, UnwrappingKey};
pub use make::{Made, Recipe, make};
pub use manifest::{
    Architecture, BlockDeviceMapping, MAX_MANIFEST_BYTES, MAX_PARTS, Manifest, Part, WrappedSecret,
};
pub use unbundle::{DEFAULT_MAX_IMAGE_BYTES, Unbundled, unbundle};

/// The length of every part but the last, in bytes.
pub const PART_BYTES: u64 = 10 * 1024 * 1024;

#[cfg(test)]
mod tests;
