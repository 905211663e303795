use crate::world::{Files, World};
use bundle::{Architecture, Certificate, Recipe, SigningKey};
use cloud::{BootMode, Registration};
use http::StatusCode;
use sha2::{Digest as _, Sha256};
use state::{RunRequest, User};
use std::path::PathBuf;
use tokio::io::AsyncReadExt;
use transport::ImageStore;
use types::{Boot, ImageFormat, ImageKind};

/// A bundle in a directory.
struct Bundled {
    dir: tempfile::TempDir,
    image: Vec<u8>,
}

/// What a test changes of the usual bundle.
struct Make<'a> {
    name: &'a str,
    image: Vec<u8>,
    kernel: Option<&'a str>,
    ramdisk: Option<&'a str>,
}

fn noise(length: usize) -> Vec<u8> {
    let mut noise = vec![0; length];
    getrandom::fill(&mut noise).unwrap();
    noise
}

fn root(image: Vec<u8>) -> Make<'static> {
    Make { name: "root.img", image, kernel: None, ramdisk: None }
}

fn of(files: &Files, suffix: &str) -> String {
    let found = files.iter().find(|(name, _)| name.starts_with("euca2-") && name.ends_with(suffix));
    String::from_utf8(found.unwrap().1.clone()).unwrap()
}

/// Bundles as `euca-bundle-image` does, with a user's credentials.
fn bundle(credentials: &Files, make: &Make<'_>) -> Bundled {
    let (source, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = source.path().join(make.name);
    std::fs::write(&path, &make.image).unwrap();
    let certificate = Certificate::from_pem(of(credentials, "-cert.pem").as_bytes()).unwrap();
    let cloud = Certificate::from_pem(&credentials["cloud-cert.pem"]).unwrap();
    let recipe = Recipe {
        image: &path,
        directory: dir.path(),
        prefix: make.name,
        architecture: Architecture::X86_64,
        user: "000000000000",
        kernel_id: make.kernel,
        ramdisk_id: make.ramdisk,
        block_device_mappings: &[],
        product_codes: &[],
        cloud_certificate: &cloud,
        user_certificate: &certificate,
        user_key: &SigningKey::from_pem(&of(credentials, "-pk.pem")).unwrap(),
    };
    bundle::make(&recipe, &mut |_, _| {}).unwrap();
    Bundled { dir, image: make.image.clone() }
}

impl World {
    async fn bundled(&self, user: &User, bucket: &str, make: &Make<'_>) -> Bundled {
        let bundled = bundle(&self.credentials(user).await, make);
        self.upload(user, bucket, bundled.dir.path()).await;
        bundled
    }

    async fn refusal(&self, user: &User, location: &str) -> String {
        let error = self.cloud.register_image(user, location).await.unwrap_err().to_string();
        assert!(self.image_files().is_empty(), "something was left behind after: {error}");
        assert!(self.cloud.state().images_for(&self.admin().await).await.unwrap().is_empty());
        error
    }
}

#[tokio::test]
async fn a_good_bundle_becomes_an_image_with_its_very_bytes() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let bundled = world.bundled(&alice, "images", &root(noise(11 << 20))).await;
    let image = world.cloud.register_image(&alice, "images/root.img.manifest.xml").await.unwrap();
    assert_eq!(image.id.kind(), ImageKind::Machine);
    assert_eq!((image.architecture.as_str(), image.public), ("x86_64", false));
    assert_eq!(image.size, bundled.image.len() as u64);
    assert_eq!(image.digest.0, <[u8; 32]>::from(Sha256::digest(&bundled.image)));
    assert_eq!(world.image_files(), [image.digest.to_string()]);

    let (length, mut reader) = world.cloud.open(&image.digest, 1000).await.unwrap();
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).await.unwrap();
    assert_eq!(length, rest.len() as u64);
    assert!(rest == bundled.image[1000..], "other bytes than were bundled");
    let unknown = world.cloud.open(&protocol::Digest([7; 32]), 0).await;
    assert!(matches!(unknown.err(), Some(protocol::CallError::NotFound(_))));
}

#[tokio::test]
async fn equal_images_are_kept_once_until_the_last_goes() {
    let world = World::new().await;
    let admin = world.admin().await;
    let bytes = noise(100_000);
    let location = |bucket: &str| format!("{bucket}/root.img.manifest.xml");
    world.bundled(&admin, "one", &root(bytes.clone())).await;
    world.bundled(&admin, "two", &root(bytes)).await;
    let one = world.cloud.register_image(&admin, &location("one")).await.unwrap();
    let two = world.cloud.register_image(&admin, &location("two")).await.unwrap();
    assert_eq!(one.digest, two.digest);
    assert_eq!(world.image_files().len(), 1);
    world.cloud.deregister_image(&admin, one.id).await.unwrap();
    assert_eq!(world.image_files().len(), 1, "the other one needs it");
    world.cloud.deregister_image(&admin, two.id).await.unwrap();
    assert!(world.image_files().is_empty());
}

