//! The manifest of a bundle: any bytes.

use bundle::{Certificate, MAX_MANIFEST_BYTES, MAX_PARTS, Manifest, PART_BYTES};
use std::collections::BTreeSet;

/// Reads a manifest; what is accepted keeps every limit.
pub fn manifest(bytes: &[u8]) {
    let manifest = match Manifest::parse(bytes) {
        Ok(manifest) => manifest,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert!(bytes.len() <= MAX_MANIFEST_BYTES);
    check_parts(&manifest);
    let secrets = [&manifest.cloud_secret, &manifest.user_secret];
    let secrets = secrets.iter().flat_map(|secret| [&secret.key, &secret.iv]);
    for bytes in secrets.chain([&manifest.signature]) {
        assert!((1..=1024).contains(&bytes.len()), "{} bytes", bytes.len());
    }
    let texts = [Some(&manifest.user), manifest.kernel_id.as_ref(), manifest.ramdisk_id.as_ref()];
    texts.into_iter().flatten().chain(&manifest.product_codes).for_each(|text| check_text(text));
    for mapping in &manifest.block_device_mappings {
        check_text(&mapping.virtual_name);
        check_text(&mapping.device);
    }
    assert!(manifest.verify_signature(&[] as &[Certificate]).is_err(), "nobody has signed it");
    let _ = manifest.kind();

    let again = Manifest::parse(&[bytes, b"\n"].concat()).expect("a blank after it says nothing");
    assert_eq!(format!("{manifest:?}"), format!("{again:?}"));
}

fn check_parts(manifest: &Manifest) {
    let parts = &manifest.parts;
    assert!((1..=MAX_PARTS).contains(&parts.len()));
    assert!(manifest.bundled_size <= PART_BYTES * parts.len() as u64);
    let names: BTreeSet<_> = parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names.len(), parts.len(), "every part has a file of its own");
    for name in names.into_iter().chain([manifest.image_name.as_str()]) {
        check_text(name);
        assert!(!matches!(name, "" | "." | "..") && !name.contains(['/', '\\']), "{name}");
    }
}

fn check_text(text: &str) {
    assert!(text.len() <= 255 && !text.contains(char::is_control), "{text:?}");
}
