//! The text of the file, line by line, and edits that leave every other byte alone.

use crate::error::ConfError;
use crate::value::{quote, scan};
use std::ops::Range;

/// The file as it is, comments, odd bytes and line ends included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    /// The bytes of the line with its end.
    raw: Vec<u8>,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    /// A blank line or a comment; a comment that shows a variable (`# KEY=…`) names it.
    Remark(Option<String>),
    Assignment {
        key: String,
        value: Result<String, &'static str>,
        span: Range<usize>,
    },
    /// Neither; what is wrong with it.
    Unreadable(&'static str),
}

/// What one line says about a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The line, counted from 1.
    pub line: usize,
    /// The variable; none when the line is not an assignment at all.
    pub key: Option<&'a str>,
    /// Its value, or what is wrong with the way the line is written.
    pub value: Result<&'a str, &'static str>,
}

impl Document {
    /// Reads a file's bytes. Lines that cannot be read are kept and show up in
    /// [`entries`](Self::entries) as errors.
    pub fn parse(bytes: &[u8]) -> Self {
        Self { lines: bytes.split_inclusive(|b| *b == b'\n').map(Line::parse).collect() }
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| &line.raw).copied().collect()
    }

    /// Every line that is not blank and not a comment, in order.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.lines.iter().enumerate().filter_map(|(at, line)| {
            let (key, value) = match &line.content {
                Content::Remark(_) => return None,
                Content::Assignment { key, value, .. } => {
                    (Some(key.as_str()), value.as_deref().map_err(|wrong| *wrong))
                }
                Content::Unreadable(wrong) => (None, Err(*wrong)),
            };
            Some(Entry { line: at + 1, key, value })
        })
    }

    /// The line that counts for a variable: the last one, as in a shell.
    pub fn entry(&self, key: &str) -> Option<Entry<'_>> {
        self.entries().filter(|entry| entry.key == Some(key)).last()
    }

    /// The variable's value; none when it is missing or its line cannot be read.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entry(key).and_then(|entry| entry.value.ok())
    }

    /// Sets a variable to `KEY="value"` on the line that counts, or on a new line: below the
    /// comment that shows the variable, else at the end.
    ///
    /// # Errors
    /// When the key is not a shell variable's name or the value holds a control character.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), ConfError> {
        if !is_key(key) || value.contains(char::is_control) {
            return Err(ConfError::Unwritable { key: key.to_owned(), value: value.to_owned() });
        }
        let assignment = format!("{key}={}", quote(value));
        match self.lines.iter().rposition(|line| line.assigns(key)) {
            Some(at) => self.lines[at].replace(&assignment),
            None => self.insert(key, &assignment),
        }
        Ok(())
    }

    fn insert(&mut self, key: &str, assignment: &str) {
        let shown = |line: &Line| line.content == Content::Remark(Some(key.to_owned()));
        let at = self.lines.iter().rposition(shown).map_or(self.lines.len(), |at| at + 1);
        let end: &[u8] = match at.checked_sub(1).map(|before| &mut self.lines[before].raw) {
            Some(raw) if raw.ends_with(b"\r\n") => b"\r\n",
            Some(raw) if !raw.ends_with(b"\n") => {
                raw.push(b'\n');
                b"\n"
            }
            _ => b"\n",
        };
        self.lines.insert(at, Line::parse(&[assignment.as_bytes(), end].concat()));
    }
}

impl Line {
    fn parse(raw: &[u8]) -> Self {
        Self { raw: raw.to_vec(), content: Content::parse(&raw[..body_length(raw)]) }
    }

    fn assigns(&self, wanted: &str) -> bool {
        matches!(&self.content, Content::Assignment { key, .. } if key == wanted)
    }

    fn replace(&mut self, assignment: &str) {
        if let Content::Assignment { span, .. } = &self.content {
            let mut raw = self.raw[..span.start].to_vec();
            raw.extend_from_slice(assignment.as_bytes());
            raw.extend_from_slice(&self.raw[span.end..]);
            *self = Self::parse(&raw);
        }
    }
}

/// The length of a line without its end.
fn body_length(raw: &[u8]) -> usize {
    let body = raw.strip_suffix(b"\n").unwrap_or(raw);
    body.strip_suffix(b"\r").unwrap_or(body).len()
}

fn is_key(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    !text.is_empty() && !text.as_bytes()[0].is_ascii_digit() && text.bytes().all(word)
}

impl Content {
    fn parse(body: &[u8]) -> Self {
        let trimmed = body.trim_ascii_start();
        if trimmed.is_empty() || trimmed[0] == b'#' {
            return Self::Remark(shown_variable(trimmed));
        }
        match std::str::from_utf8(body) {
            Ok(text) => Self::assignment(text),
            Err(_) => Self::Unreadable("has bytes that are not UTF-8 text"),
        }
    }

