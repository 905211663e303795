//! The parameters of an action: one table from which the decoder and the documentation come.

use crate::error::shown;
use crate::{Error, Place, Tree, Value, Version};

/// The most items of one list. Amazon takes 1,000 ids in one Describe call.
const MAX_ITEMS: usize = 1000;

/// Parameters that belong to the request and not to an action.
const OF_EVERY_REQUEST: &[&str] = &[
    "AWSAccessKeyId",
    "Action",
    "DryRun",
    "Expires",
    "Operation",
    "SecurityToken",
    "Signature",
    "SignatureMethod",
    "SignatureVersion",
    "Timestamp",
    "Version",
];

/// One parameter of an action, as the decoder and the documentation see it.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// Its Query name within what contains it: `InstanceId`, `Placement.AvailabilityZone`. A
    /// list's items are `Name.N`.
    pub query: &'static str,
    /// Its path in a SOAP body within what contains it, `instancesSet/item/instanceId`: one
    /// `item` for each `N` of the Query name. Empty when SOAP has no such element; `*` where the
    /// name of an element is the value, and the element is empty.
    pub soap: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// Whether a request without it is refused.
    pub required: bool,
    /// The API version in which it appeared. Older requests may use it too.
    pub since: Version,
    /// One line of documentation.
    pub doc: &'static str,
}

