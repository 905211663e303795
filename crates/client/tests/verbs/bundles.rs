//! `bundle-image` and `upload-bundle`.

use crate::server::{Asked, Server};
use crate::{ACCESS, SECRET, eucarc, run};
use bundle::{DEFAULT_MAX_IMAGE_BYTES, Manifest, Part, UnwrappingKey, unbundle};
use signature::s3::Base;
use std::fs;
use std::io;
use std::path::PathBuf;
use tempfile::TempDir;
use types::{ImageKind, Timestamp};

/// A directory with an image, credentials as in the zip of `--get-credentials`, and the cloud's
/// private key.
struct Home {
    directory: TempDir,
    cloud: UnwrappingKey,
}

impl Home {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        let identity = || {
            let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
            let parameters = rcgen::CertificateParams::new(vec!["test".to_owned()]).unwrap();
            (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem())
        };
        let ((cloud, cloud_key), (user, user_key)) = (identity(), identity());
        write("cloud-cert.pem", &cloud);
        write("cert.pem", &user);
        write("pk.pem", &user_key);
        write("disk.img", &"a root filesystem\n".repeat(100_000));
        let cloud = UnwrappingKey::from_pem(&cloud_key).unwrap();
        Self { directory, cloud }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs a line in which `@` stands for this directory.
    fn run(&self, line: &str, address: std::net::SocketAddr) -> (u8, String, String) {
        let here = self.directory.path().to_str().unwrap();
        let mut environment = eucarc("http", address);
        for (variable, name) in [
            ("EC2_CERT", "cert.pem"),
            ("EC2_PRIVATE_KEY", "pk.pem"),
            ("EUCALYPTUS_CERT", "cloud-cert.pem"),
        ] {
            environment.push((variable.to_owned(), format!("{here}/{name}")));
        }
        let (code, out, err) = run(&line.replace('@', here), environment);
        (code, out.replace(here, "@"), err.replace(here, "@"))
    }
}

fn nowhere() -> std::net::SocketAddr {
    "127.0.0.1:1".parse().unwrap()
}

#[test]
fn an_image_is_bundled_for_the_cloud_with_what_eucarc_sets() {
    let home = Home::new();
    let line =
        "ec2-bundle-image -i @/disk.img -d @ --kernel true -r i386 -B ami=sda1,root=/dev/sda1";
    let (code, out, err) = home.run(line, nowhere());
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(
        out,
        "Bundling image file...\nCreated @/disk.img.part.0\nCreated @/disk.img.manifest.xml\n\
         Bundling completed.\n"
    );
    let manifest = Manifest::parse(&fs::read(home.path("disk.img.manifest.xml")).unwrap()).unwrap();
    assert_eq!(manifest.kind(), ImageKind::Kernel);
    assert_eq!(manifest.user, "000100729354");
    assert_eq!(manifest.block_device_mappings.len(), 2);
    let mut image = Vec::new();
    let open = |part: &Part| fs::File::open(home.path(&part.name));
    unbundle(&manifest, &home.cloud, DEFAULT_MAX_IMAGE_BYTES, open, &mut image).unwrap();
    assert_eq!(image, fs::read(home.path("disk.img")).unwrap());
}

