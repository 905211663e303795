//! The tools for image attributes and imported keys.

use crate::ec2::check;
use crate::run;

#[test]
fn image_attributes_are_described() {
    for (option, attribute, answer, printed) in [
        (
            "-l",
            "launchPermission",
            "<launchPermission><item><group>all</group></item><item><userId>000100729354</userId>\
             </item></launchPermission>",
            "launchPermission|emi-0123ABCD|group|all\n\
             launchPermission|emi-0123ABCD|userId|000100729354\n",
        ),
        (
            "-p",
            "productCodes",
            "<productCodes><item><productCode>774F4FF8</productCode></item></productCodes>",
            "productCodes|emi-0123ABCD|productCode|774F4FF8\n",
        ),
        ("-B", "blockDeviceMapping", "<blockDeviceMapping/>", ""),
        (
            "--kernel",
            "kernel",
            "<kernel><value>eki-00000001</value></kernel>",
            "kernel|emi-0123ABCD||eki-00000001\n",
        ),
        ("--ramdisk", "ramdisk", "<ramdisk/>", ""),
    ] {
        check(
            &format!("euca-describe-image-attribute emi-0123ABCD {option}"),
            &[
                ("Action", "DescribeImageAttribute"),
                ("ImageId", "emi-0123ABCD"),
                ("Attribute", attribute),
            ],
            &format!("<R><imageId>emi-0123ABCD</imageId>{answer}</R>"),
            printed,
        );
    }
    let (code, _, err) = run("ec2datt emi-0123ABCD -l -p", Vec::new());
    assert_eq!(code, 2, "{err}");
}

#[test]
fn image_attributes_are_changed_and_reset() {
    let done = "<R><return>true</return></R>";
    check(
        "ec2-modify-image-attribute emi-0123ABCD -l -a all -a bob -r 000100729354",
        &[
            ("Action", "ModifyImageAttribute"),
            ("ImageId", "emi-0123ABCD"),
            ("Attribute", "launchPermission"),
            ("LaunchPermission.Add.1.Group", "all"),
            ("LaunchPermission.Add.2.UserId", "bob"),
            ("LaunchPermission.Remove.1.UserId", "000100729354"),
        ],
        done,
        "launchPermission|emi-0123ABCD|ADD|group|all\n\
         launchPermission|emi-0123ABCD|ADD|userId|bob\n\
         launchPermission|emi-0123ABCD|REMOVE|userId|000100729354\n",
    );
    check(
        "ec2matt emi-0123ABCD -p 774F4FF8",
        &[
            ("Action", "ModifyImageAttribute"),
            ("ImageId", "emi-0123ABCD"),
            ("Attribute", "productCodes"),
            ("ProductCode.1", "774F4FF8"),
        ],
        done,
        "productCodes|emi-0123ABCD|productCode|774F4FF8\n",
    );
    check(
        "euca-reset-image-attribute -l emi-0123ABCD",
        &[
            ("Action", "ResetImageAttribute"),
            ("ImageId", "emi-0123ABCD"),
            ("Attribute", "launchPermission"),
        ],
        done,
        "launchPermission|emi-0123ABCD|RESET\n",
    );
    for misuse in ["", " -l", " -a bob", " -l -a bob -p 1"] {
        let (code, _, err) = run(&format!("ec2matt emi-0123ABCD{misuse}"), Vec::new());
        assert_eq!(code, 2, "{misuse}: {err}");
    }
}

#[test]
fn confirm_product_instance() {
    check(
        "ec2-confirm-product-instance 774F4FF8 -i i-4EA305C1",
        &[
            ("Action", "ConfirmProductInstance"),
            ("ProductCode", "774F4FF8"),
            ("InstanceId", "i-4EA305C1"),
        ],
        "<R><return>true</return><ownerId>000100729354</ownerId></R>",
        "774F4FF8|i-4EA305C1|true|000100729354\n",
    );
}

#[test]
fn register_with_names_and_boot_images() {
    check(
        "ec2reg images/i.manifest.xml -n web -d tiny -a x86_64 --kernel eki-00000001 --ramdisk \
         eri-00000002",
        &[
            ("Action", "RegisterImage"),
            ("ImageLocation", "images/i.manifest.xml"),
            ("Name", "web"),
            ("Description", "tiny"),
            ("Architecture", "x86_64"),
            ("KernelId", "eki-00000001"),
            ("RamdiskId", "eri-00000002"),
        ],
        "<R><imageId>emi-0123ABCD</imageId></R>",
        "IMAGE|emi-0123ABCD\n",
    );
}

#[test]
fn import_keypair() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("id.pub");
    std::fs::write(&path, "hi?").unwrap();
    check(
        &format!("euca-import-keypair mykey -f {}", path.display()),
        &[("Action", "ImportKeyPair"), ("KeyName", "mykey"), ("PublicKeyMaterial", "aGk/")],
        "<R><keyName>mykey</keyName><keyFingerprint>1f:51</keyFingerprint></R>",
        "KEYPAIR|mykey|1f:51\n",
    );
}
