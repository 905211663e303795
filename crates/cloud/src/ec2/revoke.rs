//! What RevokeSecurityGroupIngress and RevokeSecurityGroupEgress have in common.

use super::call::Call;
use super::group_rule::encode_revoked;
use super::permission::{
    Flat, Permission, Reading, check_owner, knows_all_protocols, named, permissions, rules,
};
use super::refusal::refuse;
use ec2_wire::{Code, Error, Response, Text, Xml, parameters};
use ipnet::Ipv4Net;
use state::{Direction, GroupRef, RuleRef, SecurityGroupRule};
use types::{GroupId, GroupName, RuleId};

parameters! {
    pub(super) struct Input {
        /// The group, by name.
        group: Option<GroupName> = "GroupName", "groupName";
        /// The group, by id.
        group_id: Option<GroupId> = "GroupId", "groupId", since (2011, 1, 1);
        /// The group's owner, who is the caller: an account number or a user's name.
        owner: Option<Text<64>> = "UserId", "userId";
        /// The rules, by id.
        ids: Vec<RuleId> = "SecurityGroupRuleId.N", "", since (2016, 11, 15);
        /// The rules, by what they allow.
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
    }
}

/// The rules that were removed.
pub(super) struct Revoked(Vec<SecurityGroupRule>);

/// Removes the rules that a request names from its group.
pub(super) async fn revoke(
    call: &Call<'_>,
    direction: Direction,
    input: Input,
) -> Result<Revoked, Error> {
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
    let removed = if input.ids.is_empty() {
        by_content(call, direction, group, permissions(flat, input.list)?).await?
    } else if flat.is_given() || !input.list.is_empty() {
        let message = "SecurityGroupRuleId and what the rules allow exclude each other";
        return Err(Error::new(Code::InvalidParameterCombination, message));
    } else {
        let ids = input.ids.into_iter().map(RuleRef::Id).collect();
        let (state, account) = (call.state(), call.user.account);
        state.revoke(account, group, direction, ids, call.now).await.map_err(refuse)?
    };
    call.cloud.poke();
    Ok(Revoked(removed))
}

/// What older tools see as three rules may be one for all protocols: then that one is removed.
async fn by_content(
    call: &Call<'_>,
    direction: Direction,
    group: GroupRef,
    permissions: Vec<Permission>,
) -> Result<Vec<SecurityGroupRule>, Error> {
    let not_here = Code::InvalidPermissionNotFound;
    let all_is_one = knows_all_protocols(call.version, direction);
    let whole = Reading { all_is_one: true, not_here };
    let (state, account) = (call.state(), call.user.account);
    if !all_is_one {
        let three = Reading { all_is_one, not_here };
        let three = exactly(rules(call, permissions.clone(), three).await?);
        match state.revoke(account, group.clone(), direction, three, call.now).await {
            Err(state::Error::RuleNotFound) => {}
            other => return other.map_err(refuse),
        }
    }
    let rules = exactly(rules(call, permissions, whole).await?);
    state.revoke(account, group, direction, rules, call.now).await.map_err(refuse)
}

fn exactly(rules: Vec<state::NewRule>) -> Vec<RuleRef> {
    rules.into_iter().map(|new| RuleRef::Exact(new.rule)).collect()
}

impl Response for Revoked {
    fn encode(&self, xml: &mut Xml) {
        xml.text("return", true);
        if xml.since(2016, 11, 15) {
            xml.list("revokedSecurityGroupRuleSet", &self.0, encode_revoked);
        }
    }
}
