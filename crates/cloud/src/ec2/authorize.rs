//! What AuthorizeSecurityGroupIngress and AuthorizeSecurityGroupEgress have in common.

use super::call::Call;
use super::group_rule::encode_rule;
use super::permission::{
    Flat, Permission, Reading, check_owner, knows_all_protocols, named, permissions, rules,
};
use super::refusal::refuse;
use super::tag_specification::{self, TagSpecification};
use ec2_wire::{Code, Error, Response, Text, Xml, parameters};
use ipnet::Ipv4Net;
use state::{Direction, SecurityGroupRule};
use types::{GroupId, GroupName, Tags};

parameters! {
    pub(super) struct Input {
        /// The group, by name.
        group: Option<GroupName> = "GroupName", "groupName";
        /// The group, by id.
        group_id: Option<GroupId> = "GroupId", "groupId", since (2011, 1, 1);
        /// The group's owner, who is the caller: an account number or a user's name.
        owner: Option<Text<64>> = "UserId", "userId";
        /// The rules.
        list: Vec<Permission> = "IpPermissions.N", "ipPermissions/item";
        /// The protocol of a single rule: tcp, udp, icmp, or -1 for all protocols.
        protocol: Option<Text<16>> = "IpProtocol", "";
        /// The first port of a single rule, or the ICMP type.
        from_port: Option<i32> = "FromPort", "";
        /// The last port of a single rule, or the ICMP code.
        to_port: Option<i32> = "ToPort", "";
        /// The network that is the other side of a single rule.
        cidr: Option<Ipv4Net> = "CidrIp", "";
        /// The group whose members are the other side of a single rule; without a protocol, for
        /// all of them.
        peer_group: Option<GroupName> = "SourceSecurityGroupName", "";
        /// The owner of that group: an account number or a user's name.
        peer_owner: Option<Text<64>> = "SourceSecurityGroupOwnerId", "";
        /// Tags for each of the rules.
        tags: Vec<TagSpecification> =
            "TagSpecification.N", "tagSpecification/item", since (2016, 11, 15);
    }
}

/// The rules that were made.
pub(super) struct Authorized(Vec<SecurityGroupRule>, Tags);

/// Adds the rules that a request names to its group.
pub(super) async fn authorize(
    call: &Call<'_>,
    direction: Direction,
    input: Input,
) -> Result<Authorized, Error> {
    check_owner(call, input.owner.as_ref())?;
    let group = named(input.group, input.group_id)?;
    let flat = Flat {
        protocol: input.protocol,
        from_port: input.from_port,
        to_port: input.to_port,
        cidr: input.cidr,
        group: input.peer_group,
        owner: input.peer_owner,
    };
    let how = Reading {
        all_is_one: knows_all_protocols(call.version, direction),
        not_here: Code::UnsupportedOperation,
    };
    let rules = rules(call, permissions(flat, input.list)?, how).await?;
    let tags = tag_specification::of("security-group-rule", &[], input.tags)?;
    let (state, account, rules) = (call.state(), call.user.account, (rules, tags.clone()));
    let made = state.authorize(account, group, direction, rules, call.now).await;
    let made = made.map_err(refuse)?;
    call.cloud.poke();
    Ok(Authorized(made, tags))
}

impl Response for Authorized {
    fn encode(&self, xml: &mut Xml) {
        xml.text("return", true);
        if xml.since(2016, 11, 15) {
            xml.list("securityGroupRuleSet", &self.0, |xml, rule| {
                encode_rule(xml, rule, &self.1);
            });
        }
    }
}
