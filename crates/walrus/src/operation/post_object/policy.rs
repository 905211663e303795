//! What the policy of a form says: until when it is good, and what the fields may be (S3 API
//! reference, POST policy).

use super::fields::Fields;
use crate::fault::{ACCESS_DENIED, Fault, INVALID_POLICY_DOCUMENT};
use crate::request::shown;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use types::Timestamp;

/// More than fits into the fields of a form.
const MOST_CONDITIONS: usize = 1000;
/// Fields that need no condition.
const FREE: [&str; 5] = ["awsaccesskeyid", "file", "policy", "signature", "x-amz-signature"];

/// A policy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Policy {
    expires: Timestamp,
    conditions: Vec<Condition>,
    /// The least and the most bytes of the file.
    pub(super) least: u64,
    pub(super) most: u64,
}

#[derive(Debug, PartialEq, Eq)]
struct Condition {
    /// In lower case.
    field: String,
    value: String,
    /// Else it is the whole value.
    is_prefix: bool,
}

/// That of an anonymous form: it asks for nothing.
impl Default for Policy {
    fn default() -> Self {
        let expires = Timestamp::from_millis(i64::MAX);
        Self { expires, conditions: Vec::new(), least: 0, most: u64::MAX }
    }
}

fn invalid(why: &str) -> Fault {
    INVALID_POLICY_DOCUMENT.because(format!("Invalid Policy: {why}"))
}

impl Policy {
    /// Reads base64 of a JSON object with `expiration` and `conditions`.
    ///
    /// # Errors
    /// `InvalidPolicyDocument`.
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        // some write it in lines
        let text: String = text.split_ascii_whitespace().collect();
        let json = STANDARD.decode(text).map_err(|_| invalid("it is not base64"))?;
        let document: Map<String, Value> =
            serde_json::from_slice(&json).map_err(|error| invalid(&error.to_string()))?;
        let expires = document.get("expiration").and_then(Value::as_str);
        let expires = expires
            .and_then(signature::parse_iso)
            .ok_or_else(|| invalid("expiration must be a date such as 2030-01-01T00:00:00.000Z"))?;
        let listed = document.get("conditions").and_then(Value::as_array);
        let listed = listed.filter(|listed| listed.len() <= MOST_CONDITIONS);
        let listed = listed.ok_or_else(|| invalid("conditions must be a list"))?;
        if document.len() != 2 {
            return Err(invalid("it has more than expiration and conditions"));
        }
        let mut policy = Self { expires, ..Self::default() };
        listed.iter().try_for_each(|condition| policy.add(condition))?;
        Ok(policy)
    }

    fn add(&mut self, condition: &Value) -> Result<(), Fault> {
        match condition {
            Value::Object(pairs) if !pairs.is_empty() => {
                for (field, value) in pairs {
                    let value = value.as_str().ok_or_else(|| no_condition(condition))?;
                    self.require(field, value, false);
                }
                Ok(())
            }
            Value::Array(words) => self.add_words(words).ok_or_else(|| no_condition(condition)),
            _ => Err(no_condition(condition)),
        }
    }

    fn add_words(&mut self, words: &[Value]) -> Option<()> {
        let [operator, first, second] = words else { return None };
        match operator.as_str()?.to_ascii_lowercase().as_str() {
            "eq" => self.require(first.as_str()?.strip_prefix('$')?, second.as_str()?, false),
            "starts-with" => {
                self.require(first.as_str()?.strip_prefix('$')?, second.as_str()?, true)
            }
            "content-length-range" => {
                let (least, most) = (number(first)?, number(second)?);
                (self.least, self.most) = (self.least.max(least), self.most.min(most));
            }
            _ => return None,
        }
        Some(())
    }

    fn require(&mut self, field: &str, value: &str, is_prefix: bool) {
        let (field, value) = (field.to_ascii_lowercase(), value.to_owned());
        self.conditions.push(Condition { field, value, is_prefix });
    }

    /// Whether the policy is still good, each condition holds, and each field has one.
    ///
    /// # Errors
    /// `AccessDenied` with what is not so.
    pub(super) fn check(&self, bucket: &str, fields: &Fields, now: Timestamp) -> Result<(), Fault> {
        let refuse =
            |why: String| Err(ACCESS_DENIED.because(format!("Invalid according to Policy: {why}")));
        if now > self.expires {
            return refuse("Policy expired.".to_owned());
        }
        let value = |field: &str| match field {
            "bucket" => Some(bucket),
            _ => fields.get(field),
        };
        if let Some(failed) =
            self.conditions.iter().find(|it| !value(&it.field).is_some_and(|value| it.holds(value)))
        {
            let operator = if failed.is_prefix { "starts-with" } else { "eq" };
            let (field, value) = (shown(&failed.field), shown(&failed.value));
            return refuse(format!(
                "Policy Condition failed: [\"{operator}\", \"${field}\", \"{value}\"]"
            ));
        }
        let is_named = |field: &str| self.conditions.iter().any(|it| it.field == field);
        let is_free = |field: &str| FREE.contains(&field) || field.starts_with("x-ignore-");
        // the bucket is that of the request, whatever a field says
        let mut extra = fields.iter().map(|(name, _)| name).filter(|name| *name != "bucket");
        match extra.find(|name| !is_free(name) && !is_named(name)) {
            Some(name) => refuse(format!("Extra input fields: {}", shown(name))),
            None => Ok(()),
        }
    }
}

