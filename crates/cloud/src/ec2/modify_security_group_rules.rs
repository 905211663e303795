//! ModifySecurityGroupRules.

use super::call::{Call, Run};
use super::permission::{Description, not_here, traffic};
use super::refusal::refuse;
use ec2_wire::{Action, Code, Error, OneOrMore, Return, Text, Version, parameters};
use ipnet::Ipv4Net;
use protocol::{GroupRule, Peer};
use state::{GroupRef, NewRule, SecurityGroup};
use types::{GroupId, RuleId};

pub(super) struct ModifySecurityGroupRules;

parameters! {
    pub(super) struct Input {
        /// The group.
        group: GroupId = "GroupId", "groupId", since (2016, 11, 15);
        /// Its rules that are to be others.
        changes: OneOrMore<Change> = "SecurityGroupRule.N", "", since (2016, 11, 15);
    }
}

parameters! {
    /// A rule and what it is to be.
    pub(super) struct Change {
        /// The rule, which keeps its id and its direction.
        id: RuleId = "SecurityGroupRuleId", "", since (2016, 11, 15);
        /// What it is to be.
        rule: Wanted = "SecurityGroupRule", "", since (2016, 11, 15);
    }
}

parameters! {
    /// All that a rule says.
    pub(super) struct Wanted {
        /// tcp, udp, icmp, or -1 for all protocols.
        protocol: Text<16> = "IpProtocol", "", since (2016, 11, 15);
        /// The first port, or the ICMP type.
        from_port: Option<i32> = "FromPort", "", since (2016, 11, 15);
        /// The last port, or the ICMP code.
        to_port: Option<i32> = "ToPort", "", since (2016, 11, 15);
        /// The network that is the other side.
        cidr: Option<Ipv4Net> = "CidrIpv4", "", since (2016, 11, 15);
        /// An IPv6 network; it is refused, for instances have no IPv6.
        cidr_v6: Option<Text<64>> = "CidrIpv6", "", since (2016, 11, 15);
        /// A prefix list; it is refused, for this cloud has none.
        prefix_list: Option<Text<64>> = "PrefixListId", "", since (2016, 11, 15);
        /// The group whose members are the other side.
        group: Option<GroupId> = "ReferencedGroupId", "", since (2016, 11, 15);
        /// What the rule is for; one that is left out removes the old one.
        description: Option<Description> = "Description", "", since (2016, 11, 15);
    }
}

impl Action for ModifySecurityGroupRules {
    const NAME: &'static str = "ModifySecurityGroupRules";
    const DOC: &'static str =
        "Replaces what rules of a security group say: of all that are named, or of none.";
    const SINCE: Version = Version::new(2016, 11, 15);
    type Input = Input;
    type Output = Return;
}

impl Run for ModifySecurityGroupRules {
    async fn run(call: &Call<'_>, input: Input) -> Result<Return, Error> {
        let (state, account) = (call.state(), call.user.account);
        let groups = state.security_groups(account, call.now).await.map_err(refuse)?;
        let mut changes = Vec::new();
        for Change { id, rule } in input.changes.0 {
            let (protocol, ports) = traffic(rule.protocol.as_str(), rule.from_port, rule.to_port)?;
            let rule_now = GroupRule { protocol, ports, peer: peer(&rule, &groups)? };
            let description = Description::text(rule.description);
            changes.push((id, NewRule { rule: rule_now, description }));
        }
        let group = GroupRef::Id(input.group);
        state.modify_rules(account, group, changes, call.now).await.map_err(refuse)?;
        call.cloud.poke();
        Ok(Return(true))
    }
}

/// The one other side that is named. A group is one of the caller's, or one that a rule of theirs
/// names already.
fn peer(rule: &Wanted, groups: &[SecurityGroup]) -> Result<Peer, Error> {
    let (v6, list) = (rule.cidr_v6.as_ref(), rule.prefix_list.as_ref());
    if let Some(named) = v6.or(list) {
        return Err(not_here(named.as_str(), Code::UnsupportedOperation));
    }
    match (rule.cidr, rule.group) {
        (Some(net), None) => Ok(Peer::Cidr(net)),
        (None, Some(id)) => {
            let own = groups.iter().find(|group| group.id == id);
            let own = own.map(|own| Peer::Group { account: own.account, group: own.name.clone() });
            let rules = groups.iter().flat_map(|group| &group.rules);
            let known = || rules.into_iter().find(|rule| rule.peer_group == Some(id));
            own.or_else(|| known().map(|rule| rule.rule.peer.clone()))
                .ok_or_else(|| refuse(state::Error::GroupNotFound(id.to_string())))
        }
        (None, None) => Err(Error::missing("CidrIpv4 or ReferencedGroupId")),
        (Some(_), Some(_)) => {
            let message = "CidrIpv4 and ReferencedGroupId exclude each other";
            Err(Error::new(Code::InvalidParameterCombination, message))
        }
    }
}
