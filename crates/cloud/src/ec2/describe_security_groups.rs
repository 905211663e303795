//! DescribeSecurityGroups.

use super::call::{Call, Run};
use super::group_rule::described;
use super::page::{Page, Token, cut};
use super::permission::{knows_all_protocols, three_protocols};
use super::refusal::refuse;
use super::{tag_specification, vpc};
use ec2_wire::{
    Action, Code, Error, Filter, Filterable, Response, Xml, check_filters, filterable, parameters,
    passes,
};
use protocol::{GroupRule, Peer};
use state::{Direction, GroupRef, SecurityGroup, SecurityGroupRule, TagMap};
use types::{AccountId, GroupId, GroupName, Protocol, Tags};

pub(super) struct DescribeSecurityGroups;

parameters! {
    pub(super) struct Input {
        /// The groups to show, by name; all when none is named.
        names: Vec<GroupName> = "GroupName.N", "securityGroupSet/item/groupName";
        /// The groups to show, by id.
        ids: Vec<GroupId> = "GroupId.N", "securityGroupIdSet/item/groupId", since (2011, 1, 1);
        /// Shows only groups with these attributes.
        filters: Vec<Filter> = "Filter.N", "filterSet/item", since (2010, 8, 31);
        /// The most groups of one answer, 1 to 1000.
        most: Option<u32> = "MaxResults", "maxResults", since (2016, 11, 15);
        /// Where the answer before has ended.
        token: Option<Token> = "NextToken", "nextToken", since (2016, 11, 15);
    }
}

/// The groups to show.
pub(super) struct Output {
    groups: Vec<SecurityGroup>,
    tags: TagMap,
    next: Option<String>,
}

/// A group, to be filtered.
struct Shown<'a>(&'a SecurityGroup, Tags);

filterable! {
    Shown<'_>, tagged by shown.1: |shown, values| {
        "description" => values.add(&shown.0.description),
        "egress.ip-permission.cidr" => values.all(shown.egress().filter_map(cidr)),
        "egress.ip-permission.from-port" => values.all(shown.egress().map(|r| r.rule.ports.from)),
        "egress.ip-permission.group-id" => values.all(shown.egress().filter_map(|r| r.peer_group)),
        "egress.ip-permission.group-name" => values.all(shown.egress().filter_map(peer_name)),
        "egress.ip-permission.protocol" => values.all(shown.egress().map(protocol_name)),
        "egress.ip-permission.to-port" => values.all(shown.egress().map(|r| r.rule.ports.to)),
        "egress.ip-permission.user-id" => values.all(shown.egress().filter_map(peer_account)),
        "group-id" => values.add(shown.0.id),
        "group-name" => values.add(&shown.0.name),
        "ip-permission.cidr" => values.all(shown.ingress().filter_map(cidr)),
        "ip-permission.from-port" => values.all(shown.ingress().map(|r| r.rule.ports.from)),
        "ip-permission.group-id" => values.all(shown.ingress().filter_map(|r| r.peer_group)),
        "ip-permission.group-name" => values.all(shown.ingress().filter_map(peer_name)),
        "ip-permission.protocol" => values.all(shown.ingress().map(protocol_name)),
        "ip-permission.to-port" => values.all(shown.ingress().map(|r| r.rule.ports.to)),
        "ip-permission.user-id" => values.all(shown.ingress().filter_map(peer_account)),
        "owner-id" => values.add(shown.0.account),
        "vpc-id" => values.add(vpc::vpc(shown.0.account)),
    }
}

impl Shown<'_> {
    fn ingress(&self) -> impl Iterator<Item = &SecurityGroupRule> {
        self.rules(Direction::Ingress)
    }

    fn egress(&self) -> impl Iterator<Item = &SecurityGroupRule> {
        self.rules(Direction::Egress)
    }

    fn rules(&self, direction: Direction) -> impl Iterator<Item = &SecurityGroupRule> {
        rules_of(self.0, direction)
    }
}

fn rules_of(
    group: &SecurityGroup,
    direction: Direction,
) -> impl Iterator<Item = &SecurityGroupRule> {
    group.rules.iter().filter(move |rule| rule.direction == direction)
}

fn cidr(rule: &SecurityGroupRule) -> Option<String> {
    match &rule.rule.peer {
        Peer::Cidr(net) => Some(net.to_string()),
        Peer::Group { .. } => None,
    }
}

fn peer_name(rule: &SecurityGroupRule) -> Option<&GroupName> {
    peer(rule).map(|(_, name)| name)
}

fn peer_account(rule: &SecurityGroupRule) -> Option<AccountId> {
    peer(rule).map(|(account, _)| account)
}

