//! What stays in the cache, what goes, and what is found damaged.

use super::*;
use std::os::unix::fs::FileExt;
use std::time::SystemTime;

/// Sets when an image or base was last used.
fn used(file: &Path, seconds: u64) {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    fs::File::open(file).unwrap().set_modified(at).unwrap();
}

fn other(request: &DiskRequest, bits: u32) -> DiskRequest {
    DiskRequest { id: InstanceId::from_bits(bits), ..request.clone() }
}

#[tokio::test]
async fn the_least_recently_used_goes_and_nothing_that_an_instance_has() {
    let mut node = Node::new();
    let images = [1_u8, 2, 3].map(|number| node.images.add(&vec![number; 1 << 20]));
    for (bits, image) in (1..).zip(&images) {
        node.prepare(&other(&request(image), bits)).await.unwrap();
    }
    let alice = "alice".parse().unwrap();
    let disks = node.disks().await;
    for bits in [1, 3] {
        disks.discard(&alice, InstanceId::from_bits(bits)).await.unwrap();
    }
    for (seconds, image) in (10..).zip(&images) {
        used(&node.cached(image, "image"), seconds);
        used(&node.cached(image, "part-1-0-0.seal"), 100 + seconds);
    }
    // A restarted node controller has nothing in memory, and the second instance may be stopped.
    // Of 6 MB the images go first, then the base of the first; that of the second is in use.
    let there = |node: &Node| {
        images
            .clone()
            .map(|image| (node.cached(&image, "image").exists(), node.base(&image).exists()))
    };
    for (limit, expected) in [
        (99, [(true, true), (true, true), (true, true)]),
        (5, [(false, true), (false, true), (true, true)]),
        (3, [(false, false), (false, true), (false, true)]),
        (0, [(false, false), (false, true), (false, false)]),
    ] {
        node.options.cache_mb = limit;
        let disks = node.disks().await;
        evict::make_room(&disks.cache, 0, &[]).await.unwrap();
        assert_eq!(there(&node), expected, "with {limit} MB");
    }
    assert!(!node.cached(&images[0], "").exists(), "an empty directory stayed");
    run("qemu-img", &["check", "-q"], &[&node.path.path().join("alice/i-00000002/root")]);
    disks.discard(&alice, InstanceId::from_bits(2)).await.unwrap();
    evict::make_room(&node.disks().await.cache, 0, &[]).await.unwrap();
    assert_eq!(there(&node)[1], (false, false));
}

#[tokio::test]
async fn a_launch_keeps_what_it_is_using() {
    let mut node = Node::new();
    node.options.cache_mb = 0;
    let image = node.images.add(&ext4(&[]));
    let disks = node.disks().await;
    let lock = disks.cache.claims.try_claim(&node.cached(&image, "")).unwrap();
    fs::create_dir_all(node.cached(&image, "")).unwrap();
    fs::write(node.cached(&image, "image.part"), "half").unwrap();
    evict::make_room(&disks.cache, 0, &[]).await.unwrap();
    assert!(node.cached(&image, "image.part").exists(), "another launch downloads it");
    drop(lock);
    evict::make_room(&disks.cache, 0, &[]).await.unwrap();
    assert!(!node.cached(&image, "").exists());
    // With no cache at all, launches work and only what they use is there.
    node.prepare(&request(&image)).await.unwrap();
    evict::make_room(&disks.cache, 0, &[]).await.unwrap();
    assert!(!node.cached(&image, "image").exists() && node.base(&image).exists());
}

#[tokio::test]
async fn capacity_counts_what_eviction_could_free_once() {
    let node = Node::new();
    let image = node.images.add(&vec![7; 3 << 20]);
    node.prepare(&request(&image)).await.unwrap();
    let disks = node.disks().await;
    let bytes = |name: &str| fs::metadata(node.cached(&image, name)).unwrap().blocks() * 512;
    let evictable = || evict::evictable_bytes(&disks.cache).unwrap();
    assert_eq!(evictable(), bytes("image"), "the base is in use");
    let held = files::held_bytes(node.path.path(), &instance::OWN).unwrap();
    assert!(held < 1 << 20, "the link to the base is counted as the instance's: {held}");
    disks.discard(&request(&image).user, request(&image).id).await.unwrap();
    assert_eq!(evictable(), bytes("image") + bytes("part-1-0-0"));
    assert_eq!(evict::make_room(&disks.cache, u64::MAX / 2, &[]).await.unwrap(), 6 * MB + 4096);
    assert_eq!(evictable(), 0);
}

#[tokio::test]
async fn damage_is_found_before_it_is_used() {
    let cases: [(&str, &str, bool); 4] = [
        ("image", "its bytes", true),
        ("part-1-0-0", "its bytes", true),
        ("image", "its length", false),
        ("part-1-0-0", "its length", false),
    ];
    for (name, what, keeps_its_looks) in cases {
        let node = Node::new();
        let image = node.images.add(&ext4(&[]));
        node.prepare(&request(&image)).await.unwrap();
        let good = beginning(&node.base(&image), 9 * MB);
        let file = fs::File::options().write(true).open(node.cached(&image, name)).unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        if keeps_its_looks {
            file.write_all_at(b"worm", 2 * MB).unwrap();
            file.set_modified(modified).unwrap();
        } else {
            file.set_len(1000).unwrap();
        }
        let disks = node.disks().await;
        check::check(&disks.cache).await.unwrap();
        assert!(!node.cached(&image, name).exists(), "{what} of {name}");
        disks.prepare(&other(&request(&image), 2), &node.images, &|_| ()).await.unwrap();
        let again = beginning(&node.base(&image), 9 * MB);
        assert_eq!(good.len(), again.len());
        assert_eq!(good[..510], again[..510]);
        // The other instance still has the base over which it was made.
        assert!(node.instance().join("base").exists());
        assert_eq!(node.images.opens(), [0], "what is whole is not fetched again");
    }
}

#[tokio::test]
async fn a_check_that_finds_nothing_changes_nothing() {
    let node = Node::new();
    let image = node.images.add(&ext4(&[]));
    node.prepare(&request(&image)).await.unwrap();
    let disks = node.disks().await;
    check::check(&disks.cache).await.unwrap();
    assert!(node.cached(&image, "image").exists() && node.base(&image).exists());
    let told = std::sync::Mutex::new(Vec::new());
    let progress = |text| told.lock().unwrap().push(text);
    let larger = DiskRequest { disk_gb: 2, ..other(&request(&image), 2) };
    disks.prepare(&larger, &node.images, &progress).await.unwrap();
    let told = told.into_inner().unwrap();
    assert_eq!(told, [format!("making the disk of image {}", image.id)], "it was read again");
}

#[tokio::test]
async fn an_image_that_was_registered_again_starts_from_its_new_bytes() {
    let node = Node::new();
    let old = node.images.add(&ext4(&[("etc/motd", "old")]));
    let new = node.images.add(&ext4(&[("etc/motd", "new")]));
    let new = ImageRef { id: old.id, location: old.location.clone(), ..new };
    node.prepare(&request(&old)).await.unwrap();
    node.prepare(&other(&request(&new), 2)).await.unwrap();
    node.prepare(&other(&request(&old), 3)).await.unwrap();
    for (instance, motd) in [("i-4EA305C1", "old"), ("i-00000002", "new"), ("i-00000003", "old")] {
        let base = node.path.path().join("alice").join(instance).join("base");
        assert_eq!(run("debugfs", &["-R", "cat /etc/motd"], &[&root_partition(&base)]), motd);
    }
}
