//! The key that lets root in.

use super::*;
use crate::local::fuse::{Export, MOUNT_POINT};
use std::os::unix::fs::symlink;

const LINE: &str = "ssh-ed25519 AAAAC3Nz alice@example.org";

/// Runs commands of debugfs on the instance's root disk and gives what they print.
async fn look(node: &Node, commands: &[&str]) -> Vec<String> {
    let export = Export::open(&node.instance(), ROOT, MB, 1 << 30).await.unwrap();
    let disk = node.instance().join(MOUNT_POINT);
    let said = commands.iter().map(|command| run("debugfs", &["-R", command], &[&disk])).collect();
    export.close().await.unwrap();
    said
}

async fn launched_with_key(root: &[u8], key: &str) -> Node {
    let node = Node::new();
    let image = node.images.add(root);
    let request = DiskRequest { public_key: Some(key.to_owned()), ..request(&image) };
    node.prepare(&request).await.unwrap();
    node
}

async fn keys(node: &Node) -> String {
    look(node, &["cat /root/.ssh/authorized_keys"]).await.remove(0)
}

/// Permissions and owner of a file that `stat` of debugfs describes.
fn owner_and_mode(stat: &str) -> (bool, bool, String) {
    let (_, mode) = stat.split_once("Mode:").unwrap();
    let root = |what: &str| stat.split_once(what).unwrap().1.trim_start().starts_with("0 ");
    (root("User:"), root("Group:"), mode.split_whitespace().next().unwrap().to_owned())
}

#[tokio::test]
async fn a_key_is_written_with_the_modes_that_sshd_demands() {
    for files in [vec![("root/", "")], vec![("etc/x", "")], vec![("root/.ssh/", "")]] {
        let node = launched_with_key(&ext4(&files), LINE).await;
        assert_eq!(keys(&node).await, format!("{LINE}\n"), "{files:?}");
        let stats = ["stat /root/.ssh", "stat /root/.ssh/authorized_keys"];
        let said = look(&node, &stats).await;
        assert_eq!(owner_and_mode(&said[0]), (true, true, "0700".into()), "{files:?}");
        assert_eq!(owner_and_mode(&said[1]), (true, true, "0600".into()), "{files:?}");
    }
}

#[tokio::test]
async fn keys_of_the_image_stay_and_none_is_written_twice() {
    let cases = [
        ("ssh-rsa BBBB bob", format!("ssh-rsa BBBB bob\n{LINE}\n")),
        ("ssh-rsa BBBB bob\n", format!("ssh-rsa BBBB bob\n{LINE}\n")),
        (LINE, LINE.to_owned()),
        ("", format!("{LINE}\n")),
    ];
    for (before, after) in cases {
        let image = ext4(&[("root/.ssh/authorized_keys", before)]);
        let node = launched_with_key(&image, LINE).await;
        assert_eq!(keys(&node).await, after, "after {before:?}");
    }
}

#[tokio::test]
async fn the_shared_base_does_not_get_the_key() {
    let node = Node::new();
    let image = node.images.add(&ext4(&[("root/", "")]));
    node.prepare(&request(&image)).await.unwrap();
    let base = node.base(&image);
    let before = beginning(&base, 64 << 20);
    let key = Some(LINE.to_owned());
    node.prepare(&DiskRequest { public_key: key, ..request(&image) }).await.unwrap();
    assert!(beginning(&base, 64 << 20) == before);
    assert_eq!(keys(&node).await, format!("{LINE}\n"));
}

#[tokio::test]
async fn a_filesystem_stays_clean_after_the_key_was_written() {
    let node = launched_with_key(&ext4(&[("root/", "")]), LINE).await;
    let export = Export::open(&node.instance(), ROOT, MB, 1 << 30).await.unwrap();
    run("e2fsck", &["-f", "-n"], &[&node.instance().join(MOUNT_POINT)]);
    export.close().await.unwrap();
}

#[tokio::test]
async fn links_in_the_image_lead_nowhere() {
    let tree = TempDir::new().unwrap();
    fs::create_dir_all(tree.path().join("root")).unwrap();
    symlink("/etc", tree.path().join("root/.ssh")).unwrap();
    let image = TempDir::new().unwrap();
    let file = image.path().join("image");
    run("mke2fs", &["-q", "-t", "ext4", "-d"], &[tree.path(), &file, Path::new("8M")]);
    let node = launched_with_key(&fs::read(file).unwrap(), LINE).await;
    let said = look(&node, &["stat /root/.ssh", "ls /etc"]).await;
    assert!(said[0].contains("Type: symlink"), "the launch went on without a key: {}", said[0]);
    assert!(!said[1].contains("authorized_keys"));
}

#[tokio::test]
async fn a_link_in_place_of_the_file_is_replaced() {
    let tree = TempDir::new().unwrap();
    fs::create_dir_all(tree.path().join("root/.ssh")).unwrap();
    symlink("/etc/passwd", tree.path().join("root/.ssh/authorized_keys")).unwrap();
    let image = TempDir::new().unwrap();
    let file = image.path().join("image");
    run("mke2fs", &["-q", "-t", "ext3", "-d"], &[tree.path(), &file, Path::new("8M")]);
    let node = launched_with_key(&fs::read(file).unwrap(), LINE).await;
    assert_eq!(keys(&node).await, format!("{LINE}\n"));
}
