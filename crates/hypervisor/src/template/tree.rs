//! A small XML tree: what is parsed is what is checked and what is written.

use quick_xml::events::{BytesText, Event};
use quick_xml::reader::Reader;
use quick_xml::writer::Writer;
use std::io;

/// Limits on what is parsed.
const MOST_BYTES: usize = 256 * 1024;
const MOST_DEPTH: usize = 32;

/// An element.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<Child>,
    /// The line on which it begins.
    pub(super) line: usize,
}

/// What stands in an element. Comments are dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Child {
    Element(Element),
    /// Without the blanks around it; never empty.
    Text(String),
}

impl Element {
    /// Reads a document with one root element.
    ///
    /// # Errors
    /// With the line and what is wrong on it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MOST_BYTES {
            return Err(format!("it is longer than {MOST_BYTES} bytes"));
        }
        let mut reader = Reader::from_str(text);
        let mut parser = Parser::default();
        loop {
            let event = reader.read_event();
            let at = usize::try_from(reader.buffer_position()).unwrap_or(text.len());
            let before = text.as_bytes().get(..at).unwrap_or_default();
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            let on_line = |problem: String| format!("line {line}: {problem}");
            match event.map_err(|error| on_line(error.to_string()))? {
                Event::Eof => return parser.end().map_err(on_line),
                event => parser.take(event, line).map_err(on_line)?,
            }
        }
    }

    pub(super) fn write(&self) -> io::Result<String> {
        let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
        self.write_to(&mut writer)?;
        String::from_utf8(writer.into_inner()).map_err(io::Error::other)
    }

    fn write_to(&self, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
        let pairs = self.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let element = writer.create_element(self.name.as_str()).with_attributes(pairs);
        match self.children.as_slice() {
            [] => element.write_empty()?,
            [Child::Text(text)] => element.write_text_content(BytesText::new(text))?,
            children => element.write_inner_content(|writer| {
                children.iter().try_for_each(|child| match child {
                    Child::Element(element) => element.write_to(writer),
                    Child::Text(text) => writer.write_event(Event::Text(BytesText::new(text))),
                })
            })?,
        };
        Ok(())
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|child| match child {
            Child::Element(element) => Some(element),
            Child::Text(_) => None,
        })
    }

    /// The children of this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.elements().filter(move |element| element.name == name)
    }

    /// The only child of this name.
    pub(super) fn only(&self, name: &str) -> Option<&Self> {
        let mut all = self.elements().filter(|element| element.name == name);
        all.next().filter(|_| all.next().is_none())
    }

    /// The text in it, if there is nothing else.
    pub(super) fn text(&self) -> Option<&str> {
        match self.children.as_slice() {
            [Child::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether it says the same, wherever it stands.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        self.write().ok() == other.write().ok()
    }
}

/// The elements that are open, and the root once it is closed.
#[derive(Debug, Default)]
struct Parser {
    open: Vec<Element>,
    root: Option<Element>,
}

impl Parser {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), String> {
        match event {
            Event::Start(start) => self.begin(&start, line),
            Event::Empty(start) => {
                self.begin(&start, line)?;
                self.close()
            }
            Event::End(_) => self.close(),
            Event::Text(text) => self.text(&text),
            Event::GeneralRef(name) => {
                let plain = quick_xml::escape::unescape(&format!("&{};", &*name))
                    .map_err(|error| error.to_string())?
                    .into_owned();
                self.append(&plain)
            }
            Event::Comment(_) | Event::Decl(_) => Ok(()),
            Event::CData(_) | Event::PI(_) | Event::DocType(_) | Event::Eof => {
                Err("only elements, text and comments may stand in it".to_owned())
            }
        }
    }

    fn begin(
        &mut self,
        start: &quick_xml::events::BytesStart<'_>,
        line: usize,
    ) -> Result<(), String> {
        if self.root.is_some() {
            return Err("there is a second root element".to_owned());
        }
        if self.open.len() >= MOST_DEPTH {
            return Err("elements are nested too deep".to_owned());
        }
        let name = start.name().as_ref().to_owned();
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let value = quick_xml::escape::unescape(&attribute.value);
            let value = value.map_err(|error| error.to_string())?.into_owned();
            attributes.push((attribute.key.as_ref().to_owned(), value));
        }
        self.open.push(Element { name, attributes, children: Vec::new(), line });
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let mut element = self.open.pop().ok_or("an element is closed that was not opened")?;
        element.children.retain_mut(|child| match child {
            Child::Element(_) => true,
            Child::Text(text) => {
                *text = text.trim().to_owned();
                !text.is_empty()
            }
        });
        match self.open.last_mut() {
            Some(parent) => parent.children.push(Child::Element(element)),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        if self.open.is_empty() && text.trim().is_empty() {
            return Ok(());
        }
        self.append(text)
    }

    /// Text comes in pieces, cut at references.
    fn append(&mut self, text: &str) -> Result<(), String> {
        let parent = self.open.last_mut().ok_or("text stands outside of the root element")?;
        match parent.children.last_mut() {
            Some(Child::Text(before)) => before.push_str(text),
            _ => parent.children.push(Child::Text(text.to_owned())),
        }
        Ok(())
    }

    fn end(self) -> Result<Element, String> {
        match self.open.last() {
            Some(open) => Err(format!("<{}> of line {} is not closed", open.name, open.line)),
            None => self.root.ok_or_else(|| "there is no element in it".to_owned()),
        }
    }
}