#[test]
fn what_is_wrong_with_bundling_is_named() {
    let home = Home::new();
    for (line, code, named) in [
        ("euca-bundle-image -i @/none -d @", 1, "@/none"),
        ("euca-bundle-image -i @/disk.img -d @/none", 1, "@/none"),
        ("euca-bundle-image -i @/disk.img -d @ -c @/none", 1, "@/none"),
        ("euca-bundle-image -i @/disk.img -d @ -c @/pk.pem", 1, "@/pk.pem: the certificate"),
        ("euca-bundle-image -i @/disk.img -d @ -k @/cert.pem", 1, "@/cert.pem: the private key"),
        ("euca-bundle-image -i @/disk.img -d @ -c @/cloud-cert.pem", 1, "belongs to"),
        ("euca-bundle-image -i @/disk.img -d @ -u admin", 1, "digits"),
        ("euca-bundle-image -i @/disk.img -d @ -r sparc", 2, "i386 or x86_64"),
        ("euca-bundle-image -i @/disk.img -d @ -B sda1", 2, "ami=sda1"),
        ("euca-bundle-image -d @", 2, "--image"),
        ("euca-upload-bundle -b bucket -m @/none", 1, "@/none"),
        ("euca-upload-bundle -b bucket -m @/pk.pem", 1, "the manifest is not valid"),
    ] {
        let (got, _, err) = home.run(line, nowhere());
        assert_eq!(got, code, "{line}: {err}");
        assert!(err.contains(named), "{line}: {err}");
    }
}

fn verify(asked: &Asked) {
    let head = asked.head();
    let claim = signature::s3::claim(&head).unwrap().unwrap();
    assert_eq!(claim.access_key(), ACCESS);
    claim.verify(&head, Base::Path("/services/Walrus"), SECRET, Timestamp::now()).unwrap();
    let whole_path = claim.verify(&head, Base::Path(""), SECRET, Timestamp::now());
    assert!(whole_path.is_ok(), "the path is signed as it is sent, prefix included");
}

#[test]
fn a_bundle_is_uploaded_as_amazons_tools_do() {
    let home = Home::new();
    assert_eq!(home.run("euca-bundle-image -i @/disk.img -d @", nowhere()).0, 0);
    let server = Server::start(&[(404, ""), (200, ""), (200, ""), (200, "")]);
    let address = server.address;
    let (code, out, err) =
        home.run("euca-upload-bundle -b images -m @/disk.img.manifest.xml", address);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(
        out.replace(&address.to_string(), "WALRUS"),
        "Creating bucket images...\n\
         Uploading bundled image parts to http://WALRUS/services/Walrus/images ...\n\
         Uploaded disk.img.part.0 to http://WALRUS/services/Walrus/images/disk.img.part.0\n\
         Uploading manifest ...\n\
         Uploaded disk.img.manifest.xml to \
         http://WALRUS/services/Walrus/images/disk.img.manifest.xml\n\
         Bundle upload completed.\n"
    );
    let asked = server.asked();
    let lines: Vec<String> = asked.iter().map(Asked::line).collect();
    assert_eq!(
        lines,
        [
            "GET /services/Walrus/images/?acl",
            "PUT /services/Walrus/images",
            "PUT /services/Walrus/images/disk.img.part.0",
            "PUT /services/Walrus/images/disk.img.manifest.xml",
        ]
    );
    for put in &asked[1..] {
        assert_eq!(put.headers["x-amz-acl"], "aws-exec-read");
    }
    asked.iter().for_each(verify);
    assert_eq!(asked[2].body, fs::read(home.path("disk.img.part.0")).unwrap());
    assert_eq!(asked[3].body, fs::read(home.path("disk.img.manifest.xml")).unwrap());
}

