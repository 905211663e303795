//! Fetches one image, continuing where an earlier attempt ended.

use super::cache::{Origin, feed};
use super::claim::Claim;
use super::fault::{Doing, Fault};
use super::files;
use protocol::{CallError, Digest, ImageRef};
use sha2::{Digest as _, Sha256};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;
use tracing::warn;

/// A source that says nothing for this long has gone away.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);
/// Attempts in a row that bring no byte before the download is given up.
const FRUITLESS_ATTEMPTS: u32 = 5;
/// The pause after the first fruitless attempt; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const PIECE: usize = 1 << 20;

/// The download of one image.
pub(super) struct Download<'a> {
    /// The image.
    pub(super) image: &'a ImageRef,
    /// Where it comes from.
    pub(super) origin: Origin<'a>,
    /// The directory in which it is collected.
    pub(super) claim: &'a Claim,
    /// Where its bytes are collected. What is there already is its beginning.
    pub(super) part: &'a Path,
}

/// Why an attempt ended early.
enum Interruption {
    /// Trying again is pointless.
    Final(Fault),
    /// The network or the source may be back in a moment.
    Passing(String),
}

impl From<Fault> for Interruption {
    fn from(fault: Fault) -> Self {
        Self::Final(fault)
    }
}

impl Download<'_> {
    /// Collects the whole image. On return the file has the image's digest.
    pub(super) async fn run(&self) -> Result<(), Fault> {
        let result = self.collect().await;
        if let Err(Fault::NoSpace(_) | Fault::Image(..)) = result {
            // Room for others; and bytes that turned out wrong are not continued.
            files::remove(self.part)?;
        }
        result
    }

    async fn collect(&self) -> Result<(), Fault> {
        let mut partial = self.partial().await?;
        let resumed = partial.written > 0;
        self.check_room(&partial)?;
        partial = self.fill(partial).await?;
        if partial.is(self.image)? {
            return Ok(());
        }
        if resumed {
            warn!(image = %self.image.id, "the part fetched earlier was wrong; starting over");
            files::remove(self.part)?;
            partial = self.fill(self.partial().await?).await?;
        }
        if partial.is(self.image)? {
            return Ok(());
        }
        let found = partial.digest();
        Err(self.wrong(format!(
            "the bytes from {} have the digest {found} instead of {}; register the image again",
            self.origin.from, self.image.digest
        )))
    }

    async fn partial(&self) -> Result<Partial, Fault> {
        let (part, size) = (self.part.to_owned(), self.image.size);
        self.claim.blocking(move || Partial::open(&part, size)).await
    }

    fn check_room(&self, partial: &Partial) -> Result<(), Fault> {
        let missing = self.image.size - partial.written;
        let free = files::free_bytes(self.part.parent().unwrap_or(self.part))?;
        if missing <= free {
            return Ok(());
        }
        let (missing, free) = (missing >> 20, free >> 20);
        Err(Fault::NoSpace(format!(
            "image {} needs {missing} MB, {free} MB are free",
            self.image.id
        )))
    }

    /// Attempts until the image is complete or it is pointless to go on.
    async fn fill(&self, mut partial: Partial) -> Result<Partial, Fault> {
        let mut fruitless = 0;
        loop {
            let before = partial.written;
            let reason = match self.attempt(&mut partial).await {
                Ok(()) => return Ok(partial),
                Err(Interruption::Final(fault)) => return Err(fault),
                Err(Interruption::Passing(reason)) => reason,
            };
            if partial.written > before {
                fruitless = 0;
            }
            fruitless += 1;
            warn!(image = %self.image.id, at = partial.written, reason, "a download broke off");
            if fruitless == FRUITLESS_ATTEMPTS {
                let from = self.origin.from;
                return Err(Fault::Failed(format!(
                    "image {}: fetching it from {from}: {reason}",
                    self.image.id
                )));
            }
            tokio::time::sleep(FIRST_PAUSE * 2u32.pow(fruitless - 1)).await;
        }
    }

    async fn attempt(&self, partial: &mut Partial) -> Result<(), Interruption> {
        let mut told = self.tell(partial.written, None);
        let mut stream = self.open(partial.written).await?;
        let mut piece = Vec::new();
        while partial.written < self.image.size {
            piece = read_piece(&mut stream, piece).await.map_err(Interruption::Passing)?;
            if piece.is_empty() {
                let (have, want) = (partial.written, self.image.size);
                return Err(Interruption::Passing(format!(
                    "it ended after {have} of {want} bytes"
                )));
            }
            if partial.written + piece.len() as u64 > self.image.size {
                let detail =
                    format!("{} sends more than its {} bytes", self.origin.from, self.image.size);
                return Err(self.wrong(detail).into());
            }
            piece = partial.append(self.claim, piece).await?;
            told = self.tell(partial.written, told);
        }
        Ok(())
    }

    async fn open(&self, offset: u64) -> Result<Box<dyn AsyncRead + Send + Unpin>, Interruption> {
        let open = self.origin.images.open(self.origin.from, self.image, offset);
        match timeout(SILENCE_LIMIT, open).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(CallError::Unreachable(cause) | CallError::NotTrusted(cause))) => {
                Err(Interruption::Passing(cause))
            }
            Ok(Err(error)) => {
                let from = self.origin.from;
                Err(self.wrong(format!("{from} does not give it: {error}")).into())
            }
            Err(_) => Err(Interruption::Passing("it did not answer".to_owned())),
        }
    }

    /// Tells the percentage unless it was `told` before, and gives it.
    fn tell(&self, written: u64, told: Option<u64>) -> Option<u64> {
        let percent = written.saturating_mul(100).checked_div(self.image.size).unwrap_or(100);
        if told != Some(percent) {
            (self.origin.progress)(format!("downloading image {} {percent} %", self.image.id));
        }
        Some(percent)
    }

    fn wrong(&self, detail: String) -> Fault {
        Fault::Image(self.image.id, detail)
    }
}

