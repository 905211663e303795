//! S3's `aws-chunked` bodies: chunks that may be signed, and trailer fields that may be signed.

use crate::instant::basic;
use crate::mac::{Hash, hmac, same_hex, sha256_hex};
use crate::v4;
use bytes::{Buf, Bytes, BytesMut};
use sha2::{Digest, Sha256};

/// The longest line before a chunk or in the trailer.
const MAX_LINE_BYTES: usize = 1024;
/// More trailer fields than any client sends.
const MAX_TRAILER_FIELDS: usize = 16;
const SHA256_OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Why a chunked body is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The body does not have the form of aws-chunked.
    #[error("the aws-chunked body is malformed: {0}")]
    Malformed(&'static str),
    /// A chunk's or the trailer's signature does not match.
    #[error("the signature of a chunk or of the trailer does not match")]
    Mismatch,
    /// The body ended before its last chunk.
    #[error("the body ended before its last chunk")]
    Truncated,
}

impl Error {
    /// S3's error code and HTTP status.
    pub fn s3(&self) -> (&'static str, u16) {
        match self {
            Self::Malformed(_) => ("InvalidRequest", 400),
            Self::Mismatch => ("SignatureDoesNotMatch", 403),
            Self::Truncated => ("IncompleteBody", 400),
        }
    }
}

/// Verifies the chain of chunk signatures that starts at the signature of the head.
#[derive(Clone)]
pub struct ChunkSigner {
    key: Vec<u8>,
    /// Time and scope, as every string to sign has them.
    context: String,
    previous: String,
}

impl std::fmt::Debug for ChunkSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChunkSigner").field("context", &self.context).finish_non_exhaustive()
    }
}

impl Drop for ChunkSigner {
    fn drop(&mut self) {
        self.key.fill(0);
    }
}

impl ChunkSigner {
    pub(crate) fn new(key: Vec<u8>, claim: &v4::Claim) -> Self {
        let context = format!("{}\n{}", basic(claim.at), claim.scope.text());
        Self { key, context, previous: claim.signature.clone() }
    }

    fn check(&mut self, kind: &str, hashes: &str, given: &str) -> Result<(), Error> {
        let text =
            format!("AWS4-HMAC-SHA256-{kind}\n{}\n{}\n{hashes}", self.context, self.previous);
        let code = hmac(Hash::Sha256, &self.key, text.as_bytes());
        if !same_hex(given, &code) {
            return Err(Error::Mismatch);
        }
        self.previous = hex::encode(code);
        Ok(())
    }

    fn check_chunk(&mut self, sha256: &str, given: &str) -> Result<(), Error> {
        self.check("PAYLOAD", &format!("{SHA256_OF_NOTHING}\n{sha256}"), given)
    }

    fn check_trailer(&mut self, fields: &[(String, String)], given: &str) -> Result<(), Error> {
        let text: String = fields.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        self.check("TRAILER", &sha256_hex(text.as_bytes()), given)
    }
}

/// Decodes a body piece by piece, in constant memory.
///
/// A piece of data is handed out before its chunk's signature has been seen: nothing of the
/// object may be made visible before [`finish`](Self::finish) has said yes.
#[derive(Debug)]
pub struct Decoder {
    signer: Option<ChunkSigner>,
    with_trailer: bool,
    state: State,
    line: BytesMut,
    hash: Sha256,
    chunk_signature: String,
    trailer: Vec<(String, String)>,
    trailer_signature: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Data { left: u64 },
    DataEnd,
    Trailer,
    Done,
}

impl Decoder {
    /// A decoder; the signer comes from [`s3::Claim::verify`](crate::s3::Claim::verify).
    pub fn new(signer: Option<ChunkSigner>, with_trailer: bool) -> Self {
        Self {
            signer,
            with_trailer,
            state: State::Header,
            line: BytesMut::new(),
            hash: Sha256::new(),
            chunk_signature: String::new(),
            trailer: Vec::new(),
            trailer_signature: None,
        }
    }

