//! Filters of Describe actions.

use crate::{Error, Field, Kind, Place, Text, Tree, Value, parameters};
use std::fmt::Write;
use types::Tags;

/// The most filters of a request (Amazon's limit).
const MAX_FILTERS: usize = 50;
/// The most values of all of them (Amazon's limit).
const MAX_VALUES: usize = 200;
/// The most values that have both `*` and `?`.
const MAX_SLOW: usize = 4;

parameters! {
    /// One filter of a request: a thing is shown when the attribute has one of the values.
    #[derive(Debug, Clone)]
    pub struct Filter {
        /// The attribute.
        pub name: Text<255> = "Name", "name", since (2010, 8, 31);
        /// Its values, in which * stands for any text, ? for any character.
        pub values: Patterns = "Value.N", "valueSet/item/value", since (2010, 8, 31);
    }
}

/// A value of a filter: text with `*`, `?` and `\` (which takes the meaning from the next one).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<Segment>);

/// What stands between two `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// Text as it is; it is found in time that grows with text and segment, not their product.
    Literal(String),
    /// Characters, none for any one.
    Wild(Vec<Option<char>>),
}

impl Segment {
    fn of(chars: Vec<Option<char>>) -> Self {
        chars.iter().copied().collect::<Option<String>>().map_or(Self::Wild(chars), Self::Literal)
    }

    /// What of the text follows the segment at its beginning.
    fn strip_from<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Literal(literal) => text.strip_prefix(literal),
            Self::Wild(chars) => {
                let mut rest = text.chars();
                let fits = |wanted: &Option<char>| {
                    rest.next().is_some_and(|c| wanted.is_none_or(|wanted| wanted == c))
                };
                chars.iter().all(fits).then_some(rest.as_str())
            }
        }
    }

    /// What of the text follows the first place where the segment stands.
    fn find_in<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Literal(literal) => text.split_once(literal.as_str()).map(|(_, rest)| rest),
            Self::Wild(_) => {
                let starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
                starts.into_iter().find_map(|at| self.strip_from(&text[at..]))
            }
        }
    }

    fn ends(&self, text: &str) -> bool {
        match self {
            Self::Literal(literal) => text.ends_with(literal),
            Self::Wild(chars) => {
                let Some(before) = text.chars().count().checked_sub(chars.len()) else {
                    return false;
                };
                let at = text.char_indices().nth(before).map_or(text.len(), |(at, _)| at);
                self.strip_from(&text[at..]) == Some("")
            }
        }
    }
}

/// The values of a filter. One may be empty: it is the value of a tag without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patterns(Vec<Pattern>);

impl Field for Patterns {
    const KIND: Kind = Kind::List(&<Pattern as Value>::KIND);
    const REQUIRED: bool = false;

    fn read(tree: Option<&Tree>, place: &Place<'_>) -> Result<Self, Error> {
        let Some(tree) = tree else { return Ok(Self(Vec::new())) };
        let bare = tree.value().map(|text| Pattern::parse(text, place));
        let numbered = tree.items().filter_map(|(number, item)| Some((number, item.value()?)));
        let numbered = numbered.map(|(number, text)| Pattern::parse(text, &place.item(number)));
        let patterns: Vec<_> = bare.into_iter().chain(numbered).collect::<Result<_, _>>()?;
        Ok(Self(patterns))
    }
}

impl Value for Pattern {
    const KIND: Kind = Kind::Text(255);

    fn parse(text: &str, place: &Place<'_>) -> Result<Self, Error> {
        let text = Text::<255>::parse(text, place)?;
        let (mut segments, mut segment) = (Vec::new(), Vec::new());
        let mut chars = text.as_str().chars();
        while let Some(next) = chars.next() {
            match next {
                '*' => segments.push(Segment::of(std::mem::take(&mut segment))),
                '?' => segment.push(None),
                '\\' => segment.push(Some(chars.next().unwrap_or('\\'))),
                plain => segment.push(Some(plain)),
            }
        }
        segments.push(Segment::of(segment));
        Ok(Self(segments))
    }
}

