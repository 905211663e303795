//! Instances of versions that had no links to what they use.

use super::*;

#[tokio::test]
async fn what_older_instances_use_is_never_evicted() {
    let mut node = Node::new();
    let image = node.images.add(b"root");
    let kernel = node.images.add(b"kernel");
    let (base, kernel) = (node.cached(&image, "base-1"), node.cached(&kernel, "image"));
    let forgotten = node.cached(&image, "base-2");
    for file in [&base, &kernel, &forgotten] {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "old").unwrap();
    }
    fs::create_dir_all(node.instance()).unwrap();
    fs::write(node.instance().join(ROOT), "an overlay").unwrap();
    let entry = format!(
        r#"{{"desired":{{"root":{{"digest":"{}"}},"figures":{{"disk_gb":1}}}},
            "disks":{{"kernel":"{}","ramdisk":"/etc/passwd"}}}}"#,
        image.digest,
        kernel.display(),
    );
    fs::write(node.instance().join("instance.json"), entry).unwrap();

    node.options.cache_mb = 0;
    let disks = node.disks().await;
    evict::make_room(&disks.cache, 0, &[]).await.unwrap();
    assert!(base.exists() && kernel.exists() && !forgotten.exists());
    assert!(!node.instance().join("ramdisk").exists(), "a link to a file of somebody else");
    let id = InstanceId::from_bits(0x4EA3_05C1);
    disks.discard(&"alice".parse().unwrap(), id).await.unwrap();
    evict::make_room(&disks.cache, 0, &[]).await.unwrap();
    assert!(!base.exists() && !kernel.exists());
}
