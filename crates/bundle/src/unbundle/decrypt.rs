//! AES-128-CBC with PKCS#7 padding on the way in.

use aws_lc_rs::cipher::{AES_128, DecryptionContext, StreamingDecryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use std::io::{self, Read};
use std::mem;

const CHUNK: usize = 64 * 1024;

/// Decrypts what it reads; the end of the ciphertext without its padding is an error.
pub(super) struct Decryptor<R> {
    state: State,
    inner: R,
    cipher: Vec<u8>,
    plain: Vec<u8>,
    /// What of `plain` has been decrypted and not yet given out.
    unread: std::ops::Range<usize>,
}

enum State {
    Decrypting(StreamingDecryptingKey),
    /// The padding has been checked.
    Ended,
    Failed,
}

fn refused(_: aws_lc_rs::error::Unspecified) -> io::Error {
    io::ErrorKind::InvalidData.into()
}

impl<R: Read> Decryptor<R> {
    pub(super) fn new(key: &[u8; 16], iv: [u8; 16], inner: R) -> io::Result<Self> {
        let key = UnboundCipherKey::new(&AES_128, key).map_err(refused)?;
        let context = DecryptionContext::Iv128(FixedLength::from(iv));
        let key = StreamingDecryptingKey::cbc_pkcs7(key, context).map_err(refused)?;
        Ok(Self {
            state: State::Decrypting(key),
            inner,
            cipher: vec![0; CHUNK],
            plain: vec![0; CHUNK + AES_128.block_len()],
            unread: 0..0,
        })
    }

    /// Decrypts the next piece, or the last one with its padding.
    fn fill(&mut self) -> io::Result<()> {
        // whatever fails below leaves the state at failed
        match mem::replace(&mut self.state, State::Failed) {
            State::Decrypting(mut key) => {
                let length = self.inner.read(&mut self.cipher)?;
                let (written, state) = if length == 0 {
                    let last = key.finish(&mut self.plain).map_err(refused)?;
                    (last.written().len(), State::Ended)
                } else {
                    let cipher = &self.cipher[..length];
                    let update = key.update(cipher, &mut self.plain).map_err(refused)?;
                    (update.written().len(), State::Decrypting(key))
                };
                self.unread = 0..written;
                self.state = state;
                Ok(())
            }
            State::Ended | State::Failed => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

impl<R: Read> Read for Decryptor<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.unread.is_empty() && !matches!(self.state, State::Ended) {
            self.fill()?;
        }
        let length = self.unread.len().min(out.len());
        out[..length].copy_from_slice(&self.plain[self.unread.start..][..length]);
        self.unread.start += length;
        Ok(length)
    }
}
