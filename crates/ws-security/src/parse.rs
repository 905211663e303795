//! From bytes to the tree: a strict reader of the XML that SOAP needs (SOAP 1.1, section 3: no
//! document type, no processing instruction), with a bound on everything.

mod names;
mod text;

use crate::document::{Attribute, Data, Document, Node};
use crate::rule::{Rule, ensure};
use names::{Scope, split};
use quick_xml::Reader;
use quick_xml::events::{BytesDecl, BytesStart, Event};
use std::borrow::Cow;
use std::collections::HashSet;
use text::{attribute_value, is_character, resolve};

pub(crate) const MAX_BYTES: usize = 1 << 20;
const MAX_DEPTH: usize = 32;
const MAX_ELEMENTS: usize = 16_384;
/// Of one element, declarations of namespaces included.
const MAX_ATTRIBUTES: usize = 16;
/// Of all elements together.
const MAX_ATTRIBUTES_IN_ALL: usize = 4096;

/// Reads a message.
///
/// # Errors
/// The rule that it breaks.
pub(crate) fn parse(bytes: &[u8]) -> Result<Document, Rule> {
    ensure(bytes.len() <= MAX_BYTES, Rule::Length)?;
    let text = std::str::from_utf8(bytes).map_err(|_| Rule::WellFormed)?;
    ensure(text.starts_with('<') && text.chars().all(is_character), Rule::WellFormed)?;
    let text = with_plain_line_ends(text);
    let mut reader = Reader::from_str(&text);
    let mut tree = Tree::default();
    loop {
        let begin = reader.buffer_position() == 0;
        match reader.read_event().map_err(|_| Rule::WellFormed)? {
            Event::Start(tag) => tree.open(&tag)?,
            Event::Empty(tag) => {
                tree.open(&tag)?;
                tree.close();
            }
            Event::End(_) => tree.close(),
            Event::Text(text) => {
                ensure(!text.contains("]]>"), Rule::WellFormed)?;
                tree.text(&text)?;
            }
            Event::GeneralRef(reference) => {
                tree.text(resolve(&reference)?.encode_utf8(&mut [0; 4]))?;
            }
            Event::Decl(declaration) => {
                ensure(begin && is_plain(&declaration), Rule::WellFormed)?;
            }
            Event::DocType(_) => ensure(false, Rule::NoDocumentType)?,
            Event::PI(_) => ensure(false, Rule::NoInstruction)?,
            Event::Comment(_) | Event::CData(_) => ensure(false, Rule::NoComment)?,
            Event::Eof => return tree.finish(),
        }
    }
}

/// Whether a declaration says XML 1.0 in UTF-8.
fn is_plain(declaration: &BytesDecl<'_>) -> bool {
    let version = declaration.version().is_ok_and(|version| version == "1.0");
    let encoding = declaration.encoding().is_none_or(|encoding| {
        encoding.is_ok_and(|encoding| encoding.eq_ignore_ascii_case("utf-8"))
    });
    version && encoding
}

/// Every end of a line is a line feed (XML 1.0, 2.11).
fn with_plain_line_ends(text: &str) -> Cow<'_, str> {
    match text.contains('\r') {
        true => Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")),
        false => Cow::Borrowed(text),
    }
}

/// The tree that grows, and the elements of it that are open.
#[derive(Default)]
struct Tree {
    elements: Vec<Data>,
    open: Vec<usize>,
    scope: Scope,
    ids: HashSet<String>,
    attributes: usize,
}

impl Tree {
    fn open(&mut self, tag: &BytesStart<'_>) -> Result<(), Rule> {
        let at = self.elements.len();
        // a second root is no XML
        ensure(at == 0 || !self.open.is_empty(), Rule::WellFormed)?;
        ensure(self.open.len() < MAX_DEPTH, Rule::Depth)?;
        ensure(at < MAX_ELEMENTS, Rule::Elements)?;
        let attributes = self.declare(tag)?;
        let tag = tag.name();
        let (prefix, local) = split(tag.as_ref())?;
        let data = Data {
            prefix: prefix.to_owned(),
            local: local.to_owned(),
            namespace: self.scope.of_element(prefix)?,
            attributes: self.attributes(&attributes)?,
            content: Vec::new(),
        };
        if let Some(&parent) = self.open.last() {
            self.elements[parent].content.push(Node::Element(at));
        }
        self.elements.push(data);
        self.open.push(at);
        Ok(())
    }

    /// Takes the declarations of namespaces out of a tag's attributes, and gives the others.
    fn declare<'t>(
        &mut self,
        tag: &'t BytesStart<'_>,
    ) -> Result<Vec<(Cow<'t, str>, String)>, Rule> {
        self.scope.enter();
        let mut others = Vec::new();
        for (number, attribute) in tag.attributes().with_checks(false).enumerate() {
            self.attributes += 1;
            let few = number < MAX_ATTRIBUTES && self.attributes <= MAX_ATTRIBUTES_IN_ALL;
            ensure(few, Rule::Attributes)?;
            let attribute = attribute.map_err(|_| Rule::WellFormed)?;
            let name = Cow::Borrowed(attribute.key.into_inner());
            let value = attribute_value(&attribute.value)?;
            match &*name {
                "xmlns" => self.scope.declare("", &value)?,
                _ => match name.strip_prefix("xmlns:") {
                    Some(prefix) => self.scope.declare(prefix, &value)?,
                    None => others.push((name, value)),
                },
            }
        }
        Ok(others)
    }

    fn attributes(&mut self, raw: &[(Cow<'_, str>, String)]) -> Result<Vec<Attribute>, Rule> {
        let mut attributes: Vec<Attribute> = Vec::with_capacity(raw.len());
        for (name, value) in raw {
            let (prefix, local) = split(name)?;
            let namespace = self.scope.of_attribute(prefix)?;
            let same = |other: &Attribute| other.namespace == namespace && other.local == local;
            ensure(!attributes.iter().any(same), Rule::AttributesDiffer)?;
            if local.eq_ignore_ascii_case("id") {
                ensure(self.ids.insert(value.clone()), Rule::IdsDiffer)?;
            }
            let (prefix, local) = (prefix.to_owned(), local.to_owned());
            attributes.push(Attribute { prefix, local, namespace, value: value.clone() });
        }
        Ok(attributes)
    }

    fn text(&mut self, text: &str) -> Result<(), Rule> {
        let Some(&parent) = self.open.last() else {
            let blank = text.bytes().all(|b| b.is_ascii_whitespace());
            return ensure(blank, Rule::WellFormed);
        };
        match self.elements[parent].content.last_mut() {
            Some(Node::Text(before)) => before.push_str(text),
            _ => self.elements[parent].content.push(Node::Text(text.to_owned())),
        }
        Ok(())
    }

    fn close(&mut self) {
        self.scope.leave();
        self.open.pop();
    }

    fn finish(self) -> Result<Document, Rule> {
        if self.elements.is_empty() || !self.open.is_empty() {
            return Err(Rule::WellFormed);
        }
        Ok(Document { elements: self.elements, namespaces: self.scope.into_namespaces() })
    }
}

#[cfg(test)]
mod tests;
