//! With real images, tools and FUSE; they need root, as the node controller does.

mod adoption;
mod cache;
mod cancel;
mod damage;
mod disks;
mod fetching;
mod keys;

use super::instance::{ROOT, ROOT_BEING_MADE};
use super::*;
use crate::Layout;
use crate::test_images::{Images, request};
use protocol::ImageRef;
use std::collections::HashSet;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A node's INSTANCE_PATH in a temporary directory, and images to put there.
struct Node {
    path: TempDir,
    images: Images,
    options: Options,
}

impl Node {
    fn new() -> Self {
        let options = Options { cache_mb: 99_999, swap_mb: 0, ephemeral_mb: 0 };
        Self { path: TempDir::new().unwrap(), images: Images::default(), options }
    }

    /// The disks as a newly started node controller sees them.
    async fn disks(&self) -> LocalDisks {
        LocalDisks::open(self.path.path(), self.options).await.unwrap()
    }

    async fn prepare(&self, request: &DiskRequest) -> Result<PreparedDisks, DiskError> {
        self.disks().await.prepare(request, &self.images, &|_| ()).await
    }

    fn cached(&self, image: &ImageRef, name: &str) -> PathBuf {
        self.path.path().join("eucalyptus/cache").join(image.digest.to_string()).join(name)
    }

    /// The image's base with nothing but its root partition.
    fn base(&self, image: &ImageRef) -> PathBuf {
        self.cached(image, "part-1-0-0")
    }

    fn instance(&self) -> PathBuf {
        self.path.path().join("alice/i-4EA305C1")
    }
}

/// An ext4 image of 8 MB with these files; those whose path ends with '/' are directories.
fn ext4(files: &[(&str, &str)]) -> Vec<u8> {
    let tree = TempDir::new().unwrap();
    for (path, content) in files {
        let path_there = tree.path().join(path);
        if path.ends_with('/') {
            fs::create_dir_all(path_there).unwrap();
        } else {
            fs::create_dir_all(path_there.parent().unwrap()).unwrap();
            fs::write(path_there, content).unwrap();
        }
    }
    let image = TempDir::new().unwrap();
    let file = image.path().join("image");
    run("mke2fs", &["-q", "-t", "ext4", "-d"], &[tree.path(), &file, Path::new("8M")]);
    fs::read(file).unwrap()
}