#[tokio::test]
async fn bytes_outlive_their_registration_while_an_instance_runs() {
    let world = World::new().await;
    let admin = world.admin().await;
    let kernel = Make { name: "vmlinuz-6.1", ..root(noise(1000)) };
    world.bundled(&admin, "kernels", &kernel).await;
    let kernel =
        world.cloud.register_image(&admin, "kernels/vmlinuz-6.1.manifest.xml").await.unwrap();
    world.bundled(&admin, "images", &root(noise(2000))).await;
    let image = world.cloud.register_image(&admin, "images/root.img.manifest.xml").await.unwrap();
    world.cloud.pass().await.unwrap();
    let request = RunRequest { kernel: Some(kernel.id), ..world.request(&admin, image.id) };
    let launched = world.cloud.state().run_instances(request, world.cloud.now()).await.unwrap();
    let id = launched.reservation.instances[0].id;
    world.cloud.deregister_image(&admin, image.id).await.unwrap();
    assert_eq!(world.image_files().len(), 2, "the instance may be moved or restarted");
    world.cloud.state().terminate_instances(None, vec![id], world.cloud.now()).await.unwrap();
    for _ in 0..2 {
        world.cloud.pass().await.unwrap();
    }
    assert_eq!(world.image_files(), [kernel.digest.to_string()]);
}

#[tokio::test]
async fn kernels_and_ramdisks_are_known_by_their_marks_and_registered_by_administrators() {
    let world = World::new().await;
    let (admin, alice) = (world.admin().await, world.user("alice").await);
    for (bucket, name, kernel, ramdisk, kind) in [
        ("a", "linux", Some("true"), None, ImageKind::Kernel),
        ("b", "linux", Some("yes"), None, ImageKind::Kernel),
        ("c", "vmlinuz-6.1", None, None, ImageKind::Kernel),
        ("d", "boot", None, Some("true"), ImageKind::Ramdisk),
        ("e", "initrd.img", None, None, ImageKind::Ramdisk),
    ] {
        let make = Make { name, kernel, ramdisk, ..root(noise(500)) };
        let location = |bucket: &str| format!("{bucket}/{name}.manifest.xml");
        let hers = format!("alice-{bucket}");
        world.bundled(&alice, &hers, &make).await;
        let refused = world.cloud.register_image(&alice, &location(&hers)).await.unwrap_err();
        assert!(refused.to_string().contains("only administrators"), "{refused}");
        world.bundled(&admin, &format!("bucket-{bucket}"), &make).await;
        let place = location(&format!("bucket-{bucket}"));
        let image = world.cloud.register_image(&admin, &place).await.unwrap();
        assert_eq!((image.id.kind(), image.public), (kind, true), "{name}");
    }
    assert_eq!(world.image_files().len(), 5);
}

#[tokio::test]
async fn a_kernel_that_the_manifest_names_must_be_registered() {
    let world = World::new().await;
    let admin = world.admin().await;
    for (bucket, kernel) in [("one", "eki-00000001"), ("two", "aki-1"), ("three", "emi-00000001")] {
        let make = Make { kernel: Some(kernel), ..root(noise(500)) };
        world.bundled(&admin, bucket, &make).await;
        let error = world.refusal(&admin, &format!("{bucket}/root.img.manifest.xml")).await;
        assert!(error.contains(&format!("referenced kernel id is invalid: {kernel}")), "{error}");
    }
}

#[tokio::test]
async fn bundles_that_are_not_what_their_maker_made_are_refused_and_leave_nothing() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let location = "images/root.img.manifest.xml";
    let bundled = world.bundled(&alice, "images", &root(noise(50_000))).await;
    let file = |name: &str| -> (String, Vec<u8>) {
        (format!("images/{name}"), std::fs::read(bundled.dir.path().join(name)).unwrap())
    };
    let (part_path, part) = file("root.img.part.0");
    let (manifest_path, manifest) = file("root.img.manifest.xml");

    let mut flipped = part.clone();
    flipped[1234] ^= 1;
    for bad in [flipped, part[..part.len() - 16].to_vec(), vec![]] {
        world.put(&alice, &part_path, bad).await;
        let error = world.refusal(&alice, location).await;
        assert!(error.contains("part root.img.part.0 of the bundle differs"), "{error}");
    }
    let (deleted, _) = world.s3(&alice, "DELETE", &part_path, vec![]).await;
    assert_eq!(deleted, StatusCode::NO_CONTENT);
    let error = world.refusal(&alice, location).await;
    assert!(error.contains("part root.img.part.0 of the bundle cannot be read"), "{error}");
    world.put(&alice, &part_path, part).await;

    let text = String::from_utf8(manifest.clone()).unwrap();
    let changed = text.replace("<architecture>x86_64<", "<architecture>i386<");
    assert_ne!(changed, text);
    world.put(&alice, &manifest_path, changed.into_bytes()).await;
    let error = world.refusal(&alice, location).await;
    assert!(error.contains("the signature of the manifest does not fit"), "{error}");
    world.put(&alice, &manifest_path, manifest[..manifest.len() / 2].to_vec()).await;
    let error = world.refusal(&alice, location).await;
    assert!(error.contains("the manifest is not valid"), "{error}");

    world.put(&alice, &manifest_path, manifest).await;
    world.cloud.register_image(&alice, location).await.unwrap();
}

