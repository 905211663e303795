//! The document `LifecycleConfiguration`.

use crate::fault::{Fault, INVALID_ARGUMENT, INVALID_REQUEST, MALFORMED_XML};
use crate::lifecycle::{DAY_MILLIS, Expiration, Filter, Lifecycle, Noncurrent, Rule, Written};
use crate::operation::tags;
use crate::request::not_offered;
use crate::xml::{self, Element, Xml};
use std::collections::HashSet;
use types::Timestamp;

/// S3's limits (user guide, lifecycle).
const MOST_RULES: usize = 1000;
const MOST_ID_CHARACTERS: usize = 255;
const MOST_KEPT: u32 = 100;

/// Reads the rules.
///
/// # Errors
/// What S3 refuses, by its codes; `NotImplemented` for transitions.
pub(crate) fn read(body: &[u8]) -> Result<Vec<Rule>, Fault> {
    let document = xml::parse(body, "LifecycleConfiguration")?;
    document.only(&["Rule"])?;
    let mut rules: Vec<Rule> = document.all("Rule").map(rule).collect::<Result<_, _>>()?;
    if rules.is_empty() || rules.len() > MOST_RULES {
        return Err(MALFORMED_XML.because(format!("a lifecycle has 1 to {MOST_RULES} rules")));
    }
    let mut ids: HashSet<String> = HashSet::new();
    for rule in rules.iter().filter(|rule| !rule.id.is_empty()) {
        if !ids.insert(rule.id.clone()) {
            return Err(INVALID_ARGUMENT.because("Rule ID must be unique"));
        }
    }
    let mut number = 0;
    for rule in rules.iter_mut().filter(|rule| rule.id.is_empty()) {
        while rule.id.is_empty() || !ids.insert(rule.id.clone()) {
            number += 1;
            rule.id = format!("rule-{number}");
        }
    }
    Ok(rules)
}

fn rule(element: &Element) -> Result<Rule, Fault> {
    for transition in ["Transition", "NoncurrentVersionTransition"] {
        if element.all(transition).next().is_some() {
            return Err(not_offered(&format!("a lifecycle rule with {transition}")));
        }
    }
    element.only(&[
        "ID",
        "Status",
        "Prefix",
        "Filter",
        "Expiration",
        "NoncurrentVersionExpiration",
        "AbortIncompleteMultipartUpload",
    ])?;
    let id = element.text_of("ID")?.unwrap_or("").to_owned();
    if id.chars().count() > MOST_ID_CHARACTERS {
        let why = format!("a rule's ID has at most {MOST_ID_CHARACTERS} characters");
        return Err(INVALID_ARGUMENT.because(why));
    }
    let is_enabled = match element.required("Status")?.trim() {
        "Enabled" => true,
        "Disabled" => false,
        _ => return Err(MALFORMED_XML.because("a rule's Status is Enabled or Disabled")),
    };
    let filter = match (element.text_of("Prefix")?, element.optional("Filter")?) {
        (Some(prefix), None) => {
            let prefix = Some(prefix.to_owned());
            Filter { written: Written::Rule, prefix, ..Filter::default() }
        }
        (None, Some(element)) => filter(element)?,
        _ => return Err(MALFORMED_XML.because("a rule has either a Filter or a Prefix")),
    };
    let expiration = element.optional("Expiration")?.map(expiration).transpose()?;
    let noncurrent = element.optional("NoncurrentVersionExpiration")?;
    let noncurrent = noncurrent.map(self::noncurrent).transpose()?;
    let abort = element.optional("AbortIncompleteMultipartUpload")?;
    let abort_days = abort.map(|abort| {
        abort.only(&["DaysAfterInitiation"])?;
        days(abort, "DaysAfterInitiation")
    });
    let abort_days = abort_days.transpose()?;
    let rule = Rule { id, is_enabled, filter, expiration, noncurrent, abort_days };
    check(&rule)?;
    Ok(rule)
}

/// Refuses what does not fit together.
fn check(rule: &Rule) -> Result<(), Fault> {
    let Rule { filter, expiration, noncurrent, abort_days, .. } = rule;
    if expiration.is_none() && noncurrent.is_none() && abort_days.is_none() {
        return Err(INVALID_REQUEST.because("At least one action needs to be specified in a rule"));
    }
    if filter.looks_at_objects() {
        if abort_days.is_some() {
            let why = "AbortIncompleteMultipartUpload cannot be specified with tags or sizes";
            return Err(INVALID_REQUEST.because(why));
        }
        if *expiration == Some(Expiration::Markers) {
            let why = "ExpiredObjectDeleteMarker cannot be specified with tags or sizes";
            return Err(INVALID_REQUEST.because(why));
        }
    }
    if let (Some(larger), Some(smaller)) = (filter.larger_than, filter.smaller_than)
        && larger >= smaller
    {
        let why = "ObjectSizeLessThan must be greater than ObjectSizeGreaterThan";
        return Err(INVALID_REQUEST.because(why));
    }
    Ok(())
}

