use super::*;

const REFERENCE: &str = include_str!("../../tests/reference/image.img.manifest.xml");

fn refusal(document: &str) -> String {
    Manifest::parse(document.as_bytes()).expect_err("it must be refused").to_string()
}

#[test]
fn every_value_of_a_manifest_by_the_steps_of_amazons_tools_is_read() {
    let manifest = Manifest::parse(REFERENCE.as_bytes()).unwrap();
    assert_eq!(manifest.architecture, Architecture::X86_64);
    assert_eq!(manifest.kernel_id.as_deref(), Some("eki-0123ABCD"));
    assert_eq!(manifest.ramdisk_id, None);
    assert_eq!(manifest.block_device_mappings[1].virtual_name, "root");
    assert_eq!(manifest.block_device_mappings[1].device, "/dev/sda1");
    assert_eq!((manifest.image_name.as_str(), manifest.size), ("image.img", 1 << 20));
    assert_eq!(manifest.user, "000100729354");
    assert_eq!(manifest.cloud_secret.key.len(), 256);
    assert_eq!(manifest.parts[0].name, "image.img.part.0");
    assert!(manifest.parts.len() > 1);
    assert_eq!(manifest.kind(), ImageKind::Machine);
}

#[test]
fn kernels_and_ramdisks_are_marked_by_a_literal_or_by_their_name() {
    let kind = |from: &str, to: &str| {
        let document = REFERENCE.replace(from, to);
        assert_ne!(document, REFERENCE, "{from} is in the reference");
        Manifest::parse(document.as_bytes()).unwrap().kind()
    };
    let ramdisk = "</kernel_id><ramdisk_id>true</ramdisk_id>";
    assert_eq!(kind("eki-0123ABCD", "true"), ImageKind::Kernel);
    assert_eq!(kind("eki-0123ABCD", "yes"), ImageKind::Kernel);
    assert_eq!(kind("</kernel_id>", ramdisk), ImageKind::Ramdisk);
    assert_eq!(kind("<name>image", "<name>vmlinuz"), ImageKind::Kernel);
    assert_eq!(kind("<name>image", "<name>initrd"), ImageKind::Ramdisk);
    assert_eq!(kind("eki-0123ABCD", ""), ImageKind::Machine);
}

#[test]
fn a_malformed_value_is_named() {
    for (from, to, named) in [
        ("<manifest>", "<!DOCTYPE m><manifest>", "document type"),
        ("<manifest>", "<manifesto>", "XML"),
        ("2007-10-10", "2006-10-10", "version"),
        ("x86_64", "sparc", "architecture"),
        ("<size>1048576", "<size>-1", "size"),
        ("<size>1048576", "<size>99999999999999999999", "size"),
        ("<bundled_size>", "<bundled_size>99999999", "bundled_size"),
        ("algorithm='AES-128-CBC'", "algorithm='ROT13'", "AES-128-CBC"),
        ("algorithm='SHA1'", "algorithm='MD5'", "SHA1"),
        ("SHA1(stdin)= ", "SHA1(stdin)= 0", "SHA1"),
        ("image.img.part.0", "../../etc/passwd", "plain name"),
        ("image.img.part.0", "..", "plain name"),
        ("image.img.part.0", "", "plain name"),
        ("image.img.part.0", "a\nb", "control"),
        ("image.img.part.0", "image.img.part.1", "twice"),
        ("index='0'", "index='1'", "order"),
        ("<parts count='", "<parts count='1", "count"),
        ("<image>", "<image><name>x</name>", "more than one name"),
        ("</manifest>", "<image></image></manifest>", "more than one image"),
        ("<signature>", "<signature>zz", "signature"),
        ("<user>", "<user>&nbsp;", "entity"),
        ("<user>", "<user><!-- x -->", "comment"),
    ] {
        assert!(REFERENCE.contains(from), "{from} is in the reference");
        let message = refusal(&REFERENCE.replacen(from, to, 1));
        assert!(message.contains(named), "{to}: {message}");
    }
}

#[test]
fn size_and_count_are_bounded() {
    let padded = REFERENCE.replace("<image>", &format!("<image>{}", " ".repeat(1 << 20)));
    assert!(refusal(&padded).contains("over 1048576 bytes"));
    let part = "<part index='0'><filename>x</filename></part>";
    let many = format!("<parts count='5000'>{}", part.repeat(5000));
    let start = REFERENCE.find("<parts").unwrap();
    let end = REFERENCE.find("</parts>").unwrap();
    let document = format!("{}{many}{}", &REFERENCE[..start], &REFERENCE[end..]);
    assert!(refusal(&document).contains("1 to 4096 parts"));
    assert!(Manifest::parse(b"\xff\xfe<\0").is_err());
    assert!(Manifest::parse(b"").is_err());
}

#[test]
fn the_signature_covers_the_very_bytes_that_are_read() {
    let pem = include_bytes!("../../tests/reference/user-cert.pem");
    let certificates = [Certificate::from_pem(pem).unwrap()];
    let verdict = |document: &str| {
        Manifest::parse(document.as_bytes()).unwrap().verify_signature(&certificates).is_ok()
    };
    assert!(verdict(REFERENCE));
    for (from, to) in [
        ("x86_64", "i386"),
        ("<architecture>", "<architecture> "),
        ("eki-0123ABCD", "eki-0123ABCE"),
        ("000100729354", "000100729355"),
        ("'AES-128-CBC'", "\"AES-128-CBC\""),
        ("<image>", "<image>\n"),
        ("<signature>", "<signature>00"),
    ] {
        assert!(!verdict(&REFERENCE.replacen(from, to, 1)), "{to}");
    }
    let outside = REFERENCE.replace("ec2-ami-tools", "another bundler");
    assert!(verdict(&outside), "the bundler's name is not signed");
}

#[test]
fn a_signature_by_somebody_else_does_not_fit() {
    let manifest = Manifest::parse(REFERENCE.as_bytes()).unwrap();
    let (stranger, _) = crate::tests::identity();
    assert!(matches!(manifest.verify_signature(&[]), Err(BundleError::Signature)));
    assert!(matches!(manifest.verify_signature(&[stranger]), Err(BundleError::Signature)));
}
