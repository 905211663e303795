//! Rules one by one: both directions, ids, descriptions.

use super::world::{Answer, World};
use state::User;

const DESCRIBE: &str = "DescribeSecurityGroupRules";
const EVERYWHERE: [(&str, &str); 2] =
    [("IpPermissions.1.IpProtocol", "-1"), ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0")];
const WEB: [(&str, &str); 5] = [
    ("IpPermissions.1.IpProtocol", "tcp"),
    ("IpPermissions.1.FromPort", "80"),
    ("IpPermissions.1.ToPort", "81"),
    ("IpPermissions.1.IpRanges.1.CidrIp", "192.0.2.0/24"),
    ("IpPermissions.1.IpRanges.1.Description", "the web (new)"),
];

/// The id of the user's default group.
async fn group(world: &World, user: &User) -> String {
    let shown = world.call(user, "DescribeSecurityGroups", &[]).await.good();
    shown.text("groupId").to_owned()
}

async fn call<'a>(
    world: &World,
    user: &User,
    action: &str,
    group: &'a str,
    pairs: &[(&'a str, &'a str)],
) -> Answer {
    world.call(user, action, &[&[("GroupId", group)], pairs].concat()).await
}

/// The ids of all rules of a user and what they say.
async fn rules(world: &World, user: &User) -> Vec<(String, String)> {
    let shown = world.call(user, DESCRIBE, &[]).await.good();
    let items = shown.body.split("<securityGroupRuleId>").skip(1);
    let told = items.map(|item| {
        let text = |name: &str| {
            let (_, rest) = item.split_once(&format!("<{name}>"))?;
            rest.split('<').next().map(str::to_owned)
        };
        let says = ["isEgress", "ipProtocol", "fromPort", "toPort", "cidrIpv4", "description"];
        let says: Vec<String> = says.into_iter().filter_map(text).collect();
        (item.split('<').next().unwrap().to_owned(), says.join(" "))
    });
    told.collect()
}

/// What the rules of a user say.
async fn said(world: &World, user: &User) -> Vec<String> {
    rules(world, user).await.into_iter().map(|(_, says)| says).collect()
}

#[tokio::test]
async fn a_new_group_lets_everything_out_until_that_rule_is_revoked() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let new = [("GroupName", "web"), ("GroupDescription", "pages")];
    let made = world.call(&alice, "CreateSecurityGroup", &new).await.good();
    let id = made.text("groupId");
    let shown = world.call(&alice, "DescribeSecurityGroups", &[("GroupId.1", id)]).await.good();
    assert!(
        shown.body.contains(
            "<ipPermissions/><ipPermissionsEgress><item><ipProtocol>-1</ipProtocol><groups/>\
             <ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item></ipRanges><ipv6Ranges/>\
             <prefixListIds/></item></ipPermissionsEgress>"
        ),
        "{}",
        shown.body
    );
    let v6 = [EVERYWHERE[0], ("IpPermissions.1.Ipv6Ranges.1.CidrIpv6", "::/0")];
    let none = call(&world, &alice, "RevokeSecurityGroupEgress", id, &v6).await;
    assert_eq!(none.refusal(), (400, "InvalidPermission.NotFound"));
    // the ports of a rule for all protocols mean nothing; Terraform sends zeros
    let zeros = [("IpPermissions.1.FromPort", "0"), ("IpPermissions.1.ToPort", "0")];
    let default = [&EVERYWHERE[..], &zeros].concat();
    call(&world, &alice, "RevokeSecurityGroupEgress", id, &default).await.good();
    let shown = world.call(&alice, "DescribeSecurityGroups", &[("GroupId.1", id)]).await.good();
    assert!(shown.body.contains("<ipPermissionsEgress/>"), "{}", shown.body);
    let gone = call(&world, &alice, "RevokeSecurityGroupEgress", id, &default).await;
    assert_eq!(gone.refusal(), (400, "InvalidPermission.NotFound"));
}