    fn assignment(text: &str) -> Self {
        let indent = text.len() - text.trim_start().len();
        let export = text[indent..]
            .strip_prefix("export ")
            .map_or(0, |rest| "export ".len() + (rest.len() - rest.trim_start().len()));
        let start = indent + export;
        let Some((left, right)) = text[start..].split_once('=') else {
            return Self::Unreadable("is neither a comment nor KEY=\"value\"");
        };
        let key = left.trim_end();
        if !is_key(key) {
            return Self::Unreadable("does not start with a variable's name and =");
        }
        let after_equals = start + left.len() + 1;
        let blanks = right.len() - right.trim_start().len();
        // a # after blanks starts a comment; right after = it belongs to the value
        let empty = blanks > 0 && right.trim_start().starts_with('#');
        let value_at = after_equals + if empty { 0 } else { blanks };
        let (value, end) = match scan(&text[value_at..]) {
            Ok(scanned) => (Ok(scanned.value), value_at + scanned.length),
            Err(wrong) => (Err(wrong), text.len()),
        };
        Self::Assignment { key: key.to_owned(), value, span: start..end }
    }
}

/// The variable that a comment such as `# KEY="value"` shows.
fn shown_variable(comment: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(comment).ok()?;
    let (key, _) = text.trim_start_matches('#').trim_start().split_once('=')?;
    is_key(key).then(|| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn edited(before: &str, key: &str, value: &str) -> String {
        let mut document = Document::parse(before.as_bytes());
        document.set(key, value).unwrap();
        String::from_utf8(document.to_bytes()).unwrap()
    }

    #[test]
    fn an_edit_rewrites_the_line_that_counts() {
        for (before, after) in [
            ("A=1\nK=x\nB=2\n", "A=1\nK=\"v w\"\nB=2\n"),
            ("K=x\nK=y\n", "K=x\nK=\"v w\"\n"),
            ("K = 'x'  # why\n", "K=\"v w\"  # why\n"),
            ("  export K=x\r\nB=2\r\n", "  export K=\"v w\"\r\nB=2\r\n"),
            ("K=\"broken\n", "K=\"v w\"\n"),
            ("K= # empty\n", "K=\"v w\" # empty\n"),
        ] {
            assert_eq!(edited(before, "K", "v w"), after, "{before:?}");
        }
    }

    #[test]
    fn a_missing_key_goes_below_the_comment_that_shows_it_or_to_the_end() {
        for (before, after) in [
            ("", "K=\"v\"\n"),
            ("A=1", "A=1\nK=\"v\"\n"),
            ("A=1\r\n", "A=1\r\nK=\"v\"\r\n"),
            ("# K=\"x\"\nA=1\n", "# K=\"x\"\nK=\"v\"\nA=1\n"),
            ("#K=x", "#K=x\nK=\"v\"\n"),
        ] {
            assert_eq!(edited(before, "K", "v"), after, "{before:?}");
        }
    }

    #[test]
    fn what_a_line_cannot_hold_is_refused() {
        let mut document = Document::default();
        for (key, value) in [("K", "a\nb"), ("K", "a\0"), ("1K", "v"), ("", "v"), ("A B", "v")] {
            assert!(document.set(key, value).is_err(), "{key:?} {value:?}");
        }
    }

    #[test]
    fn a_shell_that_sources_the_file_reads_the_same_values() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("conf");
        for value in ["a b", "a\"b", "$HOME `id` \\ \\\\", "it's", "#x", "caf\u{e9}", "*", "\\n"] {
            std::fs::write(&path, edited("# note\n", "K", value)).unwrap();
            let script = format!(". {}; printf %s \"$K\"", path.display());
            let shell = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(shell.stdout).unwrap(), value);
        }
    }

    fn lines(document: &Document) -> Vec<Vec<u8>> {
        document.lines.iter().map(|line| line.raw.clone()).collect()
    }

    proptest! {
        #[test]
        fn any_bytes_come_back_unchanged(bytes: Vec<u8>) {
            prop_assert_eq!(Document::parse(&bytes).to_bytes(), bytes);
        }

        #[test]
        fn an_edit_changes_one_line_and_reads_back(
            text in "([ A-C#='\"\\\\$\r\n]|export |é){0,60}",
            key in "[A-C]",
            value in "[^\\p{Cc}]{0,12}",
        ) {
            let before = Document::parse(text.as_bytes());
            let mut after = before.clone();
            after.set(&key, &value).unwrap();
            prop_assert_eq!(after.get(&key), Some(value.as_str()));
            prop_assert_eq!(&Document::parse(&after.to_bytes()), &after);

            let (mut old, new) = (lines(&before), lines(&after));
            if old.len() == new.len() {
                let changed = old.iter().zip(&new).filter(|(a, b)| a != b).count();
                prop_assert!(changed <= 1);
            } else {
                let added = format!("{key}={}", quote(&value));
                let at = new.iter().position(|line| line.starts_with(added.as_bytes())).unwrap();
                if let Some(last) = old.last_mut().filter(|last| !last.ends_with(b"\n")) {
                    last.push(b'\n');
                }
                let rest: Vec<_> = [&new[..at], &new[at + 1..]].concat();
                prop_assert_eq!(rest, old);
            }
        }
    }
}