const fn peer(rule: &SecurityGroupRule) -> Option<(AccountId, &GroupName)> {
    match &rule.rule.peer {
        Peer::Cidr(_) => None,
        Peer::Group { account, group } => Some((*account, group)),
    }
}

const fn protocol_name(rule: &SecurityGroupRule) -> &'static str {
    rule.rule.protocol.as_str()
}

impl Action for DescribeSecurityGroups {
    const NAME: &'static str = "DescribeSecurityGroups";
    const DOC: &'static str = "Shows the caller's security groups and what they let in and out.";
    const FILTERS: &'static [&'static str] = Shown::ATTRIBUTES;
    type Input = Input;
    type Output = Output;
}

impl Run for DescribeSecurityGroups {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        check_filters::<Shown<'_>>(&input.filters)?;
        let page = Page::of(input.most, input.token.as_ref())?;
        let (state, account) = (call.state(), call.user.account);
        let mut groups = state.security_groups(account, call.now).await.map_err(refuse)?;
        let by_name = input.names.into_iter().map(GroupRef::Name);
        let wanted: Vec<_> = by_name.chain(input.ids.into_iter().map(GroupRef::Id)).collect();
        for group in &wanted {
            if !groups.iter().any(|candidate| is(candidate, group)) {
                let message = format!("The security group '{group}' does not exist");
                return Err(Error::new(Code::InvalidGroupNotFound, message));
            }
        }
        groups.retain(|group| wanted.is_empty() || wanted.iter().any(|named| is(group, named)));
        let tags = state.tags(account, &["sg-"]).await.map_err(refuse)?;
        groups.retain(|group| passes(&Shown(group, tags.of(group.id)), &input.filters));
        let (groups, next) = cut(page, groups, |group| group.id.to_string());
        Ok(Output { groups, tags, next })
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
            encode_permissions(xml, "ipPermissions", group, Direction::Ingress);
            if xml.since(2011, 1, 1) {
                encode_permissions(xml, "ipPermissionsEgress", group, Direction::Egress);
            }
            if xml.since(2016, 11, 15) {
                xml.text("vpcId", vpc::vpc(group.account));
            }
            tag_specification::encode(xml, &self.tags.of(group.id));
        });
        xml.maybe("nextToken", self.next.as_ref());
    }
}

/// The rules of one direction; those that differ in their other side only are one permission.
fn encode_permissions(
    xml: &mut Xml,
    name: &'static str,
    group: &SecurityGroup,
    direction: Direction,
) {
    let mut rules: Vec<_> = rules_of(group, direction).cloned().collect();
    if !knows_all_protocols(xml.version(), direction) {
        rules = rules.into_iter().flat_map(as_older_tools_know_it).collect();
    }
    rules.sort_by(|a, b| a.rule.cmp(&b.rule));
    let key = |rule: &SecurityGroupRule| (rule.rule.protocol, rule.rule.ports);
    xml.list(name, rules.chunk_by(|a, b| key(a) == key(b)), encode_permission);
}

/// The rule, or three in the place of one for all protocols.
fn as_older_tools_know_it(rule: SecurityGroupRule) -> Vec<SecurityGroupRule> {
    if rule.rule.protocol != Protocol::All {
        return vec![rule];
    }
    let of_one = |(protocol, ports)| {
        let content = GroupRule { protocol, ports, ..rule.rule.clone() };
        SecurityGroupRule { rule: content, ..rule.clone() }
    };
    three_protocols().map(of_one).into()
}

fn encode_permission(xml: &mut Xml, rules: &[SecurityGroupRule]) {
    let [first, ..] = rules else { return };
    xml.text("ipProtocol", protocol_name(first));
    if first.rule.protocol != Protocol::All {
        xml.text("fromPort", first.rule.ports.from);
        xml.text("toPort", first.rule.ports.to);
    }
    let groups = rules.iter().filter_map(|rule| Some((rule, peer(rule)?)));
    xml.list("groups", groups, |xml, (rule, (account, name))| {
        xml.text("userId", account);
        if xml.since(2011, 1, 1) {
            xml.maybe("groupId", rule.peer_group);
        }
        xml.text("groupName", name);
        encode_description(xml, rule);
    });
    let ranges = rules.iter().filter_map(|rule| Some((rule, cidr(rule)?)));
    xml.list("ipRanges", ranges, |xml, (rule, net)| {
        xml.text("cidrIp", net);
        encode_description(xml, rule);
    });
    if xml.since(2016, 11, 15) {
        xml.empty("ipv6Ranges");
        xml.empty("prefixListIds");
    }
}

fn encode_description(xml: &mut Xml, rule: &SecurityGroupRule) {
    if xml.since(2016, 11, 15) {
        xml.maybe("description", described(rule));
    }
}
