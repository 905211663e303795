//! A small strict reader of XML: no document types, no entities of one's own, no comments, no
//! CDATA, and a bound on everything.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use std::ops::Range;

const MAX_DEPTH: usize = 16;
const MAX_ELEMENTS: usize = 50_000;

/// An element of a document, with the place of its bytes in the document.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
    /// From the `<` of the start tag to behind the `>` of the end tag.
    pub(crate) range: Range<usize>,
}

impl Element {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The child of this name, of which there must be no second one.
    pub(crate) fn child(&self, name: &str) -> Result<Option<&Self>, String> {
        let mut found = self.children.iter().filter(|child| child.name == name);
        let first = found.next();
        match found.next() {
            Some(_) => Err(format!("{} has more than one {name}", self.name)),
            None => Ok(first),
        }
    }

    /// The one child of this name.
    pub(crate) fn require(&self, name: &str) -> Result<&Self, String> {
        self.child(name)?.ok_or_else(|| format!("{} has no {name}", self.name))
    }

    /// The text of the one child of this name, without blanks around it.
    pub(crate) fn text_of(&self, name: &str) -> Result<&str, String> {
        self.require(name).map(|child| child.text.trim())
    }
}

/// Reads a document and gives its root element.
pub(crate) fn parse(document: &str) -> Result<Element, String> {
    let allowed = |b: u8| b >= b' ' || matches!(b, b'\t' | b'\n' | b'\r');
    if !document.starts_with('<') || !document.bytes().all(allowed) {
        return Err("it is not an XML document".to_owned());
    }
    let mut tree = Tree::default();
    let mut reader = Reader::from_str(document);
    loop {
        let start = position(&reader);
        let event = reader.read_event().map_err(|e| format!("it is not well-formed XML ({e})"))?;
        let range = start..position(&reader);
        match event {
            Event::Start(tag) => tree.open(&tag, range)?,
            Event::Empty(tag) => {
                tree.open(&tag, range.clone())?;
                tree.close(range.end);
            }
            Event::End(_) => tree.close(range.end),
            Event::Text(text) => tree.text(&text)?,
            Event::GeneralRef(reference) => tree.text(resolve(&reference)?)?,
            Event::Decl(_) if start == 0 => {}
            Event::Eof => return tree.finish(),
            _ => return Err("it has a document type, a comment, CDATA or an instruction".into()),
        }
    }
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

fn resolve(reference: &BytesRef<'_>) -> Result<&'static str, String> {
    match reference.as_ref() {
        "amp" => Ok("&"),
        "lt" => Ok("<"),
        "gt" => Ok(">"),
        "quot" => Ok("\""),
        "apos" => Ok("'"),
        _ => Err("it refers to an entity other than the five of XML".to_owned()),
    }
}

/// The elements that are open, outermost first, and the root once it is closed.
#[derive(Default)]
struct Tree {
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
}

impl Tree {
    fn open(&mut self, tag: &BytesStart<'_>, range: Range<usize>) -> Result<(), String> {
        self.elements += 1;
        if self.root.is_some() || self.open.len() >= MAX_DEPTH || self.elements > MAX_ELEMENTS {
            return Err("it has too many or too deep elements".to_owned());
        }
        let attributes = tag
            .attributes()
            .map(|attribute| {
                let attribute =
                    attribute.map_err(|e| format!("an attribute is malformed ({e})"))?;
                Ok((attribute.key.as_ref().to_owned(), attribute.value.into_owned()))
            })
            .collect::<Result<_, String>>()?;
        let name = tag.name().as_ref().to_owned();
        self.open.push(Element { name, attributes, range, ..Element::default() });
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err("it has text outside of its root".to_owned()),
        }
        Ok(())
    }

    fn close(&mut self, end: usize) {
        if let Some(mut element) = self.open.pop() {
            element.range.end = end;
            match self.open.last_mut() {
                Some(parent) => parent.children.push(element),
                None => self.root = Some(element),
            }
        }
    }

    fn finish(self) -> Result<Element, String> {
        match self.root {
            Some(root) if self.open.is_empty() => Ok(root),
            _ => Err("it ends in the middle of an element".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_knows_its_bytes() {
        let document = "<?xml version='1.0'?>\n<a>x<b k='v'>1 &amp;&#32;2</b></a>";
        assert!(parse(document).is_err(), "character references are not needed by anybody");
        let document = "<?xml version='1.0'?>\n<a>x<b k='v'>1 &amp; 2</b><c/></a>";
        let root = parse(document).unwrap();
        let b = root.require("b").unwrap();
        assert_eq!(&document[b.range.clone()], "<b k='v'>1 &amp; 2</b>");
        assert_eq!((b.text.as_str(), b.attribute("k")), ("1 & 2", Some("v")));
        assert_eq!(&document[root.require("c").unwrap().range.clone()], "<c/>");
        assert_eq!(root.range.end, document.len());
    }

    #[test]
    fn what_a_manifest_never_needs_is_refused() {
        for bad in [
            "",
            "plain text",
            "\u{feff}<a/>",
            "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
            "<!DOCTYPE a><a/>",
            "<a>&x;</a>",
            "<a><!-- --></a>",
            "<a><![CDATA[x]]></a>",
            "<a><?php ?></a>",
            "<a></b>",
            "<a>",
            "<a/><a/>",
            "<a/>text",
            "<a x='1' x='2'/>",
            "<a>\0</a>",
            &"<a>".repeat(20),
            &format!("<a>{}</a>", "<b/>".repeat(60_000)),
        ] {
            assert!(parse(bad).is_err(), "{}", &bad[..bad.len().min(60)]);
        }
    }

    #[test]
    fn a_second_element_of_a_name_is_noticed() {
        let root = parse("<a><b/><b/></a>").unwrap();
        assert!(root.child("b").is_err());
        assert!(root.require("c").is_err());
    }
}
