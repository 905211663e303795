use crate::world::World;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use x509_parser::prelude::{FromDer, X509Certificate};

#[tokio::test]
async fn the_zip_has_what_1_4_put_there_and_works_when_sourced() {
    let world = World::new().await;
    let alice = world.user("alice@example.org").await;
    let files = world.credentials(&alice).await;
    let names: Vec<_> = files.keys().cloned().collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert_eq!(&names[..1], ["cloud-cert.pem"]);
    let stem = names[1].strip_suffix("-cert.pem").unwrap();
    let digits = stem.strip_prefix("euca2-alice@example.org-").unwrap();
    assert!(digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_hexdigit()), "{digits}");
    assert_eq!(names[2], format!("{stem}-pk.pem"));
    assert_eq!(names[3], "eucarc");

    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in &files {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    for shell in ["sh", "bash"] {
        let script = "set -eu; . \"$1/eucarc\"
            for file in \"$EC2_CERT\" \"$EC2_PRIVATE_KEY\" \"$EUCALYPTUS_CERT\"; do cat \"$file\"; done
            echo \"$EC2_URL $S3_URL $EC2_ACCESS_KEY $EC2_USER_ID $AWS_DEFAULT_REGION ${AWS_CA_BUNDLE:-none}\"";
        let output = Command::new(shell)
            .args(["-c", script, shell])
            .arg(dir.path())
            .env_remove("AWS_CA_BUNDLE")
            .output()
            .unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(shown.matches("BEGIN CERTIFICATE").count(), 2);
        assert_eq!(shown.matches("BEGIN PRIVATE KEY").count(), 1);
        let expect = format!(
            "http://10.0.0.1:8773/services/Eucalyptus http://10.0.0.1:8773/services/Walrus {} {} \
             eucalyptus none",
            alice.access_key, alice.account
        );
        assert_eq!(shown.lines().last().unwrap(), expect);
    }
}

#[tokio::test]
async fn every_download_makes_a_certificate_that_is_kept_and_fits_its_key() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let (first, second) = (world.credentials(&alice).await, world.credentials(&alice).await);
    assert_ne!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>());
    let kept = world.cloud.state().certificates(Some(alice.account)).await.unwrap();
    assert_eq!(kept.len(), 2);
    for files in [first, second] {
        let of = |suffix: &str| {
            let found =
                files.iter().find(|(name, _)| name.starts_with("euca2-") && name.ends_with(suffix));
            String::from_utf8(found.unwrap().1.clone()).unwrap()
        };
        assert!(kept.iter().any(|certificate| certificate.pem == of("-cert.pem")));
        let (_, pem) = x509_parser::pem::parse_x509_pem(of("-cert.pem").as_bytes()).unwrap();
        let (_, certificate) = X509Certificate::from_der(&pem.contents).unwrap();
        assert_eq!(certificate.subject().iter_common_name().next().unwrap().as_str(), Ok("alice"));
        let public = certificate.public_key().parsed().unwrap();
        assert_eq!(public.key_size(), 2048);
        let key = rcgen::KeyPair::from_pem(&of("-pk.pem")).unwrap();
        assert_eq!(
            key.public_key_raw(),
            certificate.public_key().subject_public_key.data.as_ref(),
            "key and certificate belong together"
        );
    }
}

#[tokio::test]
async fn over_https_the_zip_brings_the_authority() {
    let world = World::at("https://cloud.example.org:8773").await;
    let roles = [transport::Role::Cloud];
    transport::pki::prepare(&world.layout.keys(), &[], &roles).unwrap();
    let files = world.credentials(&world.admin().await).await;
    let authority = transport::pki::authority_certificate(&world.layout.keys());
    assert_eq!(files["ca-cert.pem"], std::fs::read(authority).unwrap());
    let eucarc = String::from_utf8(files["eucarc"].clone()).unwrap();
    assert!(eucarc.contains("export AWS_CA_BUNDLE=\"${EUCA_KEY_DIR}\"/'ca-cert.pem'"), "{eucarc}");
    assert!(eucarc.contains("'https://cloud.example.org:8773/services/Eucalyptus'"), "{eucarc}");
}

#[tokio::test]
async fn the_image_key_is_made_once_and_private() {
    let world = World::new().await;
    let read = |world: &World| std::fs::read(world.layout.keys().join("cloud-pk.pem")).unwrap();
    let (before, admin) = (read(&world), world.admin().await);
    let path = world.layout.keys().join("cloud-pk.pem");
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    let world = world.restarted().await;
    assert_eq!(read(&world), before);
    assert_eq!(world.admin().await, admin, "no second first start");
}
