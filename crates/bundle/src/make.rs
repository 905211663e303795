//! Making a bundle: tar, SHA-1, gzip, AES-128-CBC, parts, manifest.

mod encrypt;
mod parts;

use crate::manifest::{self, Architecture, BlockDeviceMapping, WrappedSecret};
use crate::{Certificate, InvalidKey, MakeError, PART_BYTES, SigningKey};
use encrypt::Encryptor;
use flate2::Compression;
use flate2::write::GzEncoder;
use parts::{PartWriter, Written};
use sha1::{Digest, Sha1};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// What to bundle, how to describe it, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct Recipe<'a> {
    /// The image file.
    pub image: &'a Path,
    /// The directory that the bundle is written to.
    pub directory: &'a Path,
    /// What the names of the bundle's files begin with; usually the image's file name.
    pub prefix: &'a str,
    /// The machine that the image is made for.
    pub architecture: Architecture,
    /// The account number of the maker.
    pub user: &'a str,
    /// The default kernel, or `true` to bundle a kernel.
    pub kernel_id: Option<&'a str>,
    /// The default ramdisk, or `true` to bundle a ramdisk.
    pub ramdisk_id: Option<&'a str>,
    /// The block device mapping.
    pub block_device_mappings: &'a [BlockDeviceMapping],
    /// The product codes.
    pub product_codes: &'a [String],
    /// The cloud's certificate: only its owner can decrypt the bundle.
    pub cloud_certificate: &'a Certificate,
    /// The maker's certificate: the maker can decrypt the bundle too.
    pub user_certificate: &'a Certificate,
    /// The maker's private key, which signs the manifest.
    pub user_key: &'a SigningKey,
}

/// A bundle that has been written.
#[derive(Debug)]
pub struct Made {
    /// The manifest's file.
    pub manifest: PathBuf,
    /// The files of the parts, in order.
    pub parts: Vec<PathBuf>,
    /// The length of all parts together in bytes.
    pub bundled_size: u64,
}

/// Makes a bundle; `progress` hears the bytes of the image that are done and their number.
///
/// # Errors
/// When the image cannot be read, the bundle cannot be written, or a key or a value is not fit.
/// Nothing half-made is left behind.
pub fn make(recipe: &Recipe<'_>, progress: &mut dyn FnMut(u64, u64)) -> Result<Made, MakeError> {
    make_in_parts(recipe, PART_BYTES, progress)
}

pub(crate) fn make_in_parts(
    recipe: &Recipe<'_>,
    part_bytes: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Made, MakeError> {
    check(recipe)?;
    let image_error = |source| MakeError::Image { path: recipe.image.to_owned(), source };
    let file = File::open(recipe.image).map_err(image_error)?;
    let facts = file.metadata().map_err(image_error)?;
    if !facts.is_file() {
        return Err(image_error(io::Error::other("it is not a regular file")));
    }
    let mut image =
        Image { file: file.take(facts.len()), size: facts.len(), read: 0, fault: None, progress };
    let secret = Secret::random()?;
    let written = encode(recipe, &secret, &mut image, part_bytes);
    if let Some(source) = image.fault {
        return Err(image_error(source));
    }
    let (digest, written) =
        written.map_err(|source| MakeError::Write { path: recipe.directory.to_owned(), source })?;
    if image.read != image.size {
        return Err(MakeError::Changed(recipe.image.to_owned()));
    }
    describe(recipe, &secret, image.size, digest, written)
}

fn image_name<'a>(recipe: &Recipe<'a>) -> &'a str {
    recipe.image.file_name().and_then(|name| name.to_str()).unwrap_or(recipe.prefix)
}

/// Refuses what [`Manifest::parse`](crate::Manifest::parse) would refuse later.
fn check(recipe: &Recipe<'_>) -> Result<(), MakeError> {
    const PLAIN: &str = "1 to 200 bytes without '/', '\\' and control characters";
    let plain = |text: &str| {
        !matches!(text, "" | "." | "..")
            && text.len() <= 200
            && !text.contains(['/', '\\'])
            && !text.chars().any(char::is_control)
    };
    for (what, value) in [("prefix", recipe.prefix), ("image name", image_name(recipe))] {
        if !plain(value) {
            return Err(MakeError::Value { what, value: value.to_owned(), rule: PLAIN });
        }
    }
    if recipe.user.is_empty() || !recipe.user.bytes().all(|b| b.is_ascii_digit()) {
        let (what, value) = ("user", recipe.user.to_owned());
        return Err(MakeError::Value { what, value, rule: "an account number has only digits" });
    }
    Ok(())
}

