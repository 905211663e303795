//! The checksums that S3 clients send, computed while a body is received.

mod parts;

use crate::fault::{BAD_DIGEST, Fault, INVALID_DIGEST, INVALID_REQUEST, SHA256_MISMATCH};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc::{CRC_32_ISCSI, CRC_64_NVME, Crc, Table};
use http::HeaderMap;
use md5::Md5;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use signature::s3::Payload;

static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
static CRC64NVME: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_NVME);

/// A checksum of the `x-amz-checksum-` headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 5] =
        [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// The name as headers end with it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "crc32",
            Self::Crc32c => "crc32c",
            Self::Crc64Nvme => "crc64nvme",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    /// Its XML element, for example `ChecksumCRC32`.
    pub(crate) fn element(self) -> String {
        format!("Checksum{}", self.name().to_ascii_uppercase())
    }

    /// The one of this name, in small letters or capitals.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    fn of_header(header: &str) -> Option<Self> {
        header.strip_prefix("x-amz-checksum-").and_then(Self::named)
    }

    /// Whether it is a CRC, of which one of the whole can be made of those of parts.
    pub(crate) fn is_crc(self) -> bool {
        matches!(self, Self::Crc32 | Self::Crc32c | Self::Crc64Nvme)
    }

    pub(crate) fn length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

enum Hasher {
    Crc32(crc32fast::Hasher),
    Crc32c(crc::Digest<'static, u32, Table<16>>),
    Crc64Nvme(crc::Digest<'static, u64, Table<16>>),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Hasher {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Crc32 => Self::Crc32(crc32fast::Hasher::new()),
            Algorithm::Crc32c => Self::Crc32c(CRC32C.digest()),
            Algorithm::Crc64Nvme => Self::Crc64Nvme(CRC64NVME.digest()),
            Algorithm::Sha1 => Self::Sha1(Sha1::new()),
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
        }
    }

    fn update(&mut self, data: &[u8]) {
        match self {
            Self::Crc32(hasher) => hasher.update(data),
            Self::Crc32c(hasher) => hasher.update(data),
            Self::Crc64Nvme(hasher) => hasher.update(data),
            Self::Sha1(hasher) => hasher.update(data),
            Self::Sha256(hasher) => hasher.update(data),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Crc32(hasher) => hasher.finalize().to_be_bytes().to_vec(),
            Self::Crc32c(hasher) => hasher.finalize().to_be_bytes().to_vec(),
            Self::Crc64Nvme(hasher) => hasher.finalize().to_be_bytes().to_vec(),
            Self::Sha1(hasher) => hasher.finalize().to_vec(),
            Self::Sha256(hasher) => hasher.finalize().to_vec(),
        }
    }
}

/// What the request says that its body hashes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    md5: Option<Vec<u8>>,
    sha256: Option<[u8; 32]>,
    /// The value is missing when it comes in the trailer.
    checksum: Option<(Algorithm, Option<Vec<u8>>)>,
}

impl Expected {
    /// Reads `Content-MD5`, the signed payload hash and `x-amz-checksum-…` (or its announcement
    /// in `x-amz-trailer`).
    pub(crate) fn read(headers: &HeaderMap, payload: &Payload) -> Result<Self, Fault> {
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or(""));
        let md5 = text("content-md5").map(|text| decode(text, 16)).transpose()?;
        let mut checksums = headers.keys().filter_map(|name| Algorithm::of_header(name.as_str()));
        let checksum = match (checksums.next(), checksums.next(), text("x-amz-trailer")) {
            (None, _, None) => None,
            (Some(algorithm), None, None) => {
                let header = format!("x-amz-checksum-{}", algorithm.name());
                let value = decode(text(&header).unwrap_or(""), algorithm.length())?;
                Some((algorithm, Some(value)))
            }
            (None, _, Some(trailer)) => {
                let algorithm = Algorithm::of_header(&trailer.trim().to_ascii_lowercase());
                let algorithm = algorithm.ok_or_else(|| {
                    INVALID_REQUEST.because("x-amz-trailer names no checksum that is offered")
                })?;
                Some((algorithm, None))
            }
            _ => return Err(INVALID_REQUEST.because("more than one x-amz-checksum- is sent")),
        };
        let sha256 = match payload {
            Payload::Sha256(sum) => Some(*sum),
            Payload::Unsigned | Payload::Chunked { .. } => None,
        };
        Ok(Self { md5, sha256, checksum })
    }

    /// Takes the checksum out of the trailer fields, if one is to come there.
    pub(crate) fn take_trailer(&mut self, fields: &[(String, String)]) -> Result<(), Fault> {
        if let Some((algorithm, value @ None)) = &mut self.checksum {
            let field =
                fields.iter().find(|(name, _)| Algorithm::of_header(name) == Some(*algorithm));
            let (_, text) = field.ok_or_else(|| {
                INVALID_REQUEST.because("the trailer does not have the checksum it announces")
            })?;
            *value = Some(decode(text, algorithm.length())?);
        }
        Ok(())
    }
}

