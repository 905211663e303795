//! DescribeSecurityGroups.

use super::call::{Call, Run};
use super::refusal::refuse;
use ec2_wire::{
    Action, Code, Error, Filter, Filterable, Response, Xml, check_filters, filterable, parameters,
    passes,
};
use protocol::{IngressRule, RuleSource};
use state::{GroupRef, SecurityGroup};
use types::{GroupId, GroupName};

pub(super) struct DescribeSecurityGroups;

parameters! {
    pub(super) struct Input {
        /// The groups to show, by name; all when none is named.
        names: Vec<GroupName> = "GroupName.N", "securityGroupSet/item/groupName";
        /// The groups to show, by id.
        ids: Vec<GroupId> = "GroupId.N", "securityGroupIdSet/item/groupId", since (2011, 1, 1);
        /// Shows only groups with these attributes.
        filters: Vec<Filter> = "Filter.N", "filterSet/item", since (2010, 8, 31);
    }
}

/// The groups to show, and the ids of all groups that their rules may name.
pub(super) struct Output {
    groups: Vec<SecurityGroup>,
    known: Vec<(GroupName, GroupId)>,
}

/// A group, to be filtered.
struct Shown<'a>(&'a SecurityGroup);

filterable! {
    Shown<'_>: |shown, values| {
        "description" => values.add(&shown.0.description),
        "group-id" => values.add(shown.0.id),
        "group-name" => values.add(&shown.0.name),
        "ip-permission.cidr" => values.all(shown.0.ingress.iter().filter_map(cidr)),
        "ip-permission.from-port" => values.all(shown.0.ingress.iter().map(|r| r.ports.from)),
        "ip-permission.group-name" => values.all(shown.0.ingress.iter().filter_map(source_group)),
        "ip-permission.protocol" => values.all(shown.0.ingress.iter().map(|r| r.protocol.as_str())),
        "ip-permission.to-port" => values.all(shown.0.ingress.iter().map(|r| r.ports.to)),
        "owner-id" => values.add(shown.0.account),
    }
}

fn cidr(rule: &IngressRule) -> Option<String> {
    match &rule.source {
        RuleSource::Cidr(net) => Some(net.to_string()),
        RuleSource::Group { .. } => None,
    }
}

const fn source_group(rule: &IngressRule) -> Option<&GroupName> {
    match &rule.source {
        RuleSource::Cidr(_) => None,
        RuleSource::Group { group, .. } => Some(group),
    }
}

impl Action for DescribeSecurityGroups {
    const NAME: &'static str = "DescribeSecurityGroups";
    const DOC: &'static str = "Shows the caller's security groups and what they let in.";
    const FILTERS: &'static [&'static str] = Shown::ATTRIBUTES;
    type Input = Input;
    type Output = Output;
}

impl Run for DescribeSecurityGroups {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        check_filters::<Shown<'_>>(&input.filters)?;
        let (state, account) = (call.state(), call.user.account);
        let mut groups = state.security_groups(account, call.now).await.map_err(refuse)?;
        let known = groups.iter().map(|group| (group.name.clone(), group.id)).collect();
        let by_name = input.names.into_iter().map(GroupRef::Name);
        let wanted: Vec<_> = by_name.chain(input.ids.into_iter().map(GroupRef::Id)).collect();
        for group in &wanted {
            if !groups.iter().any(|candidate| is(candidate, group)) {
                let message = format!("The security group '{group}' does not exist");
                return Err(Error::new(Code::InvalidGroupNotFound, message));
            }
        }
        groups.retain(|group| wanted.is_empty() || wanted.iter().any(|named| is(group, named)));
        groups.retain(|group| passes(&Shown(group), &input.filters));
        Ok(Output { groups, known })
    }
}

fn is(group: &SecurityGroup, named: &GroupRef) -> bool {
    match named {
        GroupRef::Id(id) => group.id == *id,
        GroupRef::Name(name) => group.name == *name,
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.list("securityGroupInfo", &self.groups, |xml, group| {
            xml.text("ownerId", group.account);
            if xml.since(2011, 1, 1) {
                xml.text("groupId", group.id);
            }
            xml.text("groupName", &group.name);
            xml.text("groupDescription", &group.description);
            // The rules are sorted, so those of one protocol and range stand together.
            let permissions =
                group.ingress.chunk_by(|a, b| (a.protocol, a.ports) == (b.protocol, b.ports));
            xml.list("ipPermissions", permissions, |xml, rules| {
                self.encode_permission(xml, group, rules);
            });
            if xml.since(2010, 8, 31) {
                xml.empty("tagSet");
            }
        });
    }
}

impl Output {
    /// Rules that differ in their source only.
    fn encode_permission(&self, xml: &mut Xml, group: &SecurityGroup, rules: &[IngressRule]) {
        let [first, ..] = rules else { return };
        xml.text("ipProtocol", first.protocol.as_str());
        xml.text("fromPort", first.ports.from);
        xml.text("toPort", first.ports.to);
        let sources = rules.iter().filter_map(|rule| match &rule.source {
            RuleSource::Group { account, group } => Some((*account, group)),
            RuleSource::Cidr(_) => None,
        });
        xml.list("groups", sources, |xml, (account, name)| {
            xml.text("userId", account);
            let own = account == group.account && xml.since(2011, 1, 1);
            let known = self.known.iter().find(|(known, _)| own && known == name);
            xml.maybe("groupId", known.map(|(_, id)| id));
            xml.text("groupName", name);
        });
        xml.list("ipRanges", rules.iter().filter_map(cidr), |xml, net| {
            xml.text("cidrIp", net);
        });
    }
}
