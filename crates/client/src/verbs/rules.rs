//! `describe-security-group-rules`, `modify-security-group-rule`,
//! `update-security-group-rule-description`.

use super::Verb;
use crate::ec2::{Connection, NEW, Parameters, call_in};
use crate::error::Error;
use crate::session::Session;
use clap::Parser;

/// Lists the rules of security groups, one by one.
#[derive(Debug, Parser)]
pub(super) struct Describe {
    /// Ids of rules to list (all if none is named)
    #[arg(value_name = "RULE")]
    ids: Vec<String>,
    /// Shows only rules with this attribute, such as group-id=sg-00000000 (may be repeated)
    #[arg(short = 'F', long, value_name = "NAME=VALUE")]
    filter: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Describe {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters =
            Parameters::default().list("SecurityGroupRuleId", &self.ids).filters(&self.filter)?;
        let action = "DescribeSecurityGroupRules";
        let reply = call_in(NEW, session, &self.connection, action, parameters)?;
        for rule in reply.items("securityGroupRuleSet") {
            let direction = if rule.text("isEgress") == "true" { "egress" } else { "ingress" };
            let peer = rule.first(&["cidrIpv4", "referencedGroupInfo/groupId"]);
            let ids = ["SECURITYGROUPRULE", rule.text("securityGroupRuleId"), rule.text("groupId")];
            let traffic = ["ipProtocol", "fromPort", "toPort"].map(|field| rule.text(field));
            let rest = [peer, rule.text("description")];
            session.print(&[&ids[..], &[direction], &traffic, &rest].concat())?;
        }
        Ok(())
    }
}

/// Makes a rule of a security group another one; it keeps its id and its direction.
#[derive(Debug, Parser)]
pub(super) struct Modify {
    /// The rule
    #[arg(value_name = "RULE")]
    rule: String,
    /// The id of its group
    #[arg(short, long, value_name = "GROUP")]
    group: String,
    /// tcp, udp, icmp, or -1 for all protocols
    #[arg(short = 'P', long, value_name = "PROTOCOL", allow_hyphen_values = true)]
    protocol: String,
    /// The first port, or the ICMP type
    #[arg(long, value_name = "PORT", allow_hyphen_values = true)]
    from_port: Option<i32>,
    /// The last port, or the ICMP code
    #[arg(long, value_name = "PORT", allow_hyphen_values = true)]
    to_port: Option<i32>,
    /// The network that is the other side, in CIDR form
    #[arg(short = 's', long, value_name = "CIDR", required_unless_present = "source_group")]
    cidr: Option<String>,
    /// The id of the group that is the other side
    #[arg(short = 'o', long, value_name = "GROUP", conflicts_with = "cidr")]
    source_group: Option<String>,
    /// What the rule is for; left out, the old description is removed
    #[arg(short, long, value_name = "TEXT")]
    description: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Modify {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let name = |name: &str| format!("SecurityGroupRule.1.SecurityGroupRule.{name}");
        let parameters = Parameters::default()
            .with("GroupId", &self.group)
            .with("SecurityGroupRule.1.SecurityGroupRuleId", &self.rule)
            .with(&name("IpProtocol"), &self.protocol)
            .maybe(&name("FromPort"), self.from_port)
            .maybe(&name("ToPort"), self.to_port)
            .maybe(&name("CidrIpv4"), self.cidr)
            .maybe(&name("ReferencedGroupId"), self.source_group)
            .maybe(&name("Description"), self.description);
        let action = "ModifySecurityGroupRules";
        call_in(NEW, session, &self.connection, action, parameters)?;
        session.print(&["SECURITYGROUPRULE", &self.rule, &self.group])
    }
}

/// Changes what a rule of a security group is said to be for.
#[derive(Debug, Parser)]
pub(super) struct UpdateDescription {
    /// The rule
    #[arg(value_name = "RULE")]
    rule: String,
    /// The id of its group
    #[arg(short, long, value_name = "GROUP")]
    group: String,
    /// The new description; left out, the old one is removed
    #[arg(short, long, value_name = "TEXT")]
    description: Option<String>,
    /// The rule is one for what leaves the group's instances
    #[arg(long)]
    egress: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for UpdateDescription {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let name = |name: &str| format!("SecurityGroupRuleDescription.1.{name}");
        let parameters = Parameters::default()
            .with("GroupId", &self.group)
            .with(&name("SecurityGroupRuleId"), &self.rule)
            .maybe(&name("Description"), self.description);
        let action = match self.egress {
            true => "UpdateSecurityGroupRuleDescriptionsEgress",
            false => "UpdateSecurityGroupRuleDescriptionsIngress",
        };
        call_in(NEW, session, &self.connection, action, parameters)?;
        session.print(&["SECURITYGROUPRULE", &self.rule, &self.group])
    }
}
