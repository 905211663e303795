//! Bundles made, opened, and tampered with.

mod forged;

use crate::make::make_in_parts;
use crate::*;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs;
use std::io::{self, Cursor, Write};
use std::path::Path;
use tempfile::TempDir;

const PART: u64 = 1000;

/// A certificate and its private key in PEM.
pub(crate) fn identity() -> (Certificate, String) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["test".to_owned()]).unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    (Certificate::from_der(certificate.der()).unwrap(), key.serialize_pem())
}

/// A bundle in memory, and who it is for.
struct Bundle {
    image: Vec<u8>,
    manifest: String,
    parts: HashMap<String, Vec<u8>>,
    cloud: UnwrappingKey,
    user: Certificate,
}

fn noise(length: usize) -> Vec<u8> {
    let mut noise = vec![0; length];
    getrandom::fill(&mut noise).unwrap();
    noise
}

fn bundle(image: Vec<u8>) -> Bundle {
    let (cloud_certificate, cloud) = identity();
    let (user, user_key) = identity();
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("disk & root.img");
    fs::write(&path, &image).unwrap();
    let mapping =
        BlockDeviceMapping { virtual_name: "root".to_owned(), device: "/dev/sda1".to_owned() };
    let recipe = Recipe {
        image: &path,
        directory: directory.path(),
        prefix: "disk & root.img",
        architecture: Architecture::X86_64,
        user: "000100729354",
        kernel_id: Some("true"),
        ramdisk_id: None,
        block_device_mappings: &[mapping],
        product_codes: &["A1B2".to_owned()],
        cloud_certificate: &cloud_certificate,
        user_certificate: &user,
        user_key: &SigningKey::from_pem(&user_key).unwrap(),
    };
    let mut last = None;
    let made = make_in_parts(&recipe, PART, &mut |done, all| last = Some((done, all))).unwrap();
    assert_eq!(last, Some((image.len() as u64, image.len() as u64)));
    let manifest = fs::read_to_string(&made.manifest).unwrap();
    let read = |path: &Path| {
        (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap())
    };
    let parts = made.parts.iter().map(|path| read(path)).collect();
    Bundle { image, manifest, parts, cloud: UnwrappingKey::from_pem(&cloud).unwrap(), user }
}

impl Bundle {
    fn open(&self) -> Result<Vec<u8>, BundleError> {
        self.open_with(&self.cloud)
    }

