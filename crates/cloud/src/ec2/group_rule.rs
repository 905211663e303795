//! A security group's rule as answers show it, one by one.

use super::tag_specification;
use ec2_wire::Xml;
use protocol::Peer;
use state::{Direction, SecurityGroupRule};
use types::Tags;

/// An item of `securityGroupRuleSet`.
pub(super) fn encode_rule(xml: &mut Xml, rule: &SecurityGroupRule, tags: &Tags) {
    xml.text("securityGroupRuleId", rule.id);
    xml.text("groupId", rule.group);
    xml.text("groupOwnerId", rule.account);
    encode_traffic(xml, rule);
    if let Peer::Group { account, .. } = &rule.rule.peer {
        xml.element("referencedGroupInfo", |xml| {
            xml.maybe("groupId", rule.peer_group);
            xml.text("userId", account);
        });
    }
    xml.maybe("description", described(rule));
    tag_specification::encode(xml, tags);
}

/// An item of `revokedSecurityGroupRuleSet`.
pub(super) fn encode_revoked(xml: &mut Xml, rule: &SecurityGroupRule) {
    xml.text("securityGroupRuleId", rule.id);
    xml.text("groupId", rule.group);
    encode_traffic(xml, rule);
    xml.maybe("referencedGroupId", rule.peer_group);
    xml.maybe("description", described(rule));
}

/// A rule's description, if it has one.
pub(super) fn described(rule: &SecurityGroupRule) -> Option<&str> {
    Some(rule.description.as_str()).filter(|text| !text.is_empty())
}

fn encode_traffic(xml: &mut Xml, rule: &SecurityGroupRule) {
    xml.text("isEgress", rule.direction == Direction::Egress);
    xml.text("ipProtocol", rule.rule.protocol.as_str());
    xml.text("fromPort", rule.rule.ports.from);
    xml.text("toPort", rule.rule.ports.to);
    if let Peer::Cidr(net) = &rule.rule.peer {
        xml.text("cidrIpv4", net);
    }
}
