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