const PARTS: [&str; 4] = ["Prefix", "Tag", "ObjectSizeGreaterThan", "ObjectSizeLessThan"];

fn filter(element: &Element) -> Result<Filter, Fault> {
    let Some(and) = element.optional("And")? else {
        element.only(&PARTS)?;
        if PARTS.iter().map(|part| element.all(part).count()).sum::<usize>() > 1 {
            return Err(MALFORMED_XML.because("a Filter with several parts has them in an And"));
        }
        return parts(element, Written::Filter);
    };
    element.only(&["And"])?;
    and.only(&PARTS)?;
    parts(and, Written::And)
}

fn parts(element: &Element, written: Written) -> Result<Filter, Fault> {
    let size = |name| {
        let size = element.text_of(name)?.map(|text| text.trim().parse::<u64>());
        size.transpose().map_err(|_| MALFORMED_XML.because(format!("{name} is a number of bytes")))
    };
    Ok(Filter {
        written,
        prefix: element.text_of("Prefix")?.map(str::to_owned),
        tags: tags::listed(element)?,
        larger_than: size("ObjectSizeGreaterThan")?,
        smaller_than: size("ObjectSizeLessThan")?,
    })
}

fn expiration(element: &Element) -> Result<Expiration, Fault> {
    element.only(&["Days", "Date", "ExpiredObjectDeleteMarker"])?;
    let (date, markers) = (element.text_of("Date")?, element.text_of("ExpiredObjectDeleteMarker")?);
    match (element.text_of("Days")?, date, markers.map(str::trim)) {
        // as Terraform writes it
        (Some(_), None, None | Some("false")) => days(element, "Days").map(Expiration::Days),
        (None, Some(text), None | Some("false")) => date_of(text).map(Expiration::Date),
        (None, None, Some("true")) => Ok(Expiration::Markers),
        _ => {
            let why = "an Expiration has one of Days, Date and ExpiredObjectDeleteMarker";
            Err(MALFORMED_XML.because(why))
        }
    }
}

fn date_of(text: &str) -> Result<Timestamp, Fault> {
    let text = text.trim();
    // a date alone is its midnight
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let date = signature::parse_iso(&whole)
        .ok_or_else(|| MALFORMED_XML.because("a Date is one of ISO 8601"))?;
    if date.millis() < 0 || date.millis() % DAY_MILLIS != 0 {
        return Err(INVALID_ARGUMENT.because("'Date' must be at midnight GMT"));
    }
    Ok(date)
}

fn noncurrent(element: &Element) -> Result<Noncurrent, Fault> {
    element.only(&["NoncurrentDays", "NewerNoncurrentVersions"])?;
    let keep = element.text_of("NewerNoncurrentVersions")?.map(|text| {
        let keep = text.trim().parse().ok().filter(|keep| (1..=MOST_KEPT).contains(keep));
        keep.ok_or_else(|| {
            let why = format!("NewerNoncurrentVersions is a number from 1 to {MOST_KEPT}");
            INVALID_ARGUMENT.because(why)
        })
    });
    Ok(Noncurrent { days: days(element, "NoncurrentDays")?, keep: keep.transpose()? })
}

fn days(element: &Element, name: &'static str) -> Result<u32, Fault> {
    let days = element.required(name)?.trim().parse::<i32>();
    let days = days.map_err(|_| MALFORMED_XML.because(format!("{name} is a number")))?;
    u32::try_from(days)
        .ok()
        .filter(|days| *days > 0)
        .ok_or_else(|| INVALID_ARGUMENT.because(format!("'{name}' must be a positive integer")))
}

/// Writes the document.
pub(super) fn write(lifecycle: &Lifecycle) -> Xml {
    let mut answer = Xml::root("LifecycleConfiguration");
    for rule in &lifecycle.rules {
        answer.open("Rule").text("ID", &rule.id);
        write_filter(&mut answer, &rule.filter);
        answer.value("Status", if rule.is_enabled { "Enabled" } else { "Disabled" });
        if let Some(expiration) = rule.expiration {
            answer.open("Expiration");
            match expiration {
                Expiration::Days(days) => answer.value("Days", days),
                Expiration::Date(date) => answer.value("Date", date),
                Expiration::Markers => answer.value("ExpiredObjectDeleteMarker", true),
            };
            answer.close("Expiration");
        }
        if let Some(Noncurrent { days, keep }) = rule.noncurrent {
            answer.open("NoncurrentVersionExpiration").value("NoncurrentDays", days);
            if let Some(keep) = keep {
                answer.value("NewerNoncurrentVersions", keep);
            }
            answer.close("NoncurrentVersionExpiration");
        }
        if let Some(days) = rule.abort_days {
            answer.open("AbortIncompleteMultipartUpload").value("DaysAfterInitiation", days);
            answer.close("AbortIncompleteMultipartUpload");
        }
        answer.close("Rule");
    }
    answer.close("LifecycleConfiguration");
    answer
}