#[tokio::test]
async fn answers_name_the_rules_that_were_made_and_removed() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = group(&world, &alice).await;
    for (direction, egress) in [("Ingress", "false"), ("Egress", "true")] {
        let action = format!("AuthorizeSecurityGroup{direction}");
        let made = call(&world, &alice, &action, &id, &WEB).await.good();
        assert_eq!(made.text("return"), "true");
        let rule = made.text("securityGroupRuleId").to_owned();
        let account = alice.account;
        let says = format!(
            "<securityGroupRuleSet><item><securityGroupRuleId>{rule}</securityGroupRuleId>\
             <groupId>{id}</groupId><groupOwnerId>{account}</groupOwnerId><isEgress>{egress}\
             </isEgress><ipProtocol>tcp</ipProtocol><fromPort>80</fromPort><toPort>81</toPort>\
             <cidrIpv4>192.0.2.0/24</cidrIpv4><description>the web (new)</description><tagSet/>\
             </item></securityGroupRuleSet>"
        );
        assert!(made.body.contains(&says), "{}", made.body);
        let shown = world.call(&alice, DESCRIBE, &[("SecurityGroupRuleId.1", &rule)]).await.good();
        assert!(shown.body.contains(&says), "{}", shown.body);

        let by_id = [("SecurityGroupRuleId.1", rule.as_str())];
        let other = if direction == "Egress" { "Ingress" } else { "Egress" };
        let wrong = format!("RevokeSecurityGroup{other}");
        let not_found = (400, "InvalidSecurityGroupRuleId.NotFound");
        assert_eq!(call(&world, &alice, &wrong, &id, &by_id).await.refusal(), not_found);
        let action = format!("RevokeSecurityGroup{direction}");
        let removed = call(&world, &alice, &action, &id, &by_id).await.good();
        let item = says.replace("<securityGroupRuleSet>", "<revokedSecurityGroupRuleSet>");
        let item = item.replace(&format!("<groupOwnerId>{account}</groupOwnerId>"), "");
        let item = item.split("<tagSet/>").next().unwrap();
        assert!(removed.body.contains(item), "{}", removed.body);
        assert_eq!(call(&world, &alice, &action, &id, &by_id).await.refusal(), not_found);
        let gone = world.call(&alice, DESCRIBE, &by_id).await;
        assert_eq!(gone.refusal(), not_found);
    }
}

#[tokio::test]
async fn older_versions_see_neither_ids_nor_descriptions_nor_egress() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let flat = [
        ("GroupName", "default"),
        ("IpProtocol", "tcp"),
        ("FromPort", "22"),
        ("ToPort", "22"),
        ("CidrIp", "10.0.0.0/8"),
    ];
    let old = "2009-11-30";
    let made = world.call_in(old, &alice, "AuthorizeSecurityGroupIngress", &flat).await.good();
    assert!(!made.body.contains("RuleSet"), "{}", made.body);
    let id = group(&world, &alice).await;
    call(&world, &alice, "AuthorizeSecurityGroupIngress", &id, &WEB).await.good();
    let shown = world.call_in(old, &alice, "DescribeSecurityGroups", &[]).await.good();
    for word in ["Egress", "description>", "ipv6Ranges", "prefixListIds", "groupId"] {
        assert!(!shown.body.contains(word), "{word}: {}", shown.body);
    }
    let shown = world.call_in("2011-01-01", &alice, "DescribeSecurityGroups", &[]).await.good();
    assert!(shown.body.contains("<ipPermissionsEgress><item>"), "{}", shown.body);
    assert!(!shown.body.contains("description>"), "{}", shown.body);
    let removed = world.call_in(old, &alice, "RevokeSecurityGroupIngress", &flat).await.good();
    assert!(!removed.body.contains("RuleSet"), "{}", removed.body);
}

