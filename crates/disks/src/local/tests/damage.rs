//! Crashes, full disks and files that are not what they were.

use super::*;
use crate::local::fuse::{Export, MOUNT_POINT};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::collections::HashSet;
use types::{Boot, ImageFormat};

#[tokio::test]
async fn a_cached_image_that_changed_is_fetched_again() {
    let changes: [fn(&mut Vec<u8>); 2] = [|bytes| bytes[3] ^= 1, |bytes| bytes.truncate(9)];
    for change in changes {
        let node = Node::new();
        let (kernel, root) = (node.images.add(b"a good kernel"), node.images.add(b"root"));
        let request = DiskRequest { kernel: Some(kernel.clone()), ..request(&root) };
        let file = node.prepare(&request).await.unwrap().kernel.unwrap();
        let mut bytes = fs::read(&file).unwrap();
        change(&mut bytes);
        fs::write(&file, bytes).unwrap();
        node.prepare(&request).await.unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"a good kernel");
        assert_eq!(mode(&file), 0o444);
    }
}

#[tokio::test]
async fn a_base_that_is_not_whole_is_made_again() {
    let node = Node::new();
    let image = node.images.add(&ext4(&[]));
    node.prepare(&request(&image)).await.unwrap();
    let base = node.base(&image);
    fs::File::options().write(true).open(&base).unwrap().set_len(1000).unwrap();
    node.prepare(&request(&image)).await.unwrap();
    assert_eq!(fs::metadata(&base).unwrap().len(), (1 << 30) + MB);
    assert_eq!(node.images.opens(), [0], "the image itself was still there");
}

#[tokio::test]
async fn a_preparation_that_died_at_any_step_is_repeated() {
    let node = Node::new();
    let image = node.images.add(&ext4(&[("root/", "")]));
    let key = Some("ssh-rsa AAAA".to_owned());
    let request = DiskRequest { public_key: key, ..request(&image) };
    node.prepare(&request).await.unwrap();

    // As after kill -9 in the middle of writing the key: a daemon, its mount and half an overlay.
    fs::copy(node.instance().join(ROOT), node.instance().join(ROOT_BEING_MADE)).unwrap();
    drop(Export::open(&node.instance(), ROOT_BEING_MADE, MB, 1 << 30).await.unwrap());
    fs::write(node.instance().join("authorized_keys.tmp"), "half").unwrap();
    fs::write(node.cached(&image, "part-1-0-0.tmp"), "half").unwrap();
    fs::write(node.cached(&image, "part-2-0-0.tmp"), "half").unwrap();

    node.prepare(&request).await.unwrap();
    assert_eq!(HashSet::from_iter(files::names(&node.instance()).unwrap()), set(&["base", "root"]));
    assert!(!node.cached(&image, "part-2-0-0.tmp").exists());
    run("qemu-img", &["check", "-q"], &[&node.instance().join(ROOT)]);
}

#[tokio::test]
async fn what_others_keep_under_instance_path_stays() {
    let node = Node::new();
    let strangers = ["eucalyptus/cache/notes", "bob/i-00000001/root", "lost+found/x"];
    for stranger in strangers {
        let path = node.path.path().join(stranger);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "mine").unwrap();
    }
    node.disks().await;
    for stranger in strangers {
        assert_eq!(fs::read(node.path.path().join(stranger)).unwrap(), b"mine");
    }
}

/// A small filesystem of its own, gone with the value.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn new(path: &'a Path, size_kb: u32) -> Self {
        let options = std::ffi::CString::new(format!("size={size_kb}k")).unwrap();
        mount("small", path, "tmpfs", MountFlags::empty(), Some(options.as_c_str())).unwrap();
        Self(path)
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        unmount(self.0.join("alice/i-4EA305C1").join(MOUNT_POINT), UnmountFlags::DETACH).ok();
        unmount(self.0, UnmountFlags::DETACH).ok();
    }
}

