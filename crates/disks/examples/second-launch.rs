//! What the disks of a second launch of a cached image cost:
//! `cargo run --release -p disks --example second-launch [DIRECTORY [MEGABYTES [GIGABYTES]]]`
//!
//! Makes an ext4 image of so many megabytes of noise, launches it once on a VM type with a disk of
//! so many gigabytes, then prints how long further launches take, with a key and without.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it is run by a developer")]

use async_trait::async_trait;
use disks::{DiskRequest, Disks, LocalDisks, Options};
use protocol::{CallError, Digest, ImageRef, ImageSource};
use sha2::{Digest as _, Sha256};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncSeekExt};
use types::{Boot, ImageFormat, ImageId, ImageKind, InstanceId};

const LAUNCHES: u32 = 20;

struct FromFile(PathBuf);

#[async_trait]
impl ImageSource for FromFile {
    async fn open(
        &self,
        _from: &str,
        _image: &ImageRef,
        offset: u64,
    ) -> Result<Box<dyn AsyncRead + Send + Unpin>, CallError> {
        let mut file = tokio::fs::File::open(&self.0).await.unwrap();
        file.seek(std::io::SeekFrom::Start(offset)).await.unwrap();
        Ok(Box::new(file))
    }
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let directory = PathBuf::from(args.next().unwrap_or_else(|| "/var/tmp".to_owned()));
    let megabytes: u64 = args.next().map_or(1024, |text| text.parse().unwrap());
    let disk_gb: u64 = args.next().map_or(20, |text| text.parse().unwrap());
    let work = tempfile::tempdir_in(directory).unwrap();
    let file = work.path().join("image");
    let image = make_image(&file, megabytes);
    let source = FromFile(file);
    let options = Options { cache_mb: 99_999, swap_mb: 512, ephemeral_mb: 1024 };
    let disks = LocalDisks::open(work.path().join("instances"), options).await.unwrap();
    let mut launch = 0;
    for (what, key, launches) in [
        ("the first launch", Some("ssh-ed25519 AAAA bench"), 1),
        ("a further launch with a key", Some("ssh-ed25519 AAAA bench"), LAUNCHES),
        ("a further launch without a key", None, LAUNCHES),
    ] {
        let mut took = Vec::new();
        for _ in 0..launches {
            launch += 1;
            let request = request(&image, launch, disk_gb, key);
            let begun = Instant::now();
            disks.prepare(&request, &source, &|_| ()).await.unwrap();
            took.push(begun.elapsed());
            disks.discard(&request.user, request.id).await.unwrap();
        }
        print(what, took);
    }
}

fn print(what: &str, mut took: Vec<Duration>) {
    took.sort();
    let (middle, last) = (took[took.len() / 2], took[took.len() - 1]);
    println!("{what}: median {} ms, worst {} ms", middle.as_millis(), last.as_millis());
}

fn request(image: &ImageRef, launch: u32, disk_gb: u64, key: Option<&str>) -> DiskRequest {
    DiskRequest {
        id: InstanceId::from_bits(launch),
        user: "bench".parse().unwrap(),
        image_source: "a file".to_owned(),
        root: image.clone(),
        kernel: None,
        ramdisk: None,
        disk_gb,
        public_key: key.map(str::to_owned),
    }
}

/// A filesystem that is nearly full of bytes that cannot be compressed.
fn make_image(file: &Path, megabytes: u64) -> ImageRef {
    let tree = tempfile::tempdir_in(file.parent().unwrap()).unwrap();
    std::fs::create_dir(tree.path().join("root")).unwrap();
    let mut noise = std::fs::File::open("/dev/urandom").unwrap().take((megabytes * 3 / 4) << 20);
    std::io::copy(&mut noise, &mut std::fs::File::create(tree.path().join("noise")).unwrap())
        .unwrap();
    let mut tool = Command::new("/usr/sbin/mke2fs");
    tool.args(["-q", "-t", "ext4", "-d"]).args([tree.path(), file]).arg(format!("{megabytes}M"));
    assert!(tool.status().unwrap().success());
    let mut hasher = HashingWriter(Sha256::new());
    let size = std::io::copy(&mut std::fs::File::open(file).unwrap(), &mut hasher).unwrap();
    ImageRef {
        id: ImageId::from_bits(ImageKind::Machine, 1),
        location: "bench/image".to_owned(),
        digest: Digest(hasher.0.finalize().into()),
        size,
        format: ImageFormat::Raw,
        boot: Boot::Kernel,
    }
}

struct HashingWriter(Sha256);

impl Write for HashingWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