#[tokio::test]
async fn descriptions_are_replaced_by_content_and_by_id() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = group(&world, &alice).await;
    call(&world, &alice, "AuthorizeSecurityGroupIngress", &id, &WEB).await.good();
    let update = "UpdateSecurityGroupRuleDescriptionsIngress";
    let mut other = WEB;
    other[4].1 = "other";
    call(&world, &alice, update, &id, &other).await.good();
    let egress = "true -1 -1 -1 0.0.0.0/0".to_owned();
    let web = "false tcp 80 81 192.0.2.0/24";
    assert_eq!(said(&world, &alice).await, [format!("{web} other"), egress.clone()]);
    let rule = rules(&world, &alice).await[0].0.clone();
    let by_id = [
        ("SecurityGroupRuleDescription.1.SecurityGroupRuleId", rule.as_str()),
        ("SecurityGroupRuleDescription.1.Description", "third"),
    ];
    call(&world, &alice, update, &id, &by_id).await.good();
    assert_eq!(said(&world, &alice).await, [format!("{web} third"), egress.clone()]);
    call(&world, &alice, update, &id, &by_id[..1]).await.good();
    assert_eq!(said(&world, &alice).await, [web.to_owned(), egress]);
    let wrong = "UpdateSecurityGroupRuleDescriptionsEgress";
    for (pairs, code) in [
        (&by_id[..], "InvalidSecurityGroupRuleId.NotFound"),
        (&WEB[..], "InvalidPermission.NotFound"),
        (&[], "MissingParameter"),
        (&[&by_id[..], &WEB[..]].concat(), "InvalidParameterCombination"),
    ] {
        assert_eq!(call(&world, &alice, wrong, &id, pairs).await.refusal(), (400, code));
    }
}

#[tokio::test]
async fn a_rule_is_made_another_and_keeps_its_id() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = group(&world, &alice).await;
    call(&world, &alice, "AuthorizeSecurityGroupIngress", &id, &WEB).await.good();
    let rule = rules(&world, &alice).await[0].0.clone();
    let modify = "ModifySecurityGroupRules";
    let change = [
        ("SecurityGroupRule.1.SecurityGroupRuleId", rule.as_str()),
        ("SecurityGroupRule.1.SecurityGroupRule.IpProtocol", "icmp"),
        ("SecurityGroupRule.1.SecurityGroupRule.FromPort", "8"),
        ("SecurityGroupRule.1.SecurityGroupRule.ToPort", "0"),
    ];
    let cidr = ("SecurityGroupRule.1.SecurityGroupRule.CidrIpv4", "10.0.0.0/8");
    let peer = ("SecurityGroupRule.1.SecurityGroupRule.ReferencedGroupId", id.as_str());
    let v6 = ("SecurityGroupRule.1.SecurityGroupRule.CidrIpv6", "::/0");
    let with = |more: &[(&'static str, &'_ str)]| -> Vec<(&str, String)> {
        change.iter().chain(more).map(|(name, value)| (*name, (*value).to_owned())).collect()
    };
    for (more, code) in [
        (vec![], "MissingParameter"),
        (vec![cidr, peer], "InvalidParameterCombination"),
        (vec![v6], "UnsupportedOperation"),
        (vec![(peer.0, "sg-00000000")], "InvalidGroup.NotFound"),
    ] {
        let pairs = with(&more);
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let refused = call(&world, &alice, modify, &id, &pairs).await;
        assert_eq!(refused.refusal(), (400, code), "{more:?}");
    }
    call(&world, &alice, modify, &id, &[&change[..], &[cidr]].concat()).await.good();
    let shown = rules(&world, &alice).await;
    assert_eq!(shown[0], (rule.clone(), "false icmp 8 0 10.0.0.0/8".to_owned()));
    call(&world, &alice, modify, &id, &[&change[..], &[peer]].concat()).await.good();
    let shown = world.call(&alice, DESCRIBE, &[("SecurityGroupRuleId.1", &rule)]).await.good();
    let peer = format!(
        "<referencedGroupInfo><groupId>{id}</groupId><userId>{}</userId></referencedGroupInfo>",
        alice.account
    );
    assert!(shown.body.contains(&peer), "{}", shown.body);
}

