//! As much DER (X.690) as keys need.

/// Tag of a SEQUENCE.
pub(super) const SEQUENCE: u8 = 0x30;
/// Tag of an INTEGER.
pub(super) const INTEGER: u8 = 0x02;
/// Tag of a BIT STRING.
pub(super) const BIT_STRING: u8 = 0x03;
/// rsaEncryption (1.2.840.113549.1.1.1) with NULL: the content of its AlgorithmIdentifier.
pub(super) const RSA_ENCRYPTION: &[u8] =
    &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// The content of the first element, and what follows it.
pub(super) fn element(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[_tag, first], rest) = der.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        ..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// The content of the first element, which must have this tag, and what follows it.
pub(super) fn tagged(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    element(der).filter(|_| der.first() == Some(&tag))
}

/// The content of the element, which must have this tag, with nothing after it.
pub(super) fn only(der: &[u8], tag: u8) -> Option<&[u8]> {
    tagged(der, tag).filter(|(_, rest)| rest.is_empty()).map(|(content, _)| content)
}

/// The SubjectPublicKeyInfo of an RSA key, from its numbers without zeros in front.
pub(super) fn rsa_public_key_info(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let numbers = [encode(INTEGER, &signed(modulus)), encode(INTEGER, &signed(exponent))].concat();
    let key = [vec![0], encode(SEQUENCE, &numbers)].concat();
    encode(SEQUENCE, &[encode(SEQUENCE, RSA_ENCRYPTION), encode(BIT_STRING, &key)].concat())
}

/// A positive number in two's complement: with a zero in front where its first bit is set.
pub(super) fn signed(number: &[u8]) -> Vec<u8> {
    let sign = number.first().is_some_and(|byte| *byte >= 0x80);
    [vec![0; usize::from(sign)], number.to_vec()].concat()
}

/// An element; the content has less than 64 KB.
fn encode(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    let head = match (high, low) {
        (0, ..=0x7f) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [head, content.to_vec()].concat()
}