#[tokio::test]
async fn a_full_disk_fails_the_launch_with_its_reason_and_leaves_no_half_files() {
    let mut noise = ext4(&[("root/", "")]);
    noise[5 << 20..7 << 20].iter_mut().enumerate().for_each(|(n, byte)| *byte = (n % 251) as u8);
    let key = Some("ssh-rsa AAAA".to_owned());
    let mut steps = HashSet::new();
    // Too small for the image, its copy, growth, the overlay, the key; then large enough.
    for size_kb in (0..10_000).step_by(5000).chain((10_000..12_500).step_by(100)) {
        let node = Node::new();
        let _disk = SmallDisk::new(node.path.path(), size_kb.max(100));
        let image = node.images.add(&noise);
        let request = DiskRequest { public_key: key.clone(), ..request(&image) };
        let step = match node.prepare(&request).await {
            Ok(_) => "none",
            Err(DiskError::NoSpace { detail, .. }) => step(&detail),
            Err(error) => panic!("{size_kb} KB: {error}"),
        };
        check_what_is_left(&node, &image, step);
        steps.insert(step);
    }
    assert_eq!(steps, HashSet::from(["none", "download", "copy", "growth", "overlay", "key"]));
}

/// A compressed image of a disk with 24 MB of data that is much smaller itself.
fn compressed(node: &Node) -> ImageRef {
    let directory = TempDir::new().unwrap();
    let (from, to) = (directory.path().join("raw"), directory.path().join("qcow2"));
    fs::write(&from, vec![7; 24 << 20]).unwrap();
    run("qemu-img", &["convert", "-c", "-f", "raw", "-O", "qcow2"], &[&from, &to]);
    let image = node.images.add(&fs::read(to).unwrap());
    assert!(image.size < MB, "{}", image.size);
    ImageRef { format: ImageFormat::Qcow2, boot: Boot::Bios, ..image }
}

#[tokio::test]
async fn room_is_made_for_what_an_image_describes() {
    // Room for either of them alone: before the base is made, or once the disk was found full.
    for asks_first in [true, false] {
        let node = Node::new();
        let _disk = SmallDisk::new(node.path.path(), 40 << 10);
        let old = node.images.add(&vec![9; 12 << 20]);
        let disks = node.disks().await;
        disks.prepare(&request(&old), &node.images, &|_| ()).await.unwrap();
        disks.discard(&request(&old).user, request(&old).id).await.unwrap();
        let image = compressed(&node);
        if asks_first {
            let instance = disks.cache.claims.try_claim(&node.instance()).unwrap();
            let origin = Origin { from: "", images: &node.images, progress: &|_| () };
            let shape = base::shape_of(&image, 1, 0, 0);
            disks.cache.base(&image, shape, origin, (&instance, "base")).await.unwrap();
        } else {
            let removed = disks.make_room(&request(&image)).await.unwrap();
            assert!(removed >= 24 * MB, "{removed}: what the disk may become was not asked for");
        }
        disks.prepare(&request(&image), &node.images, &|_| ()).await.unwrap();
        assert!(beginning(&node.cached(&image, "disk-1"), 24 * MB) == vec![7; 24 << 20]);
    }
}

/// The step at which a launch found the disk full.
fn step(detail: &str) -> &'static str {
    let steps = [
        ("are free", "download"),
        ("qemu-img convert", "copy"),
        ("resize2fs", "growth"),
        ("qemu-img create", "overlay"),
        ("debugfs writing", "key"),
    ];
    steps.iter().find(|(said, _)| detail.contains(said)).map_or("another", |(_, step)| step)
}

fn check_what_is_left(node: &Node, image: &ImageRef, step: &str) {
    let names = |path: &Path| HashSet::from_iter(files::names(path).unwrap());
    let cached = match step {
        "download" => set(&[]),
        "copy" | "growth" => set(&["image"]),
        _ => set(&["image", "part-1-0-0", "part-1-0-0.seal"]),
    };
    let own = match step {
        "download" | "copy" | "growth" => set(&[]),
        "none" => set(&["base", "root"]),
        _ => set(&["base"]),
    };
    assert_eq!(names(&node.cached(image, "")), cached, "in the cache, full at {step}");
    assert_eq!(names(&node.instance()), own, "of the instance, full at {step}");
    if step != "download" && step != "copy" && step != "growth" {
        let base = run("dumpe2fs", &["-h"], &[&root_partition(&node.base(image))]);
        assert!(base.contains("1048576\n"), "full at {step}: the base is not grown");
    }
}
