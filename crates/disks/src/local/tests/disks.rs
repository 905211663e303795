//! What is on the disks of an instance.

use super::*;
use std::io::{Seek, SeekFrom, Write};
use types::{Boot, ImageFormat};

/// A disk of 4 MB that boots by itself.
fn disk() -> Vec<u8> {
    let mut disk = vec![0; 4 << 20];
    disk[0] = 0xEB;
    disk[446 + 4] = 0x83;
    disk[446 + 8] = 63;
    disk[446 + 12] = 100;
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    disk[3 << 20..(3 << 20) + 5].copy_from_slice(b"hello");
    disk
}

fn qcow2(raw: &[u8]) -> Vec<u8> {
    let directory = TempDir::new().unwrap();
    let (from, to) = (directory.path().join("raw"), directory.path().join("qcow2"));
    fs::write(&from, raw).unwrap();
    run("qemu-img", &["convert", "-c", "-f", "raw", "-O", "qcow2"], &[&from, &to]);
    fs::read(to).unwrap()
}

fn image(node: &Node, bytes: &[u8], format: ImageFormat, boot: Boot) -> ImageRef {
    ImageRef { format, boot, ..node.images.add(bytes) }
}

/// Copies a part of a file.
fn part(file: &Path, start: u64, bytes: u64) -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let copy = directory.path().join("part");
    let mut from = fs::File::open(file).unwrap();
    from.seek(SeekFrom::Start(start)).unwrap();
    let mut to = fs::File::create(&copy).unwrap();
    std::io::copy(&mut from.take(bytes), &mut to).unwrap();
    to.flush().unwrap();
    (directory, copy)
}

#[tokio::test]
async fn an_instance_gets_root_ephemeral_and_swap_in_this_order() {
    let mut node = Node::new();
    (node.options.ephemeral_mb, node.options.swap_mb) = (16, 8);
    let image = node.images.add(&ext4(&[("etc/hostname", "image")]));
    let made = node.prepare(&request(&image)).await.unwrap();
    assert_eq!(made.layout, Layout::Partitions { ephemeral: true, swap: true });
    let base = node.cached(&image, "part-1-16-8");
    assert_eq!(fs::metadata(&base).unwrap().len(), (1 << 30) + 25 * MB, "exactly what is given");
    let table = run("sfdisk", &["-d"], &[&base]);
    for (line, start, size, kind) in
        [(1, 2048, 2_097_152, "83"), (2, 2_099_200, 32768, "83"), (3, 2_131_968, 16384, "82")]
    {
        let line = format!("part-1-16-8p{line} : start={start:>12}, size={size:>12}, type={kind}");
        assert!(table.contains(&line), "{line} is not in {table}");
    }
    run("e2fsck", &["-f", "-n"], &[&root_partition(&base)]);
    let (_directory, ephemeral) = part(&base, (1 << 30) + MB, 16 * MB);
    run("e2fsck", &["-f", "-n"], &[&ephemeral]);
    let said = run("blkid", &["-p"], &[&ephemeral]);
    assert!(said.contains("LABEL=\"ephemeral0\"") && said.contains("TYPE=\"ext3\""), "{said}");
    let (_directory, swap) = part(&base, (1 << 30) + 17 * MB, 8 * MB);
    assert!(run("blkid", &["-p"], &[&swap]).contains("TYPE=\"swap\""));
}

#[tokio::test]
async fn without_an_ephemeral_filesystem_swap_stays_the_third() {
    let mut node = Node::new();
    node.options.swap_mb = 8;
    let image = node.images.add(&ext4(&[]));
    let made = node.prepare(&request(&image)).await.unwrap();
    assert_eq!(made.layout, Layout::Partitions { ephemeral: false, swap: true });
    let table = run("sfdisk", &["-d"], &[&node.cached(&image, "part-1-0-8")]);
    assert!(table.contains("part-1-0-8p3 :") && !table.contains("part-1-0-8p2 :"), "{table}");
}

