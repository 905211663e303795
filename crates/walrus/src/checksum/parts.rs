//! The checksum of an object that was uploaded in parts, from those of its parts.

use super::{Algorithm, Hasher};
use crate::store::PartsChecksum;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

impl PartsChecksum {
    /// The checksum as it is stored and shown, of parts with these checksums and sizes.
    pub(crate) fn of(self, parts: &[(Vec<u8>, u64)]) -> String {
        let Some(crc) = Crc::of(self.algorithm).filter(|_| self.full_object) else {
            let mut hasher = Hasher::new(self.algorithm);
            parts.iter().for_each(|(sum, _)| hasher.update(sum));
            return format!("{}-{}", STANDARD.encode(hasher.finish()), parts.len());
        };
        let number = |sum: &[u8]| sum.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let whole =
            parts.iter().fold(0, |whole, (sum, size)| crc.shifted(whole, *size) ^ number(sum));
        let bytes = whole.to_be_bytes();
        STANDARD.encode(&bytes[bytes.len() - self.algorithm.length()..])
    }
}

/// A reflected CRC that begins and ends with all bits inverted. Then the CRC of two texts in a row
/// is that of the first, moved by the length of the second, plus that of the second.
#[derive(Clone, Copy)]
struct Crc {
    polynomial: u64,
    /// The bit that stands for x⁰.
    one: u64,
}

impl Crc {
    /// None for what is no CRC.
    fn of(algorithm: Algorithm) -> Option<Self> {
        let (polynomial, one) = match algorithm {
            Algorithm::Crc32 => (0xedb8_8320, 1 << 31),
            Algorithm::Crc32c => (0x82f6_3b78, 1 << 31),
            Algorithm::Crc64Nvme => (0x9a6c_9329_ac4b_c9b5, 1 << 63),
            Algorithm::Sha1 | Algorithm::Sha256 => return None,
        };
        Some(Self { polynomial, one })
    }

    /// The CRC as so many bytes of zero behind its text leave it: times x to the number of bits,
    /// modulo the polynomial.
    fn shifted(self, crc: u64, bytes: u64) -> u64 {
        let mut result = crc;
        let mut power = self.times_x(self.one);
        // x⁸, then its squares
        (0..3).for_each(|_| power = self.product(power, power));
        let mut left = bytes;
        while left > 0 {
            if left & 1 == 1 {
                result = self.product(result, power);
            }
            power = self.product(power, power);
            left >>= 1;
        }
        result
    }

    fn product(self, a: u64, b: u64) -> u64 {
        let (mut product, mut b, mut bit) = (0, b, self.one);
        while bit > 0 {
            if a & bit != 0 {
                product ^= b;
            }
            b = self.times_x(b);
            bit >>= 1;
        }
        product
    }

    fn times_x(self, a: u64) -> u64 {
        if a & 1 == 1 { a >> 1 ^ self.polynomial } else { a >> 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(algorithm: Algorithm, text: &[u8]) -> Vec<u8> {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(text);
        hasher.finish()
    }

    #[test]
    fn crcs_of_parts_make_the_crc_of_the_whole() {
        let text: Vec<u8> = (0..100_000_u32).map(|at| (at.wrapping_mul(at) >> 3) as u8).collect();
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
            for cuts in [&[][..], &[1], &[0, 70_000], &[5, 6, 65_536, 99_999]] {
                let ends = cuts.iter().copied().chain([text.len()]);
                let starts = std::iter::once(0).chain(cuts.iter().copied());
                let parts: Vec<_> = starts
                    .zip(ends)
                    .map(|(start, end)| (sum(algorithm, &text[start..end]), (end - start) as u64))
                    .collect();
                let whole = PartsChecksum { algorithm, full_object: true }.of(&parts);
                assert_eq!(whole, STANDARD.encode(sum(algorithm, &text)), "{algorithm:?} {cuts:?}");
            }
        }
    }

    #[test]
    fn other_checksums_are_one_of_the_parts_checksums_and_their_number() {
        let parts: Vec<_> =
            ["one", "two"].map(|text| (sum(Algorithm::Sha256, text.as_bytes()), 3)).into();
        let both = [parts[0].0.as_slice(), &parts[1].0].concat();
        let expected = format!("{}-2", STANDARD.encode(sum(Algorithm::Sha256, &both)));
        let kind = PartsChecksum { algorithm: Algorithm::Sha256, full_object: false };
        assert_eq!(kind.of(&parts), expected);
    }
}