fn write_filter(answer: &mut Xml, filter: &Filter) {
    let around: &[&str] = match filter.written {
        Written::Rule => &[],
        Written::Filter => &["Filter"],
        Written::And => &["Filter", "And"],
    };
    for element in around {
        answer.open(element);
    }
    if let Some(prefix) = &filter.prefix {
        answer.text("Prefix", prefix);
    }
    for (name, value) in &filter.tags {
        answer.open("Tag").text("Key", name).text("Value", value).close("Tag");
    }
    if let Some(size) = filter.larger_than {
        answer.value("ObjectSizeGreaterThan", size);
    }
    if let Some(size) = filter.smaller_than {
        answer.value("ObjectSizeLessThan", size);
    }
    for element in around.iter().rev() {
        answer.close(element);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filter() -> impl Strategy<Value = Filter> {
        let part = prop_oneof![
            Just(Filter::default()),
            "[a-zé/&<]{0,4}"
                .prop_map(|prefix| Filter { prefix: Some(prefix), ..Filter::default() }),
            any::<u64>().prop_map(|size| Filter { larger_than: Some(size), ..Filter::default() }),
            ("[a-z]{1,3}", "[a-z ]{0,3}")
                .prop_map(|tag| { Filter { tags: [tag].into(), ..Filter::default() } }),
        ];
        let tags = proptest::collection::btree_map("[a-z]{1,2}", "[a-z]{0,2}", 0..4);
        let and = ("[a-z/]{0,4}", tags, 0..9u64, 10..99u64);
        let and = and.prop_map(|(prefix, tags, larger, smaller)| Filter {
            written: Written::And,
            prefix: Some(prefix),
            tags,
            larger_than: Some(larger),
            smaller_than: Some(smaller),
        });
        let old = "[a-z/]{0,4}".prop_map(|prefix| Filter {
            written: Written::Rule,
            prefix: Some(prefix),
            ..Filter::default()
        });
        prop_oneof![part, and, old]
    }

    fn rule() -> impl Strategy<Value = Rule> {
        let days = 1..=i32::MAX as u32;
        let expiration = prop_oneof![
            days.clone().prop_map(Expiration::Days),
            (0..100_000i64)
                .prop_map(|day| { Expiration::Date(Timestamp::from_millis(day * DAY_MILLIS)) }),
            Just(Expiration::Markers),
        ];
        let noncurrent = (days.clone(), proptest::option::of(1..=MOST_KEPT));
        let noncurrent = noncurrent.prop_map(|(days, keep)| Noncurrent { days, keep });
        (
            "[a-z&<> é]{1,9}",
            any::<bool>(),
            filter(),
            proptest::option::of(expiration),
            proptest::option::of(noncurrent),
            proptest::option::of(days),
        )
            .prop_map(|(id, is_enabled, filter, expiration, noncurrent, abort_days)| Rule {
                id,
                is_enabled,
                filter,
                expiration,
                noncurrent,
                abort_days,
            })
            .prop_filter("what does not fit together", |rule| check(rule).is_ok())
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_alike(rules in proptest::collection::vec(rule(), 1..5)) {
            let mut rules = rules;
            for (number, rule) in rules.iter_mut().enumerate() {
                rule.id += &number.to_string();
            }
            let lifecycle = Lifecycle { rules, least_transition: None };
            let text = write(&lifecycle).into_string();
            prop_assert_eq!(read(text.as_bytes()).unwrap(), lifecycle.rules.clone());
            let document = serde_json::to_vec(&lifecycle).unwrap();
            prop_assert_eq!(Lifecycle::decode(&document, "b").unwrap(), lifecycle);
        }

        #[test]
        fn no_body_ends_in_a_panic(
            body in "<LifecycleConfiguration>(<(/?(Rule|ID|Filter|And|Tag|Expiration|Days|Date|x))>|[a&;0-9]){0,20}",
        ) {
            let _ = read(body.as_bytes());
        }
    }

    #[test]
    fn rules_without_an_id_get_one_that_no_other_has() {
        let rule = |id: &str| {
            format!(
                "<Rule>{id}<Filter/><Status>Enabled</Status><Expiration><Days>1</Days>\
                 </Expiration></Rule>"
            )
        };
        let rules = [rule(""), rule("<ID>rule-1</ID>"), rule(""), rule("<ID>a</ID>")].concat();
        let body = format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>");
        let ids: Vec<_> = read(body.as_bytes()).unwrap().into_iter().map(|rule| rule.id).collect();
        assert_eq!(ids, ["rule-2", "rule-1", "rule-3", "a"]);
    }
}
