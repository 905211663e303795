//! Conditions of a policy's statement: an operator, a key of the request, the values to compare
//! it with.

use super::pattern::fits;
use crate::access::Level;
use crate::access::context::Context;
use ipnet::IpNet;
use std::cmp::Ordering;
use std::net::IpAddr;

/// The keys of a request that conditions may name, in lower case.
pub(crate) const KEYS: &[&str] = &[
    "aws:currenttime",
    "aws:epochtime",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:referer",
    "aws:securetransport",
    "aws:sourceip",
    "aws:useragent",
    "aws:userid",
    "aws:username",
    "s3:authtype",
    "s3:delimiter",
    "s3:if-match",
    "s3:if-none-match",
    "s3:max-keys",
    "s3:prefix",
    "s3:requestobjecttagkeys",
    "s3:signatureversion",
    "s3:versionid",
    "s3:x-amz-acl",
    "s3:x-amz-content-sha256",
    "s3:x-amz-copy-source",
    "s3:x-amz-grant-full-control",
    "s3:x-amz-grant-read",
    "s3:x-amz-grant-read-acp",
    "s3:x-amz-grant-write",
    "s3:x-amz-grant-write-acp",
    "s3:x-amz-metadata-directive",
    "s3:x-amz-storage-class",
];

/// Keys that the name of a tag follows: of the object that a request is about, and of those that
/// it gives.
const EXISTING_TAG: &str = "s3:existingobjecttag/";
const GIVEN_TAG: &str = "s3:requestobjecttag/";

#[derive(Debug, Clone, PartialEq)]
enum Key {
    /// One of [`KEYS`].
    Plain(&'static str),
    ExistingTag(String),
    GivenTag(String),
}

impl Key {
    /// Letters may be small or capital, but for those of a tag.
    fn read(key: &str) -> Option<Self> {
        let lower = key.to_ascii_lowercase();
        let tag = |start: &str| {
            let is_tag = lower.starts_with(start) && lower.len() > start.len();
            is_tag.then(|| key[start.len()..].to_owned())
        };
        let plain = || KEYS.iter().find(|known| **known == lower).map(|known| Self::Plain(known));
        let tag = tag(EXISTING_TAG).map(Self::ExistingTag).or(tag(GIVEN_TAG).map(Self::GivenTag));
        tag.or_else(plain)
    }

    /// What a request has of it. The tags of an object say nothing of who may write over it.
    fn values<'a>(&self, context: &'a Context, level: Level) -> Vec<&'a str> {
        let one = |value: Option<&'a String>| value.map(String::as_str).into_iter().collect();
        match self {
            Self::Plain("s3:requestobjecttagkeys") => {
                context.given_tags.keys().map(String::as_str).collect()
            }
            Self::Plain(key) => context.get(key).into_iter().collect(),
            Self::ExistingTag(tag) if level == Level::Object => one(context.tags.get(tag)),
            Self::ExistingTag(_) => Vec::new(),
            Self::GivenTag(tag) => one(context.given_tags.get(tag)),
        }
    }
}

/// How the values of a key that may have several count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantity {
    /// `ForAllValues:`, which holds of no value too.
    All,
    /// `ForAnyValue:`
    Any,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    key: Key,
    test: Test,
    negated: bool,
    if_exists: bool,
    quantity: Option<Quantity>,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Same(Vec<String>),
    SameIgnoringCase(Vec<String>),
    Like(Vec<String>),
    Number(Relation, Vec<f64>),
    /// Milliseconds since 1970.
    Date(Relation, Vec<i64>),
    Bool(Vec<bool>),
    Address(Vec<IpNet>),
    /// Whether the key must be absent.
    Null(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    fn holds(self, ordering: Option<Ordering>) -> bool {
        match self {
            Self::Equal => ordering == Some(Ordering::Equal),
            Self::Less => ordering == Some(Ordering::Less),
            Self::LessOrEqual => ordering.is_some_and(Ordering::is_le),
            Self::Greater => ordering == Some(Ordering::Greater),
            Self::GreaterOrEqual => ordering.is_some_and(Ordering::is_ge),
        }
    }
}

