//! An image source in memory for tests, which can break off.

use crate::DiskRequest;
use async_trait::async_trait;
use protocol::{CallError, Digest, ImageRef, ImageSource};
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, VecDeque};
use std::io::{self, Cursor};
use std::sync::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt};
use types::{Boot, ImageFormat, ImageId, ImageKind, InstanceId};

#[derive(Default)]
pub(crate) struct Images {
    content: Mutex<HashMap<Digest, Vec<u8>>>,
    /// The offset of every `open`.
    pub(crate) opened: Mutex<Vec<u64>>,
    /// For each coming `open`: the bytes after which the stream fails, or the error of the call.
    pub(crate) faults: Mutex<VecDeque<Result<u64, CallError>>>,
}

impl Images {
    pub(crate) fn add(&self, content: &[u8]) -> ImageRef {
        let digest = Digest(Sha256::digest(content).into());
        self.content.lock().unwrap().insert(digest, content.to_vec());
        ImageRef {
            id: ImageId::from_bits(ImageKind::Machine, u32::from(digest.0[0])),
            location: "bucket/image.manifest.xml".into(),
            digest,
            size: content.len() as u64,
            format: ImageFormat::Raw,
            boot: Boot::Kernel,
        }
    }

    /// Sends other bytes for an image from now on.
    pub(crate) fn replace(&self, image: &ImageRef, content: &[u8]) {
        self.content.lock().unwrap().insert(image.digest, content.to_vec());
    }

    pub(crate) fn opens(&self) -> Vec<u64> {
        self.opened.lock().unwrap().clone()
    }

    pub(crate) fn break_after(&self, bytes: u64) {
        self.faults.lock().unwrap().push_back(Ok(bytes));
    }
}

#[async_trait]
impl ImageSource for Images {
    async fn open(
        &self,
        _from: &str,
        image: &ImageRef,
        offset: u64,
    ) -> Result<Box<dyn AsyncRead + Send + Unpin>, CallError> {
        self.opened.lock().unwrap().push(offset);
        let content = self.content.lock().unwrap()[&image.digest][offset as usize..].to_vec();
        match self.faults.lock().unwrap().pop_front() {
            Some(Ok(bytes)) => Ok(Box::new(Cursor::new(content).take(bytes).chain(Broken))),
            Some(Err(error)) => Err(error),
            None => Ok(Box::new(Cursor::new(content))),
        }
    }
}

/// A stream that fails.
struct Broken;

impl AsyncRead for Broken {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
        _buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }
}

/// A request of user alice for a 1 GB disk without kernel, ramdisk and key.
pub(crate) fn request(root: &ImageRef) -> DiskRequest {
    DiskRequest {
        id: InstanceId::from_bits(0x4EA3_05C1),
        user: "alice".parse().unwrap(),
        image_source: "127.0.0.1:8773".into(),
        root: root.clone(),
        kernel: None,
        ramdisk: None,
        disk_gb: 1,
        public_key: None,
    }
}
