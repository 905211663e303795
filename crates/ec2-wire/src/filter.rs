//! Filters of Describe actions.

use crate::{Error, Kind, Place, Text, Value, parameters};
use std::fmt::Write;
use types::Tags;

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

/// A thing that a Describe action shows and that can be filtered by its attributes; made by
/// [`filterable!`](crate::filterable).
pub trait Filterable {
    /// The names of its attributes.
    const ATTRIBUTES: &'static [&'static str];

    /// Offers each value that the thing has for the attribute.
    fn offer(&self, attribute: &str, offered: &mut Offered<'_>);
}

/// The names of the attributes of everything that has tags, for [`filterable!`](crate::filterable).
#[doc(hidden)]
pub const TAG_ATTRIBUTES: [&str; 3] = [ANY_TAG, "tag-key", "tag-value"];
/// How documentation writes the attributes that are named after a tag's key.
const ANY_TAG: &str = "tag:KEY";
/// How their names begin.
const OF_TAG: &str = "tag:";

/// The values of a thing's attribute, held against the values that a filter wants.
pub struct Offered<'a> {
    wanted: &'a [Pattern],
    text: String,
    matched: bool,
}

impl Offered<'_> {
    /// Offers a value.
    pub fn add(&mut self, value: impl std::fmt::Display) {
        if self.matched {
            return;
        }
        self.text.clear();
        // Writing into a String fails only if the value's own Display does; it matches nothing.
        if write!(self.text, "{value}").is_ok() {
            self.matched = self.wanted.iter().any(|pattern| pattern.matches(&self.text));
        }
    }

    /// Offers what tags have for one of the [`TAG_ATTRIBUTES`].
    #[doc(hidden)]
    pub fn tags(&mut self, attribute: &str, tags: &Tags) {
        match attribute {
            "tag-key" => self.all(tags.keys()),
            "tag-value" => self.all(tags.values()),
            _ => {
                let key = attribute.strip_prefix(OF_TAG);
                let value =
                    key.and_then(|key| tags.iter().find(|(known, _)| known.as_str() == key));
                self.all(value.map(|(_, value)| value));
            }
        }
    }

    /// Offers each of some values.
    pub fn all(&mut self, values: impl IntoIterator<Item = impl std::fmt::Display>) {
        values.into_iter().for_each(|value| self.add(value));
    }
}

/// Checks the filters of a request against the attributes that exist.
///
/// # Errors
/// `InvalidParameterValue` for an attribute that does not exist, or too many values.
pub fn check_filters<T: Filterable>(filters: &[Filter]) -> Result<(), Error> {
    for filter in filters {
        let name = filter.name.as_str();
        let of_tag = name.starts_with(OF_TAG) && T::ATTRIBUTES.contains(&ANY_TAG);
        if !of_tag && !T::ATTRIBUTES.contains(&name) {
            let rule = format!("The filters here are: {}.", T::ATTRIBUTES.join(", "));
            return Err(Error::invalid("Filter.Name", name, rule));
        }
        if filter.values.len() > MAX_VALUES {
            let rule = format!("A filter has at most {MAX_VALUES} values.");
            return Err(Error::invalid("Filter.Value", "…", rule));
        }
    }
    Ok(())
}

/// Whether a thing passes every filter: it has one of the wanted values for each.
pub fn passes<T: Filterable>(thing: &T, filters: &[Filter]) -> bool {
    filters.iter().all(|filter| {
        let mut offered = Offered { wanted: &filter.values, text: String::new(), matched: false };
        thing.offer(filter.name.as_str(), &mut offered);
        offered.matched
    })
}

/// Names the attributes of a thing and where their values come from, once.
///
/// ```
/// struct Thing { id: u32, words: Vec<String> }
///
/// ec2_wire::filterable! {
///     Thing: |thing, values| {
///         "thing-id" => values.add(thing.id),
///         "word" => values.all(&thing.words),
///     }
/// }
/// ```
///
/// A thing that has tags says where they are, and so has `tag:KEY`, `tag-key` and `tag-value`:
///
/// ```
/// struct Tagged { id: u32, tags: types::Tags }
///
/// ec2_wire::filterable! {
///     Tagged, tagged by thing.tags: |thing, values| {
///         "thing-id" => values.add(thing.id),
///     }
/// }
/// ```
#[macro_export]
macro_rules! filterable {
    ($thing:ty: |$it:ident, $values:ident| { $($name:literal => $offer:expr,)* }) => {
        impl $crate::Filterable for $thing {
            const ATTRIBUTES: &'static [&'static str] = &[$($name),*];

            fn offer(&self, attribute: &str, $values: &mut $crate::Offered<'_>) {
                let $it = self;
                match attribute {
                    $($name => $offer,)*
                    _ => {}
                }
            }
        }
    };
    (
        $thing:ty, tagged by $of:ident$(.$field:tt)+:
        |$it:ident, $values:ident| { $($name:literal => $offer:expr,)* }
    ) => {
        impl $crate::Filterable for $thing {
            const ATTRIBUTES: &'static [&'static str] = &{
                let [any, key, value] = $crate::TAG_ATTRIBUTES;
                [$($name,)* any, key, value]
            };

            fn offer(&self, attribute: &str, $values: &mut $crate::Offered<'_>) {
                let $it = self;
                match attribute {
                    $($name => $offer,)*
                    _ => $values.tags(attribute, &$of$(.$field)+),
                }
            }
        }
    };
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

    struct Thing(&'static str, &'static str);

    crate::filterable! {
        Thing: |thing, values| {
            "name" => values.add(thing.0),
            "word" => values.all(thing.1.split(' ')),
        }
    }

    #[test]
    fn filters_are_joined_by_and_their_values_by_or() {
        let filters = [filter("name", &["x", "y"]), filter("word", &["b*"])];
        check_filters::<Thing>(&filters).unwrap();
        assert!(passes(&Thing("y", "a bc"), &filters));
        assert!(!passes(&Thing("z", "a bc"), &filters));
        assert!(!passes(&Thing("x", "a c"), &filters));
        assert!(passes(&Thing("z", ""), &[]));
    }

    struct Tagged(Tags);

    crate::filterable! {
        Tagged, tagged by thing.0: |thing, values| {
            "count" => values.add(thing.0.len()),
        }
    }

    #[test]
    fn things_are_found_by_their_tags() {
        let tags = [("Name", "web 1"), ("tier", "front")];
        let tags = tags.map(|(key, value)| (key.parse().unwrap(), value.to_owned()));
        let thing = Tagged(tags.into());
        for (name, value, found) in [
            ("tag:Name", "web*", true),
            ("tag:Name", "db*", false),
            ("tag:name", "web*", false),
            ("tag:other", "*", false),
            ("tag-key", "tier", true),
            ("tag-value", "front", true),
            ("tag-value", "back", false),
            ("count", "2", true),
        ] {
            let filters = [filter(name, &[value])];
            check_filters::<Tagged>(&filters).unwrap();
            assert_eq!(passes(&thing, &filters), found, "{name}={value}");
        }
        assert!(check_filters::<Thing>(&[filter("tag:Name", &["x"])]).is_err());
    }

    #[test]
    fn an_attribute_that_does_not_exist_is_an_error() {
        let error = check_filters::<Thing>(&[filter("colour", &["red"])]).unwrap_err();
        assert_eq!(error.code(), crate::Code::InvalidParameterValue);
        assert!(error.message().contains("name, word"), "{error}");
    }
}
