//! XML as S3 writes and reads it.

use crate::fault::{Fault, MALFORMED_XML};
use quick_xml::Reader;
use quick_xml::events::Event;
use std::fmt::Write;

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
    let text = std::str::from_utf8(body).map_err(|_| MALFORMED_XML)?;
    let mut reader = Reader::from_str(text);
    let mut path: Vec<String> = Vec::new();
    let mut location = String::new();
    loop {
        match reader.read_event().map_err(|_| MALFORMED_XML)? {
            Event::Start(start) => {
                path.push(start.local_name().as_ref().to_owned());
                check_path(&path)?;
            }
            Event::Empty(start) => {
                path.push(start.local_name().as_ref().to_owned());
                check_path(&path)?;
                path.pop();
            }
            Event::End(_) => {
                path.pop();
            }
            Event::Text(words) => {
                let words = words.trim();
                if path.len() == 2 {
                    location.push_str(words);
                } else if !words.is_empty() {
                    return Err(MALFORMED_XML.into());
                }
            }
            Event::Eof if path.is_empty() => break,
            Event::Decl(_) | Event::Comment(_) => {}
            _ => return Err(MALFORMED_XML.into()),
        }
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if location.len() > 64 || !location.bytes().all(plain) {
        return Err(
            MALFORMED_XML.because("a location constraint has at most 64 letters, digits and '-'")
        );
    }
    Ok(location)
}

fn check_path(path: &[String]) -> Result<(), Fault> {
    match path {
        [root] if root == "CreateBucketConfiguration" => Ok(()),
        [root, child] if root == "CreateBucketConfiguration" && child == "LocationConstraint" => {
            Ok(())
        }
        _ => Err(MALFORMED_XML
            .because("only CreateBucketConfiguration with a LocationConstraint is read here")),
    }
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
            "<CreateBucketConfiguration>x</CreateBucketConfiguration>",
            "<CreateBucketConfiguration><LocationConstraint>&b;</LocationConstraint></CreateBucketConfiguration>",
            "<CreateBucketConfiguration><LocationConstraint>a b</LocationConstraint></CreateBucketConfiguration>",
        ] {
            assert!(location_constraint(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