/// The AES key and IV of one bundle.
struct Secret {
    key: [u8; 16],
    iv: [u8; 16],
}

impl Secret {
    fn random() -> Result<Self, MakeError> {
        let mut secret = Self { key: [0; 16], iv: [0; 16] };
        getrandom::fill(&mut secret.key)
            .and_then(|()| getrandom::fill(&mut secret.iv))
            .map_err(|_| MakeError::Crypto("the operating system gives no random numbers"))?;
        Ok(secret)
    }

    fn wrap(&self, certificate: &Certificate) -> Result<WrappedSecret, InvalidKey> {
        Ok(WrappedSecret { key: certificate.wrap(&self.key)?, iv: certificate.wrap(&self.iv)? })
    }
}

/// Sends the image through the pipeline; gives the digest of the tar stream and the parts.
fn encode(
    recipe: &Recipe<'_>,
    secret: &Secret,
    image: &mut Image<'_>,
    part_bytes: u64,
) -> io::Result<([u8; 20], Written)> {
    let parts = PartWriter::new(recipe.directory, recipe.prefix, part_bytes);
    let encryptor = Encryptor::new(&secret.key, secret.iv, parts)?;
    let gzip = GzEncoder::new(encryptor, Compression::default());
    let mut archive = tar::Builder::new(Hashed { inner: gzip, sha1: Sha1::new() });
    let mut header = tar::Header::new_gnu();
    header.set_size(image.size);
    header.set_mode(0o644);
    archive.append_data(&mut header, image_name(recipe), image)?;
    let Hashed { inner: gzip, sha1 } = archive.into_inner()?;
    let written = gzip.finish()?.finish()?.finish()?;
    Ok((sha1.finalize().into(), written))
}

/// Writes the manifest beside the parts.
fn describe(
    recipe: &Recipe<'_>,
    secret: &Secret,
    size: u64,
    digest: [u8; 20],
    written: Written,
) -> Result<Made, MakeError> {
    let contents = manifest::Contents {
        architecture: recipe.architecture,
        kernel_id: recipe.kernel_id,
        ramdisk_id: recipe.ramdisk_id,
        block_device_mappings: recipe.block_device_mappings,
        product_codes: recipe.product_codes,
        image_name: image_name(recipe),
        user: recipe.user,
        digest,
        size,
        bundled_size: written.bytes(),
        cloud_secret: &secret.wrap(recipe.cloud_certificate)?,
        user_secret: &secret.wrap(recipe.user_certificate)?,
        parts: written.parts(),
    };
    let document = manifest::render(&contents, recipe.user_key, recipe.user_certificate)?;
    let path = recipe.directory.join(format!("{}.manifest.xml", recipe.prefix));
    let written_to = path.clone();
    fs::write(&path, document).map_err(|source| MakeError::Write { path, source })?;
    let bundled_size = written.bytes();
    Ok(Made { manifest: written_to, parts: written.keep(), bundled_size })
}

/// The image file as it is read: counts, reports progress, and keeps a read error apart from the
/// write errors of the pipeline that reads it.
struct Image<'a> {
    file: io::Take<File>,
    size: u64,
    read: u64,
    fault: Option<io::Error>,
    progress: &'a mut dyn FnMut(u64, u64),
}

impl Read for Image<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.file.read(buffer) {
            Ok(length) => {
                self.read += length as u64;
                (self.progress)(self.read, self.size);
                Ok(length)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.fault = Some(error);
                Err(kind.into())
            }
        }
    }
}

/// A writer that digests what passes.
struct Hashed<W> {
    inner: W,
    sha1: Sha1,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let length = self.inner.write(buffer)?;
        self.sha1.update(&buffer[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
