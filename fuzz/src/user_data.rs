//! User data: base64 that a client made, of any bytes.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ec2_wire::{Base64, Place, Value};

/// The limit of RunInstances, in bytes.
const REAL: usize = 16 << 10;
/// One that short inputs reach too.
const LOW: usize = 64;

/// Takes the bytes for base64, and for what is to be carried in base64.
pub fn user_data(bytes: &[u8]) {
    if let Ok(text) = str::from_utf8(bytes) {
        decode::<REAL>(text);
        decode::<LOW>(text);
    }
    carry::<REAL>(bytes);
    carry::<LOW>(bytes);
}

fn decode<const MOST: usize>(text: &str) {
    match Base64::<MOST>::parse(text, &Place::ROOT.member("UserData")) {
        Ok(Base64(bytes)) => {
            assert!(bytes.len() <= MOST);
            carry::<MOST>(&bytes);
        }
        Err(error) => assert!(crate::is_short(error.message()), "{error}"),
    }
}

/// In every form that clients send the bytes come out as they went in, or there are too many.
fn carry<const MOST: usize>(bytes: &[u8]) {
    let padded = STANDARD.encode(bytes);
    let lines: Vec<_> = padded.as_bytes().chunks(76).map(String::from_utf8_lossy).collect();
    for text in [lines.join("\r\n") + "\n", STANDARD_NO_PAD.encode(bytes), padded] {
        let read = Base64::<MOST>::parse(&text, &Place::ROOT).ok();
        let expected = (bytes.len() <= MOST).then(|| Base64::<MOST>(bytes.to_vec()));
        assert_eq!(read, expected, "{text}");
    }
}
