//! Security groups and their rules.

use crate::ec2::{check, check_in};

const NEW: &str = "2016-11-15";

#[test]
fn groups_and_their_rules() {
    for tool in ["euca-describe-group", "euca-describe-groups", "ec2-describe-group"] {
        check_in(
            NEW,
            &format!("{tool} default"),
            &[("Action", "DescribeSecurityGroups"), ("GroupName.1", "default")],
            "<R><securityGroupInfo><item><ownerId>000100729354</ownerId><groupName>default\
             </groupName><groupDescription>default group</groupDescription><ipPermissions><item>\
             <ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>22</toPort><groups><item>\
             <userId>000100729354</userId><groupName>web</groupName></item></groups><ipRanges>\
             <item><cidrIp>0.0.0.0/0</cidrIp></item><item><cidrIp>10.0.0.0/8</cidrIp></item>\
             </ipRanges></item></ipPermissions><ipPermissionsEgress><item><ipProtocol>-1</ipProtocol>\
             <groups><item><userId>000100729354</userId><groupName>db</groupName></item></groups>\
             <ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item></ipRanges></item>\
             </ipPermissionsEgress></item></securityGroupInfo></R>",
            "GROUP|000100729354|default|default group\n\
             PERMISSION|000100729354|default|ALLOWS|tcp|22|22|FROM|CIDR|0.0.0.0/0\n\
             PERMISSION|000100729354|default|ALLOWS|tcp|22|22|FROM|CIDR|10.0.0.0/8\n\
             PERMISSION|000100729354|default|ALLOWS|tcp|22|22|FROM|USER|000100729354|GRPNAME|web\n\
             PERMISSION|000100729354|default|ALLOWS|-1|||TO|CIDR|0.0.0.0/0|egress\n\
             PERMISSION|000100729354|default|ALLOWS|-1|||TO|USER|000100729354|GRPNAME|db|egress\n",
        );
    }
    for (verb, action) in
        [("authorize", "AuthorizeSecurityGroupIngress"), ("revoke", "RevokeSecurityGroupIngress")]
    {
        check(
            &format!("euca-{verb} default -P tcp -p 22 -s 10.0.0.0/8"),
            &[
                ("Action", action),
                ("GroupName", "default"),
                ("IpProtocol", "tcp"),
                ("FromPort", "22"),
                ("ToPort", "22"),
                ("CidrIp", "10.0.0.0/8"),
            ],
            "<R><return>true</return></R>",
            "GROUP||default\nPERMISSION||default|ALLOWS|tcp|22|22|FROM|CIDR|10.0.0.0/8\n",
        );
        check(
            &format!("ec2-{verb} default -o web"),
            &[
                ("Action", action),
                ("GroupName", "default"),
                ("SourceSecurityGroupName", "web"),
                ("SourceSecurityGroupOwnerId", "000100729354"),
            ],
            "<R><return>true</return></R>",
            "GROUP||default\n\
             PERMISSION||default|ALLOWS|tcp|0|65535|FROM|USER|000100729354|GRPNAME|web\n\
             PERMISSION||default|ALLOWS|udp|0|65535|FROM|USER|000100729354|GRPNAME|web\n\
             PERMISSION||default|ALLOWS|icmp|-1|-1|FROM|USER|000100729354|GRPNAME|web\n",
        );
    }
}

