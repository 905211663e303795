//! Takes typed values out of a document and gathers everything that is wrong with it.

use crate::variables::{OUTDATED, USED, WITHOUT_EFFECT};
use crate::{ConfError, Document, Problem};
use std::path::Path;

pub(crate) struct Reader<'a> {
    document: &'a Document,
    problems: Vec<Problem>,
    pub(crate) warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    /// Looks at every line once: unreadable ones and outdated variables are problems, unknown
    /// variables are named in one warning.
    pub(crate) fn new(document: &'a Document) -> Self {
        let mut reader = Self { document, problems: Vec::new(), warnings: Vec::new() };
        let (mut unknown, mut without_effect) = (Vec::new(), Vec::new());
        for entry in document.entries() {
            let key = entry.key.unwrap_or_default();
            if let Err(wrong) = entry.value {
                reader.add(Some(entry.line), entry.key, wrong);
            } else if let Some((_, why)) = OUTDATED.iter().find(|(old, _)| *old == key) {
                reader.add(Some(entry.line), entry.key, why);
            } else if WITHOUT_EFFECT.contains(&key) {
                without_effect.push(key);
            } else if !USED.contains(&key) {
                unknown.push(key);
            }
        }
        reader.warn_of(without_effect, "known, but without effect in this version");
        reader.warn_of(unknown, "not known, and kept as they are");
        reader
    }

    fn warn_of(&mut self, mut keys: Vec<&str>, what: &str) {
        keys.sort_unstable();
        keys.dedup();
        if !keys.is_empty() {
            self.warnings.push(format!("variables that are {what}: {}", keys.join(", ")));
        }
    }

    fn add(&mut self, line: Option<usize>, variable: Option<&str>, text: &str) {
        let variable = variable.map(ToOwned::to_owned);
        self.problems.push(Problem { line, variable, text: text.to_owned() });
    }

    /// Notes that a variable's value is wrong, or that it is missing.
    pub(crate) fn problem(&mut self, key: &str, text: &str) {
        let line = self.document.entry(key).map(|entry| entry.line);
        self.add(line, Some(key), text);
    }

    /// The text of a variable; none when it is missing, empty or "not_configured".
    pub(crate) fn text(&self, key: &str) -> Option<&'a str> {
        debug_assert!(USED.contains(&key), "{key} is read but not listed in USED");
        self.document.get(key).map(str::trim).filter(|v| !v.is_empty() && *v != "not_configured")
    }

    /// A variable as `parse` reads it. When that fails the value is noted as wrong; `right`, a
    /// sentence part, says what would be right.
    pub(crate) fn optional<T>(
        &mut self,
        key: &str,
        right: &str,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(key)?;
        let value = parse(text);
        if value.is_none() {
            self.problem(key, &format!("is \"{}\", but must be {right}", shortened(text)));
        }
        value
    }

    /// As [`optional`](Self::optional), with a default for a missing value.
    pub(crate) fn or<T>(
        &mut self,
        key: &str,
        default: T,
        right: &str,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> T {
        self.optional(key, right, parse).unwrap_or(default)
    }

    /// The warnings when nothing is wrong, else everything that is, in the file's order.
    pub(crate) fn finish(mut self, path: &Path) -> Result<Vec<String>, ConfError> {
        if self.problems.is_empty() {
            return Ok(self.warnings);
        }
        self.problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
        Err(ConfError::Wrong { path: path.to_owned(), problems: self.problems })
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}
