//! Percent-encoding as the signature rules ask for it.

use crate::{Error, Place};
use percent_encoding::{
    AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode,
};

/// RFC 3986: everything but unreserved characters is encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const RESERVED_BUT_SLASH: &AsciiSet = &RESERVED.remove(b'/');

/// Encodes all but unreserved characters, in upper-case hex.
pub fn uri_encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A path as S3's version 4 signs it: decoded, then encoded once with its slashes kept,
/// whatever form the client sent.
pub(crate) fn canonical_path(path: &str) -> String {
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    percent_encode(&decoded, RESERVED_BUT_SLASH).to_string()
}

/// Decodes percent-encoded text; `None` when it is not UTF-8.
pub fn uri_decode(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}

/// Decodes a query string or an HTML form: pairs in their order, `+` as a blank.
///
/// # Errors
/// [`Error::Malformed`] when a name or value is not UTF-8.
pub fn decode_pairs(raw: &str) -> Result<Vec<(String, String)>, Error> {
    let decode = |part: &str| {
        let text = part.replace('+', " ");
        uri_decode(&text).ok_or_else(|| {
            Error::malformed(Place::Query, "a parameter is not UTF-8 after decoding")
        })
    };
    raw.split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

/// `name=value` pairs, encoded and sorted by name then value, joined by `&`.
pub(crate) fn canonical_query<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut parts: Vec<(String, String)> =
        pairs.map(|(name, value)| (uri_encode(name), uri_encode(value))).collect();
    parts.sort();
    let parts: Vec<String> =
        parts.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    parts.join("&")
}

/// The value of the first pair with this name.
pub(crate) fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_decode_and_sort() {
        let pairs = decode_pairs("b=2&a=x+y%2B&acl&c=a=b&&a=%C3%A9").unwrap();
        let canonical = canonical_query(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        assert_eq!(canonical, "a=%C3%A9&a=x%20y%2B&acl=&b=2&c=a%3Db");
        assert!(decode_pairs("a=%ff").is_err(), "not UTF-8");
        assert_eq!(canonical_path("/a%20b/~c+(d)%2f"), "/a%20b/~c%2B%28d%29/");
    }
}
