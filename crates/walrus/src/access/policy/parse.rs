//! Reading a policy: strictly, so that nothing in it is taken for less or more than it says.

use super::{ARN, Condition, Effect, Listed, Policy, Principal, Statement, fits};
use crate::access::action;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

/// The longest policy (S3 user guide, bucket policies).
pub(crate) const MOST_BYTES: usize = 20 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Document {
    #[serde(default, deserialize_with = "present")]
    version: Option<String>,
    /// A name for people.
    #[serde(rename = "Id", default, deserialize_with = "present")]
    _id: Option<String>,
    statement: Many<Written>,
}

/// A statement as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Written {
    #[serde(default, deserialize_with = "present")]
    sid: Option<String>,
    effect: Word,
    #[serde(default, deserialize_with = "present")]
    principal: Option<People>,
    #[serde(default, deserialize_with = "present")]
    not_principal: Option<People>,
    #[serde(default, deserialize_with = "present")]
    action: Option<Many<String>>,
    #[serde(default, deserialize_with = "present")]
    not_action: Option<Many<String>>,
    #[serde(default, deserialize_with = "present")]
    resource: Option<Many<String>>,
    #[serde(default, deserialize_with = "present")]
    not_resource: Option<Many<String>>,
    #[serde(default, deserialize_with = "present")]
    condition: Option<Pairs<Pairs<Many<Scalar>>>>,
}

#[derive(Deserialize)]
enum Word {
    Allow,
    Deny,
}

/// One of something, or a list.
struct Many<T>(Vec<T>);

/// An object of JSON in which no name stands twice.
struct Pairs<T>(Vec<(String, T)>);

/// `*`, or kinds of principals with their names.
enum People {
    Everybody,
    Named(Pairs<Many<String>>),
}

/// A value of a condition: JSON's numbers and booleans mean what they look like.
struct Scalar(String);

impl Policy {
    /// Reads the policy of a bucket; the error says what is wrong with it.
    pub(crate) fn read(bytes: &[u8], bucket: &str) -> Result<Self, String> {
        if bytes.len() > MOST_BYTES {
            return Err(format!("Policy has more than {MOST_BYTES} bytes"));
        }
        let document: Document = serde_json::from_slice(bytes)
            .map_err(|error| format!("Policy is not valid: {error}"))?;
        if let Some(version) = &document.version
            && !["2012-10-17", "2008-10-17"].contains(&version.as_str())
        {
            return Err("Policy has an invalid Version; it is 2012-10-17 or 2008-10-17".to_owned());
        }
        let written = document.statement.0;
        if written.is_empty() {
            return Err("Policy has no Statement".to_owned());
        }
        let mut sids = HashSet::new();
        let named_twice = |written: &&Written| {
            written
                .sid
                .as_deref()
                .is_some_and(|sid| !sid.is_empty() && !sids.insert(sid.to_owned()))
        };
        if let Some(twice) = written.iter().find(named_twice) {
            let sid = twice.sid.as_deref().unwrap_or_default();
            return Err(format!("Policy has more than one statement with the Sid {sid:?}"));
        }
        let statements = written.into_iter().map(|written| statement(written, bucket));
        Ok(Self { statements: statements.collect::<Result<_, _>>()? })
    }
}

fn statement(written: Written, bucket: &str) -> Result<Statement, String> {
    let effect = match written.effect {
        Word::Allow => Effect::Allow,
        Word::Deny => Effect::Deny,
    };
    let (all_but, people) = one_of("Principal", written.principal, written.not_principal)?;
    let principals = Listed::new(all_but, principals(people)?);
    let actions = list("Action", written.action, written.not_action, |text| action(&text))?;
    let resource = |text| resource(text, bucket);
    let resources = list("Resource", written.resource, written.not_resource, resource)?;
    if let (Listed::These(actions), Listed::These(resources)) = (&actions, &resources)
        && let Some(action) = actions.iter().find(|action| !applies(action, resources))
    {
        let why = "Action does not apply to any resource(s) in statement";
        return Err(format!("{why}: s3:{action}"));
    }
    let mut conditions = Vec::new();
    for (operator, keys) in written.condition.map_or_else(Vec::new, |operators| operators.0) {
        for (key, Many(values)) in keys.0 {
            let values: Vec<_> = values.into_iter().map(|Scalar(value)| value).collect();
            values.iter().try_for_each(|value| without_variable(value))?;
            conditions.push(Condition::read(&operator, &key, values)?);
        }
    }
    Ok(Statement { effect, principals, actions, resources, conditions })
}

