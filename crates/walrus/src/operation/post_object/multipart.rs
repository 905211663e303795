//! `multipart/form-data` (RFC 7578) in constant memory: the parts in front of the file are read
//! whole, the file is a body of its own. Written here because the crates for it keep whatever has
//! arrived, and the heads of parts without a limit.

use crate::request::Incoming;
use bytes::{Bytes, BytesMut};
use http_body::Frame;
use http_body_util::{BodyExt, Empty};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

/// What may stand in front of the first part, between two parts, and in a part's head.
const MOST_HEAD_BYTES: usize = 8 * 1024;
/// RFC 2046, 5.1.1.
const MOST_BOUNDARY_BYTES: usize = 70;

/// Why a form cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("its end is missing")]
    Cut,
    #[error("the body did not come")]
    Lost,
    #[error("a part is too long")]
    TooLong,
    #[error("a part has no Content-Disposition: form-data with a name")]
    NoName,
    #[error("what follows a boundary is neither a part nor the end")]
    NoPart,
}

/// What a part says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) file_name: Option<String>,
}

/// The boundary that a Content-Type of a form names.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let (kind, mut parameters) = parameters(content_type);
    let boundary = parameters.remove("boundary")?;
    let fits = (1..=MOST_BOUNDARY_BYTES).contains(&boundary.len());
    (kind.eq_ignore_ascii_case("multipart/form-data") && fits).then_some(boundary)
}

/// A body of parts, as far as it has been read.
pub(super) struct Multipart {
    body: Incoming,
    buffer: BytesMut,
    /// With the line's end in front of it, which belongs to it.
    delimiter: Vec<u8>,
}

impl Multipart {
    pub(super) fn new(body: Incoming, boundary: &str) -> Self {
        // the first boundary needs no line in front of it
        let buffer = BytesMut::from(&b"\r\n"[..]);
        Self { body, buffer, delimiter: format!("\r\n--{boundary}").into_bytes() }
    }

    /// The rest of the body.
    pub(super) fn into_body(self) -> Incoming {
        self.body
    }

    /// Goes to the next part; none when there is none.
    pub(super) async fn next(&mut self) -> Result<Option<Part>, Error> {
        let delimiter = self.delimiter.clone();
        self.until(&delimiter, MOST_HEAD_BYTES).await?;
        while self.buffer.len() < 2 {
            self.fill().await?;
        }
        if self.buffer.starts_with(b"--") {
            return Ok(None);
        }
        let rest = self.until(b"\r\n", MOST_HEAD_BYTES).await?;
        if !rest.trim_ascii().is_empty() {
            return Err(Error::NoPart);
        }
        // with the line's end, so that a head may be empty
        self.buffer = [&b"\r\n"[..], &self.buffer].concat().as_slice().into();
        let head = self.until(b"\r\n\r\n", MOST_HEAD_BYTES).await?;
        let head = std::str::from_utf8(&head).map_err(|_| Error::NoName)?;
        part(head).map(Some).ok_or(Error::NoName)
    }

    /// The content of the part, which has at most so many bytes.
    pub(super) async fn content(&mut self, most: usize) -> Result<Bytes, Error> {
        let delimiter = self.delimiter.clone();
        let content = self.until(&delimiter, most).await?;
        // the delimiter is what the next part is looked for by
        self.buffer = [&delimiter, &self.buffer[..]].concat().as_slice().into();
        Ok(content)
    }

    /// Takes all in front of a mark, and the mark.
    async fn until(&mut self, mark: &[u8], most: usize) -> Result<Bytes, Error> {
        let mut from = 0;
        loop {
            if let Some(at) = find(&self.buffer[from..], mark).map(|at| from + at) {
                if at > most {
                    return Err(Error::TooLong);
                }
                let found = self.buffer.split_to(at).freeze();
                let _ = self.buffer.split_to(mark.len());
                return Ok(found);
            }
            if self.buffer.len() > most + mark.len() {
                return Err(Error::TooLong);
            }
            from = self.buffer.len().saturating_sub(mark.len());
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), Error> {
        match self.body.frame().await {
            None => Err(Error::Cut),
            Some(Err(_)) => Err(Error::Lost),
            Some(Ok(frame)) => {
                self.buffer.extend_from_slice(&frame.into_data().unwrap_or_default());
                Ok(())
            }
        }
    }

    /// What is known to belong to the part; none when nothing is, and at its end nothing more
    /// ever comes.
    fn piece(&mut self) -> (Option<Bytes>, bool) {
        let (length, ends) = match find(&self.buffer, &self.delimiter) {
            Some(at) => (at, true),
            // the rest may be the beginning of the delimiter
            None => (self.buffer.len().saturating_sub(self.delimiter.len()), false),
        };
        (Some(self.buffer.split_to(length).freeze()).filter(|it| !it.is_empty()), ends)
    }
}

/// The content of a part as a body. The rest of the form stays where it is.
pub(super) struct File(pub(super) Arc<Mutex<Multipart>>);

impl http_body::Body for File {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut form = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match form.piece() {
                (Some(piece), _) => return Poll::Ready(Some(Ok(Frame::data(piece)))),
                (None, true) => return Poll::Ready(None),
                (None, false) => {}
            }
            match ready!(Pin::new(&mut form.body).poll_frame(context)) {
                None => return Poll::Ready(Some(Err(Error::Cut.into()))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => {
                    form.buffer.extend_from_slice(&frame.into_data().unwrap_or_default());
                }
            }
        }
    }
}

