//! Tags in requests and answers.

use ec2_wire::{Code, Error, Text, Xml, parameters};
use types::{TagKey, Tags};

parameters! {
    /// Tags for what a request makes.
    #[derive(Debug)]
    pub(super) struct TagSpecification {
        /// What they are for: `instance`, `security-group`, `key-pair`, `elastic-ip` and so on.
        resource_type: Text<64> = "ResourceType", "resourceType", since (2016, 11, 15);
        /// The tags.
        tags: Vec<Tag> = "Tag.N", "tag/item", since (2016, 11, 15);
    }
}

parameters! {
    /// A tag.
    #[derive(Debug)]
    pub(super) struct Tag {
        /// Its key, at most 128 characters.
        pub(super) key: TagKey = "Key", "key", since (2010, 8, 31);
        /// Its value, at most 256 characters; none is the empty one.
        pub(super) value: Option<Text<256>> = "Value", "value", since (2010, 8, 31);
    }
}

/// The tags of a request.
///
/// # Errors
/// `InvalidParameterValue` for a key that is given twice.
pub(super) fn tags(given: Vec<Tag>) -> Result<Tags, Error> {
    let mut tags = Tags::new();
    for Tag { key, value } in given {
        let value = value.map(Into::into).unwrap_or_default();
        if tags.insert(key.clone(), value).is_some() {
            return Err(Error::invalid("Tag.Key", key.as_str(), "It is given twice."));
        }
    }
    Ok(tags)
}

/// The tags that a request specifies for the kind of thing that it makes. Those for kinds that come
/// with it in Amazon's cloud and not here are passed over.
///
/// # Errors
/// `InvalidParameterValue` for a kind that the request does not make, or a key given twice.
pub(super) fn of(
    kind: &str,
    passed_over: &[&str],
    given: Vec<TagSpecification>,
) -> Result<Tags, Error> {
    let mut all = Vec::new();
    for TagSpecification { resource_type, tags } in given {
        if passed_over.contains(&resource_type.as_str()) {
            continue;
        }
        if resource_type.as_str() != kind {
            let message = format!(
                "'{resource_type}' is not a valid taggable resource type here: \
                                   this request makes a thing of the type {kind}"
            );
            return Err(Error::new(Code::InvalidParameterValue, message));
        }
        all.extend(tags);
    }
    tags(all)
}

/// The element `tagSet`, where the version has it.
pub(super) fn encode(xml: &mut Xml, tags: &Tags) {
    if xml.since(2010, 8, 31) {
        xml.list("tagSet", tags, |xml, (key, value)| {
            xml.text("key", key);
            xml.text("value", value);
        });
    }
}
