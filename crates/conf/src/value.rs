//! How a value is written in the file: as a shell reads it, without expansions.

/// A value and how many bytes of the text it took.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scanned {
    pub(crate) value: String,
    pub(crate) length: usize,
}

const UNQUOTED_SPECIAL: &[char] =
    &['$', '`', '\\', '"', '\'', ';', '&', '|', '<', '>', '(', ')', '*', '?', '[', '~'];

/// Reads the value at the start of `text`, which is what follows `=` and blanks.
///
/// # Errors
/// A sentence part that says what is wrong with the way the value is written.
pub(crate) fn scan(text: &str) -> Result<Scanned, &'static str> {
    let scanned = match text.chars().next() {
        Some('"') => double_quoted(text)?,
        Some('\'') => single_quoted(text)?,
        _ => unquoted(text)?,
    };
    let rest = &text[scanned.length..];
    let ends_here = rest.trim().is_empty()
        || (rest.starts_with(char::is_whitespace) && rest.trim_start().starts_with('#'));
    if ends_here { Ok(scanned) } else { Err("has text after its value; put the value in quotes") }
}

fn double_quoted(text: &str) -> Result<Scanned, &'static str> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok(Scanned { value, length: at + 1 }),
            '$' | '`' => return Err("uses $ or `; nothing is expanded here, write \\$ or \\`"),
            '\\' => match chars.next() {
                Some((_, escaped @ ('"' | '\\' | '$' | '`'))) => value.push(escaped),
                Some((_, other)) => value.extend(['\\', other]),
                None => break,
            },
            _ => value.push(c),
        }
    }
    Err("has no closing quote on its line")
}

fn single_quoted(text: &str) -> Result<Scanned, &'static str> {
    let inner = &text[1..];
    let end = inner.find('\'').ok_or("has no closing quote on its line")?;
    Ok(Scanned { value: inner[..end].to_owned(), length: end + 2 })
}

fn unquoted(text: &str) -> Result<Scanned, &'static str> {
    let length = text.find(char::is_whitespace).unwrap_or(text.len());
    let value = text[..length].to_owned();
    if value.contains(UNQUOTED_SPECIAL) {
        return Err("has special characters; put the value in quotes");
    }
    Ok(Scanned { value, length })
}

/// The value in double quotes, so that a shell that sources the file reads it back.
pub(crate) fn quote(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    for c in value.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_a_shell_reads_them() {
        for (text, value) in [
            (r#""a b" # note"#, "a b"),
            (r#""a\"\$\\b""#, r#"a"$\b"#),
            (r#""C:\x""#, r"C:\x"),
            ("'a $b' ", "a $b"),
            ("plain", "plain"),
            ("plain # note", "plain"),
            ("a#b", "a#b"),
            ("#b", "#b"),
            ("", ""),
            ("\"\"", ""),
        ] {
            assert_eq!(scan(text).unwrap().value, value, "{text}");
        }
    }

    #[test]
    fn what_a_shell_would_read_otherwise_is_refused() {
        for text in ["\"a", "'a", "a b", "\"a\"b", "$HOME", "\"$HOME\"", "a;b", "\"a\\", "\"a\"#b"]
        {
            assert!(scan(text).is_err(), "{text}");
        }
    }
}
