//! DeleteTags.

use super::call::{Call, Run};
use super::refusal::refuse;
use super::taggable::things;
use ec2_wire::{Action, Error, MayBeEmpty, OneOrMore, Return, Text, Version, parameters};
use types::TagKey;

pub(super) struct DeleteTags;

parameters! {
    pub(super) struct Input {
        /// The ids of the things.
        ids: OneOrMore<Text<64>> = "ResourceId.N", "resourcesSet/item/resourceId", since (2010, 8, 31);
        /// The tags to remove; all when none is named.
        tags: Vec<Named> = "Tag.N", "tagSet/item", since (2010, 8, 31);
    }
}

parameters! {
    /// A tag to remove.
    pub(super) struct Named {
        /// Its key.
        key: TagKey = "Key", "key", since (2010, 8, 31);
        /// Removes it only if this is its value, which may be empty.
        value: MayBeEmpty<256> = "Value", "value", since (2010, 8, 31);
    }
}

impl Action for DeleteTags {
    const NAME: &'static str = "DeleteTags";
    const DOC: &'static str = "Removes tags of the caller from things. What is not there is \
                               passed over.";
    const SINCE: Version = Version::new(2010, 8, 31);
    type Input = Input;
    type Output = Return;
}

impl Run for DeleteTags {
    async fn run(call: &Call<'_>, input: Input) -> Result<Return, Error> {
        let (things, derived) = things(call, &input.ids.0).await?;
        let keys = input.tags.into_iter().map(|tag| (tag.key, tag.value.0));
        let keys = keys.collect();
        let gone = call.state().delete_tags(call.user.account, things, derived, keys);
        gone.await.map(|()| Return(true)).map_err(refuse)
    }
}
