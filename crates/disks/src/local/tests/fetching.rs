//! How images come to the node.

use super::*;
use protocol::CallError;
use std::sync::Mutex;

/// 3 MB that compress badly.
fn bytes() -> Vec<u8> {
    (0..3_000_000u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[..1].to_vec())
        .collect()
}

#[tokio::test]
async fn an_image_is_fetched_once_for_launches_at_the_same_time() {
    let node = Node::new();
    let image = node.images.add(&ext4(&[]));
    let disks = node.disks().await;
    let launches =
        [1, 2, 3].map(|bits| DiskRequest { id: InstanceId::from_bits(bits), ..request(&image) });
    let told = Mutex::new(Vec::new());
    let progress = |text: String| told.lock().unwrap().push(text);
    let [a, b, c] = &launches;
    let (a, b, c) = tokio::join!(
        disks.prepare(a, &node.images, &progress),
        disks.prepare(b, &node.images, &progress),
        disks.prepare(c, &node.images, &progress),
    );
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(node.images.opens(), [0]);
    let mut counts = String::new();
    disks.book().unwrap().write(&mut counts).unwrap();
    let counts = metrics::parse(&(counts + "# EOF\n")).unwrap();
    let value = |what: &str| {
        let is =
            |it: &&metrics::Sample| it.name.contains(what) || it.labels.values().any(|v| v == what);
        counts.iter().find(is).unwrap().value
    };
    assert_eq!((value("miss"), value("hit")), (1.0, 2.0));
    assert_eq!(value("fetched_bytes"), image.size as f64);
    let told = told.into_inner().unwrap();
    let id = image.id;
    for wanted in [
        format!("downloading image {id} 0 %"),
        format!("downloading image {id} 100 %"),
        format!("making the disk of image {id}"),
        format!("waiting for another launch that gets image {id} ready"),
    ] {
        assert!(told.contains(&wanted), "{wanted:?} is not in {told:?}");
    }
}

#[tokio::test]
async fn a_download_that_breaks_off_continues_where_it_was() {
    let node = Node::new();
    let image = node.images.add(&bytes());
    node.images.break_after(1_200_000);
    node.images.break_after(500_000);
    node.images.faults.lock().unwrap().push_back(Err(CallError::Unreachable("gone".into())));
    node.prepare(&request(&image)).await.unwrap();
    assert_eq!(node.images.opens(), [0, 1_200_000, 1_700_000, 1_700_000]);
    assert!(fs::read(node.cached(&image, "image")).unwrap() == bytes());
    assert!(!node.cached(&image, "image.part").exists());
}

#[tokio::test]
async fn a_restarted_node_continues_the_part_that_it_has() {
    let node = Node::new();
    let image = node.images.add(&bytes());
    node.disks().await;
    let part = node.cached(&image, "image.part");
    fs::create_dir_all(part.parent().unwrap()).unwrap();
    fs::write(&part, &bytes()[..1_000_001]).unwrap();
    node.prepare(&request(&image)).await.unwrap();
    assert_eq!(node.images.opens(), [1_000_001]);
    assert!(fs::read(node.cached(&image, "image")).unwrap() == bytes());
}

#[tokio::test]
async fn a_wrong_or_too_long_part_is_thrown_away() {
    for (part_bytes, opens) in [(vec![7; 1000], vec![1000, 0]), (vec![0; 4_000_000], vec![0])] {
        let node = Node::new();
        let image = node.images.add(&bytes());
        let part = node.cached(&image, "image.part");
        fs::create_dir_all(part.parent().unwrap()).unwrap();
        fs::write(&part, part_bytes).unwrap();
        node.prepare(&request(&image)).await.unwrap();
        assert_eq!(node.images.opens(), opens);
        assert!(fs::read(node.cached(&image, "image")).unwrap() == bytes());
    }
}

#[tokio::test]
async fn bytes_that_are_not_the_image_are_refused() {
    let node = Node::new();
    let image = node.images.add(&bytes());
    let mut other = bytes();
    other[5] ^= 1;
    node.images.replace(&image, &other);
    let error = node.prepare(&request(&image)).await.unwrap_err();
    assert!(matches!(error, DiskError::Image { .. }), "{error}");
    assert!(error.to_string().contains(&format!("instead of {}", image.digest)), "{error}");
    other.push(0);
    node.images.replace(&image, &other);
    let error = node.prepare(&request(&image)).await.unwrap_err().to_string();
    assert!(error.ends_with("sends more than its 3000000 bytes"), "{error}");
    let directory = node.cached(&image, "image").parent().unwrap().to_owned();
    assert_eq!(fs::read_dir(directory).unwrap().count(), 0, "something was left behind");
}

#[tokio::test]
async fn a_source_that_does_not_know_the_image_is_not_asked_again() {
    let node = Node::new();
    let image = node.images.add(&bytes());
    node.images.faults.lock().unwrap().push_back(Err(CallError::NotFound("no such image".into())));
    let error = node.prepare(&request(&image)).await.unwrap_err().to_string();
    assert!(
        error.ends_with("127.0.0.1:8773 does not give it: not found: no such image"),
        "{error}"
    );
    assert_eq!(node.images.opens(), [0]);
}