impl Condition {
    /// Reads a condition; the fault is a reason that names what is wrong.
    pub(super) fn read(operator: &str, key: &str, values: Vec<String>) -> Result<Self, String> {
        let shown = key;
        let unknown = || format!("Condition has the unknown key {shown:?}");
        let key = Key::read(key).ok_or_else(unknown)?;
        if values.is_empty() {
            return Err(format!("Condition of {shown} has no value"));
        }
        let (quantity, rest) = match operator.split_once(':') {
            Some(("ForAllValues", rest)) => (Some(Quantity::All), rest),
            Some(("ForAnyValue", rest)) => (Some(Quantity::Any), rest),
            _ => (None, operator),
        };
        let (if_exists, name) = match rest.strip_suffix("IfExists") {
            Some("Null") | None => (false, rest),
            Some(name) => (true, name),
        };
        let (negated, plain) = plain(name);
        let test = test(&plain, values)
            .ok_or_else(|| format!("Condition has the unknown operator {operator:?}"))?
            .ok_or_else(|| {
                format!("Condition {operator} of {shown} has a value of another kind")
            })?;
        Ok(Self { key, test, negated, if_exists, quantity })
    }

    /// Whether it holds of a request for something of this level.
    pub(super) fn holds(&self, context: &Context, level: Level) -> bool {
        let values = self.key.values(context, level);
        if let Test::Null(absent) = self.test {
            return values.is_empty() == absent;
        }
        let mut each = values.iter().map(|value| self.test.meets(value) != self.negated);
        match self.quantity {
            _ if values.is_empty() && self.if_exists => true,
            Some(Quantity::All) => each.all(|holds| holds),
            Some(Quantity::Any) => each.any(|holds| holds),
            None if self.negated => each.all(|holds| holds),
            None => each.any(|holds| holds),
        }
    }

    /// Whether it holds for certain accounts or networks only.
    pub(super) fn narrows(&self) -> bool {
        if self.negated || self.if_exists || self.quantity == Some(Quantity::All) {
            return false;
        }
        let fixed = |values: &[String]| values.iter().all(|value| !value.contains(['*', '?']));
        let Key::Plain(key) = self.key else { return false };
        match (&self.test, key) {
            (Test::Address(networks), "aws:sourceip") => networks.iter().all(|network| {
                let least = if network.addr().is_ipv4() { 8 } else { 32 };
                network.prefix_len() >= least
            }),
            (
                Test::Same(values) | Test::SameIgnoringCase(values) | Test::Like(values),
                "aws:principalarn" | "aws:principalaccount" | "aws:userid",
            ) => fixed(values),
            _ => false,
        }
    }
}

/// Takes the `Not` out of an operator's name.
fn plain(name: &str) -> (bool, String) {
    if name == "NotIpAddress" {
        return (true, "IpAddress".to_owned());
    }
    for (kind, negations) in [
        ("String", &["NotEquals", "NotEqualsIgnoreCase", "NotLike"][..]),
        ("Arn", &["NotEquals", "NotLike"]),
        ("Numeric", &["NotEquals"]),
        ("Date", &["NotEquals"]),
    ] {
        if let Some(rest) = name.strip_prefix(kind).filter(|rest| negations.contains(rest)) {
            return (true, format!("{kind}{}", &rest["Not".len()..]));
        }
    }
    (false, name.to_owned())
}

/// The test of an operator: none for an unknown one, then none for values that it cannot have.
fn test(operator: &str, values: Vec<String>) -> Option<Option<Test>> {
    fn each<T>(values: &[String], read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
        values.iter().map(|value| read(value)).collect()
    }
    Some(match operator {
        "StringEquals" => Some(Test::Same(values)),
        "StringEqualsIgnoreCase" => Some(Test::SameIgnoringCase(values)),
        "StringLike" | "ArnLike" | "ArnEquals" => Some(Test::Like(values)),
        "Bool" => each(&values, boolean).map(Test::Bool),
        "IpAddress" => each(&values, network).map(Test::Address),
        "Null" => match values.as_slice() {
            [one] => boolean(one).map(Test::Null),
            _ => None,
        },
        _ => {
            let relation = |name: &str| {
                Some(match name {
                    "Equals" => Relation::Equal,
                    "LessThan" => Relation::Less,
                    "LessThanEquals" => Relation::LessOrEqual,
                    "GreaterThan" => Relation::Greater,
                    "GreaterThanEquals" => Relation::GreaterOrEqual,
                    _ => return None,
                })
            };
            if let Some(name) = operator.strip_prefix("Numeric") {
                let relation = relation(name)?;
                each(&values, number).map(|numbers| Test::Number(relation, numbers))
            } else {
                let relation = relation(operator.strip_prefix("Date")?)?;
                each(&values, date).map(|dates| Test::Date(relation, dates))
            }
        }
    })
}