impl Condition {
    fn holds(&self, value: &str) -> bool {
        if !self.is_prefix {
            return value == self.value;
        }
        // of several types each must begin so
        match self.field.as_str() {
            "content-type" => value.split(',').all(|it| it.trim_start().starts_with(&self.value)),
            _ => value.starts_with(&self.value),
        }
    }
}

fn no_condition(condition: &Value) -> Fault {
    invalid(&format!("Invalid condition: {}", shown(&condition.to_string())))
}

/// A number, also as text.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_348_800_000);

    fn policy(conditions: &str) -> Result<Policy, Fault> {
        let json = format!(
            r#"{{"expiration": "2026-11-22T12:00:00.000Z", "conditions": [{conditions}]}}"#
        );
        Policy::read(&STANDARD.encode(json))
    }

    fn said(conditions: &str, fields: &[(&str, &str)]) -> String {
        match policy(conditions).unwrap().check("bucket", &Fields::of(fields), NOW) {
            Ok(()) => String::new(),
            Err(fault) => {
                assert_eq!(fault.code(), "AccessDenied");
                fault.message().replace("Invalid according to Policy: ", "")
            }
        }
    }

    #[test]
    fn each_field_needs_a_condition_and_each_condition_holds() {
        let key = ("key", "user/eric/a");
        let starts = r#"["starts-with", "$key", "user/eric/"]"#;
        let bucket = r#"{"bucket": "bucket"}, {"ACL": "public-read"}"#;
        let all = format!("{bucket}, {starts}");
        let acl = ("acl", "public-read");
        assert_eq!(said(&all, &[key, acl]), "");
        let free = [key, acl, ("policy", "x"), ("x-ignore-me", "x"), ("signature", "x")];
        assert_eq!(said(&all, &free), "");
        for (conditions, fields, why) in [
            (&*all, &[key][..], "Policy Condition failed: [\"eq\", \"$acl\", \"public-read\"]"),
            (&all, &[("key", "user/erica"), acl], "Policy Condition failed: [\"starts-with\""),
            (&all, &[key, ("acl", "Public-read")], "Policy Condition failed: [\"eq\", \"$acl\""),
            (&all, &[key, acl, ("submit", "x")], "Extra input fields: submit"),
            (r#"{"bucket": "other"}"#, &[], "Policy Condition failed: [\"eq\", \"$bucket\""),
            (starts, &[], "Policy Condition failed: [\"starts-with\", \"$key\""),
        ] {
            let said = said(conditions, fields);
            assert!(said.starts_with(why), "{conditions}: {said}");
        }
        let types = r#"["starts-with", "$Content-Type", "image/"]"#;
        assert_eq!(said(types, &[("content-type", "image/png, image/gif")]), "");
        assert_ne!(said(types, &[("content-type", "image/png,text/html")]), "");
        let late = policy("").unwrap().check("bucket", &Fields::default(), NOW.plus_millis(1));
        assert_eq!(late.unwrap_err().message(), "Invalid according to Policy: Policy expired.");
    }

    #[test]
    fn the_narrowest_range_of_lengths_counts() {
        let range = policy(r#"["content-length-range", 1, "10"], ["content-length-range", 5, 20]"#);
        let range = range.unwrap();
        assert_eq!((range.least, range.most), (5, 10));
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        for conditions in [
            "1",
            "[]",
            "{}",
            r#"{"acl": 1}"#,
            r#"["eq", "acl", "x"]"#,
            r#"["eq", "$acl"]"#,
            r#"["ends-with", "$acl", "x"]"#,
            r#"["content-length-range", -1, 2]"#,
            r#"["content-length-range", 1, 2, 3]"#,
        ] {
            assert_eq!(
                policy(conditions).unwrap_err().code(),
                "InvalidPolicyDocument",
                "{conditions}"
            );
        }
        for json in [
            "",
            "[]",
            r#"{"expiration": "2026-11-22T12:00:00.000Z"}"#,
            r#"{"expiration": "tomorrow", "conditions": []}"#,
            r#"{"conditions": []}"#,
            r#"{"expiration": "2026-11-22T12:00:00.000Z", "conditions": [], "more": 1}"#,
        ] {
            assert!(Policy::read(&STANDARD.encode(json)).is_err(), "{json}");
        }
        assert!(Policy::read("no base64!").is_err());
    }
}
