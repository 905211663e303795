//! Characters, references and the values of attributes.

use crate::rule::{Rule, ensure};

/// Whether XML 1.0 can carry the character (2.2).
pub(super) const fn is_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// The character that a reference without its `&` and `;` stands for.
pub(super) fn resolve(reference: &str) -> Result<char, Rule> {
    match reference {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => match reference.strip_prefix('#') {
            Some(number) => numbered(number).ok_or(Rule::WellFormed),
            None => ensure(false, Rule::NoEntity).map(|()| '?'),
        },
    }
}

fn numbered(text: &str) -> Option<char> {
    let (digits, radix) = text.strip_prefix('x').map_or((text, 10), |hex| (hex, 16));
    let plain = digits.len() <= 8 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let number = plain.then(|| u32::from_str_radix(digits, radix).ok()).flatten()?;
    char::from_u32(number).filter(|c| is_character(*c))
}

/// The value of an attribute as it was written (XML 1.0, 3.3.3: blanks are spaces unless they are
/// written as references).
pub(super) fn attribute_value(raw: &str) -> Result<String, Rule> {
    ensure(!raw.contains('<'), Rule::WellFormed)?;
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '\t', '\n']) {
        value.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        rest = if rest.as_bytes()[at] == b'&' {
            let (reference, behind) = behind.split_once(';').ok_or(Rule::WellFormed)?;
            value.push(resolve(reference)?);
            behind
        } else {
            value.push(' ');
            behind
        };
    }
    value.push_str(rest);
    Ok(value)
}