impl Test {
    /// Whether one of the values is as the test wants it.
    fn meets(&self, found: &str) -> bool {
        match self {
            Self::Same(values) => values.iter().any(|value| value == found),
            Self::SameIgnoringCase(values) => {
                values.iter().any(|value| value.to_lowercase() == found.to_lowercase())
            }
            Self::Like(values) => values.iter().any(|value| fits(value, found)),
            Self::Number(relation, values) => number(found).is_some_and(|found| {
                values.iter().any(|value| relation.holds(found.partial_cmp(value)))
            }),
            Self::Date(relation, values) => date(found).is_some_and(|found| {
                values.iter().any(|value| relation.holds(Some(found.cmp(value))))
            }),
            Self::Bool(values) => boolean(found).is_some_and(|found| values.contains(&found)),
            Self::Address(networks) => found
                .parse::<IpAddr>()
                .is_ok_and(|found| networks.iter().any(|network| network.contains(&found))),
            Self::Null(_) => false,
        }
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// A date of ISO 8601, or the seconds since 1970.
fn date(text: &str) -> Option<i64> {
    match text.trim().parse::<i64>() {
        Ok(seconds) => seconds.checked_mul(1000),
        Err(_) => signature::parse_iso(text.trim()).map(types::Timestamp::millis),
    }
}

/// A network, or one address.
fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse().ok().map(|address: IpAddr| address.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(operator: &str, values: &[&str], key: &str, found: Option<&str>) -> bool {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        let condition = Condition::read(operator, key, values).unwrap();
        let lower = KEYS.iter().find(|known| **known == key.to_ascii_lowercase()).unwrap();
        let context = found.map(|found| (*lower, found.to_owned())).into_iter().collect();
        condition.holds(&context, Level::Object)
    }

    #[test]
    fn tags_are_compared_by_their_exact_names() {
        let tags = |tags: &[(&str, &str)]| {
            tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let mut context = Context::default().with_tags(&tags(&[("Team", "office")]));
        context.given_tags = tags(&[("Team", "lab"), ("size", "l")]);
        for (operator, key, values, level, expected) in [
            ("StringEquals", "s3:ExistingObjectTag/Team", &["office"][..], Level::Object, true),
            ("StringEquals", "S3:existingObjectTag/Team", &["lab"], Level::Object, false),
            ("StringEquals", "s3:ExistingObjectTag/team", &["office"], Level::Object, false),
            ("StringEquals", "s3:ExistingObjectTag/Team", &["office"], Level::Key, false),
            ("StringNotEquals", "s3:ExistingObjectTag/Team", &["office"], Level::Key, true),
            ("StringEquals", "s3:RequestObjectTag/Team", &["lab"], Level::Key, true),
            ("Null", "s3:RequestObjectTag/other", &["true"], Level::Key, true),
            (
                "ForAllValues:StringEquals",
                "s3:RequestObjectTagKeys",
                &["Team", "size"],
                Level::Key,
                true,
            ),
            ("ForAllValues:StringEquals", "s3:RequestObjectTagKeys", &["Team"], Level::Key, false),
            ("ForAnyValue:StringEquals", "s3:RequestObjectTagKeys", &["size"], Level::Key, true),
            ("ForAnyValue:StringEquals", "s3:RequestObjectTagKeys", &["other"], Level::Key, false),
            ("ForAnyValue:StringNotEquals", "s3:RequestObjectTagKeys", &["size"], Level::Key, true),
        ] {
            let values = values.iter().map(|&value| value.to_owned()).collect();
            let condition = Condition::read(operator, key, values).unwrap();
            assert_eq!(condition.holds(&context, level), expected, "{operator} {key}");
        }
        let none = Condition::read("StringEquals", "s3:ExistingObjectTag/", vec![String::new()]);
        assert!(none.is_err());
    }

    #[test]
    fn operators_compare_as_they_are_named() {
        for (operator, values, key, found, expected) in [
            ("StringEquals", &["a", "b"][..], "s3:prefix", Some("b"), true),
            ("StringEquals", &["a*"], "s3:prefix", Some("ab"), false),
            ("StringEquals", &["A"], "s3:prefix", Some("a"), false),
            ("StringNotEquals", &["a", "b"], "s3:prefix", Some("b"), false),
            ("StringNotEquals", &["a", "b"], "s3:prefix", Some("c"), true),
            ("StringEqualsIgnoreCase", &["É"], "s3:prefix", Some("é"), true),
            ("StringNotEqualsIgnoreCase", &["É"], "s3:prefix", Some("é"), false),
            ("StringLike", &["home/*"], "S3:Prefix", Some("home/x"), true),
            ("StringNotLike", &["home/*"], "s3:prefix", Some("home/x"), false),
            (
                "ArnLike",
                &["arn:aws:iam::*:user/a"],
                "aws:PrincipalArn",
                Some("arn:aws:iam::1:user/a"),
                true,
            ),
            ("ArnNotEquals", &["arn:aws:iam::1:user/a"], "aws:PrincipalArn", Some("x"), true),
            ("NumericLessThanEquals", &["10"], "s3:max-keys", Some("10"), true),
            ("NumericLessThan", &["10"], "s3:max-keys", Some("10"), false),
            ("NumericGreaterThan", &["10"], "s3:max-keys", Some("nonsense"), false),
            ("NumericNotEquals", &["10"], "s3:max-keys", Some("11"), true),
            (
                "DateLessThan",
                &["2026-01-01T00:00:00Z"],
                "aws:CurrentTime",
                Some("2025-12-31T23:59:59.999Z"),
                true,
            ),
            (
                "DateGreaterThanEquals",
                &["1767225600"],
                "aws:CurrentTime",
                Some("2026-01-01T00:00:00.000Z"),
                true,
            ),
            (
                "DateGreaterThan",
                &["2026-01-01T00:00:00Z"],
                "aws:EpochTime",
                Some("1767225601"),
                true,
            ),
            ("Bool", &["false"], "aws:SecureTransport", Some("false"), true),
            ("Bool", &["true"], "aws:SecureTransport", Some("false"), false),
            (
                "IpAddress",
                &["10.0.0.0/8", "2001:db8::/32"],
                "aws:SourceIp",
                Some("2001:db8::1"),
                true,
            ),
            ("IpAddress", &["10.0.0.1"], "aws:SourceIp", Some("10.0.0.1"), true),
            ("NotIpAddress", &["10.0.0.0/8"], "aws:SourceIp", Some("10.9.9.9"), false),
            // what the request does not have
            ("StringEquals", &["a"], "s3:prefix", None, false),
            ("StringNotEquals", &["a"], "s3:prefix", None, true),
            ("NotIpAddress", &["10.0.0.0/8"], "aws:SourceIp", None, true),
            ("StringEqualsIfExists", &["a"], "s3:prefix", None, true),
            ("StringEqualsIfExists", &["a"], "s3:prefix", Some("b"), false),
            ("ForAllValues:StringEquals", &["a"], "s3:prefix", None, true),
            ("ForAnyValue:StringEquals", &["a"], "s3:prefix", None, false),
            ("ForAnyValue:StringLike", &["a*"], "s3:prefix", Some("ab"), true),
            ("Null", &["true"], "s3:prefix", None, true),
            ("Null", &["false"], "s3:prefix", None, false),
            ("Null", &["false"], "s3:prefix", Some(""), true),
        ] {
            let shown = format!("{operator} {values:?} {key} {found:?}");
            assert_eq!(holds(operator, values, key, found), expected, "{shown}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for (operator, key, value) in [
            ("StringMatches", "s3:prefix", "a"),
            ("stringequals", "s3:prefix", "a"),
            ("NullIfExists", "s3:prefix", "true"),
            ("ForEachValue:StringEquals", "s3:prefix", "a"),
            ("StringNotNotEquals", "s3:prefix", "a"),
            ("NumericNotLessThan", "s3:max-keys", "1"),
            ("BoolNotEquals", "aws:SecureTransport", "true"),
            ("StringEquals", "aws:SourceVpc", "vpc-1"),
            ("StringEquals", "prefix", "a"),
            ("NumericEquals", "s3:max-keys", "ten"),
            ("NumericEquals", "s3:max-keys", "NaN"),
            ("DateEquals", "aws:CurrentTime", "today"),
            ("Bool", "aws:SecureTransport", "yes"),
            ("IpAddress", "aws:SourceIp", "10.0.0.0/33"),
            ("Null", "s3:prefix", "maybe"),
        ] {
            let read = Condition::read(operator, key, vec![value.to_owned()]);
            assert!(read.is_err(), "{operator} {key} {value}");
        }
        assert!(Condition::read("StringEquals", "s3:prefix", Vec::new()).is_err());
    }
}