/// What stands under one of two names, and whether it is the second.
fn one_of<T>(name: &str, these: Option<T>, all_but: Option<T>) -> Result<(bool, T), String> {
    match (these, all_but) {
        (Some(list), None) => Ok((false, list)),
        (None, Some(list)) => Ok((true, list)),
        _ => Err(format!("Statement needs either {name} or Not{name}")),
    }
}

fn list(
    name: &str,
    these: Option<Many<String>>,
    all_but: Option<Many<String>>,
    read: impl Fn(String) -> Result<String, String>,
) -> Result<Listed<String>, String> {
    let (all_but, Many(list)) = one_of(name, these, all_but)?;
    if list.is_empty() {
        return Err(format!("Statement has an empty {name}"));
    }
    Ok(Listed::new(all_but, list.into_iter().map(read).collect::<Result<_, _>>()?))
}

fn principals(people: People) -> Result<Vec<Principal>, String> {
    let People::Named(Pairs(kinds)) = people else { return Ok(vec![Principal::Everybody]) };
    let mut principals = Vec::new();
    for (kind, Many(names)) in kinds {
        for name in names {
            let found = match kind.as_str() {
                "AWS" => aws(&name),
                "CanonicalUser" => name.parse().ok().map(Principal::Account),
                _ => return Err(format!("Invalid principal in policy: {kind} is not offered")),
            };
            principals.push(found.ok_or_else(|| format!("Invalid principal in policy: {name}"))?);
        }
    }
    if principals.is_empty() {
        return Err("Invalid principal in policy: it names nobody".to_owned());
    }
    Ok(principals)
}

/// `*`, an account's number, or the ARN of an account or of its user.
fn aws(name: &str) -> Option<Principal> {
    if name == "*" {
        return Some(Principal::Everybody);
    }
    let Some(rest) = name.strip_prefix("arn:aws:iam::") else {
        return name.parse().ok().map(Principal::Account);
    };
    let (account, resource) = rest.split_once(':')?;
    let account = account.parse().ok()?;
    if resource == "root" {
        return Some(Principal::Account(account));
    }
    let user = resource.strip_prefix("user/")?;
    Some(Principal::User(account, user.to_owned()))
}

/// An action, or a pattern that some action fits.
fn action(text: &str) -> Result<String, String> {
    let lower = text.to_ascii_lowercase();
    let pattern = if lower == "*" { "*" } else { lower.strip_prefix("s3:").unwrap_or("") };
    let mut known = [true, false].into_iter().flat_map(action::names);
    if !known.any(|name| fits(pattern, &name.to_ascii_lowercase())) {
        return Err(format!("Policy has invalid action: {text}"));
    }
    Ok(pattern.to_owned())
}

/// A resource, which must be this bucket or lie in it.
fn resource(text: String, bucket: &str) -> Result<String, String> {
    without_variable(&text)?;
    let named = text.strip_prefix(ARN).map(|rest| rest.split_once('/').unwrap_or((rest, "")).0);
    if named.is_none_or(|named| !fits(named, bucket)) {
        let why = format!("it must begin with {ARN}{bucket}");
        return Err(format!("Policy has invalid resource: {text}; {why}"));
    }
    Ok(text)
}

/// Whether an action is about buckets and one of the resources is one, or both are about keys.
fn applies(action: &str, resources: &[String]) -> bool {
    let is_key = |resource: &String| resource.trim_start_matches(ARN).contains('/');
    // a star may stand for a slash
    let ends_open = |resource: &String| resource.contains('*') && !is_key(resource);
    [true, false].into_iter().any(|of_buckets| {
        let fitting =
            action::names(of_buckets).any(|name| fits(action, &name.to_ascii_lowercase()));
        let suits = |resource: &String| ends_open(resource) || is_key(resource) != of_buckets;
        fitting && resources.iter().any(suits)
    })
}