#[test]
fn rules_for_all_protocols_and_for_what_leaves() {
    for verb in ["authorize", "revoke"] {
        let action = |direction: &str| {
            let verb = if verb == "authorize" { "Authorize" } else { "Revoke" };
            format!("{verb}SecurityGroup{direction}")
        };
        check_in(
            NEW,
            &format!("euca-{verb} --egress default -P -1 -s 0.0.0.0/0"),
            &[
                ("Action", &action("Egress")),
                ("GroupName", "default"),
                ("IpProtocol", "-1"),
                ("CidrIp", "0.0.0.0/0"),
            ],
            "<R><return>true</return></R>",
            "GROUP||default\nPERMISSION||default|ALLOWS|-1|||TO|CIDR|0.0.0.0/0|egress\n",
        );
        check_in(
            NEW,
            &format!("ec2-{verb} sg-0123ABCD --egress -o web"),
            &[
                ("Action", &action("Egress")),
                ("GroupId", "sg-0123ABCD"),
                ("SourceSecurityGroupName", "web"),
                ("SourceSecurityGroupOwnerId", "000100729354"),
            ],
            "<R><return>true</return></R>",
            "GROUP||sg-0123ABCD\n\
             PERMISSION||sg-0123ABCD|ALLOWS|-1|||TO|USER|000100729354|GRPNAME|web|egress\n",
        );
        check_in(
            NEW,
            &format!("euca-{verb} --egress web -P tcp -p 80-81 -s 10.0.0.0/8"),
            &[
                ("Action", &action("Egress")),
                ("GroupName", "web"),
                ("IpProtocol", "tcp"),
                ("FromPort", "80"),
                ("ToPort", "81"),
                ("CidrIp", "10.0.0.0/8"),
            ],
            "<R><return>true</return></R>",
            "GROUP||web\nPERMISSION||web|ALLOWS|tcp|80|81|TO|CIDR|10.0.0.0/8|egress\n",
        );
        check_in(
            NEW,
            &format!("euca-{verb} web -P all -s 10.0.0.0/8"),
            &[
                ("Action", &action("Ingress")),
                ("GroupName", "web"),
                ("IpProtocol", "-1"),
                ("CidrIp", "10.0.0.0/8"),
            ],
            "<R><return>true</return></R>",
            "GROUP||web\nPERMISSION||web|ALLOWS|-1|||FROM|CIDR|10.0.0.0/8\n",
        );
    }
}

#[test]
fn rules_one_by_one() {
    check_in(
        NEW,
        "euca-describe-security-group-rules -F group-id=sg-00000001",
        &[
            ("Action", "DescribeSecurityGroupRules"),
            ("Filter.1.Name", "group-id"),
            ("Filter.1.Value.1", "sg-00000001"),
        ],
        "<R><securityGroupRuleSet><item><securityGroupRuleId>sgr-00000002</securityGroupRuleId>\
         <groupId>sg-00000001</groupId><isEgress>false</isEgress><ipProtocol>tcp</ipProtocol>\
         <fromPort>22</fromPort><toPort>22</toPort><cidrIpv4>10.0.0.0/8</cidrIpv4>\
         <description>ssh</description></item><item>\
         <securityGroupRuleId>sgr-00000003</securityGroupRuleId><groupId>sg-00000001</groupId>\
         <isEgress>true</isEgress><ipProtocol>-1</ipProtocol><fromPort>-1</fromPort>\
         <toPort>-1</toPort><referencedGroupInfo><groupId>sg-00000004</groupId>\
         </referencedGroupInfo></item></securityGroupRuleSet></R>",
        "SECURITYGROUPRULE|sgr-00000002|sg-00000001|ingress|tcp|22|22|10.0.0.0/8|ssh\n\
         SECURITYGROUPRULE|sgr-00000003|sg-00000001|egress|-1|-1|-1|sg-00000004|\n",
    );
    check_in(
        NEW,
        "euca-modify-security-group-rule sgr-00000002 -g sg-00000001 -P tcp --from-port 80 \
         --to-port 81 -s 0.0.0.0/0 -d web",
        &[
            ("Action", "ModifySecurityGroupRules"),
            ("GroupId", "sg-00000001"),
            ("SecurityGroupRule.1.SecurityGroupRuleId", "sgr-00000002"),
            ("SecurityGroupRule.1.SecurityGroupRule.IpProtocol", "tcp"),
            ("SecurityGroupRule.1.SecurityGroupRule.FromPort", "80"),
            ("SecurityGroupRule.1.SecurityGroupRule.ToPort", "81"),
            ("SecurityGroupRule.1.SecurityGroupRule.CidrIpv4", "0.0.0.0/0"),
            ("SecurityGroupRule.1.SecurityGroupRule.Description", "web"),
        ],
        "<R><return>true</return></R>",
        "SECURITYGROUPRULE|sgr-00000002|sg-00000001\n",
    );
    for (option, action) in [
        ("", "UpdateSecurityGroupRuleDescriptionsIngress"),
        (" --egress", "UpdateSecurityGroupRuleDescriptionsEgress"),
    ] {
        check_in(
            NEW,
            &format!(
                "euca-update-security-group-rule-description sgr-00000002 -g sg-00000001 -d x{option}"
            ),
            &[
                ("Action", action),
                ("GroupId", "sg-00000001"),
                ("SecurityGroupRuleDescription.1.SecurityGroupRuleId", "sgr-00000002"),
                ("SecurityGroupRuleDescription.1.Description", "x"),
            ],
            "<R><return>true</return></R>",
            "SECURITYGROUPRULE|sgr-00000002|sg-00000001\n",
        );
    }
}