#[tokio::test]
async fn rules_of_others_are_not_there() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let (hers, his) = (group(&world, &alice).await, group(&world, &bob).await);
    call(&world, &alice, "AuthorizeSecurityGroupIngress", &hers, &WEB).await.good();
    let rule = rules(&world, &alice).await[0].0.clone();
    let by_id = [("SecurityGroupRuleId.1", rule.as_str())];
    let described = [("SecurityGroupRuleDescription.1.SecurityGroupRuleId", rule.as_str())];
    let changed = [
        ("SecurityGroupRule.1.SecurityGroupRuleId", rule.as_str()),
        ("SecurityGroupRule.1.SecurityGroupRule.IpProtocol", "-1"),
        ("SecurityGroupRule.1.SecurityGroupRule.CidrIpv4", "0.0.0.0/0"),
    ];
    let tries = [
        ("RevokeSecurityGroupIngress", &by_id[..]),
        ("UpdateSecurityGroupRuleDescriptionsIngress", &described),
        ("ModifySecurityGroupRules", &changed),
    ];
    for (action, pairs) in tries {
        for (group, code) in
            [(&hers, "InvalidGroup.NotFound"), (&his, "InvalidSecurityGroupRuleId.NotFound")]
        {
            let refused = call(&world, &bob, action, group, pairs).await;
            assert_eq!(refused.refusal(), (400, code), "{action} {group}");
        }
    }
    let shown = world.call(&bob, DESCRIBE, &by_id).await;
    assert_eq!(shown.refusal(), (400, "InvalidSecurityGroupRuleId.NotFound"));
    assert_eq!(said(&world, &bob).await, ["true -1 -1 -1 0.0.0.0/0"]);
    assert_eq!(rules(&world, &alice).await[0].0, rule);
}

#[tokio::test]
async fn groups_and_rules_are_found_by_what_the_rules_say() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = group(&world, &alice).await;
    let account = alice.account.to_string();
    call(&world, &alice, "AuthorizeSecurityGroupIngress", &id, &WEB).await.good();
    let db = [
        ("IpProtocol", "udp"),
        ("FromPort", "53"),
        ("ToPort", "54"),
        ("SourceSecurityGroupName", "default"),
    ];
    call(&world, &alice, "AuthorizeSecurityGroupEgress", &id, &db).await.good();
    for (name, values) in [
        ("ip-permission.cidr", ["192.0.2.0/24", "0.0.0.0/0"]),
        ("ip-permission.from-port", ["80", "53"]),
        ("ip-permission.to-port", ["81", "54"]),
        ("ip-permission.protocol", ["tcp", "udp"]),
        ("egress.ip-permission.cidr", ["0.0.0.0/0", "192.0.2.0/24"]),
        ("egress.ip-permission.from-port", ["53", "80"]),
        ("egress.ip-permission.to-port", ["54", "81"]),
        ("egress.ip-permission.protocol", ["udp", "tcp"]),
        ("egress.ip-permission.group-id", [&*id, "sg-00000000"]),
        ("egress.ip-permission.group-name", ["default", "web"]),
        ("egress.ip-permission.user-id", [&*account, "000000000000"]),
    ] {
        for (value, found) in values.into_iter().zip([1, 0]) {
            let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
            let shown = world.call(&alice, "DescribeSecurityGroups", &filter).await.good();
            assert_eq!(shown.all("groupName").contains(&"default"), found == 1, "{name} {value}");
        }
    }
    for (name, value, found) in
        [("group-id", &*id, 3), ("group-id", "sg-00000000", 0), ("security-group-rule-id", "*", 3)]
    {
        let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
        let shown = world.call(&alice, DESCRIBE, &filter).await.good();
        assert_eq!(shown.all("securityGroupRuleId").len(), found, "{name} {value}");
    }
}