pub(crate) fn decode(text: &str, length: usize) -> Result<Vec<u8>, Fault> {
    let bytes = STANDARD.decode(text.trim()).ok().filter(|bytes| bytes.len() == length);
    bytes.ok_or_else(|| INVALID_DIGEST.into())
}

/// The running sums of a body.
pub(crate) struct Sums {
    md5: Md5,
    sha256: Option<Sha256>,
    checksum: Option<(Algorithm, Hasher)>,
}

/// What the sums came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) md5: [u8; 16],
    sha256: Option<[u8; 32]>,
    checksum: Option<(Algorithm, Vec<u8>)>,
}

impl Sums {
    pub(crate) fn new(expected: &Expected) -> Self {
        let hasher = |algorithm| (algorithm, Hasher::new(algorithm));
        Self {
            md5: Md5::new(),
            sha256: expected.sha256.map(|_| Sha256::new()),
            checksum: expected.checksum.as_ref().map(|(algorithm, _)| hasher(*algorithm)),
        }
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        self.md5.update(data);
        if let Some(hasher) = &mut self.sha256 {
            hasher.update(data);
        }
        if let Some((_, hasher)) = &mut self.checksum {
            hasher.update(data);
        }
    }

    pub(crate) fn finish(self) -> Totals {
        Totals {
            md5: self.md5.finalize().into(),
            sha256: self.sha256.map(|hasher| hasher.finalize().into()),
            checksum: self.checksum.map(|(algorithm, hasher)| (algorithm, hasher.finish())),
        }
    }
}

impl Totals {
    /// Compares with what the request says.
    pub(crate) fn check(&self, expected: &Expected) -> Result<(), Fault> {
        if expected.sha256.is_some() && expected.sha256 != self.sha256 {
            return Err(SHA256_MISMATCH.into());
        }
        if expected.md5.as_ref().is_some_and(|md5| md5.as_slice() != self.md5) {
            return Err(BAD_DIGEST.because("the body does not have the Content-MD5 that was sent"));
        }
        match (&expected.checksum, &self.checksum) {
            (Some((algorithm, Some(sent))), Some((_, sum))) if sent != sum => Err(BAD_DIGEST
                .because(format!(
                    "the body does not have the x-amz-checksum-{} that was sent",
                    algorithm.name()
                ))),
            _ => Ok(()),
        }
    }

    /// The verified checksum as it is stored and shown: name and base64.
    pub(crate) fn checksum(&self) -> Option<(String, String)> {
        let (algorithm, sum) = self.checksum.as_ref()?;
        Some((algorithm.name().to_owned(), STANDARD.encode(sum)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn expected(lines: &[(&'static str, &'static str)]) -> Result<Expected, Fault> {
        let field = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        Expected::read(&lines.iter().map(field).collect(), &Payload::Unsigned)
    }

    #[test]
    fn every_checksum_is_verified() {
        for (name, sum) in [
            ("content-md5", "JfnnlDI7RTiF9RgfG2JNCw=="),
            ("x-amz-checksum-crc32", "y/Q5Jg=="),
            ("x-amz-checksum-crc32c", "4waSgw=="),
            ("x-amz-checksum-crc64nvme", "rosUhgp5mIg="),
            ("x-amz-checksum-sha1", "98O8HYCOBHMq32eZZczDTKeuNEE="),
            ("x-amz-checksum-sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
        ] {
            let expected = expected(&[(name, sum)]).unwrap();
            let total = |text: &[u8]| {
                let mut sums = Sums::new(&expected);
                sums.update(&text[..3]);
                sums.update(&text[3..]);
                sums.finish()
            };
            assert!(total(b"123456789").check(&expected).is_ok(), "{name}");
            assert!(total(b"123456780").check(&expected).is_err(), "{name}");
        }
    }

    #[test]
    fn malformed_checksums_are_refused() {
        assert!(expected(&[("content-md5", "short")]).is_err());
        assert!(expected(&[("x-amz-checksum-crc32", "y/Q5JiY=")]).is_err());
        assert!(expected(&[("x-amz-trailer", "x-other")]).is_err());
        let two = [("x-amz-checksum-crc32", "y/Q5Jg=="), ("x-amz-checksum-crc32c", "4waSgw==")];
        assert!(expected(&two).is_err());
        let mut announced = expected(&[("x-amz-trailer", "x-amz-checksum-crc32")]).unwrap();
        assert!(announced.take_trailer(&[]).is_err());
    }
}