    /// Takes from `input` up to the next piece of data. `None` when the input is used up.
    ///
    /// # Errors
    /// [`Error::Malformed`] or [`Error::Mismatch`]; the body is then to be thrown away.
    pub fn next_piece(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, Error> {
        while !input.is_empty() {
            match self.state {
                State::Data { left } => return Ok(Some(self.take_data(input, left))),
                State::Done => return Err(Error::Malformed("bytes after its end")),
                State::Header | State::DataEnd | State::Trailer => {
                    if let Some(line) = self.take_line(input)? {
                        self.state = self.line_done(&line)?;
                    }
                }
            }
        }
        Ok(None)
    }

    /// The trailer fields, names in lower case, once the whole body has been taken.
    ///
    /// # Errors
    /// [`Error::Truncated`] when the end is missing.
    pub fn finish(self) -> Result<Vec<(String, String)>, Error> {
        if self.state == State::Done { Ok(self.trailer) } else { Err(Error::Truncated) }
    }

    fn take_data(&mut self, input: &mut Bytes, left: u64) -> Bytes {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        let piece = input.split_to(length);
        if self.signer.is_some() {
            self.hash.update(&piece);
        }
        let left = left - length as u64;
        self.state = if left == 0 { State::DataEnd } else { State::Data { left } };
        piece
    }

    /// A whole line without its end, or `None` while its end has not come.
    fn take_line(&mut self, input: &mut Bytes) -> Result<Option<String>, Error> {
        let end = input.iter().position(|b| *b == b'\n');
        let taken = end.unwrap_or(input.len());
        if self.line.len() + taken > MAX_LINE_BYTES {
            return Err(Error::Malformed("a line is too long"));
        }
        self.line.extend_from_slice(&input.split_to(taken));
        if end.is_none() {
            return Ok(None);
        }
        input.advance(1);
        let line = self.line.split();
        let line = std::str::from_utf8(&line)
            .map_err(|_| Error::Malformed("a line is not text"))?
            .trim_end_matches('\r');
        Ok(Some(line.to_owned()))
    }

    fn line_done(&mut self, line: &str) -> Result<State, Error> {
        match self.state {
            State::Header => self.chunk_header(line),
            State::DataEnd if line.is_empty() => {
                self.chunk_done()?;
                Ok(State::Header)
            }
            State::Trailer if line.is_empty() => self.trailer_done(),
            State::Trailer => self.trailer_line(line),
            _ => Err(Error::Malformed("a chunk is longer than it says")),
        }
    }

    /// `SIZE` or `SIZE;chunk-signature=HEX`.
    fn chunk_header(&mut self, line: &str) -> Result<State, Error> {
        let (size, extension) = line.split_once(';').unwrap_or((line, ""));
        let digits = (1..=16).contains(&size.len()) && size.bytes().all(|b| b.is_ascii_hexdigit());
        let left = u64::from_str_radix(size, 16)
            .ok()
            .filter(|_| digits)
            .ok_or(Error::Malformed("the size of a chunk is not hex"))?;
        self.chunk_signature =
            extension.trim().strip_prefix("chunk-signature=").unwrap_or("").to_owned();
        if left > 0 {
            return Ok(State::Data { left });
        }
        self.chunk_done()?;
        Ok(State::Trailer)
    }

    fn chunk_done(&mut self) -> Result<(), Error> {
        let sum = hex::encode(self.hash.finalize_reset());
        match &mut self.signer {
            Some(signer) => signer.check_chunk(&sum, &self.chunk_signature),
            None => Ok(()),
        }
    }

    fn trailer_line(&mut self, line: &str) -> Result<State, Error> {
        let (name, value) =
            line.split_once(':').ok_or(Error::Malformed("a trailer field has no colon"))?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
        if !self.with_trailer || self.trailer.len() >= MAX_TRAILER_FIELDS {
            return Err(Error::Malformed("trailer fields that were not announced"));
        }
        if name == "x-amz-trailer-signature" {
            self.trailer_signature = Some(value);
        } else {
            self.trailer.push((name, value));
        }
        Ok(State::Trailer)
    }

    fn trailer_done(&mut self) -> Result<State, Error> {
        if let (Some(signer), true) = (&mut self.signer, self.with_trailer) {
            let given = self.trailer_signature.as_deref().unwrap_or("");
            signer.check_trailer(&self.trailer, given)?;
        }
        Ok(State::Done)
    }
}
