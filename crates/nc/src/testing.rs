//! What the tests of this crate share.

use protocol::{
    Attachment, Digest, Goal, ImageRef, InstanceDesired, InstanceKey, MetadataOptions, Nic,
};
use types::{
    Boot, Figures, ImageFormat, ImageId, ImageKind, InstanceId, MacAddr, NetworkTag, Timestamp,
    UserName,
};

/// An image of this kind.
fn image(kind: ImageKind, bits: u32) -> ImageRef {
    let id = ImageId::from_bits(kind, bits);
    ImageRef {
        id,
        location: format!("images/{id}.manifest.xml"),
        digest: Digest([bits as u8; 32]),
        size: 1 << 20,
        format: ImageFormat::Raw,
        boot: Boot::Kernel,
    }
}

/// An instance of user alice that should run; its address is the same for all ids.
pub(crate) fn instance(id: &str) -> InstanceDesired {
    let id: InstanceId = id.parse().unwrap();
    let user: UserName = "alice".parse().unwrap();
    InstanceDesired {
        id,
        goal: Goal::Run,
        reboots: 0,
        turn: 0,
        forced: false,
        reservation: "r-00000009".parse().unwrap(),
        launch_index: 3,
        launch_time: Timestamp::from_millis(1_000),
        account: types::AccountId::preferred(&user),
        user,
        groups: vec!["default".parse().unwrap()],
        vm_type: "m1.small".to_owned(),
        figures: Figures { cores: 1, memory_mb: 128, disk_gb: 10 },
        root: image(ImageKind::Machine, 1),
        kernel: Some(image(ImageKind::Kernel, 2)),
        ramdisk: Some(image(ImageKind::Ramdisk, 3)),
        key: Some(InstanceKey {
            name: "my key".parse().unwrap(),
            public_key: "ssh-ed25519 AAAA alice".to_owned(),
        }),
        user_data: Vec::new(),
        metadata: MetadataOptions::default(),
        nic: Nic { mac: MacAddr::of_instance(id), attachment: in_group("192.168.2.2") },
        request: None,
    }
}

/// In the first group network, with this address.
pub(crate) fn in_group(ip: &str) -> Attachment {
    Attachment::Group { tag: NetworkTag::FIRST, ip: ip.parse().unwrap(), public_ip: None }
}
