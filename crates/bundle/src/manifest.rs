//! The manifest of a bundle, version 2007-10-10.

mod write;

pub(crate) use write::{Contents, render};

use crate::xml::{self, Element};
use crate::{BundleError, Certificate, PART_BYTES};
use std::collections::HashSet;
use std::fmt;
use types::ImageKind;

/// A longer manifest is refused unread.
pub const MAX_MANIFEST_BYTES: usize = 1024 * 1024;

/// A manifest with more parts is refused (40 GiB in parts of 10 MiB).
pub const MAX_PARTS: usize = 4096;

const VERSION: &str = "2007-10-10";

/// The machine that an image is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// 32-bit x86.
    I386,
    /// 64-bit x86.
    X86_64,
}

impl Architecture {
    /// The word in manifests and in EC2 replies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::I386 => "i386",
            Self::X86_64 => "x86_64",
        }
    }

    /// The architecture that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::I386, Self::X86_64].into_iter().find(|architecture| architecture.as_str() == word)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One pair of a block device mapping, such as `ami` and `sda1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockDeviceMapping {
    /// The name of the disk: `ami`, `root`, `swap`, `ephemeral0`.
    pub virtual_name: String,
    /// The device as the instance sees it.
    pub device: String,
}

/// The AES key and IV of a bundle, each as RSA ciphertext.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedSecret {
    /// The wrapped key.
    pub key: Vec<u8>,
    /// The wrapped initialisation vector.
    pub iv: Vec<u8>,
}

/// One part of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its file name: a plain name, without a directory.
    pub name: String,
    /// The SHA-1 of its (encrypted) bytes.
    pub digest: [u8; 20],
}

/// What a manifest says. Nothing in it is proven before [`verify_signature`] says so.
///
/// [`verify_signature`]: Self::verify_signature
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The machine that the image is made for.
    pub architecture: Architecture,
    /// The default kernel, or `true`/`yes` where the image is itself a kernel.
    pub kernel_id: Option<String>,
    /// The default ramdisk, or `true`/`yes` where the image is itself a ramdisk.
    pub ramdisk_id: Option<String>,
    /// The block device mapping, in the manifest's order.
    pub block_device_mappings: Vec<BlockDeviceMapping>,
    /// The product codes.
    pub product_codes: Vec<String>,
    /// The image's file name: a plain name.
    pub image_name: String,
    /// The account number of the maker, as the maker states it.
    pub user: String,
    /// The SHA-1 of the tar stream.
    pub digest: [u8; 20],
    /// The image's length in bytes.
    pub size: u64,
    /// The length of all parts together in bytes.
    pub bundled_size: u64,
    /// The AES key and IV for the cloud.
    pub cloud_secret: WrappedSecret,
    /// The AES key and IV for the maker.
    pub user_secret: WrappedSecret,
    /// The parts in order; at least one.
    pub parts: Vec<Part>,
    /// The maker's signature.
    pub signature: Vec<u8>,
    /// The very bytes that are signed: the elements machine_configuration and image.
    signed: Vec<u8>,
}

impl Manifest {
    /// Reads a manifest that anybody may have written.
    ///
    /// # Errors
    /// [`BundleError::Manifest`] with the first thing that is wrong.
    pub fn parse(raw: &[u8]) -> Result<Self, BundleError> {
        if raw.len() > MAX_MANIFEST_BYTES {
            return Err(BundleError::Manifest(format!("it is over {MAX_MANIFEST_BYTES} bytes")));
        }
        std::str::from_utf8(raw)
            .map_err(|_| "it is not UTF-8 text".to_owned())
            .and_then(read)
            .map_err(BundleError::Manifest)
    }

    /// The first of these certificates whose key signed this manifest.
    ///
    /// The signature is checked over the bytes that [`parse`](Self::parse) read, not over a
    /// rendering of them.
    ///
    /// # Errors
    /// [`BundleError::Signature`] when it is none of them.
    pub fn verify_signature<'a>(
        &self,
        certificates: &'a [Certificate],
    ) -> Result<&'a Certificate, BundleError> {
        certificates
            .iter()
            .find(|certificate| certificate.signed(&self.signed, &self.signature))
            .ok_or(BundleError::Signature)
    }

    /// What the image is used as.
    ///
    /// Bundling tools have no word for it: a kernel is bundled with `--kernel true`, a ramdisk
    /// with `--ramdisk true`, or the image's name begins with `vmlinuz` or `initrd`
    /// (Administrator's Guide, "Images").
    pub fn kind(&self) -> ImageKind {
        let marked = |id: &Option<String>| matches!(id.as_deref(), Some("true" | "yes"));
        if marked(&self.kernel_id) {
            ImageKind::Kernel
        } else if marked(&self.ramdisk_id) {
            ImageKind::Ramdisk
        } else if self.image_name.starts_with("vmlinuz") {
            ImageKind::Kernel
        } else if self.image_name.starts_with("initrd") {
            ImageKind::Ramdisk
        } else {
            ImageKind::Machine
        }
    }
}