/// Policy variables are not offered, and text that looks like one would mean another thing.
fn without_variable(text: &str) -> Result<(), String> {
    if text.contains("${") {
        return Err(format!("Policy variables are not offered by this Walrus: {text}"));
    }
    Ok(())
}

/// What stands there, if anything does; a null is not nothing.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// Visits what may stand alone or in a list.
struct OneOrMany<T>(PhantomData<T>);

macro_rules! alone {
    ($($method:ident $kind:ty,)*) => {
        $(fn $method<E: Error>(self, value: $kind) -> Result<Self::Value, E> {
            T::deserialize(value.into_deserializer()).map(|one| Many(vec![one]))
        })*
    };
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
    type Value = Many<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one value or a list")
    }

    alone! {
        visit_str &str,
        visit_bool bool,
        visit_i64 i64,
        visit_u64 u64,
        visit_f64 f64,
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(Many)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|one| Many(vec![one]))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMany(PhantomData))
    }
}

struct PairsVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for PairsVisitor<T> {
    type Value = Pairs<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs: Vec<(String, T)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, T>()? {
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom(format!("{name:?} stands twice in an object")));
            }
            pairs.push((name, value));
        }
        Ok(Pairs(pairs))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            Value::Bool(value) => Ok(Self(value.to_string())),
            Value::Number(value) => Ok(Self(value.to_string())),
            _ => Err(D::Error::custom("a value of a condition is text, a number or a boolean")),
        }
    }
}

struct PeopleVisitor;

