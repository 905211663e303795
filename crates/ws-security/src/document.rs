//! A message as one tree.

use crate::names::Name;

/// Where a name's namespace is in [`Document::namespaces`].
pub(crate) type NamespaceId = u16;
/// No namespace, which is at the beginning of that list.
pub(crate) const NO_NAMESPACE: NamespaceId = 0;

/// The tree of a message. Elements are in the order of their start tags, the root first.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) elements: Vec<Data>,
    /// Every namespace of the message, once.
    pub(crate) namespaces: Vec<String>,
}

/// An element.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) prefix: String,
    pub(crate) local: String,
    pub(crate) namespace: NamespaceId,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) content: Vec<Node>,
}

/// An attribute, declarations of namespaces excluded.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) prefix: String,
    pub(crate) local: String,
    pub(crate) namespace: NamespaceId,
    pub(crate) value: String,
}

/// What is in an element.
#[derive(Debug)]
pub(crate) enum Node {
    /// The element at this place.
    Element(usize),
    /// Text; two of them never follow each other.
    Text(String),
}

impl Document {
    pub(crate) const fn root(&self) -> Element<'_> {
        self.element(0)
    }

    pub(crate) const fn element(&self, at: usize) -> Element<'_> {
        Element { document: self, at }
    }

    pub(crate) fn namespace(&self, id: NamespaceId) -> &str {
        &self.namespaces[usize::from(id)]
    }
}

/// An element of a message.
#[derive(Debug, Clone, Copy)]
pub struct Element<'a> {
    pub(crate) document: &'a Document,
    at: usize,
}

impl<'a> Element<'a> {
    pub(crate) fn data(self) -> &'a Data {
        &self.document.elements[self.at]
    }

    /// The namespace of its name; empty when it has none.
    pub fn namespace(self) -> &'a str {
        self.document.namespace(self.data().namespace)
    }

    /// Its name in that namespace.
    pub fn name(self) -> &'a str {
        &self.data().local
    }

    /// The elements in it.
    pub fn children(self) -> impl Iterator<Item = Element<'a>> {
        let document = self.document;
        self.data().content.iter().filter_map(move |node| match node {
            Node::Element(at) => Some(document.element(*at)),
            Node::Text(_) => None,
        })
    }

    /// The text in it, that of its elements excluded.
    pub fn text(self) -> String {
        self.data().content.iter().filter_map(Node::text).collect()
    }

    /// Whether there is anything but blanks between the elements in it.
    pub fn has_text(self) -> bool {
        let blank = |text: &str| text.bytes().all(|b| b.is_ascii_whitespace());
        self.data().content.iter().filter_map(Node::text).any(|text| !blank(text))
    }

    pub(crate) fn is(self, (namespace, local): Name) -> bool {
        self.name() == local && self.namespace() == namespace
    }

    /// The value of an attribute.
    pub(crate) fn attribute(self, name: Name) -> Option<&'a str> {
        self.attributes().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// Names and values of the attributes.
    pub(crate) fn attributes(self) -> impl Iterator<Item = ((&'a str, &'a str), &'a str)> {
        let document = self.document;
        self.data().attributes.iter().map(move |attribute| {
            let name = (document.namespace(attribute.namespace), attribute.local.as_str());
            (name, attribute.value.as_str())
        })
    }
}

impl Node {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Element(_) => None,
        }
    }
}