    fn open_with(&self, key: &UnwrappingKey) -> Result<Vec<u8>, BundleError> {
        let manifest = Manifest::parse(self.manifest.as_bytes())?;
        let mut image = Vec::new();
        let open = |part: &Part| match self.parts.get(&part.name) {
            Some(bytes) => Ok(Cursor::new(bytes.clone())),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        let unbundled = unbundle(&manifest, key, DEFAULT_MAX_IMAGE_BYTES, open, &mut image)?;
        assert_eq!(unbundled.size, image.len() as u64);
        assert_eq!(unbundled.sha256, <[u8; 32]>::from(Sha256::digest(&image)));
        Ok(image)
    }

    fn part(&mut self, index: usize) -> &mut Vec<u8> {
        let manifest = Manifest::parse(self.manifest.as_bytes()).unwrap();
        self.parts.get_mut(&manifest.parts[index].name).unwrap()
    }

    /// Makes the manifest name the digest that this part now has.
    fn own_up_to(&mut self, index: usize) {
        let manifest = Manifest::parse(self.manifest.as_bytes()).unwrap();
        let digest = hex::encode(<sha1::Sha1 as sha1::Digest>::digest(self.part(index)));
        self.manifest = self.manifest.replace(&hex::encode(manifest.parts[index].digest), &digest);
    }
}

#[test]
fn an_image_comes_back_as_it_went_in() {
    for image in [Vec::new(), b"x".to_vec(), noise(999), noise(12_345), vec![0; 3 << 20]] {
        let bundle = bundle(image);
        assert_eq!(bundle.open().unwrap(), bundle.image);
        let manifest = Manifest::parse(bundle.manifest.as_bytes()).unwrap();
        manifest.verify_signature(std::slice::from_ref(&bundle.user)).unwrap();
        assert_eq!(manifest.image_name, "disk & root.img");
        assert_eq!(manifest.kind(), types::ImageKind::Kernel);
        assert_eq!(manifest.product_codes, ["A1B2"]);
        assert_eq!(manifest.block_device_mappings.len(), 1);
        let all: usize = bundle.parts.values().map(Vec::len).sum();
        assert_eq!(manifest.bundled_size, all as u64);
    }
}

#[test]
fn numbers_of_parts_are_padded_once_there_are_ten() {
    let few = bundle(noise(2500));
    assert!(few.parts.contains_key("disk & root.img.part.0"));
    let many = bundle(noise(12_345));
    assert!(many.parts.contains_key("disk & root.img.part.00"));
    assert!(many.parts.contains_key("disk & root.img.part.11"));
    assert_eq!(many.open().unwrap(), many.image);
}

#[test]
fn a_bundle_by_the_steps_of_amazons_tools_is_opened() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    let text = |name: &str| fs::read_to_string(here.join(name)).unwrap();
    let manifest = Manifest::parse(text("image.img.manifest.xml").as_bytes()).unwrap();
    let key = UnwrappingKey::from_pem(&text("cloud-pk.pem")).unwrap();
    let open =
        |part: &Part| Ok(Cursor::new(hex::decode(text(&format!("{}.hex", part.name))).unwrap()));
    let mut image = Vec::new();
    let unbundled = unbundle(&manifest, &key, 1 << 20, open, &mut image).unwrap();
    assert_eq!(hex::encode(unbundled.sha256), text("image.sha256").trim());
    assert!(image[300_000..].starts_with(b"island at 300000\n"), "the sparse member has holes");
}

#[test]
fn a_part_that_is_not_the_one_in_the_manifest_is_named() {
    let tamper: [fn(&mut Bundle); 4] = [
        |bundle| bundle.part(1)[500] ^= 1,
        |bundle| bundle.part(1).truncate(999),
        |bundle| bundle.part(1).push(0),
        |bundle| {
            let other = bundle.part(2).clone();
            *bundle.part(1) = other;
        },
    ];
    let sound = noise(4000);
    for tamper in tamper {
        let mut bundle = bundle(sound.clone());
        tamper(&mut bundle);
        let error = bundle.open().unwrap_err();
        assert!(matches!(&error, BundleError::PartDigest { name } if name.ends_with("part.1")));
    }
}

#[test]
fn a_missing_part_is_named() {
    let mut bundle = bundle(noise(4000));
    bundle.parts.remove("disk & root.img.part.2");
    let error = bundle.open().unwrap_err();
    assert!(matches!(&error, BundleError::Part { name, .. } if name.ends_with("part.2")));
}

#[test]
fn parts_must_add_up_to_the_bundled_size() {
    for step in [-1, 1] {
        let mut bundle = bundle(noise(4000));
        let manifest = Manifest::parse(bundle.manifest.as_bytes()).unwrap();
        let wrong = manifest.bundled_size.checked_add_signed(step).unwrap();
        bundle.manifest = bundle.manifest.replace(
            &format!("<bundled_size>{}<", manifest.bundled_size),
            &format!("<bundled_size>{wrong}<"),
        );
        assert!(matches!(bundle.open(), Err(BundleError::BundledSize { .. })));
    }
}

