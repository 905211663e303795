//! A request's parameters as a tree.

use crate::error::shown;
use crate::{Code, Error};
use std::collections::BTreeMap;
use std::fmt;

/// The most parameters of one request.
const MAX_PAIRS: usize = 4096;
/// The longest name of a parameter, in bytes.
const MAX_NAME_BYTES: usize = 256;
/// The longest value of any parameter, in bytes; each has a lower limit of its own.
const MAX_VALUE_BYTES: usize = 128 << 10;
/// The most parts that a parameter's name may have (`IpPermissions.1.IpRanges.1.CidrIp` has 5).
const MAX_DEPTH: usize = 8;

/// A parameter with what is below it: `Filter.1.Name=x` is the value at Filter, item 1, Name.
///
/// Item numbers start anywhere and may have holes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tree {
    value: Option<String>,
    members: BTreeMap<String, Tree>,
    items: BTreeMap<u32, Tree>,
}

impl Tree {
    /// Builds the tree from names with dots and their values, both percent-decoded.
    ///
    /// # Errors
    /// `MalformedQueryString` when a parameter is given twice, and beyond the limits on the
    /// number of parameters, the length of names and values and the parts of a name.
    pub fn from_pairs(pairs: &[(String, String)]) -> Result<Self, Error> {
        if pairs.len() > MAX_PAIRS {
            let message = format!("the request has more than {MAX_PAIRS} parameters");
            return Err(Error::new(Code::MalformedQueryString, message));
        }
        let mut root = Self::default();
        for (name, value) in pairs {
            root.insert(name, value).map_err(|why| {
                let message = format!("the parameter \"{}\" {why}", shown(name));
                Error::new(Code::MalformedQueryString, message)
            })?;
        }
        Ok(root)
    }

    fn insert(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.split('.').count() > MAX_DEPTH {
            return Err("has no name that a parameter can have");
        }
        if value.len() > MAX_VALUE_BYTES {
            return Err("has a value that is too long");
        }
        let leaf = name.split('.').fold(self, |tree, part| match item_number(part) {
            Some(number) => tree.items.entry(number).or_default(),
            None => tree.members.entry(part.to_owned()).or_default(),
        });
        match leaf.value.replace(value.to_owned()) {
            Some(_) => Err("is given more than once"),
            None => Ok(()),
        }
    }

    /// What is at this name, which may have dots (`Placement.AvailabilityZone`).
    pub fn at(&self, name: &str) -> Option<&Self> {
        name.split('.').try_fold(self, |tree, part| tree.members.get(part))
    }

    /// The text at this very place.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// The items below this place in the order of their numbers.
    pub fn items(&self) -> impl Iterator<Item = (u32, &Self)> {
        self.items.iter().map(|(number, tree)| (*number, tree))
    }

    /// The item below this place, if there is exactly one.
    pub fn only_item(&self) -> Option<&Self> {
        if self.items.len() == 1 { self.items.values().next() } else { None }
    }

    /// Whether nothing but empty text is here or below.
    pub fn is_blank(&self) -> bool {
        self.value.as_deref().unwrap_or_default().is_empty()
            && self.members.values().all(Self::is_blank)
            && self.items.values().all(Self::is_blank)
    }

    /// The name of every value at or below this place, item numbers written as `N`.
    pub(crate) fn leaves(&self, path: &mut Vec<String>, found: &mut Vec<String>) {
        if self.value.is_some() {
            found.push(path.join("."));
        }
        let members = self.members.iter().map(|(name, tree)| (name.clone(), tree));
        for (part, tree) in members.chain(self.items.values().map(|tree| ("N".to_owned(), tree))) {
            path.push(part);
            tree.leaves(path, found);
            path.pop();
        }
    }
}

fn item_number(part: &str) -> Option<u32> {
    let digits = part.len() <= 9 && part.bytes().all(|b| b.is_ascii_digit());
    if digits { part.parse().ok() } else { None }
}

/// The place of a parameter in its request, for messages. Nothing is written until it is shown.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    above: Option<&'a Place<'a>>,
    part: Part<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Part<'a> {
    Member(&'a str),
    Item(u32),
}

impl<'a> Place<'a> {
    /// The request itself.
    pub const ROOT: Place<'static> = Place { above: None, part: Part::Member("") };

    /// The member of this name below this place.
    pub const fn member(&'a self, name: &'a str) -> Place<'a> {
        Place { above: Some(self), part: Part::Member(name) }
    }

    /// The item of this number below this place.
    pub const fn item(&'a self, number: u32) -> Place<'a> {
        Place { above: Some(self), part: Part::Item(number) }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(above) = self.above {
            above.fmt(f)?;
            if above.above.is_some() {
                f.write_str(".")?;
            }
        }
        match self.part {
            Part::Member(name) => f.write_str(name),
            Part::Item(number) => number.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tree(pairs: &[(&str, &str)]) -> Result<Tree, Error> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Tree::from_pairs(&pairs.iter().map(own).collect::<Vec<_>>())
    }

    #[test]
    fn items_come_in_the_order_of_their_numbers() {
        let tree = tree(&[("A.10", "c"), ("A.0", "a"), ("A.2", "b"), ("B.C", "d")]).unwrap();
        let items: Vec<_> = tree.at("A").unwrap().items().collect();
        let shown: Vec<_> = items.iter().map(|(n, t)| (*n, t.value().unwrap())).collect();
        assert_eq!(shown, [(0, "a"), (2, "b"), (10, "c")]);
        assert_eq!(tree.at("B.C").unwrap().value(), Some("d"));
        assert!(tree.at("B.C.D").is_none() && tree.at("").is_none());
    }

    #[test]
    fn hostile_parameters_are_refused_with_a_short_reason() {
        let check = |pairs: &[(&str, &str)]| {
            let error = tree(pairs).unwrap_err();
            assert_eq!(error.code(), Code::MalformedQueryString);
            assert!(error.message().len() < 200, "{error}");
        };
        check(&[("A", "1"), ("A", "1")]);
        check(&[("A.1", "x"), ("A.01", "y")]);
        check(&[("A.1.1.1.1.1.1.1.1", "x")]);
        check(&[("", "x")]);
        check(&[(&"A".repeat(257), "x")]);
        check(&[("A", &"x".repeat(MAX_VALUE_BYTES + 1))]);
        let names: Vec<String> = (0..=MAX_PAIRS).map(|n| format!("A.{n}")).collect();
        check(&names.iter().map(|name| (name.as_str(), "x")).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn any_parameters_are_read_or_refused(pairs: Vec<(String, String)>) {
            if let Ok(tree) = Tree::from_pairs(&pairs) {
                let _ = (tree.is_blank(), tree.items().count());
            }
        }
    }

    #[test]
    fn places_are_shown_as_the_client_wrote_them() {
        let (list, root) = ("IpPermissions", Place::ROOT);
        let (list, name) = (root.member(list), "FromPort");
        assert_eq!(list.item(3).member(name).to_string(), "IpPermissions.3.FromPort");
    }
}