impl<'de> Visitor<'de> for PeopleVisitor {
    type Value = People;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"*\" or an object with AWS or CanonicalUser")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<People, E> {
        if text == "*" {
            Ok(People::Everybody)
        } else {
            Err(E::custom("Invalid principal in policy"))
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<People, A::Error> {
        Pairs::deserialize(MapAccessDeserializer::new(map)).map(People::Named)
    }
}

impl<'de> Deserialize<'de> for People {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PeopleVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(statement: &str) -> String {
        format!(r#"{{"Version": "2012-10-17", "Statement": {statement}}}"#)
    }

    /// A statement with one element in another form, or with one more.
    fn with(name: &str, value: &str) -> String {
        let mut elements = vec![
            ("Effect", r#""Allow""#),
            ("Principal", r#""*""#),
            ("Action", r#""s3:GetObject""#),
            ("Resource", r#""arn:aws:s3:::bucket/*""#),
        ];
        elements.retain(|(known, _)| *known != name && name.strip_prefix("Not") != Some(known));
        elements.push((name, value));
        let written: Vec<_> = elements.iter().map(|(k, v)| format!("\"{k}\": {v}")).collect();
        policy(&format!("{{{}}}", written.join(", ")))
    }

    #[test]
    fn what_s3_takes_is_read() {
        for (name, value) in [
            ("Sid", r#""Anybody may read""#),
            ("Principal", r#"{"AWS": "*"}"#),
            ("Principal", r#"{"AWS": ["000000000007", "arn:aws:iam::000000000008:root"]}"#),
            (
                "Principal",
                r#"{"AWS": "arn:aws:iam::000000000008:user/bob", "CanonicalUser": "000000000009"}"#,
            ),
            ("NotPrincipal", r#"{"AWS": "000000000007"}"#),
            ("Action", r#"["s3:getobject", "s3:Get*Acl", "S3:PutObject"]"#),
            ("Action", r#""s3:*""#),
            ("NotAction", r#""s3:DeleteObject""#),
            ("Resource", r#"["arn:aws:s3:::bucket/a?/*", "arn:aws:s3:::buck*/x"]"#),
            ("Resource", r#""arn:aws:s3:::*""#),
            ("NotResource", r#""arn:aws:s3:::bucket/private/*""#),
            ("Condition", r#"{"Bool": {"aws:SecureTransport": false}}"#),
            (
                "Condition",
                r#"{"NumericLessThan": {"s3:max-keys": [10, "20"]}, "Null": {"s3:prefix": true}}"#,
            ),
            ("Condition", "{}"),
        ] {
            let text = with(name, value);
            assert_eq!(Policy::read(text.as_bytes(), "bucket").map(drop), Ok(()), "{text}");
        }
        let one = with("Sid", r#""a""#);
        let bare = one.replace(r#""Version": "2012-10-17", "#, r#""Id": "x", "#);
        assert!(Policy::read(bare.as_bytes(), "bucket").is_ok(), "{bare}");
    }

    #[test]
    fn what_could_mean_something_else_is_refused_with_the_reason() {
        for (name, value, reason) in [
            ("Effect", r#""Permit""#, "Permit"),
            ("Sid", "7", "string"),
            ("Principal", r#""000000000007""#, "Invalid principal"),
            ("Principal", r#"{"AWS": "bob"}"#, "Invalid principal"),
            ("Principal", r#"{"AWS": "arn:aws:iam::000000000007:role/x"}"#, "Invalid principal"),
            ("Principal", r#"{"Service": "ec2.amazonaws.com"}"#, "Service"),
            ("Principal", r#"{"AWS": "*", "AWS": "000000000007"}"#, "twice"),
            ("Principal", r#"{"AWS": []}"#, "nobody"),
            ("Principal", "null", "null"),
            ("NotPrincipal", "[]", "sequence"),
            ("Action", r#""ec2:RunInstances""#, "invalid action"),
            ("Action", r#""s3:GetObjekt""#, "invalid action"),
            ("Action", r#""s3:ListBucket""#, "does not apply"),
            ("Action", "[]", "empty"),
            ("Resource", r#""*""#, "invalid resource"),
            ("Resource", r#""arn:aws:s3:::other/*""#, "invalid resource"),
            ("Resource", r#""arn:aws:s3:::bucket""#, "does not apply"),
            ("Resource", r#""arn:aws:s3:::bucket/${aws:username}/*""#, "variables"),
            ("Condition", r#"{"StringEquals": {"s3:prefix": "${aws:username}"}}"#, "variables"),
            ("Condition", r#"{"StringEquals": {"s3:prefix": {"a": 1}}}"#, "condition"),
            ("Condition", r#"{"StringEquals": {"s3:prefix": []}}"#, "no value"),
            ("Condition", r#"{"StringEquals": {"s3:prefix": "a", "s3:prefix": "b"}}"#, "twice"),
            ("Condition", r#"{"Strings": {"s3:prefix": "a"}}"#, "operator"),
            ("Condition", r#"{"StringEquals": {"s3:color": "a"}}"#, "key"),
            ("Condition", "null", "null"),
            ("Conditions", "{}", "Conditions"),
            ("effect", r#""Deny""#, "effect"),
        ] {
            let text = with(name, value);
            let error = Policy::read(text.as_bytes(), "bucket").expect_err(&text);
            assert!(error.contains(reason), "{text}: {error}");
        }
        let one = with("Sid", r#""a""#);
        let both = one.replace("\"Action\"", "\"NotAction\": \"s3:PutObject\", \"Action\"");
        let twice = one.replace("\"Effect\"", "\"Effect\": \"Deny\", \"Effect\"");
        let statement = &one[one.find("[{").unwrap_or(one.rfind("{\"E").unwrap())..one.len() - 1];
        let same_sid = policy(&format!("[{statement}, {statement}]"));
        for bad in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"Statement": []}"#,
            r#"{"Statement": [[]]}"#,
            &one.replace("2012", "2013"),
            &one.replace("\"Version\"", "\"Extra\": 1, \"Version\""),
            &format!("{one} x"),
            &format!("{one}{}", " ".repeat(MOST_BYTES)),
            &"[".repeat(10_000),
            &both,
            &twice,
            &same_sid,
        ] {
            assert!(
                Policy::read(bad.as_bytes(), "bucket").is_err(),
                "{}",
                &bad[..bad.len().min(400)]
            );
        }
    }
}