#[tokio::test]
async fn bundles_for_another_cloud_or_by_another_user_are_refused() {
    let (world, other) = (World::new().await, World::new().await);
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let mut credentials = world.credentials(&alice).await;
    let theirs = other.credentials(&other.admin().await).await;
    credentials.insert("cloud-cert.pem".into(), theirs["cloud-cert.pem"].clone());
    let foreign = bundle(&credentials, &root(noise(500)));
    world.upload(&alice, "foreign", foreign.dir.path()).await;
    let error = world.refusal(&alice, "foreign/root.img.manifest.xml").await;
    assert!(error.contains("it was bundled for another cloud"), "{error}");

    let hers = bundle(&world.credentials(&alice).await, &root(noise(500)));
    world.upload(&bob, "stolen", hers.dir.path()).await;
    let error = world.refusal(&bob, "stolen/root.img.manifest.xml").await;
    assert!(error.contains("not signed with a certificate of this user"), "{error}");

    world.upload(&alice, "hers", hers.dir.path()).await;
    let error = world.refusal(&bob, "hers/root.img.manifest.xml").await;
    assert!(error.contains("you must own the bucket"), "{error}");
    let error = world.refusal(&bob, "nowhere/root.img.manifest.xml").await;
    assert!(error.contains("you must own the bucket"), "no hint that there is no such bucket");
    let error = world.refusal(&alice, "hers/other.manifest.xml").await;
    assert!(error.contains("there is no \"hers/other.manifest.xml\""), "{error}");
    let error = world.refusal(&alice, "hers").await;
    assert!(error.contains("it must be BUCKET/MANIFEST"), "{error}");
}

#[tokio::test]
async fn what_an_interrupted_registration_left_is_gone_after_a_start() {
    let world = World::new().await;
    let left: PathBuf = world.layout.images().join(".new-abc");
    std::fs::write(&left, "half an image").unwrap();
    let unregistered = protocol::Digest([1; 32]).to_string();
    std::fs::write(world.layout.images().join(unregistered), "nobody's").unwrap();
    let world = world.restarted().await;
    world.cloud.housekeeping().await.unwrap();
    assert!(world.image_files().is_empty(), "{:?}", world.image_files());
}

#[tokio::test]
async fn a_registration_names_the_image_and_replaces_what_the_bundle_says() {
    let world = World::new().await;
    let admin = world.admin().await;
    for name in ["vmlinuz-1", "vmlinuz-2"] {
        world.bundled(&admin, name, &Make { name, ..root(noise(1000)) }).await;
    }
    let kernel = async |name: &str| {
        let location = format!("{name}/{name}.manifest.xml");
        world.cloud.register_image(&admin, &location).await.unwrap().id
    };
    let (bundled, other) = (kernel("vmlinuz-1").await, kernel("vmlinuz-2").await);
    let text = bundled.to_string();
    world.bundled(&admin, "images", &Make { kernel: Some(&text), ..root(noise(2000)) }).await;
    let what = || Registration::from("images/root.img.manifest.xml");
    let register = async |what: Registration| world.cloud.register_image(&admin, what).await;
    assert_eq!(register(what()).await.unwrap().kernel, Some(bundled));
    let named = Registration {
        name: Some("web".into()),
        description: Some("tiny".into()),
        architecture: Some("x86_64".into()),
        kernel: Some(other),
        ..what()
    };
    let image = register(named.clone()).await.unwrap();
    assert_eq!(image.kernel, Some(other));
    assert_eq!((image.name, image.description), (Some("web".into()), Some("tiny".into())));
    let refusal = async |what| register(what).await.unwrap_err().to_string();
    let again = refusal(named).await;
    assert_eq!(again, format!("AMI name web is already in use by AMI {}", image.id));
    let i386 = refusal(Registration { architecture: Some("i386".into()), ..what() }).await;
    assert!(i386.contains("bundled for x86_64, not for i386"), "{i386}");
    let no_kernel = refusal(Registration { kernel: Some(image.id), ..what() }).await;
    assert!(no_kernel.contains("referenced kernel id is invalid"), "{no_kernel}");
    let location = "vmlinuz-1/vmlinuz-1.manifest.xml";
    let kernel = Registration { ramdisk: Some(other), ..Registration::from(location) };
    assert!(refusal(kernel).await.contains("only machine images have a kernel"));
}

