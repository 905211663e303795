//! Writing a manifest, byte for byte in the order of Amazon's tools, and signing it.

use super::{BlockDeviceMapping, Part, VERSION, WrappedSecret};
use crate::{Architecture, Certificate, InvalidKey, SigningKey};
use quick_xml::escape::escape;
use std::fmt::Write;

/// What a manifest is written from.
pub(crate) struct Contents<'a> {
    pub(crate) architecture: Architecture,
    pub(crate) kernel_id: Option<&'a str>,
    pub(crate) ramdisk_id: Option<&'a str>,
    pub(crate) block_device_mappings: &'a [BlockDeviceMapping],
    pub(crate) product_codes: &'a [String],
    pub(crate) image_name: &'a str,
    pub(crate) user: &'a str,
    pub(crate) digest: [u8; 20],
    pub(crate) size: u64,
    pub(crate) bundled_size: u64,
    pub(crate) cloud_secret: &'a WrappedSecret,
    pub(crate) user_secret: &'a WrappedSecret,
    pub(crate) parts: &'a [Part],
}

/// The document, signed with the key of this certificate.
pub(crate) fn render(
    contents: &Contents<'_>,
    key: &SigningKey,
    certificate: &Certificate,
) -> Result<String, InvalidKey> {
    let signed = machine_configuration(contents) + &image(contents);
    let signature = key.sign(signed.as_bytes())?;
    if !certificate.signed(signed.as_bytes(), &signature) {
        let expected = "the private key that belongs to the user's certificate";
        return Err(InvalidKey { what: "the private key", expected });
    }
    let bundler = element("name", "eucalyptus")
        + &element("version", env!("CARGO_PKG_VERSION"))
        + &element("release", "0");
    Ok(format!(
        "<?xml version='1.0'?><manifest>{}<bundler>{bundler}</bundler>{signed}{}</manifest>",
        element("version", VERSION),
        element("signature", &hex::encode(signature)),
    ))
}

fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escape(text))
}

fn machine_configuration(contents: &Contents<'_>) -> String {
    let mut inner = element("architecture", contents.architecture.as_str());
    if !contents.block_device_mappings.is_empty() {
        let mappings: String = contents.block_device_mappings.iter().map(mapping).collect();
        let _ = write!(inner, "<block_device_mapping>{mappings}</block_device_mapping>");
    }
    for (name, id) in [("kernel_id", contents.kernel_id), ("ramdisk_id", contents.ramdisk_id)] {
        inner.extend(id.map(|id| element(name, id)));
    }
    if !contents.product_codes.is_empty() {
        let codes: String =
            contents.product_codes.iter().map(|code| element("product_code", code)).collect();
        let _ = write!(inner, "<product_codes>{codes}</product_codes>");
    }
    format!("<machine_configuration>{inner}</machine_configuration>")
}

fn mapping(mapping: &BlockDeviceMapping) -> String {
    let pair = element("virtual", &mapping.virtual_name) + &element("device", &mapping.device);
    format!("<mapping>{pair}</mapping>")
}

fn image(contents: &Contents<'_>) -> String {
    let inner = [
        element("name", contents.image_name),
        element("user", contents.user),
        element("type", "machine"),
        digest(&contents.digest),
        element("size", &contents.size.to_string()),
        element("bundled_size", &contents.bundled_size.to_string()),
        wrapped_key("ec2_encrypted_key", contents.cloud_secret),
        wrapped_key("user_encrypted_key", contents.user_secret),
        element("ec2_encrypted_iv", &hex::encode(&contents.cloud_secret.iv)),
        element("user_encrypted_iv", &hex::encode(&contents.user_secret.iv)),
        parts(contents.parts),
    ];
    format!("<image>{}</image>", inner.concat())
}

fn digest(digest: &[u8; 20]) -> String {
    format!("<digest algorithm='SHA1'>{}</digest>", hex::encode(digest))
}

fn wrapped_key(name: &str, secret: &WrappedSecret) -> String {
    format!("<{name} algorithm='AES-128-CBC'>{}</{name}>", hex::encode(&secret.key))
}

fn parts(parts: &[Part]) -> String {
    let mut text = format!("<parts count='{}'>", parts.len());
    for (index, part) in parts.iter().enumerate() {
        let inner = element("filename", &part.name) + &digest(&part.digest);
        let _ = write!(text, "<part index='{index}'>{inner}</part>");
    }
    text + "</parts>"
}
