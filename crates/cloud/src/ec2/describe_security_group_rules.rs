//! DescribeSecurityGroupRules.

use super::call::{Call, Run};
use super::group_rule::encode_rule;
use super::page::{Page, Token, cut};
use super::refusal::refuse;
use ec2_wire::{
    Action, Error, Filter, Filterable, Response, Version, Xml, check_filters, filterable,
    parameters, passes,
};
use state::{SecurityGroupRule, TagMap};
use types::{RuleId, Tags};

pub(super) struct DescribeSecurityGroupRules;

parameters! {
    pub(super) struct Input {
        /// The rules to show; all when none is named.
        ids: Vec<RuleId> = "SecurityGroupRuleId.N", "", since (2016, 11, 15);
        /// Shows only rules with these attributes.
        filters: Vec<Filter> = "Filter.N", "filterSet/item", since (2016, 11, 15);
        /// The most rules of one answer, 1 to 1000.
        most: Option<u32> = "MaxResults", "maxResults", since (2016, 11, 15);
        /// Where the answer before has ended.
        token: Option<Token> = "NextToken", "nextToken", since (2016, 11, 15);
    }
}

pub(super) struct Output {
    rules: Vec<SecurityGroupRule>,
    tags: TagMap,
    next: Option<String>,
}

/// A rule, to be filtered.
struct Shown<'a>(&'a SecurityGroupRule, Tags);

filterable! {
    Shown<'_>, tagged by shown.1: |shown, values| {
        "group-id" => values.add(shown.0.group),
        "security-group-rule-id" => values.add(shown.0.id),
    }
}

impl Action for DescribeSecurityGroupRules {
    const NAME: &'static str = "DescribeSecurityGroupRules";
    const DOC: &'static str = "Shows the rules of the caller's security groups, one by one.";
    const SINCE: Version = Version::new(2016, 11, 15);
    const FILTERS: &'static [&'static str] = Shown::ATTRIBUTES;
    type Input = Input;
    type Output = Output;
}

impl Run for DescribeSecurityGroupRules {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        check_filters::<Shown<'_>>(&input.filters)?;
        let page = Page::of(input.most, input.token.as_ref())?;
        let (state, account) = (call.state(), call.user.account);
        let groups = state.security_groups(account, call.now).await.map_err(refuse)?;
        let mut rules: Vec<_> = groups.into_iter().flat_map(|group| group.rules).collect();
        if let Some(id) = input.ids.iter().find(|id| rules.iter().all(|rule| rule.id != **id)) {
            return Err(refuse(state::Error::RuleIdNotFound(*id)));
        }
        rules.retain(|rule| input.ids.is_empty() || input.ids.contains(&rule.id));
        let tags = state.tags(account, &["sgr-"]).await.map_err(refuse)?;
        rules.retain(|rule| passes(&Shown(rule, tags.of(rule.id)), &input.filters));
        let (rules, next) = cut(page, rules, |rule| rule.id.to_string());
        Ok(Output { rules, tags, next })
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.list("securityGroupRuleSet", &self.rules, |xml, rule| {
            encode_rule(xml, rule, &self.tags.of(rule.id));
        });
        xml.maybe("nextToken", self.next.as_ref());
    }
}