fn run(program: &str, options: &[&str], paths: &[&Path]) -> String {
    let output = Command::new(program).args(options).args(paths).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

const MB: u64 = 1 << 20;

/// The root filesystem on a disk, as e2fsprogs name it.
fn root_partition(disk: &Path) -> PathBuf {
    let mut name = disk.as_os_str().to_owned();
    name.push("?offset=1048576");
    name.into()
}

fn set(names: &[&str]) -> HashSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The first bytes of a file that may be much longer.
fn beginning(path: &Path, bytes: u64) -> Vec<u8> {
    let mut content = Vec::new();
    fs::File::open(path).unwrap().take(bytes).read_to_end(&mut content).unwrap();
    content
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn a_launch_gets_an_overlay_over_a_shared_grown_base() {
    let node = Node::new();
    let root = node.images.add(&ext4(&[("root/", ""), ("etc/hostname", "image\n")]));
    let (kernel, ramdisk) = (node.images.add(b"a kernel"), node.images.add(b"a ramdisk"));
    let request = DiskRequest {
        kernel: Some(kernel.clone()),
        ramdisk: Some(ramdisk.clone()),
        ..request(&root)
    };
    let made = node.prepare(&request).await.unwrap();
    let base = node.base(&root);
    assert_eq!(made.root, node.instance().join("root"));
    assert_eq!(made.kernel, Some(node.instance().join("kernel")));
    assert_eq!(made.layout, Layout::Partitions { ephemeral: false, swap: false });
    for (link, file) in [("kernel", node.cached(&kernel, "image")), ("base", base.clone())] {
        let (link, file) = (node.instance().join(link), fs::metadata(file).unwrap());
        assert_eq!(fs::metadata(link).unwrap().ino(), file.ino());
    }
    assert_eq!(fs::read(made.ramdisk.unwrap()).unwrap(), b"a ramdisk");

    let info = run("qemu-img", &["info", "--output=json"], &[&made.root]);
    assert!(info.contains("\"virtual-size\": 1074790400"), "{info}");
    let backing = node.instance().join("base");
    let backing = format!("\"full-backing-filename\": \"{}\"", backing.display());
    assert!(info.contains(&backing), "{info}");
    let filesystem = run("dumpe2fs", &["-h"], &[&root_partition(&base)]);
    assert!(filesystem.contains("1048576\n"), "not grown to 2^20 blocks of 1 KB: {filesystem}");
    assert!(fs::metadata(&base).unwrap().blocks() * 512 < 64 << 20, "the base is not sparse");

    for shared in [&base, &node.cached(&root, "image"), &node.cached(&kernel, "image")] {
        assert_eq!((mode(shared), fs::metadata(shared).unwrap().uid()), (0o444, 0));
    }
    for directory in [node.instance().as_path(), base.parent().unwrap()] {
        assert_eq!(mode(directory), 0o711, "{}", directory.display());
    }
    let names = files::names(&node.instance()).unwrap();
    assert_eq!(HashSet::from_iter(names), set(&["base", "kernel", "ramdisk", "root"]));
}

#[tokio::test]
async fn an_image_that_is_no_filesystem_is_put_into_its_partition_as_it_is() {
    let node = Node::new();
    let mut disk = vec![0; 1 << 20];
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    let image = node.images.add(&disk);
    let key = Some("ssh-rsa AAAA".to_owned());
    node.prepare(&DiskRequest { public_key: key, ..request(&image) }).await.unwrap();
    let base = node.base(&image);
    assert_eq!(fs::metadata(&base).unwrap().len(), (1 << 30) + MB);
    assert!(beginning(&base, 2 * MB)[MB as usize..] == disk);
}

#[tokio::test]
async fn a_damaged_filesystem_is_left_as_it_is() {
    let node = Node::new();
    let mut broken = ext4(&[]);
    broken[1024 + 200..1024 + 1000].fill(0xFF);
    broken[4096..1 << 20].fill(0xFF);
    let image = node.images.add(&broken);
    node.prepare(&request(&image)).await.unwrap();
    let base = node.base(&image);
    assert_eq!(fs::metadata(&base).unwrap().len(), (1 << 30) + MB);
    assert!(beginning(&base, broken.len() as u64 + MB)[MB as usize..] == broken);
}

#[tokio::test]
async fn an_image_larger_than_the_disk_is_refused_before_it_is_fetched() {
    let node = Node::new();
    let image = ImageRef { size: (1 << 30) + 1, ..node.images.add(b"x") };
    let error = node.prepare(&request(&image)).await.unwrap_err().to_string();
    assert!(error.ends_with("do not fit into the 1 GB disk of the VM type; choose a larger type"));
    assert!(node.images.opens().is_empty());
}

#[tokio::test]
async fn discarding_leaves_the_console_and_the_journal() {
    let node = Node::new();
    let request = request(&node.images.add(b"root"));
    node.prepare(&request).await.unwrap();
    fs::write(node.instance().join("console.log"), "hello").unwrap();
    fs::write(node.instance().join("instance.json"), "{}").unwrap();
    let disks = node.disks().await;
    disks.discard(&request.user, request.id).await.unwrap();
    disks.discard(&request.user, request.id).await.unwrap();
    let left = fs::read_dir(node.instance()).unwrap();
    let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["console.log", "instance.json"]);
    let never_launched = InstanceId::from_bits(1);
    disks.discard(&request.user, never_launched).await.unwrap();
}

#[tokio::test]
async fn capacity_is_what_is_free_and_what_instances_hold() {
    let node = Node::new();
    let disks = node.disks().await;
    let free = files::free_bytes(node.path.path()).unwrap();
    let capacity = disks.capacity_gb().await.unwrap();
    assert!(capacity.abs_diff(free >> 30) <= 1, "{capacity} GB of {free} free bytes");
    fs::create_dir_all(node.instance()).unwrap();
    fs::write(node.instance().join("root"), vec![1; 1 << 20]).unwrap();
    assert_eq!(files::held_bytes(node.path.path(), &["root", "swap"]).unwrap(), 1 << 20);
}
