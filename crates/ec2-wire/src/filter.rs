//! Filters of Describe actions.

use crate::{Error, Kind, Place, Text, Value, parameters};

/// The most values of one filter (Amazon's limit).
const MAX_VALUES: usize = 200;

parameters! {
    /// One filter of a request: a thing is shown when the attribute has one of the values.
    #[derive(Debug, Clone)]
    pub struct Filter {
        /// The attribute.
        pub name: Text<255> = "Name", "name", since (2010, 8, 31);
        /// Its values, in which * stands for any text, ? for any character.
        pub values: Vec<Pattern> = "Value.N", "valueSet/item/value", since (2010, 8, 31);
    }
}

/// A value of a filter: text with `*`, `?` and `\` (which takes the meaning from the next one).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<Glob>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Glob {
    Char(char),
    AnyChar,
    AnyText,
}

impl Value for Pattern {
    const KIND: Kind = Kind::Text(255);

    fn parse(text: &str, place: &Place<'_>) -> Result<Self, Error> {
        let text = Text::<255>::parse(text, place)?;
        let (mut globs, mut chars) = (Vec::new(), text.as_str().chars());
        while let Some(next) = chars.next() {
            globs.push(match next {
                '*' => Glob::AnyText,
                '?' => Glob::AnyChar,
                '\\' => Glob::Char(chars.next().unwrap_or('\\')),
                plain => Glob::Char(plain),
            });
        }
        Ok(Self(globs))
    }
}

impl Pattern {
    /// Whether the whole text matches. Takes at most (text × pattern) steps.
    fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut glob) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        while at < text.len() {
            match self.0.get(glob) {
                Some(Glob::AnyText) => {
                    retry = Some((at, glob));
                    glob += 1;
                    continue;
                }
                Some(Glob::AnyChar) => (at, glob) = (at + 1, glob + 1),
                Some(Glob::Char(c)) if *c == text[at] => (at, glob) = (at + 1, glob + 1),
                _ => {
                    // Let the last `*` take one more character.
                    let Some((start, star)) = retry else { return false };
                    retry = Some((start + 1, star));
                    (at, glob) = (start + 1, star + 1);
                }
            }
        }
        self.0[glob..].iter().all(|rest| *rest == Glob::AnyText)
    }
}

/// An attribute by which things of type `T` can be filtered.
pub struct Attribute<T> {
    /// Its name in a request.
    pub name: &'static str,
    /// Adds the values that a thing has for it; a thing with several matches by any.
    pub values: fn(&T, &mut Vec<String>),
}

/// The filters of a request, checked against the attributes that exist.
pub struct Filters<'a, T> {
    wanted: Vec<(&'a Attribute<T>, &'a [Pattern])>,
}

impl<'a, T> Filters<'a, T> {
    /// Finds each filter's attribute.
    ///
    /// # Errors
    /// `InvalidParameterValue` for an attribute that does not exist, or too many values.
    pub fn new(attributes: &'a [Attribute<T>], filters: &'a [Filter]) -> Result<Self, Error> {
        let mut wanted = Vec::with_capacity(filters.len());
        for filter in filters {
            let name = filter.name.as_str();
            let attribute = attributes.iter().find(|attribute| attribute.name == name);
            let attribute = attribute.ok_or_else(|| {
                let known: Vec<_> = attributes.iter().map(|attribute| attribute.name).collect();
                let rule = format!("The filters here are: {}.", known.join(", "));
                Error::invalid("Filter.Name", name, rule)
            })?;
            if filter.values.len() > MAX_VALUES {
                let rule = format!("A filter has at most {MAX_VALUES} values.");
                return Err(Error::invalid("Filter.Value", "…", rule));
            }
            wanted.push((attribute, filter.values.as_slice()));
        }
        Ok(Self { wanted })
    }

    /// Whether the thing passes every filter.
    pub fn pass(&self, thing: &T) -> bool {
        let mut values = Vec::new();
        self.wanted.iter().all(|(attribute, patterns)| {
            values.clear();
            (attribute.values)(thing, &mut values);
            values.iter().any(|value| patterns.iter().any(|pattern| pattern.matches(value)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text, &Place::ROOT).unwrap()
    }

    #[test]
    fn patterns_match_as_amazon_says() {
        let cases = [
            ("web", "web", true),
            ("web", "Web", false),
            ("w*", "web", true),
            ("*b", "web", true),
            ("w?b", "web", true),
            ("w?b", "wb", false),
            ("*", "", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
            (r"\*", "*", true),
            (r"\*", "x", false),
            (r"a\\b", r"a\b", true),
        ];
        for (glob, text, expect) in cases {
            assert_eq!(pattern(glob).matches(text), expect, "{glob} {text}");
        }
        let slow = pattern(&"*a".repeat(100));
        assert!(!slow.matches(&"a".repeat(50_000)[..].replace('a', "b")));
    }

    fn filter(name: &str, values: &[&str]) -> Filter {
        let name = Text::parse(name, &Place::ROOT).unwrap();
        Filter { name, values: values.iter().map(|value| pattern(value)).collect() }
    }

    const ATTRIBUTES: &[Attribute<(&str, &str)>] = &[
        Attribute { name: "name", values: |thing, values| values.push(thing.0.to_owned()) },
        Attribute {
            name: "word",
            values: |thing, values| values.extend(thing.1.split(' ').map(Into::into)),
        },
    ];

    #[test]
    fn filters_are_joined_by_and_their_values_by_or() {
        let wanted = [filter("name", &["x", "y"]), filter("word", &["b*"])];
        let filters = Filters::new(ATTRIBUTES, &wanted).unwrap();
        assert!(filters.pass(&("y", "a bc")));
        assert!(!filters.pass(&("z", "a bc")));
        assert!(!filters.pass(&("x", "a c")));
    }

    #[test]
    fn an_attribute_that_does_not_exist_is_an_error() {
        let error = Filters::new(ATTRIBUTES, &[filter("colour", &["red"])]).err().unwrap();
        assert_eq!(error.code(), crate::Code::InvalidParameterValue);
        assert!(error.message().contains("name, word"), "{error}");
    }
}