#[test]
fn an_upload_that_is_refused_says_so_and_stops() {
    let home = Home::new();
    assert_eq!(home.run("euca-bundle-image -i @/disk.img -d @", nowhere()).0, 0);
    let refusal = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
    let server = Server::start(&[(403, ""), (403, refusal)]);
    let (code, out, err) =
        home.run("ec2-upload-bundle -b images -m @/disk.img.manifest.xml", server.address);
    assert_eq!((code, err.as_str()), (1, "AccessDenied: Access Denied\n"));
    assert!(out.ends_with("Bundle upload failed.\n"), "{out}");
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn a_missing_part_is_noticed_before_anything_is_sent() -> io::Result<()> {
    let home = Home::new();
    assert_eq!(home.run("euca-bundle-image -i @/disk.img -d @", nowhere()).0, 0);
    fs::remove_file(home.path("disk.img.part.0"))?;
    let (code, _, err) =
        home.run("euca-upload-bundle -b images -m @/disk.img.manifest.xml", nowhere());
    assert_eq!(code, 1);
    assert!(err.contains("@/disk.img.part.0"), "{err}");
    Ok(())
}

/// The answers of a cloud to the steps of an installation, in order.
const INSTALLING: [(u16, &str); 7] = [
    (200, "<R><imagesSet/></R>"),
    (404, ""),
    (200, ""),
    (200, ""),
    (200, ""),
    (200, "<R><imageId>emi-0000000A</imageId></R>"),
    (200, "<R><return>true</return></R>"),
];

#[test]
fn a_disk_is_installed_in_one_step() {
    let home = Home::new();
    let mut disk = vec![0; 1 << 20];
    (disk[0], disk[446 + 4], disk[446 + 8], disk[446 + 12]) = (0xEB, 0x83, 63, 100);
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    fs::write(home.path("debian-12.raw"), disk).unwrap();
    let server = Server::start(&INSTALLING);
    let address = server.address;
    let line = "euca-install-image @/debian-12.raw --public --directory @ --boot-mode legacy-bios";
    let (code, out, err) = home.run(line, address);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.starts_with("Installing debian-12: a disk in raw format\nBundling ...\n"), "{out}");
    assert!(out.ends_with("Registering ...\nIMAGE\temi-0000000A\n"), "{out}");
    let asked = server.asked();
    let bucket = "/services/Walrus/images-000100729354";
    let puts: Vec<_> =
        asked.iter().filter(|asked| asked.method == "PUT").map(Asked::line).collect();
    assert_eq!(puts[0], format!("PUT {bucket}"));
    assert_eq!(puts[1], format!("PUT {bucket}/debian-12.part.0"));
    assert_eq!(puts[2], format!("PUT {bucket}/debian-12.manifest.xml"));
    let registered = asked[5].form();
    for (name, value) in [
        ("Action", "RegisterImage"),
        ("ImageLocation", "images-000100729354/debian-12.manifest.xml"),
        ("Name", "debian-12"),
        ("BootMode", "legacy-bios"),
    ] {
        assert!(registered.contains(&(name.to_owned(), value.to_owned())), "{registered:?}");
    }
    let shared = asked[6].form();
    let all = ("LaunchPermission.Add.1.Group".to_owned(), "all".to_owned());
    assert!(shared.contains(&all), "{shared:?}");
    nothing_temporary_is_left(&home);
}

fn nothing_temporary_is_left(home: &Home) {
    let left = fs::read_dir(home.directory.path()).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!left.into_iter().any(|name| name.starts_with("euca-install-")));
}

#[test]
fn an_installation_that_fails_leaves_nothing_and_says_why() {
    let taken = "<R><imagesSet><item><imageId>emi-0000000B</imageId></item></imagesSet></R>";
    let refused = "<Response><Errors><Error><Code>InvalidManifest</Code>\
                   <Message>not good</Message></Error></Errors></Response>";
    let mut registration = INSTALLING.to_vec();
    registration[5] = (400, refused);
    for (answers, line, told) in [
        (vec![(200, taken)], "euca-install-image @/disk.img", "installed already, as emi-0000000B"),
        (registration, "euca-install-image @/disk.img", "InvalidManifest: not good"),
        (vec![], "euca-install-image @/none", "@/none"),
        (vec![], "euca-install-image @/disk.img --boot-mode uefi", "leave --boot-mode out"),
        (vec![], "euca-install-image @/disk.img --public --private", "cannot be used with"),
    ] {
        let home = Home::new();
        let server = Server::start(&answers);
        let address = if answers.is_empty() { nowhere() } else { server.address };
        let (code, _, err) = home.run(&format!("{line} --directory @"), address);
        assert_ne!(code, 0, "{line}");
        assert!(err.contains(told), "{line}: {err}");
        nothing_temporary_is_left(&home);
    }
}
