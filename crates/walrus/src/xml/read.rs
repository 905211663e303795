//! XML bodies of requests: elements and text, nothing else, and a bound on everything.

use crate::fault::{Fault, MALFORMED_XML};
use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, Event};

const MAX_DEPTH: usize = 8;
/// A list of 10,000 parts, each with its number, ETag and checksum.
const MAX_ELEMENTS: usize = 50_000;

/// An element, its name without a prefix. Attributes are not kept.
#[derive(Debug, Default)]
pub(crate) struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

/// Reads a document whose root has this name.
///
/// # Errors
/// `MalformedXML`, for a DOCTYPE, an instruction and an entity of one's own too.
pub(crate) fn parse(body: &[u8], root: &str) -> Result<Element, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| MALFORMED_XML.because("it is not UTF-8"))?;
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut tree = Tree::default();
    loop {
        let event =
            reader.read_event().map_err(|error| MALFORMED_XML.because(error.to_string()))?;
        match event {
            Event::Start(tag) => tree.open(tag.local_name().as_ref())?,
            Event::Empty(tag) => {
                tree.open(tag.local_name().as_ref())?;
                tree.close();
            }
            Event::End(_) => tree.close(),
            Event::Text(text) => tree.text(&text)?,
            Event::CData(text) => tree.text(&text)?,
            Event::GeneralRef(reference) => tree.text(&resolve(&reference)?)?,
            Event::Decl(_) | Event::Comment(_) => {}
            Event::Eof => break,
            _ => return Err(MALFORMED_XML.because("it has a document type or an instruction")),
        }
    }
    let named = |element: &Element| element.name == root;
    tree.root.filter(|element| tree.open.is_empty() && named(element)).ok_or_else(|| {
        MALFORMED_XML.because(format!("a document of one whole element {root} is read here"))
    })
}

fn resolve(reference: &BytesRef<'_>) -> Result<String, Fault> {
    let character = reference.resolve_char_ref().map_err(|_| MALFORMED_XML)?;
    let known = || resolve_xml_entity(reference).map(str::to_owned);
    let text = character.map(String::from).or_else(known);
    text.ok_or_else(|| MALFORMED_XML.because("it refers to an entity other than the five of XML"))
}

impl Element {
    /// Refuses other children than these.
    pub(crate) fn only(&self, names: &[&str]) -> Result<(), Fault> {
        match self.children.iter().find(|child| !names.contains(&child.name.as_str())) {
            None => Ok(()),
            Some(child) => Err(MALFORMED_XML
                .because(format!("{} is not read inside of {}", child.name, self.name))),
        }
    }

    /// All children of this name.
    pub(crate) fn all(&self, name: &'static str) -> impl Iterator<Item = &Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The one child of this name.
    pub(crate) fn child(&self, name: &'static str) -> Result<&Self, Fault> {
        let mut found = self.all(name);
        found
            .next()
            .filter(|_| found.next().is_none())
            .ok_or_else(|| MALFORMED_XML.because(format!("{} needs exactly one {name}", self.name)))
    }

    /// The one child of this name, if there is one.
    pub(crate) fn optional(&self, name: &'static str) -> Result<Option<&Self>, Fault> {
        if self.all(name).next().is_none() { Ok(None) } else { self.child(name).map(Some) }
    }

    /// The text of the one child of this name; none without such a child.
    pub(crate) fn text_of(&self, name: &str) -> Result<Option<&str>, Fault> {
        let mut found = self.children.iter().filter(|child| child.name == name);
        let first = found.next();
        if found.next().is_some() {
            let twice = format!("{} has more than one {name}", self.name);
            return Err(MALFORMED_XML.because(twice));
        }
        first.map(Self::text).transpose()
    }

    /// The texts of all children of this name.
    pub(crate) fn texts_of(&self, name: &'static str) -> Result<Vec<String>, Fault> {
        self.all(name).map(|child| child.text().map(str::to_owned)).collect()
    }

    /// The same, of a child that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Fault> {
        self.text_of(name)?
            .ok_or_else(|| MALFORMED_XML.because(format!("{} has no {name}", self.name)))
    }

    fn text(&self) -> Result<&str, Fault> {
        self.only(&[])?;
        Ok(&self.text)
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
    fn open(&mut self, name: &str) -> Result<(), Fault> {
        self.elements += 1;
        if self.root.is_some() || self.open.len() >= MAX_DEPTH || self.elements > MAX_ELEMENTS {
            return Err(MALFORMED_XML.because("it has too many or too deep elements"));
        }
        self.open.push(Element { name: name.to_owned(), ..Element::default() });
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Fault> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(MALFORMED_XML.because("it has text outside of its root")),
        }
        Ok(())
    }

    fn close(&mut self) {
        let Some(element) = self.open.pop() else { return };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_and_text_are_read_whatever_their_prefix() {
        let body = "<?xml version='1.0'?><s:A xmlns:s='x'> <B> 1 &lt;&#38;<![CDATA[>]]> </B><C/>\
                    <!-- --><D>2</D><D>3</D></s:A>";
        let root = parse(body.as_bytes(), "A").unwrap();
        assert_eq!(root.text_of("B").unwrap(), Some(" 1 <&> "));
        assert_eq!(root.required("C").unwrap(), "");
        assert_eq!(root.all("D").map(|it| it.text().unwrap()).collect::<Vec<_>>(), ["2", "3"]);
        assert!(root.text_of("D").is_err(), "there are two");
        assert_eq!(root.text_of("E").unwrap(), None);
        assert!(root.required("E").is_err());
        assert!(root.child("C").is_ok() && root.child("D").is_err() && root.child("E").is_err());
        assert!(root.only(&["B", "C", "D"]).is_ok() && root.only(&["B", "C"]).is_err());
    }

    #[test]
    fn what_is_no_such_document_is_refused() {
        for bad in [
            "",
            "x",
            "<A>",
            "<B/>",
            "<A/><A/>",
            "<A/>x",
            "<A></B>",
            "<!DOCTYPE a [<!ENTITY b 'c'>]><A/>",
            "<A>&b;</A>",
            "<A><?php ?></A>",
            &"<A>".repeat(9),
            &format!("<A>{}</A>", "<b/>".repeat(60_000)),
        ] {
            assert!(parse(bad.as_bytes(), "A").is_err(), "{}", &bad[..bad.len().min(60)]);
        }
        assert!(parse(b"<A>\xff</A>", "A").is_err());
    }
}
