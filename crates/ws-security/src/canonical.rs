//! Exclusive XML canonicalization without comments (W3C, xml-exc-c14n, 2002) of an element of the
//! tree, without a list of inclusive namespaces.

use crate::document::{Attribute, Element, NO_NAMESPACE, NamespaceId, Node};
use crate::rule::{Rule, ensure};

/// The most bytes that one canonical form may have: declarations are repeated in it, so that it
/// can be much longer than the message.
const MAX_BYTES: usize = 2 << 20;

/// Where canonical bytes go.
pub(crate) trait Sink {
    /// Takes some.
    fn take(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn take(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Sink for aws_lc_rs::digest::Context {
    fn take(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }
}

/// Writes the canonical form of an element.
///
/// # Errors
/// [`Rule::CanonicalLength`].
pub(crate) fn canonicalize(element: Element<'_>, sink: &mut impl Sink) -> Result<(), Rule> {
    Writer { sink, written: 0, rendered: Vec::new() }.element(element)
}

struct Writer<'a, 's, S> {
    sink: &'s mut S,
    written: usize,
    /// The declarations of the open elements of the output; the last one of a prefix counts.
    rendered: Vec<(&'a str, NamespaceId)>,
}

impl<'a, S: Sink> Writer<'a, '_, S> {
    fn put(&mut self, text: &str) {
        self.written += text.len();
        self.sink.take(text.as_bytes());
    }

    /// Elements are at most 32 deep, so this can call itself.
    fn element(&mut self, element: Element<'a>) -> Result<(), Rule> {
        ensure(self.written <= MAX_BYTES, Rule::CanonicalLength)?;
        let (data, outside) = (element.data(), self.rendered.len());
        self.put("<");
        self.name(&data.prefix, &data.local);
        self.namespaces(element);
        self.attributes(element);
        self.put(">");
        for node in &data.content {
            match node {
                Node::Text(text) => self.escaped(text, &['&', '<', '>', '\r']),
                Node::Element(at) => self.element(element.document.element(*at))?,
            }
        }
        self.put("</");
        self.name(&data.prefix, &data.local);
        self.put(">");
        self.rendered.truncate(outside);
        Ok(())
    }

    fn name(&mut self, prefix: &str, local: &str) {
        if !prefix.is_empty() {
            self.put(prefix);
            self.put(":");
        }
        self.put(local);
    }

    /// Declares what the element's own name and those of its attributes use, unless the nearest
    /// element of the output that declares the prefix says the same.
    fn namespaces(&mut self, element: Element<'a>) {
        let data = element.data();
        let of_attributes = data.attributes.iter().filter(|it| !it.prefix.is_empty());
        let of_attributes = of_attributes.map(|it| (it.prefix.as_str(), it.namespace));
        let mut used: Vec<_> =
            of_attributes.chain([(data.prefix.as_str(), data.namespace)]).collect();
        used.sort_unstable();
        used.dedup();
        for (prefix, namespace) in used {
            let nearest = self.rendered.iter().rev().find(|(rendered, _)| *rendered == prefix);
            let said = nearest.map_or(NO_NAMESPACE, |(_, namespace)| *namespace);
            if prefix == "xml" || said == namespace {
                continue;
            }
            self.rendered.push((prefix, namespace));
            self.put(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
            self.put(prefix);
            self.put("=\"");
            self.escaped(element.document.namespace(namespace), IN_ATTRIBUTE);
            self.put("\"");
        }
    }

    fn attributes(&mut self, element: Element<'a>) {
        let document = element.document;
        let mut attributes: Vec<&Attribute> = element.data().attributes.iter().collect();
        attributes.sort_unstable_by_key(|it| (document.namespace(it.namespace), &it.local));
        for attribute in attributes {
            self.put(" ");
            self.name(&attribute.prefix, &attribute.local);
            self.put("=\"");
            self.escaped(&attribute.value, IN_ATTRIBUTE);
            self.put("\"");
        }
    }

    fn escaped(&mut self, text: &str, special: &[char]) {
        let mut rest = text;
        while let Some(at) = rest.find(special) {
            self.put(&rest[..at]);
            self.put(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                b'\t' => "&#x9;",
                b'\n' => "&#xA;",
                _ => "&#xD;",
            });
            rest = &rest[at + 1..];
        }
        self.put(rest);
    }
}

const IN_ATTRIBUTE: &[char] = &['&', '<', '"', '\t', '\n', '\r'];

#[cfg(test)]
mod tests;
