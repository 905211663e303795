//! Response bodies: nothing, bytes, or a part of an object that is read as it is sent.

use crate::store::Source;
use crate::xml::Xml;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::future::Future;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::task::JoinHandle;

/// How much of an object is read at once; a body holds two such pieces at most.
const PIECE_BYTES: u64 = 256 * 1024;

/// The body of a response.
#[derive(Debug)]
pub struct Body(Inner);

#[derive(Debug)]
enum Inner {
    Bytes(Bytes),
    Stored(Stored),
}

#[derive(Debug)]
struct Stored {
    source: Arc<Source>,
    /// Where the next read starts.
    at: u64,
    /// What is still to be read.
    unread: u64,
    /// What is still to be sent.
    unsent: u64,
    /// The read that is under way, one piece ahead of what is being sent.
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Body {
    pub(crate) fn empty() -> Self {
        Self(Inner::Bytes(Bytes::new()))
    }

    pub(crate) fn bytes(bytes: Bytes) -> Self {
        Self(Inner::Bytes(bytes))
    }

    /// A part of an object.
    pub(crate) fn part(source: Source, range: Range<u64>) -> Self {
        if let Source::Bytes(bytes) = source {
            return Self::bytes(bytes.slice(range.start as usize..range.end as usize));
        }
        let length = range.end - range.start;
        Self(Inner::Stored(Stored {
            source: Arc::new(source),
            at: range.start,
            unread: length,
            unsent: length,
            reading: None,
        }))
    }
}

impl From<Xml> for Body {
    fn from(xml: Xml) -> Self {
        Self::bytes(xml.into_string().into())
    }
}

impl Stored {
    fn read_ahead(&mut self) {
        let length = self.unread.min(PIECE_BYTES);
        if length == 0 {
            return;
        }
        let (source, at) = (Arc::clone(&self.source), self.at);
        self.at += length;
        self.unread -= length;
        self.reading = Some(tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; length as usize];
            source.read_exact_at(&mut piece, at)?;
            Ok(piece.into())
        }));
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.reading.is_none() {
            self.read_ahead();
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let piece = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        let piece = piece.map_err(io::Error::other).flatten();
        match &piece {
            Ok(piece) => {
                self.unsent -= piece.len() as u64;
                self.read_ahead();
            }
            Err(error) => {
                tracing::error!(%error, "a blob cannot be read, a response is cut off");
                self.unread = 0;
            }
        }
        Poll::Ready(Some(piece))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = match &mut self.get_mut().0 {
            Inner::Bytes(bytes) if bytes.is_empty() => None,
            Inner::Bytes(bytes) => Some(Ok(std::mem::take(bytes))),
            Inner::Stored(stored) => ready!(stored.poll(context)),
        };
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.size_hint().exact() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match &self.0 {
            Inner::Bytes(bytes) => bytes.len() as u64,
            Inner::Stored(stored) => stored.unsent,
        })
    }
}
