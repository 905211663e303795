//! The answers of EC2 and S3 as trees.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, Event};

const MAX_DEPTH: usize = 64;

/// An element: its name without prefix, its text, its children.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// The descendant under these names, such as `placement/availabilityZone`.
    pub(crate) fn find(&self, path: &str) -> Option<&Self> {
        path.split('/').try_fold(self, |element, name| {
            element.children.iter().find(|child| child.name == name)
        })
    }

    /// The text under a path, or nothing.
    pub(crate) fn text(&self, path: &str) -> &str {
        self.find(path).map_or("", |element| element.text.trim())
    }

    /// The first of these paths that has text.
    pub(crate) fn first(&self, paths: &[&str]) -> &str {
        paths.iter().map(|path| self.text(path)).find(|text| !text.is_empty()).unwrap_or_default()
    }

    /// The text under a path with the blanks around it, as a key in PEM needs them.
    pub(crate) fn verbatim(&self, path: &str) -> &str {
        self.find(path).map_or("", |element| element.text.as_str())
    }

    /// The `item`s of the list under a path.
    pub(crate) fn items(&self, path: &str) -> impl Iterator<Item = &Self> {
        let list = self.find(path).map(|list| list.children.iter());
        list.into_iter().flatten().filter(|child| child.name == "item")
    }
}

/// Reads a document.
pub(crate) fn parse(document: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(document);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(tag) if open.len() < MAX_DEPTH => open.push(named(tag.local_name())),
            Event::Start(_) => return Err("its elements are too deep".to_owned()),
            Event::Empty(tag) => adopt(&mut open, named(tag.local_name())),
            Event::End(_) => {
                if let Some(element) = open.pop() {
                    adopt(&mut open, element);
                }
            }
            Event::Text(text) => write(&mut open, &text),
            Event::CData(text) => write(&mut open, &text),
            Event::GeneralRef(reference) => write(&mut open, &resolve(&reference)?),
            Event::Eof => break,
            _ => {}
        }
    }
    match open.pop().map(|mut document| (open.len(), document.children.pop())) {
        Some((0, Some(root))) => Ok(root),
        _ => Err("it ends in the middle of an element".to_owned()),
    }
}

fn named(name: quick_xml::name::LocalName<'_>) -> Element {
    Element { name: name.as_ref().to_owned(), ..Element::default() }
}

fn adopt(open: &mut [Element], element: Element) {
    if let Some(parent) = open.last_mut() {
        parent.children.push(element);
    }
}

fn write(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn resolve(reference: &BytesRef<'_>) -> Result<String, String> {
    if let Some(character) = reference.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(character.to_string());
    }
    resolve_xml_entity(reference).map(str::to_owned).ok_or_else(|| "an unknown entity".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_whatever_its_prefixes() {
        let root = parse(
            "<?xml version='1.0'?>\n<e:R xmlns:e='urn:x'><e:set><item><a>1 &lt;&#38;&gt; 2</a>\
             </item><item/></e:set><e:key>\n k \n</e:key></e:R>",
        )
        .unwrap();
        assert_eq!(root.name, "R");
        assert_eq!(root.items("set").count(), 2);
        assert_eq!(root.text("set/item/a"), "1 <&> 2");
        assert_eq!((root.text("key"), root.verbatim("key")), ("k", "\n k \n"));
        assert_eq!(root.first(&["none", "set", "key"]), "k");
        assert_eq!(root.text("set/none"), "");
        for bad in ["", "text", "<a>", "<a></b>", "<a>&x;</a>", &"<a>".repeat(100)] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