/// Reads until the piece is full or the stream ends.
async fn read_piece(
    stream: &mut (dyn AsyncRead + Send + Unpin),
    mut piece: Vec<u8>,
) -> Result<Vec<u8>, String> {
    piece.resize(PIECE, 0);
    let mut filled = 0;
    while filled < PIECE {
        match timeout(SILENCE_LIMIT, stream.read(&mut piece[filled..])).await {
            Ok(Ok(0)) => break,
            Ok(Ok(count)) => filled += count,
            // What came before the error counts; the next read tells it again.
            Ok(Err(_)) | Err(_) if filled > 0 => break,
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err(format!("nothing came for {} s", SILENCE_LIMIT.as_secs())),
        }
    }
    piece.truncate(filled);
    Ok(piece)
}

/// The beginning of an image, with its running digest.
struct Partial {
    file: File,
    hasher: Sha256,
    written: u64,
}

impl Partial {
    /// Takes what is there; throws it away when it is longer than the image.
    fn open(path: &Path, size: u64) -> Result<Self, Fault> {
        let doing = || format!("opening {}", path.display());
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(path);
        let mut file = file.doing(doing)?;
        if file.metadata().doing(doing)?.len() > size {
            file.set_len(0).doing(doing)?;
        }
        let mut hasher = Sha256::new();
        let written = feed(&mut hasher, &mut file, &AtomicBool::new(false)).doing(doing)?;
        Ok(Self { file, hasher, written })
    }

    /// Adds a piece and gives its buffer back.
    async fn append(&mut self, claim: &Claim, piece: Vec<u8>) -> Result<Vec<u8>, Fault> {
        let file = self.file.try_clone().doing(|| "storing an image")?;
        let (mut hasher, at) = (self.hasher.clone(), self.written);
        let work = move || {
            file.write_all_at(&piece, at).doing(|| "storing an image")?;
            hasher.update(&piece);
            Ok((piece, hasher))
        };
        let (piece, hasher) = claim.blocking(work).await?;
        self.hasher = hasher;
        self.written += piece.len() as u64;
        Ok(piece)
    }

    /// Whether the image was collected, and the file has nothing else.
    fn is(&self, image: &ImageRef) -> Result<bool, Fault> {
        let bytes = self.file.metadata().doing(|| "storing an image")?.len();
        Ok(bytes == image.size && self.digest() == image.digest)
    }

    fn digest(&self) -> Digest {
        Digest(self.hasher.clone().finalize().into())
    }
}
