//! Receiving a body in constant memory: unwrapping aws-chunked, hashing, and keeping a small
//! body in memory while a large one goes to a blob.

use crate::checksum::{Expected, Sums, Totals};
use crate::fault::{
    ENTITY_TOO_LARGE, Fault, INCOMPLETE_BODY, INTERNAL_ERROR, INVALID_REQUEST, REQUEST_TIMEOUT,
    SLOW_DOWN, STORAGE_FULL,
};
use crate::request::{Incoming, Request};
use crate::room::Room;
use crate::store::{Content, INLINE_BYTES, PendingBlob, Quotas, Refusal, Shared, Store};
use crate::walrus::Walrus;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt;
use signature::chunked::Decoder;
use signature::s3::Payload;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinHandle;
use types::Timestamp;

/// How much is gathered before it is hashed and written; a body holds about twice this much.
const FLUSH_BYTES: usize = 256 * 1024;
/// A client that sends nothing for so long is given up.
pub(crate) const IDLE: Duration = Duration::from_secs(60);

/// The pieces of a body, unwrapped and counted.
struct Pieces<'a> {
    body: &'a mut Incoming,
    decoder: Option<Decoder>,
    input: Bytes,
    expected: Expected,
    /// The length that the headers promise.
    promised: Option<u64>,
    received: u64,
    most: Most,
}

/// How many bytes a body may have.
#[derive(Debug, Clone, Copy)]
struct Most {
    bytes: u64,
    /// Why not more, where it is not just that no body may.
    because: Option<Refusal>,
}

impl Most {
    fn check(self, bytes: u64) -> Result<(), Fault> {
        if bytes <= self.bytes {
            return Ok(());
        }
        Err(self.because.map_or_else(
            || {
                let most = self.bytes;
                let why = format!("the body has more than the {most} bytes that are allowed");
                ENTITY_TOO_LARGE.because(why)
            },
            Fault::from,
        ))
    }
}

impl<'a> Pieces<'a> {
    fn new(request: &mut Request, body: &'a mut Incoming, most: Most) -> Result<Self, Fault> {
        let headers = &request.headers;
        let expected = Expected::read(headers, &request.payload)?;
        let (chunked, trailer) = match request.payload {
            Payload::Chunked { trailer, .. } => (true, trailer),
            // other schemes sign nothing of the chunks, the form is the same
            _ => (is_aws_chunked(headers), true),
        };
        let promised = number(headers, if chunked { DECODED_LENGTH } else { "content-length" })?;
        most.check(promised.unwrap_or(0))?;
        let signer = request.signer.take();
        Ok(Self {
            body,
            decoder: chunked.then(|| Decoder::new(signer, trailer)),
            input: Bytes::new(),
            expected,
            promised,
            received: 0,
            most,
        })
    }

    /// The next piece of the object, `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            let piece = match &mut self.decoder {
                Some(decoder) => decoder.next_piece(&mut self.input)?,
                None if self.input.is_empty() => None,
                None => Some(std::mem::take(&mut self.input)),
            };
            if let Some(piece) = piece {
                self.received += piece.len() as u64;
                self.most.check(self.received)?;
                return Ok(Some(piece));
            }
            let frame = tokio::time::timeout(IDLE, self.body.frame());
            match frame.await.map_err(|_| REQUEST_TIMEOUT)? {
                None => return Ok(None),
                Some(Err(_)) => return Err(INCOMPLETE_BODY.into()),
                Some(Ok(frame)) => self.input = frame.into_data().unwrap_or_default(),
            }
        }
    }

    /// What the whole body has to hash to, once its end has come.
    fn finish(mut self) -> Result<Expected, Fault> {
        if let Some(decoder) = self.decoder {
            self.expected.take_trailer(&decoder.finish()?)?;
        }
        if self.promised.is_some_and(|promised| promised != self.received) {
            return Err(INCOMPLETE_BODY.into());
        }
        Ok(self.expected)
    }
}

const DECODED_LENGTH: &str = "x-amz-decoded-content-length";

fn is_aws_chunked(headers: &HeaderMap) -> bool {
    let encodings = headers.get_all("content-encoding").iter();
    encodings
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|encoding| encoding.trim().eq_ignore_ascii_case("aws-chunked"))
}

fn number(headers: &HeaderMap, name: &str) -> Result<Option<u64>, Fault> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    number.map(Some).ok_or_else(|| INVALID_REQUEST.because(format!("{name} must be a number")))
}

/// Receives a body that is read as a whole, such as XML.
pub(crate) async fn small(
    request: &mut Request,
    body: &mut Incoming,
    most: usize,
) -> Result<Bytes, Fault> {
    let most = Most { bytes: most as u64, because: None };
    let mut pieces = Pieces::new(request, body, most)?;
    let mut bytes = BytesMut::new();
    while let Some(piece) = pieces.next().await? {
        bytes.extend_from_slice(&piece);
    }
    let expected = pieces.finish()?;
    let mut sums = Sums::new(&expected);
    sums.update(&bytes);
    sums.finish().check(&expected)?;
    Ok(bytes.freeze())
}

