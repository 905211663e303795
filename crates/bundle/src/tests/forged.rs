//! Archives that no honest tool makes, in bundles that are sound in every other way.

use super::identity;
use crate::manifest::{Contents, render};
use crate::*;
use aws_lc_rs::cipher::{AES_128, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha1::Digest;
use std::io::{Cursor, Write};

/// The compressed form of an archive, a bundle of it, and what unbundling that says.
fn unbundle_forged(archive: &[u8], trailer: &[u8], size: u64) -> Result<Vec<u8>, BundleError> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(archive).unwrap();
    let mut part = gzip.finish().unwrap();
    part.extend_from_slice(trailer);
    let (key, iv) = ([7; 16], [9; 16]);
    let cipher = UnboundCipherKey::new(&AES_128, &key).unwrap();
    PaddedBlockEncryptingKey::cbc_pkcs7(cipher)
        .unwrap()
        .less_safe_encrypt(&mut part, EncryptionContext::Iv128(FixedLength::from(iv)))
        .unwrap();

    let (certificate, pem) = identity();
    let secret =
        WrappedSecret { key: certificate.wrap(&key).unwrap(), iv: certificate.wrap(&iv).unwrap() };
    let contents = Contents {
        architecture: Architecture::I386,
        kernel_id: None,
        ramdisk_id: None,
        block_device_mappings: &[],
        product_codes: &[],
        image_name: "image",
        user: "1",
        digest: sha1::Sha1::digest(archive).into(),
        size,
        bundled_size: part.len() as u64,
        cloud_secret: &secret,
        user_secret: &secret,
        parts: &[Part { name: "part".to_owned(), digest: sha1::Sha1::digest(&part).into() }],
    };
    let document = render(&contents, &SigningKey::from_pem(&pem).unwrap(), &certificate).unwrap();
    let manifest = Manifest::parse(document.as_bytes()).unwrap();
    let key = UnwrappingKey::from_pem(&pem).unwrap();
    let mut image = Vec::new();
    unbundle(&manifest, &key, 1 << 30, |_| Ok(Cursor::new(part.clone())), &mut image)?;
    Ok(image)
}

fn header(kind: tar::EntryType, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_path("image").unwrap();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

/// Entries of these kinds and contents, then the end of the archive.
fn archive(entries: &[(tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, content) in entries {
        builder.append(&header(*kind, content.len() as u64), *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn refused(archive: &[u8], size: u64) {
    assert!(matches!(unbundle_forged(archive, b"", size), Err(BundleError::Undecipherable)));
}

#[test]
fn an_archive_holds_one_regular_file_of_the_size_in_the_manifest() {
    use tar::EntryType;
    let regular = (EntryType::Regular, &b"image"[..]);
    assert_eq!(unbundle_forged(&archive(&[regular]), b"", 5).unwrap(), b"image");
    refused(&archive(&[regular]), 4);
    refused(&archive(&[regular]), 6);
    refused(&archive(&[regular, regular]), 5);
    refused(&archive(&[(EntryType::Directory, b""), regular]), 5);
    refused(&archive(&[(EntryType::Symlink, b"")]), 0);
    refused(&archive(&[]), 0);
    refused(b"no archive at all", 5);
    refused(&archive(&[regular])[..512], 5);
}

#[test]
fn an_archive_cannot_hide_a_bomb_before_or_after_its_file() {
    let bomb = vec![b'x'; 64 << 20];
    let regular = (tar::EntryType::Regular, &b"image"[..]);
    refused(&archive(&[(tar::EntryType::GNULongName, &bomb), regular]), 5);
    refused(&archive(&[(tar::EntryType::XHeader, &bomb), regular]), 5);
    let padded = [archive(&[regular]), vec![0; 64 << 20]].concat();
    refused(&padded, 5);
}

#[test]
fn nothing_may_follow_the_compressed_archive() {
    let sound = archive(&[(tar::EntryType::Regular, b"image")]);
    let error = unbundle_forged(&sound, b"more", 5).unwrap_err();
    assert!(matches!(error, BundleError::Undecipherable));
}