/// A disk with a partition table and boot code.
fn disk() -> Vec<u8> {
    let mut disk = noise(1 << 20);
    disk[446..512].fill(0);
    (disk[446 + 4], disk[446 + 8], disk[446 + 12]) = (0x83, 63, 100);
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    disk
}

fn qcow2(raw: &[u8], options: &[&str]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("raw"), directory.path().join("qcow2"));
    std::fs::write(&from, raw).unwrap();
    let mut tool = std::process::Command::new("qemu-img");
    tool.args(["convert", "-f", "raw", "-O", "qcow2"]).args(options).args([&from, &to]);
    assert!(tool.status().unwrap().success());
    std::fs::read(to).unwrap()
}

#[tokio::test]
async fn a_disk_that_boots_by_itself_is_known_from_its_bytes_and_takes_no_kernel() {
    let world = World::new().await;
    let admin = world.admin().await;
    world.bundled(&admin, "kernels", &Make { name: "vmlinuz", ..root(noise(1000)) }).await;
    let kernel = world.cloud.register_image(&admin, "kernels/vmlinuz.manifest.xml").await.unwrap();
    world.cloud.state().set_default_image(ImageKind::Kernel, Some(kernel.id)).await.unwrap();
    for _ in 0..2 {
        world.cloud.pass().await.unwrap();
    }
    for (format, bytes) in
        [(ImageFormat::Raw, disk()), (ImageFormat::Qcow2, qcow2(&disk(), &["-c"]))]
    {
        let bucket = format!("disks-{}", format.as_str());
        world.bundled(&admin, &bucket, &root(bytes)).await;
        let what = || Registration::from(&format!("{bucket}/root.img.manifest.xml"));
        let image = world.cloud.register_image(&admin, what()).await.unwrap();
        assert_eq!((image.format, image.boot, image.kernel), (format, Boot::Bios, None));
        let uefi = Registration { boot_mode: Some(BootMode::Uefi), ..what() };
        assert_eq!(world.cloud.register_image(&admin, uefi).await.unwrap().boot, Boot::Uefi);
        let with_kernel = Registration { kernel: Some(kernel.id), ..what() };
        let refused = world.cloud.register_image(&admin, with_kernel).await.unwrap_err();
        assert!(refused.to_string().contains("boots by itself"), "{refused}");

        let ask = world.request(&admin, image.id);
        let with_kernel = RunRequest { kernel: Some(kernel.id), ..ask.clone() };
        let run = async |ask| world.cloud.state().run_instances(ask, world.cloud.now()).await;
        let refused = run(with_kernel).await.unwrap_err().to_string();
        assert!(refused.contains("takes no kernel and no ramdisk"), "{refused}");
        let launched = run(RunRequest { kernel: None, ramdisk: None, ..ask }).await.unwrap();
        let instance = &launched.reservation.instances[0];
        assert_eq!((instance.kernel, instance.ramdisk), (None, None), "not even the default one");
        let zone = "zone1".parse().unwrap();
        let desired = world.cloud.state().cluster_desired(&zone, "head:8773").await.unwrap();
        let told = desired.instances.iter().find(|told| told.id == instance.id).unwrap();
        assert_eq!((told.root.format, told.root.boot), (format, Boot::Bios));
    }
}

#[tokio::test]
async fn a_qcow2_image_that_points_elsewhere_is_refused_and_leaves_nothing() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let mut backed = qcow2(&disk(), &[]);
    backed[8..20].copy_from_slice(&[0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 11]);
    backed[256..267].copy_from_slice(b"/etc/shadow");
    world.bundled(&alice, "alice", &root(backed)).await;
    let refused = world.refusal(&alice, "alice/root.img.manifest.xml").await;
    assert!(refused.contains("the qcow2 image has a backing file"), "{refused}");
    world.bundled(&alice, "alice", &root(noise(2000))).await;
    let what = Registration {
        boot_mode: Some(BootMode::LegacyBios),
        ..Registration::from("alice/root.img.manifest.xml")
    };
    let refused = world.cloud.register_image(&alice, what).await.unwrap_err().to_string();
    assert!(refused.contains("no boot mode to choose"), "{refused}");
}