/// An object's bytes, verified and ready for the committer.
pub(crate) struct Received {
    pub(crate) size: u64,
    pub(crate) totals: Totals,
    /// Empty when there is a blob.
    pub(crate) bytes: Bytes,
    pub(crate) blob: Option<PendingBlob>,
    /// What there may be with them.
    pub(crate) quotas: Quotas,
}

impl Received {
    /// Where the bytes will be.
    pub(crate) fn content(&self, walrus: &Walrus, now: Timestamp) -> Result<Content, Fault> {
        Ok(match &self.blob {
            Some(blob) => Content::Blob(blob.id()),
            None => Content::Inline(walrus.store.new_id(now)?),
        })
    }
}

/// Receives an object's bytes.
pub(crate) async fn object(
    request: &mut Request,
    body: &mut Incoming,
    walrus: &Walrus,
    room: Room,
) -> Result<Received, Fault> {
    object_up_to(request, body, walrus, room, walrus.limits.object_bytes).await
}

/// The same, of an object that may have `most` bytes.
pub(crate) async fn object_up_to(
    request: &mut Request,
    body: &mut Incoming,
    walrus: &Walrus,
    Room { quotas, left }: Room,
    most: u64,
) -> Result<Received, Fault> {
    let (store, limits, now) = (&walrus.store, &walrus.limits, walrus.clock.now());
    let most = match left {
        Some((bytes, refusal)) if bytes < most => Most { bytes, because: Some(refusal) },
        _ => Most { bytes: most, because: None },
    };
    let mut pieces = Pieces::new(request, body, most)?;
    let length = pieces.promised.unwrap_or(FLUSH_BYTES as u64).min(FLUSH_BYTES as u64);
    let mut gathered = BytesMut::with_capacity(length as usize);
    let mut large: Option<Large<'_>> = None;
    while let Some(piece) = pieces.next().await? {
        gathered.extend_from_slice(&piece);
        if gathered.len() >= FLUSH_BYTES {
            let start = || Large::start(store, limits, &pieces.expected, now);
            let writer = large.take().map_or_else(start, Ok)?;
            large = Some(writer.write(gathered.split().freeze()).await?);
        }
    }
    let size = pieces.received;
    let expected = pieces.finish()?;
    if size <= INLINE_BYTES as u64 && large.is_none() {
        let mut sums = Sums::new(&expected);
        sums.update(&gathered);
        let (totals, bytes) = (sums.finish(), gathered.freeze());
        totals.check(&expected)?;
        return Ok(Received { size, totals, bytes, blob: None, quotas });
    }
    let writer = large.map_or_else(|| Large::start(store, limits, &expected, now), Ok)?;
    let (blob, totals) = writer.write(gathered.freeze()).await?.finish(expected).await?;
    Ok(Received { size, totals, bytes: Bytes::new(), blob: Some(blob), quotas })
}

/// What an upload may take.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) object_bytes: u64,
    /// What has to stay free on the disk.
    pub(crate) min_free_bytes: u64,
    /// Large uploads at once.
    pub(crate) uploads: Semaphore,
}

/// What a step of writing a blob gives to the next.
type Written = Result<(PendingBlob, Sums), Fault>;

/// A blob that is being written: one piece is hashed and written while the next is received. No
/// thread waits for the client.
struct Large<'a> {
    running: JoinHandle<Written>,
    min_free_bytes: u64,
    _permit: SemaphorePermit<'a>,
}

impl<'a> Large<'a> {
    fn start(
        store: &Store,
        limits: &'a Limits,
        expected: &Expected,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let permit = limits.uploads.try_acquire().map_err(|_| SLOW_DOWN)?;
        let (id, sums) = (store.new_id(now)?, Sums::new(expected));
        let shared: Arc<Shared> = Arc::clone(store.shared());
        let running = tokio::task::spawn_blocking(move || Ok((shared.blobs.create(id)?, sums)));
        Ok(Self { running, min_free_bytes: limits.min_free_bytes, _permit: permit })
    }

    /// Looks at the disk each time: other uploads fill it too, and a body need not say beforehand
    /// how long it is.
    async fn write(self, piece: Bytes) -> Result<Self, Fault> {
        let (mut blob, mut sums) = self.running.await.map_err(|_| INTERNAL_ERROR)??;
        let min_free_bytes = self.min_free_bytes;
        let running = tokio::task::spawn_blocking(move || {
            if blob.free_bytes()? < min_free_bytes {
                return Err(STORAGE_FULL.into());
            }
            blob.append(&piece)?;
            sums.update(&piece);
            Ok((blob, sums))
        });
        Ok(Self { running, ..self })
    }

    /// Checks the sums, then makes the bytes durable.
    async fn finish(self, expected: Expected) -> Result<(PendingBlob, Totals), Fault> {
        let (blob, sums) = self.running.await.map_err(|_| INTERNAL_ERROR)??;
        let totals = sums.finish();
        totals.check(&expected)?;
        let synced = tokio::task::spawn_blocking(move || blob.sync().map(|()| blob)).await;
        Ok((synced.map_err(|_| INTERNAL_ERROR)??, totals))
    }
}
