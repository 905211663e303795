//! CreateTags.

use super::call::{Call, Run};
use super::refusal::refuse;
use super::tag_specification::{Tag, tags};
use super::taggable::things;
use ec2_wire::{Action, Error, OneOrMore, Return, Text, Version, parameters};

pub(super) struct CreateTags;

parameters! {
    pub(super) struct Input {
        /// The ids of the things.
        ids: OneOrMore<Text<64>> = "ResourceId.N", "resourcesSet/item/resourceId", since (2010, 8, 31);
        /// The tags, in the place of those with the same keys.
        tags: OneOrMore<Tag> = "Tag.N", "tagSet/item", since (2010, 8, 31);
    }
}

impl Action for CreateTags {
    const NAME: &'static str = "CreateTags";
    const DOC: &'static str = "Notes tags on things that the caller may see. Only the caller \
                               sees them.";
    const SINCE: Version = Version::new(2010, 8, 31);
    type Input = Input;
    type Output = Return;
}

impl Run for CreateTags {
    async fn run(call: &Call<'_>, input: Input) -> Result<Return, Error> {
        let (things, derived) = things(call, &input.ids.0).await?;
        let tags = tags(input.tags.0)?;
        let made = call.state().create_tags(call.user.account, things, derived, tags);
        made.await.map(|()| Return(true)).map_err(refuse)
    }
}
