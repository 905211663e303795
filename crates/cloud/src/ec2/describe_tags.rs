//! DescribeTags.

use super::call::{Call, Run};
use super::page::{Page, Token, cut};
use super::refusal::refuse;
use super::taggable::resource_type;
use ec2_wire::{
    Action, Error, Filter, Filterable, Response, Version, Xml, check_filters, filterable,
    parameters, passes,
};
use types::TagKey;

pub(super) struct DescribeTags;

parameters! {
    pub(super) struct Input {
        /// Shows only tags with these attributes.
        filters: Vec<Filter> = "Filter.N", "filterSet/item", since (2010, 8, 31);
        /// The most tags of one answer, 1 to 1000.
        most: Option<u32> = "MaxResults", "maxResults", since (2013, 10, 15);
        /// Where the answer before has ended.
        token: Option<Token> = "NextToken", "nextToken", since (2013, 10, 15);
    }
}

/// A tag and the thing that has it.
pub(super) struct Shown {
    id: String,
    key: TagKey,
    value: String,
}

pub(super) struct Output(Vec<Shown>, Option<String>);

filterable! {
    Shown: |shown, values| {
        "key" => values.add(&shown.key),
        "resource-id" => values.add(&shown.id),
        "resource-type" => values.add(resource_type(&shown.id)),
        "value" => values.add(&shown.value),
    }
}

impl Action for DescribeTags {
    const NAME: &'static str = "DescribeTags";
    const DOC: &'static str = "Shows the caller's tags on all things.";
    const SINCE: Version = Version::new(2010, 8, 31);
    const FILTERS: &'static [&'static str] = Shown::ATTRIBUTES;
    type Input = Input;
    type Output = Output;
}

impl Run for DescribeTags {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        check_filters::<Shown>(&input.filters)?;
        let page = Page::of(input.most, input.token.as_ref())?;
        let all = call.state().all_tags(call.user.account).await.map_err(refuse)?;
        let each = all.into_iter().map(|(id, key, value)| Shown { id, key, value });
        let shown = each.filter(|shown| passes(shown, &input.filters)).collect();
        let (shown, next) = cut(page, shown, |shown| format!("{} {}", shown.id, shown.key));
        Ok(Output(shown, next))
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.list("tagSet", &self.0, |xml, shown| {
            xml.text("resourceId", &shown.id);
            xml.text("resourceType", resource_type(&shown.id));
            xml.text("key", &shown.key);
            xml.text("value", &shown.value);
        });
        xml.maybe("nextToken", self.1.as_ref());
    }
}