/// What a parameter may hold.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Text of 1 to this many characters.
    Text(usize),
    /// A whole number between these, both included.
    Integer(i64, i64),
    /// `true` or `false`.
    Boolean,
    /// Base64 of at most this many bytes once decoded.
    Base64(usize),
    /// Text of a form, which is named for people (`i-XXXXXXXX`).
    Form(&'static str),
    /// One of these words.
    Words(&'static [&'static str]),
    /// Several of a kind.
    List(&'static Kind),
    /// Parameters of its own.
    Structure(&'static [Param]),
}

/// A set of parameters, made by [`parameters!`](crate::parameters).
pub trait Parameters: Sized {
    /// What each is.
    const TABLE: &'static [Param];

    /// Reads them from below `place`.
    ///
    /// # Errors
    /// `MissingParameter`, or the error of a value that breaks its rule.
    fn decode(tree: &Tree, place: &Place<'_>) -> Result<Self, Error>;
}

/// What a parameter's Rust type must be able to do: a value, an option, a list or a structure.
pub trait Field: Sized {
    /// What it may hold.
    const KIND: Kind;
    /// Whether it must be there.
    const REQUIRED: bool;

    /// Reads it from its place in the tree.
    ///
    /// # Errors
    /// `MissingParameter`, or the error of a value that breaks its rule.
    fn read(tree: Option<&Tree>, place: &Place<'_>) -> Result<Self, Error>;
}

impl<T: Value> Field for T {
    const KIND: Kind = T::KIND;
    const REQUIRED: bool = true;

    /// A list of one is taken for its item, as Amazon does: boto asks for the console output of
    /// `InstanceId.1`.
    fn read(tree: Option<&Tree>, place: &Place<'_>) -> Result<Self, Error> {
        let value = tree.and_then(|tree| tree.value().or_else(|| tree.only_item()?.value()));
        let value = value.filter(|text| !text.is_empty());
        T::parse(value.ok_or_else(|| Error::missing(place))?, place)
    }
}

impl<F: Field> Field for Option<F> {
    const KIND: Kind = F::KIND;
    const REQUIRED: bool = false;

    /// Empty text is the same as no parameter: SOAP tools send empty elements.
    fn read(tree: Option<&Tree>, place: &Place<'_>) -> Result<Self, Error> {
        tree.filter(|tree| !tree.is_blank()).map(|tree| F::read(Some(tree), place)).transpose()
    }
}

impl<F: Field> Field for Vec<F> {
    const KIND: Kind = Kind::List(&F::KIND);
    const REQUIRED: bool = false;

    /// A name without a number is an item too; blank items are holes.
    fn read(tree: Option<&Tree>, place: &Place<'_>) -> Result<Self, Error> {
        let Some(tree) = tree else { return Ok(Self::new()) };
        let bare = tree.value().filter(|text| !text.is_empty());
        let bare = bare.map(|_| F::read(Some(tree), place));
        let filled = tree.items().filter(|(_, item)| !item.is_blank());
        let numbered = filled.map(|(number, item)| F::read(Some(item), &place.item(number)));
        let list: Self =
            bare.into_iter().chain(numbered.take(MAX_ITEMS + 1)).collect::<Result<_, _>>()?;
        if list.len() > MAX_ITEMS {
            return Err(Error::invalid(place, "…", format!("It has at most {MAX_ITEMS} items.")));
        }
        Ok(list)
    }
}

/// A list that must not be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOrMore<T>(pub Vec<T>);

impl<F: Field> Field for OneOrMore<F> {
    const KIND: Kind = Kind::List(&F::KIND);
    const REQUIRED: bool = true;

    fn read(tree: Option<&Tree>, place: &Place<'_>) -> Result<Self, Error> {
        let list = Vec::read(tree, place)?;
        if list.is_empty() { Err(Error::missing(place)) } else { Ok(Self(list)) }
    }
}

/// Reads the parameter of this Query name; [`parameters!`](crate::parameters) uses it.
///
/// # Errors
/// `MissingParameter`, or the error of a value that breaks its rule.
pub fn field<F: Field>(tree: &Tree, place: &Place<'_>, query: &str) -> Result<F, Error> {
    F::read(tree.at(query), &place.member(query))
}

/// The names of the request's parameters that neither every request nor this action has, with
/// `N` for each item number and fit for the log. They are ignored, as Amazon does.
pub fn unknown(tree: &Tree, table: &[Param]) -> Vec<String> {
    let mut known = Vec::new();
    table.iter().for_each(|param| patterns("", param.query, param.kind, &mut known));
    let mut names = Vec::new();
    tree.leaves(&mut Vec::new(), &mut names);
    names.retain(|name| {
        let common = OF_EVERY_REQUEST.contains(&name.as_str()) || name.starts_with("X-Amz-");
        !common && !known.contains(name)
    });
    names.iter().map(|name| shown(name)).collect()
}

fn patterns(above: &str, name: &str, kind: Kind, known: &mut Vec<String>) {
    let path = if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") };
    match kind {
        Kind::List(item) => {
            patterns(&path, "N", *item, known);
            known.push(path);
        }
        Kind::Structure(table) => {
            table.iter().for_each(|param| patterns(&path, param.query, param.kind, known));
        }
        _ => known.extend([format!("{path}.N"), path]),
    }
}

/// Defines a structure of parameters: its fields, their names on the wire and their
/// documentation, once.
///
/// ```
/// use ec2_wire::{Parameters, Place, Text, Tree, parameters};
///
/// parameters! {
///     /// What the action takes.
///     #[derive(Debug)]
///     pub struct Input {
///         /// The address, as it was allocated.
///         pub address: Text<15> = "PublicIp", "publicIp";
///         /// Names to show; all when none is given.
///         pub names: Vec<Text<255>> = "Name.N", "nameSet/item/name", since (2010, 8, 31);
///     }
/// }
///
/// let pairs = [("PublicIp", "10.0.0.1"), ("Name.2", "a")];
/// let tree = Tree::from_pairs(&pairs.map(|(n, v)| (n.into(), v.into()))).unwrap();
/// let input = Input::decode(&tree, &Place::ROOT).unwrap();
/// assert_eq!((input.address.as_str(), input.names[0].as_str()), ("10.0.0.1", "a"));
/// assert_eq!(Input::TABLE[1].doc, " Names to show; all when none is given.");
/// ```
#[macro_export]
macro_rules! parameters {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])+
                $field_vis:vis $field:ident: $type:ty = $query:literal, $soap:literal
                $(, since ($year:literal, $month:literal, $day:literal))?;
            )*
        }
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[doc = $doc])+ $field_vis $field: $type,)*
        }

        impl $crate::Parameters for $name {
            const TABLE: &'static [$crate::Param] = &[$($crate::Param {
                query: $crate::base_name($query),
                soap: $soap,
                kind: <$type as $crate::Field>::KIND,
                required: <$type as $crate::Field>::REQUIRED,
                since: $crate::parameters!(@since $($year, $month, $day)?),
                doc: concat!($($doc),+),
            }),*];

            #[allow(unused_variables, reason = "some actions take no parameter")]
            fn decode(
                tree: &$crate::Tree,
                place: &$crate::Place<'_>,
            ) -> ::std::result::Result<Self, $crate::Error> {
                Ok(Self {
                    $($field: $crate::field(tree, place, $crate::base_name($query))?,)*
                })
            }
        }

        impl $crate::Field for $name {
            const KIND: $crate::Kind =
                $crate::Kind::Structure(<Self as $crate::Parameters>::TABLE);
            const REQUIRED: bool = true;

            fn read(
                tree: ::std::option::Option<&$crate::Tree>,
                place: &$crate::Place<'_>,
            ) -> ::std::result::Result<Self, $crate::Error> {
                let tree = tree.ok_or_else(|| $crate::Error::missing(place))?;
                <Self as $crate::Parameters>::decode(tree, place)
            }
        }
    };
    (@since) => { $crate::Version::FIRST };
    (@since $year:literal, $month:literal, $day:literal) => {
        $crate::Version::new($year, $month, $day)
    };
}

/// The name of a list without its `.N`.
#[doc(hidden)]
pub const fn base_name(query: &'static str) -> &'static str {
    let bytes = query.as_bytes();
    if bytes.len() > 2 && bytes[bytes.len() - 1] == b'N' && bytes[bytes.len() - 2] == b'.' {
        return query.split_at(bytes.len() - 2).0;
    }
    query
}

#[cfg(test)]
#[path = "parameters_tests.rs"]
mod tests;
