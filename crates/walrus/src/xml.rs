//! XML as S3 writes and reads it.

mod read;

use crate::fault::{Fault, MALFORMED_XML};
use std::fmt::Write;

pub(crate) use read::{Element, parse};

/// The namespace of S3's responses.
pub(crate) const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// A document that is being written.
#[derive(Debug)]
pub(crate) struct Xml(String);

impl Xml {
    pub(crate) fn new() -> Self {
        Self("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned())
    }

    /// Starts the document's root element in S3's namespace.
    pub(crate) fn root(element: &str) -> Self {
        let mut xml = Self::new();
        // writing to a string cannot fail
        let _ = write!(xml.0, "<{element} xmlns=\"{NAMESPACE}\">");
        xml
    }

    pub(crate) fn open(&mut self, element: &str) -> &mut Self {
        let _ = write!(self.0, "<{element}>");
        self
    }

    pub(crate) fn close(&mut self, element: &str) -> &mut Self {
        let _ = write!(self.0, "</{element}>");
        self
    }

    /// A whole element with text.
    pub(crate) fn text(&mut self, element: &str, text: &str) -> &mut Self {
        self.open(element);
        self.escape(text);
        self.close(element)
    }

    /// A whole element with a value that needs no escaping.
    pub(crate) fn value(&mut self, element: &str, value: impl std::fmt::Display) -> &mut Self {
        let _ = write!(self.0, "<{element}>{value}</{element}>");
        self
    }

    /// Text inside the element that is open.
    pub(crate) fn inner(&mut self, text: &str) -> &mut Self {
        self.escape(text);
        self
    }

    fn escape(&mut self, text: &str) {
        let special = |c: char| matches!(c, '<' | '>' | '&' | '"' | '\0'..='\x1f');
        let mut rest = text;
        while let Some(at) = rest.find(special) {
            self.0.push_str(&rest[..at]);
            match rest.as_bytes()[at] {
                b'<' => self.0.push_str("&lt;"),
                b'>' => self.0.push_str("&gt;"),
                b'&' => self.0.push_str("&amp;"),
                b'"' => self.0.push_str("&quot;"),
                // as S3 does; clients that cannot read it ask for encoding-type=url
                control => {
                    let _ = write!(self.0, "&#x{control:x};");
                }
            }
            rest = &rest[at + 1..];
        }
        self.0.push_str(rest);
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

/// Reads `CreateBucketConfiguration`: the location constraint, empty when there is none.
///
/// # Errors
/// `MalformedXML` for anything else, a DOCTYPE included.
pub(crate) fn location_constraint(body: &[u8]) -> Result<String, Fault> {
    let root = parse(body, "CreateBucketConfiguration")?;
    root.only(&["LocationConstraint"])?;
    let location = root.text_of("LocationConstraint")?.unwrap_or("").trim();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if location.len() > 64 || !location.bytes().all(plain) {
        return Err(
            MALFORMED_XML.because("a location constraint has at most 64 letters, digits and '-'")
        );
    }
    Ok(location.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        let mut xml = Xml::new();
        xml.text("Key", "a<b>&\"c\"\u{1}é");
        assert!(xml.into_string().ends_with("<Key>a&lt;b&gt;&amp;&quot;c&quot;&#x1;é</Key>"));
    }

    #[test]
    fn only_a_location_constraint_is_read() {
        let good = "<?xml version='1.0'?><CreateBucketConfiguration xmlns='x'> \
                    <LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>";
        assert_eq!(location_constraint(good.as_bytes()).unwrap(), "eu-west-1");
        let empty = "<CreateBucketConfiguration><LocationConstraint/></CreateBucketConfiguration>";
        assert_eq!(location_constraint(empty.as_bytes()).unwrap(), "");
        for bad in [
            "x",
            "<CreateBucketConfiguration>",
            "<Other/>",
            "<CreateBucketConfiguration><Tags/></CreateBucketConfiguration>",
            "<!DOCTYPE a [<!ENTITY b 'c'>]><CreateBucketConfiguration/>",
            "<CreateBucketConfiguration><LocationConstraint>&b;</LocationConstraint></CreateBucketConfiguration>",
            "<CreateBucketConfiguration><LocationConstraint>a b</LocationConstraint></CreateBucketConfiguration>",
        ] {
            assert!(location_constraint(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
