//! Tags: names with values that a user gives to what he owns.

use crate::fault::{Fault, INVALID_ARGUMENT, INVALID_TAG};
use crate::xml::{self, Element, Xml};
use std::collections::BTreeMap;

/// Name → value.
pub(super) type Tags = BTreeMap<String, String>;

/// The most tags of a bucket (S3 user guide, cost allocation tags).
pub(super) const MOST_OF_A_BUCKET: usize = 50;
/// The most tags of an object.
pub(super) const MOST_OF_AN_OBJECT: usize = 10;
const MOST_NAME_CHARACTERS: usize = 128;
const MOST_VALUE_CHARACTERS: usize = 256;

/// Reads a document `Tagging`.
pub(super) fn read(body: &[u8], most: usize) -> Result<Tags, Fault> {
    let document = xml::parse(body, "Tagging")?;
    document.only(&["TagSet"])?;
    let set = document.child("TagSet")?;
    set.only(&["Tag"])?;
    limited(listed(set)?, most)
}

/// The tags that an element lists.
pub(super) fn listed(element: &Element) -> Result<Tags, Fault> {
    let mut tags = Tags::new();
    for tag in element.all("Tag") {
        tag.only(&["Key", "Value"])?;
        add(&mut tags, tag.required("Key")?, tag.required("Value")?)?;
    }
    Ok(tags)
}

/// Reads the header `x-amz-tagging`, which has the form of a query.
pub(super) fn of_header(header: &str) -> Result<Tags, Fault> {
    let bad = || INVALID_ARGUMENT.because("x-amz-tagging must be key=value pairs, URL-encoded");
    let mut tags = Tags::new();
    for (name, value) in signature::decode_pairs(header).map_err(|_| bad())? {
        add(&mut tags, &name, &value)?;
    }
    limited(tags, MOST_OF_AN_OBJECT)
}

fn limited(tags: Tags, most: usize) -> Result<Tags, Fault> {
    if tags.len() > most {
        return Err(INVALID_TAG.because(format!("there can be at most {most} tags")));
    }
    Ok(tags)
}

fn add(tags: &mut Tags, name: &str, value: &str) -> Result<(), Fault> {
    let fits = |text: &str, most| text.chars().count() <= most && text.chars().all(is_allowed);
    if name.is_empty() || !fits(name, MOST_NAME_CHARACTERS) || name.starts_with("aws:") {
        return Err(INVALID_TAG.because(
            "a tag's key has 1 to 128 letters, digits, spaces or _ . : / = + - @ and does not \
             begin with aws:",
        ));
    }
    if !fits(value, MOST_VALUE_CHARACTERS) {
        return Err(INVALID_TAG
            .because("a tag's value has at most 256 letters, digits, spaces or _ . : / = + - @"));
    }
    match tags.insert(name.to_owned(), value.to_owned()) {
        None => Ok(()),
        Some(_) => Err(INVALID_TAG.because("there can be only one tag of each key")),
    }
}

fn is_allowed(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, ' ' | '_' | '.' | ':' | '/' | '=' | '+' | '-' | '@')
}

/// Writes a document `Tagging`.
pub(super) fn document(tags: &Tags) -> Xml {
    let mut answer = Xml::root("Tagging");
    answer.open("TagSet");
    for (name, value) in tags {
        answer.open("Tag").text("Key", name).text("Value", value).close("Tag");
    }
    answer.close("TagSet").close("Tagging");
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(tags: &[(&str, &str)]) -> String {
        let tag = |(name, value): &(&str, &str)| {
            format!("<Tag><Key>{name}</Key><Value>{value}</Value></Tag>")
        };
        let tags: String = tags.iter().map(tag).collect();
        format!("<Tagging><TagSet>{tags}</TagSet></Tagging>")
    }

    #[test]
    fn tags_come_back_as_they_were() {
        let tags = read(body(&[("b", ""), ("a é", "x:/=+-@_.")]).as_bytes(), 2).unwrap();
        assert_eq!(read(document(&tags).into_string().as_bytes(), 2).unwrap(), tags);
        assert_eq!(tags.len(), 2);
    }

    #[test]
    fn what_is_no_set_of_tags_is_refused() {
        let long = "x".repeat(257);
        for tags in [
            &[("a", "1"), ("a", "2")][..],
            &[("", "1")],
            &[("aws:a", "1")],
            &[("a\n", "1")],
            &[("a", "1?")],
            &[("a", &long)],
            &[(&long[..129], "1")],
            &[("a", "1"), ("b", "2"), ("c", "3")],
        ] {
            assert!(read(body(tags).as_bytes(), 2).is_err(), "{tags:?}");
        }
        for bad in ["", "<Tagging/>", "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>"]
        {
            assert!(read(bad.as_bytes(), 2).is_err(), "{bad}");
        }
    }
}