/// Key, padding, compression, archive and digest: nothing tells which of them it was.
#[test]
fn whatever_depends_on_the_key_fails_alike() {
    let sound = noise(4000);
    let (_, foreign) = identity();
    let foreign = UnwrappingKey::from_pem(&foreign).unwrap();
    let mut messages = vec![bundle(sound.clone()).open_with(&foreign).unwrap_err()];

    let tamper: [fn(&mut Bundle); 6] = [
        |bundle| {
            // the wrapped key is of no RSA size, then of the right size and nonsense
            let key =
                hex::encode(&Manifest::parse(bundle.manifest.as_bytes()).unwrap().cloud_secret.key);
            bundle.manifest = bundle.manifest.replace(&key, "00");
        },
        |bundle| {
            let key =
                hex::encode(&Manifest::parse(bundle.manifest.as_bytes()).unwrap().cloud_secret.key);
            bundle.manifest = bundle.manifest.replace(&key, &"11".repeat(256));
        },
        |bundle| {
            // the first block: no gzip
            bundle.part(0)[0] ^= 1;
            bundle.own_up_to(0);
        },
        |bundle| {
            // the last byte: no padding
            let last = bundle.parts.len() - 1;
            *bundle.part(last).last_mut().unwrap() ^= 1;
            bundle.own_up_to(last);
        },
        |bundle| {
            let digest = hex::encode(Manifest::parse(bundle.manifest.as_bytes()).unwrap().digest);
            bundle.manifest = bundle.manifest.replace(&digest, &"00".repeat(20));
        },
        |bundle| bundle.manifest = bundle.manifest.replace("<size>4000<", "<size>3999<"),
    ];
    for tamper in tamper {
        let mut bundle = bundle(sound.clone());
        tamper(&mut bundle);
        messages.push(bundle.open().unwrap_err());
    }
    for error in messages {
        assert!(matches!(error, BundleError::Undecipherable), "{error:?}");
    }
}

#[test]
fn an_image_over_the_limit_is_refused_before_anything_is_read() {
    let bundle = bundle(noise(4000));
    let manifest = Manifest::parse(bundle.manifest.as_bytes()).unwrap();
    let open = |_: &Part| -> io::Result<&[u8]> { panic!("a part was opened") };
    let error = unbundle(&manifest, &bundle.cloud, 3999, open, &mut io::sink()).unwrap_err();
    assert!(matches!(error, BundleError::TooLarge { size: 4000, limit: 3999 }));
}

#[test]
fn a_full_disk_is_not_the_bundles_fault() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let bundle = bundle(noise(4000));
    let manifest = Manifest::parse(bundle.manifest.as_bytes()).unwrap();
    let open = |part: &Part| Ok(Cursor::new(bundle.parts[&part.name].clone()));
    let error = unbundle(&manifest, &bundle.cloud, 4000, open, &mut Full).unwrap_err();
    assert!(matches!(error, BundleError::Write(_)));
}

fn attempt(directory: &Path, image: &str, user: &str, key: &str) -> Result<Made, MakeError> {
    let (certificate, _) = identity();
    make(
        &Recipe {
            image: &directory.join(image),
            directory,
            prefix: "image",
            architecture: Architecture::I386,
            user,
            kernel_id: None,
            ramdisk_id: None,
            block_device_mappings: &[],
            product_codes: &[],
            cloud_certificate: &certificate,
            user_certificate: &certificate,
            user_key: &SigningKey::from_pem(key).unwrap(),
        },
        &mut |_, _| {},
    )
}

#[test]
fn a_bundle_that_cannot_be_made_leaves_nothing_behind() {
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    fs::write(here.join("disk.img"), noise(4000)).unwrap();
    let (_, stranger) = identity();
    assert!(matches!(attempt(here, "none", "1", &stranger), Err(MakeError::Image { .. })));
    assert!(matches!(attempt(here, ".", "1", &stranger), Err(MakeError::Image { .. })));
    assert!(matches!(attempt(here, "disk.img", "me", &stranger), Err(MakeError::Value { .. })));
    let error = attempt(here, "disk.img", "1", &stranger).unwrap_err();
    assert!(error.to_string().contains("belongs to the user's certificate"), "{error}");
    assert_eq!(fs::read_dir(here).unwrap().count(), 1, "only the image is there");
}

#[test]
fn what_is_no_key_is_refused() {
    let (_, key) = identity();
    assert!(Certificate::from_pem(key.as_bytes()).is_err());
    assert!(Certificate::from_pem(b"").is_err());
    assert!(SigningKey::from_pem("").is_err());
    assert!(UnwrappingKey::from_pem("-----BEGIN PRIVATE KEY-----").is_err());
}