/// A body without anything in it.
pub(super) fn nothing() -> Incoming {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

fn find(text: &[u8], mark: &[u8]) -> Option<usize> {
    let first = *mark.first()?;
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.iter().position(|b| *b == first)?;
        if text[at..].starts_with(mark) {
            return Some(at);
        }
        from = at + 1;
    }
}

fn part(head: &str) -> Option<Part> {
    let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-disposition"))?;
    let (kind, mut parameters) = parameters(value);
    let name = parameters.remove("name").filter(|_| kind.eq_ignore_ascii_case("form-data"))?;
    Some(Part { name, file_name: parameters.remove("filename") })
}

/// Reads `VALUE; NAME=TEXT; NAME="TEXT"`.
fn parameters(text: &str) -> (&str, BTreeMap<String, String>) {
    let (value, mut rest) = text.split_once(';').unwrap_or((text, ""));
    let mut parameters = BTreeMap::new();
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([' ', '\t', ';']).to_ascii_lowercase();
        let (text, after) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => {
                let (text, after) = after.split_once(';').unwrap_or((after, ""));
                (text.trim().to_owned(), after)
            }
        };
        parameters.entry(name).or_insert(text);
        rest = after;
    }
    (value.trim(), parameters)
}

/// The text up to the next quotation mark, and what follows it. Browsers write one that is in the
/// text as `%22`, curl with a backslash in front; any other backslash is part of the text.
fn unquoted(text: &str) -> (String, &str) {
    let mut from = 0;
    while let Some(at) = text[from..].find('"').map(|at| from + at) {
        if !text[..at].ends_with('\\') {
            let inner = text[..at].replace("\\\"", "\"").replace("%22", "\"");
            return (inner, &text[at + 1..]);
        }
        from = at + 1;
    }
    (text.to_owned(), "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body_util::StreamBody;

    fn body(text: &[u8], piece: usize) -> Incoming {
        let pieces: Vec<_> = text.chunks(piece).map(Bytes::copy_from_slice).collect();
        let frames = pieces.into_iter().map(|piece| Ok(Frame::data(piece)));
        StreamBody::new(stream::iter(frames)).boxed_unsync()
    }

    #[tokio::test]
    async fn parts_are_found_however_the_body_is_cut() {
        let text =
            b"in front\r\n--b \t\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--\
                     \r\n--b\r\nx: y\r\ncontent-disposition: FORM-DATA;name=c\r\n\r\n\r\n--b\r\n\
                     Content-Disposition: form-data; name=file; filename=\"C:\\d\\e\\\"f%22.txt\"\
                     \r\n\r\n\r\n-\r\n--\r\r\n--b--\r\nbehind";
        for piece in [1, 2, 3, 7, 1000] {
            let mut form = Multipart::new(body(text, piece), "b");
            assert_eq!(form.next().await.unwrap().unwrap().name, "a");
            assert_eq!(form.content(5).await.unwrap(), "1\r\n--");
            assert_eq!(form.next().await.unwrap().unwrap().name, "c");
            assert_eq!(form.content(0).await.unwrap(), "");
            let part = form.next().await.unwrap().unwrap();
            assert_eq!(part.file_name.as_deref(), Some("C:\\d\\e\"f\".txt"));
            let form = Arc::new(Mutex::new(form));
            let file = File(Arc::clone(&form)).collect().await.unwrap().to_bytes();
            assert_eq!(file, "\r\n-\r\n--\r");
            let mut form = Arc::into_inner(form).unwrap().into_inner().unwrap();
            assert_eq!(form.next().await, Ok(None));
        }
    }

    #[tokio::test]
    async fn what_is_no_form_is_refused() {
        let disposition = "Content-Disposition: form-data; name=a";
        let long = "x".repeat(MOST_HEAD_BYTES + 100);
        for (text, error) in [
            ("", Error::Cut),
            ("--b", Error::Cut),
            ("--bc\r\n\r\n", Error::NoPart),
            ("--b\r\n\r\nx", Error::NoName),
            ("--b\r\nContent-Type: text/plain\r\n\r\nx", Error::NoName),
            ("--b\r\nContent-Disposition: attachment; name=a\r\n\r\nx", Error::NoName),
            ("--b\r\nContent-Disposition: form-data\r\n\r\nx", Error::NoName),
            (&format!("--b\r\n{disposition}"), Error::Cut),
            (&long, Error::TooLong),
            (&format!("--b{}\r\n", " ".repeat(MOST_HEAD_BYTES + 1)), Error::TooLong),
            (&format!("--b\r\n{disposition}\r\nx: {long}\r\n\r\n"), Error::TooLong),
        ] {
            let mut form = Multipart::new(body(text.as_bytes(), 100), "b");
            assert_eq!(form.next().await, Err(error), "{}", &text[..text.len().min(60)]);
        }
        let text = format!("--b\r\n{disposition}\r\n\r\nlong\r\n--b--");
        for (most, content) in [(3, Err(Error::TooLong)), (4, Ok(Bytes::from("long")))] {
            let mut form = Multipart::new(body(text.as_bytes(), 100), "b");
            form.next().await.unwrap();
            assert_eq!(form.content(most).await, content);
        }
    }

    #[test]
    fn the_boundary_is_that_of_a_form() {
        for (kind, expected) in [
            ("multipart/form-data; boundary=b", Some("b")),
            ("Multipart/Form-Data;charset=utf-8; Boundary=\"b c\"", Some("b c")),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/mixed; boundary=b", None),
        ] {
            assert_eq!(boundary(kind).as_deref(), expected, "{kind}");
        }
        assert_eq!(boundary(&format!("multipart/form-data; boundary={}", "b".repeat(71))), None);
    }
}
