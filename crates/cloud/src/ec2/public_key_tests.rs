use super::*;
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a tool; what it prints.
fn tool(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}");
    output.stdout
}

/// Makes a key pair with ssh-keygen; the file of its public half.
fn make(dir: &Path, kind: &str, bits: &str) -> PathBuf {
    let file = dir.join(format!("{kind}{bits}"));
    let path = file.to_str().unwrap();
    tool("ssh-keygen", &["-q", "-t", kind, "-b", bits, "-N", "", "-C", "a b", "-f", path]);
    file.with_extension("pub")
}

fn parse(material: impl AsRef<[u8]>) -> Result<PublicKey, WrongKey> {
    PublicKey::parse(material.as_ref())
}

#[test]
fn all_forms_of_a_key_are_the_same_key_with_the_fingerprint_of_openssl() {
    let dir = tempfile::tempdir().unwrap();
    for bits in ["1024", "2048", "4096"] {
        let file = make(dir.path(), "rsa", bits);
        let path = file.to_str().unwrap();
        let line = std::fs::read_to_string(&file).unwrap();
        let key = parse(&line).unwrap();
        assert_eq!(key.kind(), KeyType::Rsa);
        let words: Vec<_> = line.split(' ').take(2).collect();
        assert_eq!(key.line("alice@eucalyptus"), format!("{} alice@eucalyptus", words.join(" ")));

        let rfc4716 = tool("ssh-keygen", &["-e", "-m", "RFC4716", "-f", path]);
        assert_eq!(parse(&rfc4716).unwrap(), key);
        let pem = tool("ssh-keygen", &["-e", "-m", "PKCS8", "-f", path]);
        assert_eq!(parse(&pem).unwrap(), key);
        let body: String =
            String::from_utf8(pem).unwrap().lines().filter(|l| !l.contains('-')).collect();
        assert_eq!(parse(&body).unwrap(), key, "base64 of DER");
        let der = BASE64.decode(&body).unwrap();
        assert_eq!(parse(&der).unwrap(), key);

        let der_file = dir.path().join("der");
        std::fs::write(&der_file, &der).unwrap();
        let told = tool("openssl", &["md5", "-c", der_file.to_str().unwrap()]);
        let told = String::from_utf8(told).unwrap();
        assert_eq!(told.trim().rsplit(' ').next().unwrap(), key.fingerprint());
    }
}

#[test]
fn an_ed25519_key_has_the_fingerprint_of_ssh() {
    let dir = tempfile::tempdir().unwrap();
    let file = make(dir.path(), "ed25519", "256");
    let key = parse(std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(key.kind(), KeyType::Ed25519);
    assert!(key.line("x@y").starts_with("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"));
    let told = tool("ssh-keygen", &["-l", "-f", file.to_str().unwrap()]);
    let told = String::from_utf8(told).unwrap();
    let digest = told.split(' ').nth(1).unwrap().strip_prefix("SHA256:").unwrap();
    assert_eq!(key.fingerprint().trim_end_matches('='), digest);
}

#[test]
fn keys_of_other_kinds_and_sizes_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let ecdsa = std::fs::read(make(dir.path(), "ecdsa", "256")).unwrap();
    assert_eq!(parse(ecdsa), Err(WrongKey::Kind));
    let large = PublicKey::Rsa { exponent: vec![3], modulus: vec![0xff; 513] };
    assert_eq!(parse(large.line("c")), Err(WrongKey::Size(4104)));
    let small = PublicKey::Rsa { exponent: vec![3], modulus: vec![0xff; 127] };
    assert_eq!(parse(small.line("c")), Err(WrongKey::Size(1016)));
    for (exponent, last) in [(vec![3], 2), (vec![4], 1), (vec![1], 1), (vec![1; 9], 1)] {
        let mut modulus = vec![0xff; 256];
        modulus[255] = last;
        let wrong = PublicKey::Rsa { exponent, modulus };
        assert_eq!(parse(wrong.line("c")), Err(WrongKey::Numbers), "{wrong:?}");
    }
}

#[test]
fn nothing_but_the_key_is_taken_from_a_line() {
    let point = PublicKey::Ed25519([7; 32]);
    let line = point.line("user@host");
    let (_, blob) = line.split_once(' ').unwrap();
    let blob = blob.split(' ').next().unwrap();
    for good in [line.clone(), format!(" {line}\r\n"), format!("ssh-ed25519  {blob}")] {
        assert_eq!(parse(&good).as_ref(), Ok(&point), "{good:?}");
    }
    let sneaky = parse(format!("{line} from=\"*\" command=\"sh\"")).unwrap();
    assert_eq!(sneaky.line("bob@eucalyptus"), format!("ssh-ed25519 {blob} bob@eucalyptus"));
    for bad in [
        format!("{line}\n{line}"),
        format!("command=\"sh\" {line}"),
        format!("{line}\nssh-rsa x"),
        format!("ssh-rsa {blob}"),
        format!("ssh-ed25519 {blob}AAAA"),
        format!("ssh-ed25519 {}", &blob[..40]),
        format!("ssh-ed25519\t{blob}"),
        "ssh-rsa".to_owned(),
        String::new(),
        "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----".to_owned(),
        "---- BEGIN SSH2 PUBLIC KEY ----\nComment: x\\\n---- END SSH2 PUBLIC KEY ----".to_owned(),
    ] {
        assert!(parse(&bad).is_err(), "{bad:?}");
    }
    assert!(parse([0xff, 0xfe]).is_err());
}

proptest! {
    #[test]
    fn any_material_is_a_key_that_reads_back_or_is_refused(
        material: Vec<u8>,
        der in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let info = [vec![der::SEQUENCE, 0x81, 0xc8], der].concat();
        for bytes in [material, info] {
            if let Ok(key) = PublicKey::parse(&bytes) {
                prop_assert_eq!(parse(key.line("c")), Ok(key));
            }
        }
    }
}
