//! AES-128-CBC with PKCS#7 padding on the way out.

use aws_lc_rs::cipher::{AES_128, EncryptionContext, StreamingEncryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use std::io::{self, Write};

/// A cipher call handles this many bytes at most.
const CHUNK: usize = 64 * 1024;

/// Encrypts what is written to it.
pub(super) struct Encryptor<W> {
    key: StreamingEncryptingKey,
    inner: W,
    buffer: Vec<u8>,
}

fn refused(_: aws_lc_rs::error::Unspecified) -> io::Error {
    io::Error::other("the cipher refused to work")
}

impl<W: Write> Encryptor<W> {
    pub(super) fn new(key: &[u8; 16], iv: [u8; 16], inner: W) -> io::Result<Self> {
        let key = UnboundCipherKey::new(&AES_128, key).map_err(refused)?;
        let context = EncryptionContext::Iv128(FixedLength::from(iv));
        let key = StreamingEncryptingKey::less_safe_cbc_pkcs7(key, context).map_err(refused)?;
        Ok(Self { key, inner, buffer: vec![0; CHUNK + AES_128.block_len()] })
    }

    /// Writes the padding and gives the writer below back.
    pub(super) fn finish(mut self) -> io::Result<W> {
        let (_, last) = self.key.finish(&mut self.buffer).map_err(refused)?;
        self.inner.write_all(last.written())?;
        Ok(self.inner)
    }
}

impl<W: Write> Write for Encryptor<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let piece = &buffer[..buffer.len().min(CHUNK)];
        let update = self.key.update(piece, &mut self.buffer).map_err(refused)?;
        self.inner.write_all(update.written())?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