impl Pattern {
    /// Whether the whole text matches.
    fn matches(&self, text: &str) -> bool {
        match self.0.as_slice() {
            [] => text.is_empty(),
            [whole] => whole.strip_from(text) == Some(""),
            [first, middle @ .., last] => {
                let rest = first.strip_from(text);
                let rest = middle
                    .iter()
                    .try_fold(rest, |rest, segment| Some(Some(segment.find_in(rest?)?)));
                rest.flatten().is_some_and(|rest| last.ends(rest))
            }
        }
    }

    /// Whether looking for it may take as many steps as text and pattern are long, multiplied.
    fn is_slow(&self) -> bool {
        self.0.len() > 1 && self.0.iter().any(|segment| matches!(segment, Segment::Wild(_)))
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
/// `InvalidParameterValue` for an attribute that does not exist, and beyond the limits on filters,
/// their values, and values with both `*` and `?`: each thing is held against all of them.
pub fn check_filters<T: Filterable>(filters: &[Filter]) -> Result<(), Error> {
    let values = || filters.iter().flat_map(|filter| &filter.values.0);
    for (count, most, what) in [
        (filters.len(), MAX_FILTERS, "filters"),
        (values().count(), MAX_VALUES, "values of filters"),
        (values().filter(|value| value.is_slow()).count(), MAX_SLOW, "values with both * and ?"),
    ] {
        if count > most {
            let rule = format!("A request has at most {most} {what}.");
            return Err(Error::invalid("Filter", "…", rule));
        }
    }
    for filter in filters {
        let name = filter.name.as_str();
        let of_tag = name.starts_with(OF_TAG) && T::ATTRIBUTES.contains(&ANY_TAG);
        if !of_tag && !T::ATTRIBUTES.contains(&name) {
            let rule = format!("The filters here are: {}.", T::ATTRIBUTES.join(", "));
            return Err(Error::invalid("Filter.Name", name, rule));
        }
    }
    Ok(())
}

/// Whether a thing passes every filter: it has one of the wanted values for each.
pub fn passes<T: Filterable>(thing: &T, filters: &[Filter]) -> bool {
    filters.iter().all(|filter| {
        let mut offered = Offered { wanted: &filter.values.0, text: String::new(), matched: false };
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
            ("a?c*e", "abcde", true),
            ("*?b", "ab", true),
            ("*?b", "b", false),
            ("a*a", "a", false),
            ("*b*", "abc", true),
            ("**", "x", true),
            ("?é*", "xéy", true),
            (r"\*", "*", true),
            (r"\*", "x", false),
            (r"a\\b", r"a\b", true),
        ];
        for (glob, text, expect) in cases {
            assert_eq!(pattern(glob).matches(text), expect, "{glob} {text}");
        }
        let long = pattern(&format!("*{}b", "a".repeat(250)));
        assert!(!long.matches(&"a".repeat(1_000_000)));
    }

    fn filter(name: &str, values: &[&str]) -> Filter {
        let name = Text::parse(name, &Place::ROOT).unwrap();
        Filter { name, values: Patterns(values.iter().map(|value| pattern(value)).collect()) }
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
    fn a_request_has_so_many_filters_and_values_and_no_more() {
        let check = |filters: &[Filter]| check_filters::<Thing>(filters).is_ok();
        let many = |count: usize, value: &'static str| filter("name", &vec![value; count]);
        assert!(check(&vec![many(4, "x"); 50]) && !check(&vec![many(1, "x"); 51]));
        assert!(check(&[many(200, "x*y*")]) && !check(&[many(200, "x"), many(1, "x")]));
        assert!(check(&[many(4, "x*y?")]) && !check(&[many(5, "x*y?")]));
    }

    #[test]
    fn an_attribute_that_does_not_exist_is_an_error() {
        let error = check_filters::<Thing>(&[filter("colour", &["red"])]).unwrap_err();
        assert_eq!(error.code(), crate::Code::InvalidParameterValue);
        assert!(error.message().contains("name, word"), "{error}");
    }
}