fn read(document: &str) -> Result<Manifest, String> {
    let root = xml::parse(document)?;
    if root.name != "manifest" {
        return Err("its root element is not manifest".to_owned());
    }
    if root.text_of("version")? != VERSION {
        return Err(format!("its version is not {VERSION}"));
    }
    let machine = root.require("machine_configuration")?;
    let image = root.require("image")?;
    let signed = [&document[machine.range.clone()], &document[image.range.clone()]].concat();
    let parts = parts(image.require("parts")?)?;
    let bundled_size = number(image, "bundled_size")?;
    if bundled_size > PART_BYTES * parts.len() as u64 {
        return Err("its bundled_size is more than its parts can hold".to_owned());
    }
    Ok(Manifest {
        architecture: Architecture::from_word(machine.text_of("architecture")?)
            .ok_or("its architecture is neither i386 nor x86_64")?,
        kernel_id: word(machine, "kernel_id")?,
        ramdisk_id: word(machine, "ramdisk_id")?,
        block_device_mappings: block_device_mappings(machine)?,
        product_codes: product_codes(machine)?,
        image_name: plain_name(image.text_of("name")?)?.to_owned(),
        user: short(image.text_of("user")?)?.to_owned(),
        digest: digest(image)?,
        size: number(image, "size")?,
        bundled_size,
        cloud_secret: secret(image, "ec2_encrypted_key", "ec2_encrypted_iv")?,
        user_secret: secret(image, "user_encrypted_key", "user_encrypted_iv")?,
        parts,
        signature: hex_bytes(root.require("signature")?)?,
        signed: signed.into_bytes(),
    })
}

fn parts(list: &Element) -> Result<Vec<Part>, String> {
    let count = list.attribute("count").and_then(|count| count.parse::<usize>().ok());
    if count != Some(list.children.len()) || !(1..=MAX_PARTS).contains(&list.children.len()) {
        return Err(format!("it does not list 1 to {MAX_PARTS} parts, as many as their count"));
    }
    let mut names = HashSet::new();
    list.children
        .iter()
        .enumerate()
        .map(|(index, part)| {
            if part.name != "part" || part.attribute("index") != Some(index.to_string().as_str()) {
                return Err("its parts are not numbered from 0 in order".to_owned());
            }
            let name = plain_name(part.text_of("filename")?)?;
            if !names.insert(name) {
                return Err(format!("it lists the part {name} twice"));
            }
            Ok(Part { name: name.to_owned(), digest: digest(part)? })
        })
        .collect()
}

/// A SHA-1 digest; OpenSSL's `SHA1(stdin)= ` in front of it is what old tools copied there.
fn digest(parent: &Element) -> Result<[u8; 20], String> {
    let element = parent.require("digest")?;
    let text = element.text.split_whitespace().last().unwrap_or_default();
    let mut digest = [0; 20];
    if element.attribute("algorithm") != Some("SHA1")
        || hex::decode_to_slice(text, &mut digest).is_err()
    {
        return Err(format!("the digest of a {} is not a SHA1 in hex", parent.name));
    }
    Ok(digest)
}

fn secret(image: &Element, key: &str, iv: &str) -> Result<WrappedSecret, String> {
    let wrapped = image.require(key)?;
    if wrapped.attribute("algorithm") != Some("AES-128-CBC") {
        return Err(format!("its {key} is not of AES-128-CBC"));
    }
    Ok(WrappedSecret { key: hex_bytes(wrapped)?, iv: hex_bytes(image.require(iv)?)? })
}

fn hex_bytes(element: &Element) -> Result<Vec<u8>, String> {
    let text = element.text.trim();
    match hex::decode(text) {
        Ok(bytes) if (1..=1024).contains(&bytes.len()) => Ok(bytes),
        _ => Err(format!("its {} is not 1 to 1024 bytes in hex", element.name)),
    }
}

fn number(parent: &Element, name: &str) -> Result<u64, String> {
    parent.text_of(name)?.parse().map_err(|_| format!("its {name} is not a number"))
}

fn block_device_mappings(machine: &Element) -> Result<Vec<BlockDeviceMapping>, String> {
    let Some(list) = machine.child("block_device_mapping")? else { return Ok(Vec::new()) };
    limited(list)?
        .map(|mapping| {
            Ok(BlockDeviceMapping {
                virtual_name: short(mapping.text_of("virtual")?)?.to_owned(),
                device: short(mapping.text_of("device")?)?.to_owned(),
            })
        })
        .collect()
}

fn product_codes(machine: &Element) -> Result<Vec<String>, String> {
    let Some(list) = machine.child("product_codes")? else { return Ok(Vec::new()) };
    limited(list)?.map(|code| short(code.text.trim()).map(str::to_owned)).collect()
}

fn limited(list: &Element) -> Result<std::slice::Iter<'_, Element>, String> {
    match list.children.len() {
        0..=64 => Ok(list.children.iter()),
        _ => Err(format!("its {} has over 64 items", list.name)),
    }
}

/// The text of an optional child; an empty element counts as none.
fn word(parent: &Element, name: &str) -> Result<Option<String>, String> {
    let Some(child) = parent.child(name)? else { return Ok(None) };
    let text = short(child.text.trim())?;
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

fn short(text: &str) -> Result<&str, String> {
    if text.len() > 255 || text.chars().any(char::is_control) {
        return Err("one of its values is over 255 bytes or has control characters".to_owned());
    }
    Ok(text)
}

/// A file name that stays in its directory.
fn plain_name(text: &str) -> Result<&str, String> {
    let name = short(text)?;
    if matches!(name, "" | "." | "..") || name.contains(['/', '\\']) {
        return Err("one of its file names is not a plain name".to_owned());
    }
    Ok(name)
}

#[cfg(test)]
mod tests;