#[tokio::test]
async fn a_disk_that_boots_by_itself_is_only_made_longer() {
    for (bytes, format) in [(disk(), ImageFormat::Raw), (qcow2(&disk()), ImageFormat::Qcow2)] {
        let mut node = Node::new();
        (node.options.ephemeral_mb, node.options.swap_mb) = (16, 8);
        let image = image(&node, &bytes, format, Boot::Bios);
        let key = Some("ssh-rsa AAAA".to_owned());
        let request = DiskRequest { public_key: key, ..request(&image) };
        let made = node.prepare(&request).await.unwrap();
        let at = |name: &str| node.instance().join(name);
        assert_eq!(
            made.layout,
            Layout::Disks { ephemeral: Some(at("ephemeral")), swap: Some(at("swap")) }
        );
        assert_eq!(made.uefi, None);
        let base = node.cached(&image, "disk-1");
        assert_eq!(fs::metadata(&base).unwrap().len(), 1 << 30);
        assert!(beginning(&base, 4 * MB) == disk(), "{format:?}");
        for (name, size) in [("root", 1_u64 << 30), ("ephemeral", 16 * MB), ("swap", 8 * MB)] {
            let info = run("qemu-img", &["info", "--output=json"], &[&at(name)]);
            assert!(info.contains(&format!("\"virtual-size\": {size}")), "{name}: {info}");
        }
        assert!(run("blkid", &["-p"], &[&at("ephemeral-base")]).contains("ephemeral0"));
        assert!(run("blkid", &["-p"], &[&at("swap-base")]).contains("TYPE=\"swap\""));
        node.disks().await.discard(&request.user, request.id).await.unwrap();
        assert_eq!(files::names(&node.instance()).unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_filesystem_in_qcow2_is_put_into_its_partition() {
    let node = Node::new();
    let bytes = qcow2(&ext4(&[("etc/hostname", "image")]));
    let image = image(&node, &bytes, ImageFormat::Qcow2, Boot::Kernel);
    node.prepare(&request(&image)).await.unwrap();
    let partition = root_partition(&node.base(&image));
    assert_eq!(run("debugfs", &["-R", "cat /etc/hostname"], &[&partition]), "image");
    assert!(run("dumpe2fs", &["-h"], &[&partition]).contains("1048576\n"));
}

#[tokio::test]
async fn a_machine_with_uefi_has_firmware_that_remembers_for_it_alone() {
    let node = Node::new();
    let image = image(&node, &disk(), ImageFormat::Raw, Boot::Uefi);
    let uefi = node.prepare(&request(&image)).await.unwrap().uefi.unwrap();
    assert!(uefi.code.is_file());
    assert_eq!(uefi.nvram, node.instance().join("nvram"));
    assert_eq!((mode(&uefi.nvram), fs::metadata(&uefi.nvram).unwrap().nlink()), (0o600, 1));
    node.disks().await.discard(&request(&image).user, request(&image).id).await.unwrap();
    assert!(!uefi.nvram.exists());
}

#[tokio::test]
async fn a_qcow2_image_is_checked_before_a_tool_opens_it() {
    let directory = TempDir::new().unwrap();
    let secret = directory.path().join("secret");
    fs::write(&secret, "the host's").unwrap();
    let overlay = directory.path().join("overlay");
    run("qemu-img", &["create", "-q", "-f", "qcow2", "-F", "raw", "-b"], &[&secret, &overlay]);
    let overlay = fs::read(overlay).unwrap();
    let node = Node::new();
    for boot in [Boot::Bios, Boot::Kernel] {
        let image = image(&node, &overlay, ImageFormat::Qcow2, boot);
        let error = node.prepare(&request(&image)).await.unwrap_err().to_string();
        assert!(error.contains("has a backing file"), "{error}");
    }
    // Registered as raw, it is bytes like any others.
    let image = image(&node, &overlay, ImageFormat::Raw, Boot::Bios);
    node.prepare(&request(&image)).await.unwrap();
    let base = node.cached(&image, "disk-1");
    assert!(beginning(&base, overlay.len() as u64) == overlay);
}

#[tokio::test]
async fn a_qcow2_image_of_a_disk_larger_than_the_type_is_refused() {
    let node = Node::new();
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("large");
    run("qemu-img", &["create", "-q", "-f", "qcow2"], &[&file, Path::new("1025M")]);
    let image = image(&node, &fs::read(file).unwrap(), ImageFormat::Qcow2, Boot::Bios);
    let error = node.prepare(&request(&image)).await.unwrap_err().to_string();
    assert!(error.ends_with("do not fit into the 1 GB disk of the VM type; choose a larger type"));
    assert_eq!(files::names(&node.instance()).unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_discard_that_died_is_repeated() {
    let mut node = Node::new();
    node.options.swap_mb = 8;
    let image = image(&node, &disk(), ImageFormat::Raw, Boot::Bios);
    node.prepare(&request(&image)).await.unwrap();
    let whole = files::names(&node.instance()).unwrap();
    for gone in whole {
        node.prepare(&request(&image)).await.unwrap();
        fs::remove_file(node.instance().join(gone)).unwrap();
        node.disks().await.discard(&request(&image).user, request(&image).id).await.unwrap();
        assert_eq!(files::names(&node.instance()).unwrap(), Vec::<String>::new());
    }
}
