//! Names and the namespaces that their prefixes stand for (Namespaces in XML 1.0).

use crate::document::{NO_NAMESPACE, NamespaceId};
use crate::names::{XML, XMLNS};
use crate::rule::{Rule, ensure};

const MAX_IN_SCOPE: usize = 32;
const MAX_DISTINCT: usize = 256;
const MAX_NAMESPACE_BYTES: usize = 128;
const MAX_NAME_BYTES: usize = 128;

/// Prefix and local part of a name.
///
/// # Errors
/// [`Rule::PlainNames`]: each part is a letter or `_` and then letters, digits, `.`, `-` and `_`.
pub(super) fn split(name: &str) -> Result<(&str, &str), Rule> {
    let (prefix, local) = name.split_once(':').unwrap_or(("", name));
    let plain = is_plain(local) && (prefix.is_empty() || is_plain(prefix));
    let colon = prefix.is_empty() && name.len() > local.len();
    ensure(plain && !colon, Rule::PlainNames)?;
    Ok((prefix, local))
}

fn is_plain(part: &str) -> bool {
    let first = |b: &u8| b.is_ascii_alphabetic() || *b == b'_';
    let further = |b: &u8| first(b) || b.is_ascii_digit() || *b == b'.' || *b == b'-';
    part.len() <= MAX_NAME_BYTES
        && part
            .as_bytes()
            .split_first()
            .is_some_and(|(b, rest)| first(b) && rest.iter().all(further))
}

/// What the prefixes stand for at the place that is read.
pub(super) struct Scope {
    /// Every namespace that was met, once; in front the absence of one.
    namespaces: Vec<String>,
    /// The declarations in scope, outermost first; the last one of a prefix counts.
    declared: Vec<(String, NamespaceId)>,
    /// How many there are outside of each open element.
    outside: Vec<usize>,
}

impl Default for Scope {
    fn default() -> Self {
        let namespaces = vec![String::new(), XML.to_owned()];
        Self { namespaces, declared: vec![("xml".to_owned(), 1)], outside: Vec::new() }
    }
}

impl Scope {
    pub(super) fn enter(&mut self) {
        self.outside.push(self.declared.len());
    }

    pub(super) fn leave(&mut self) {
        self.declared.truncate(self.outside.pop().unwrap_or(0));
    }

    /// Declares a prefix, or with an empty one the default, for the element that was entered.
    pub(super) fn declare(&mut self, prefix: &str, namespace: &str) -> Result<(), Rule> {
        let reserved = [XML, XMLNS].contains(&namespace) || ["xml", "xmlns"].contains(&prefix);
        // a prefix cannot be undeclared in XML 1.0, the default can
        let empty = namespace.is_empty() && !prefix.is_empty();
        ensure(!reserved && !empty, Rule::Prefixes)?;
        let own = &self.declared[self.outside.last().copied().unwrap_or(0)..];
        ensure(own.iter().all(|(other, _)| other != prefix), Rule::AttributesDiffer)?;
        if !prefix.is_empty() {
            split(prefix)?;
            ensure(!prefix.contains(':'), Rule::PlainNames)?;
        }
        let short = self.declared.len() < MAX_IN_SCOPE && namespace.len() <= MAX_NAMESPACE_BYTES;
        ensure(short, Rule::Namespaces)?;
        let id = self.id(namespace)?;
        self.declared.push((prefix.to_owned(), id));
        Ok(())
    }

    fn id(&mut self, namespace: &str) -> Result<NamespaceId, Rule> {
        let known = self.namespaces.iter().position(|known| known == namespace);
        let id = known.unwrap_or(self.namespaces.len());
        if known.is_none() {
            ensure(id < MAX_DISTINCT, Rule::Namespaces)?;
            self.namespaces.push(namespace.to_owned());
        }
        NamespaceId::try_from(id).map_err(|_| Rule::Namespaces)
    }

    /// The namespace of an element's name with this prefix.
    pub(super) fn of_element(&self, prefix: &str) -> Result<NamespaceId, Rule> {
        let found = self.declared.iter().rev().find(|(declared, _)| declared == prefix);
        match found {
            Some((_, id)) => Ok(*id),
            None => ensure(prefix.is_empty(), Rule::Prefixes).map(|()| NO_NAMESPACE),
        }
    }

    /// The namespace of an attribute's name with this prefix: without one it has none.
    pub(super) fn of_attribute(&self, prefix: &str) -> Result<NamespaceId, Rule> {
        if prefix.is_empty() { Ok(NO_NAMESPACE) } else { self.of_element(prefix) }
    }

    pub(super) fn into_namespaces(self) -> Vec<String> {
        self.namespaces
    }
}
