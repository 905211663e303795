//! NODES and DRAINED_NODES: the machines that run instances.

use crate::reader::Reader;
use crate::settings::{Components, yes_or_no};
use crate::{ConfError, Document, Problem};
use std::collections::HashSet;
use std::path::Path;
use types::NodeName;

/// The most nodes of one cluster (FACTS 1.1).
const MOST_NODES: usize = 1024;
const NODES: &str = "NODES";
const DRAINED: &str = "DRAINED_NODES";
const RIGHT: &str = "up to 1024 host names or addresses with blanks between them";

/// NODES and DRAINED_NODES as they stand in a file, to be edited. Whatever else is wrong with
/// that file does not matter here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeLists {
    /// NODES; this machine where it is empty and a node controller runs here.
    pub nodes: Vec<NodeName>,
    /// DRAINED_NODES.
    pub drained: Vec<NodeName>,
}

impl NodeLists {
    /// What a file says.
    ///
    /// # Errors
    /// [`ConfError::Wrong`] when one of the two lists cannot be read.
    pub fn of(path: &Path, document: &Document) -> Result<Self, ConfError> {
        let (mut nodes, drained) = (list(path, document, NODES)?, list(path, document, DRAINED)?);
        let runs_instances = document.get("START_NC").and_then(yes_or_no).unwrap_or(true);
        if nodes.is_empty() && runs_instances {
            nodes.extend(this_machine());
        }
        Ok(Self { nodes, drained })
    }

    /// Writes them into the file's text; a list that says the same stays as it is written.
    ///
    /// # Errors
    /// Only when the text cannot hold them.
    pub fn write(&self, document: &mut Document) -> Result<(), ConfError> {
        for (variable, names) in [(NODES, &self.nodes), (DRAINED, &self.drained)] {
            if document.get(variable).and_then(names_in).unwrap_or_default() != *names {
                let names: Vec<&str> = names.iter().map(NodeName::as_str).collect();
                document.set(variable, &names.join(" "))?;
            }
        }
        Ok(())
    }
}

fn list(path: &Path, document: &Document, variable: &str) -> Result<Vec<NodeName>, ConfError> {
    let Some(entry) = document.entry(variable) else { return Ok(Vec::new()) };
    let text = match entry.value {
        Ok(text) if text.trim() == "not_configured" => return Ok(Vec::new()),
        Ok(text) => names_in(text).ok_or_else(|| format!("must be {RIGHT}")),
        Err(wrong) => Err(wrong.to_owned()),
    };
    text.map_err(|text| {
        let variable = Some(variable.to_owned());
        let problems = vec![Problem { line: Some(entry.line), variable, text }];
        ConfError::Wrong { path: path.to_owned(), problems }
    })
}

/// The names in a list, each once.
fn names_in(text: &str) -> Option<Vec<NodeName>> {
    let names: Option<Vec<NodeName>> = text.split_whitespace().map(|n| n.parse().ok()).collect();
    let mut names = names.filter(|names| names.len() <= MOST_NODES)?;
    let mut seen = HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    Some(names)
}

fn this_machine() -> Option<NodeName> {
    "localhost".parse().ok()
}

/// NODES.
pub(crate) fn nodes(reader: &mut Reader<'_>, start: Components) -> Vec<NodeName> {
    let mut nodes = reader.or(NODES, Vec::new(), RIGHT, names_in);
    if nodes.is_empty() && start.nc {
        nodes.extend(this_machine());
    } else if nodes.is_empty() && start.cc && reader.text(NODES).is_none() {
        let text = "is empty, and this machine runs no node controller itself; name the machines \
                    that run instances: euca_conf --register-nodes \"HOST HOST\"";
        reader.problem(NODES, text);
    }
    nodes
}

/// DRAINED_NODES, of which each must be in NODES: a name that is misspelt would not be drained.
pub(crate) fn drained(reader: &mut Reader<'_>, nodes: &[NodeName]) -> Vec<NodeName> {
    let drained = reader.or(DRAINED, Vec::new(), RIGHT, names_in);
    let nodes_are_known = reader.text(NODES).is_none_or(|text| names_in(text).is_some());
    if let Some(name) = drained.iter().find(|name| nodes_are_known && !nodes.contains(name)) {
        let text = format!("names {name}, which is not in NODES; correct it or take it out");
        reader.problem(DRAINED, &text);
    }
    drained
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(text: &str) -> Result<NodeLists, String> {
        let document = Document::parse(text.as_bytes());
        NodeLists::of(Path::new("/f"), &document).map_err(|wrong| wrong.to_string())
    }

    fn names(text: &str) -> Vec<NodeName> {
        names_in(text).unwrap()
    }

    #[test]
    fn lists_are_read_whatever_else_is_wrong() {
        for (text, nodes, drained) in [
            ("", "localhost", ""),
            ("START_NC=N\n", "", ""),
            ("NODES=not_configured\nSTART_NC=N\n", "", ""),
            ("NODES=\" a  b a \"\nDRAINED_NODES=b\nSTART_CC=perhaps\n", "a b", "b"),
        ] {
            let expected = NodeLists { nodes: names(nodes), drained: names(drained) };
            assert_eq!(lists(text), Ok(expected), "{text}");
        }
        for (text, expected) in [
            ("NODES=\"a;b\"", "/f:1: NODES must be up to 1024 host names"),
            ("\nDRAINED_NODES=\"a", "/f:2: DRAINED_NODES has no closing quote"),
        ] {
            let wrong = lists(text).expect_err(text);
            assert!(wrong.contains(expected), "{wrong}");
        }
    }

    #[test]
    fn only_a_list_that_changes_is_written() {
        let text = "NODES='a  b' # mine\n# DRAINED_NODES=\"\"\n";
        let mut document = Document::parse(text.as_bytes());
        let mut lists = NodeLists { nodes: names("a b"), drained: vec![] };
        lists.write(&mut document).unwrap();
        assert_eq!(document.to_bytes(), text.as_bytes());
        lists.drained = names("b");
        lists.write(&mut document).unwrap();
        let after = format!("{text}DRAINED_NODES=\"b\"\n");
        assert_eq!(document.to_bytes(), after.as_bytes());
    }
}
