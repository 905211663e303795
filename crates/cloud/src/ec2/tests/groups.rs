use super::world::{NEW, World};
use state::User;

const AUTHORIZE: &str = "AuthorizeSecurityGroupIngress";
const REVOKE: &str = "RevokeSecurityGroupIngress";

/// The rules of the user's group `default`, one `protocol from to sources` each.
async fn rules(world: &World, user: &User) -> Vec<String> {
    let answer = world.call(user, "DescribeSecurityGroups", &[]).await.good();
    assert_eq!(answer.all("groupDescription"), ["default group"]);
    let section = answer.body.split("<ipPermissions>").nth(1).unwrap_or_default();
    let section = section.split("</ipPermissions>").next().unwrap();
    section.split("<ipProtocol>").skip(1).map(texts).collect()
}

/// The texts between the tags.
fn texts(xml: &str) -> String {
    let pieces = xml.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    pieces.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn flat_parameters_and_lists_make_and_take_the_same_rules() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let flat = [
        ("GroupName", "default"),
        ("IpProtocol", "tcp"),
        ("FromPort", "22"),
        ("ToPort", "22"),
        ("CidrIp", "0.0.0.0/0"),
    ];
    let list = [
        ("GroupName", "default"),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "22"),
        ("IpPermissions.1.ToPort", "22"),
        ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
    ];
    for (give, take) in [(flat, list), (list, flat)] {
        assert_eq!(world.call(&user, AUTHORIZE, &give).await.good().text("return"), "true");
        assert_eq!(rules(&world, &user).await, ["tcp 22 22 0.0.0.0/0"]);
        let twice = world.call(&user, AUTHORIZE, &take).await;
        assert_eq!(twice.refusal(), (400, "InvalidPermission.Duplicate"));
        world.call(&user, REVOKE, &take).await.good();
        assert!(rules(&world, &user).await.is_empty());
        let gone = world.call(&user, REVOKE, &give).await;
        assert_eq!(gone.refusal(), (400, "InvalidPermission.NotFound"));
    }
}

#[tokio::test]
async fn rules_are_taken_all_or_none_and_shown_by_protocol_and_range() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let group = world.call(&user, "DescribeSecurityGroups", &[]).await.good();
    let id = group.text("groupId").to_owned();
    let pairs = [
        ("GroupId", id.as_str()),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "80"),
        ("IpPermissions.1.ToPort", "80"),
        ("IpPermissions.1.IpRanges.1.CidrIp", "10.1.2.3/8"),
        ("IpPermissions.1.IpRanges.2.CidrIp", "192.168.0.0/16"),
        ("IpPermissions.1.Groups.1.GroupId", id.as_str()),
        ("IpPermissions.2.IpProtocol", "icmp"),
        ("IpPermissions.2.IpRanges.1.CidrIp", "0.0.0.0/0"),
    ];
    world.call(&user, AUTHORIZE, &pairs).await.good();
    let account = user.account;
    let web = format!("tcp 80 80 {account} {id} default 10.0.0.0/8 192.168.0.0/16");
    assert_eq!(rules(&world, &user).await, [web.clone(), "icmp -1 -1 0.0.0.0/0".to_owned()]);
    let half = [
        ("GroupId", id.as_str()),
        ("IpPermissions.1.IpProtocol", "udp"),
        ("IpPermissions.1.FromPort", "53"),
        ("IpPermissions.1.ToPort", "53"),
        ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
        ("IpPermissions.2.IpProtocol", "icmp"),
        ("IpPermissions.2.IpRanges.1.CidrIp", "0.0.0.0/0"),
    ];
    let refused = world.call(&user, AUTHORIZE, &half).await;
    assert_eq!(refused.refusal(), (400, "InvalidPermission.Duplicate"));
    assert_eq!(rules(&world, &user).await.len(), 2);
}

#[tokio::test]
async fn groups_of_others_can_be_sources_by_number_or_name_and_nothing_else() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let number = bob.account.to_string();
    world.call(&bob, "DescribeSecurityGroups", &[]).await.good();
    for owner in ["bob", number.as_str()] {
        let source = [
            ("GroupName", "default"),
            ("SourceSecurityGroupName", "default"),
            ("SourceSecurityGroupOwnerId", owner),
        ];
        world.call(&alice, AUTHORIZE, &source).await.good();
        let theirs = world.call(&bob, "DescribeSecurityGroups", &[]).await.good();
        let shown = format!("-1 {number} {} default", theirs.text("groupId"));
        assert_eq!(rules(&world, &alice).await, [shown]);
        world.call(&alice, REVOKE, &source).await.good();
    }
    let theirs = world.call(&bob, "DescribeSecurityGroups", &[]).await.good();
    let id = theirs.text("groupId");
    let open = [("GroupId", id), ("IpProtocol", "icmp"), ("CidrIp", "0.0.0.0/0")];
    for action in [AUTHORIZE, REVOKE] {
        let refused = world.call(&alice, action, &open).await;
        assert_eq!(refused.refusal(), (400, "InvalidGroup.NotFound"), "{action}");
    }
    let shown = world.call(&alice, "DescribeSecurityGroups", &[("GroupId.1", id)]).await;
    assert_eq!(shown.refusal(), (400, "InvalidGroup.NotFound"));
}

#[tokio::test]
async fn bad_rules_are_refused_each_with_its_code() {
    let world = World::new().await;
    let group = ("GroupName", "default");
    let cidr = ("CidrIp", "0.0.0.0/0");
    let (tcp, icmp) = (("IpProtocol", "tcp"), ("IpProtocol", "icmp"));
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[tcp, cidr], "MissingParameter"),
        (&[group], "MissingParameter"),
        (&[group, tcp, cidr], "MissingParameter"),
        (&[group, icmp], "MissingParameter"),
        (&[group, cidr], "MissingParameter"),
        (&[group, tcp, cidr, ("FromPort", "9"), ("ToPort", "8")], "InvalidParameterValue"),
        (&[group, tcp, cidr, ("FromPort", "0"), ("ToPort", "65536")], "InvalidParameterValue"),
        (&[group, ("IpProtocol", "gre"), cidr], "InvalidParameterValue"),
        (&[group, ("IpProtocol", "50"), cidr], "InvalidParameterValue"),
        (&[group, icmp, ("CidrIp", "10.0.0.0/40")], "InvalidParameterValue"),
        (&[("GroupName", "nogroup"), icmp, cidr], "InvalidGroup.NotFound"),
        (&[group, ("SourceSecurityGroupName", "nogroup")], "InvalidGroup.NotFound"),
        (
            &[
                group,
                ("SourceSecurityGroupName", "default"),
                ("SourceSecurityGroupOwnerId", "nobody"),
            ],
            "InvalidGroup.NotFound",
        ),
        (
            &[group, icmp, cidr, ("IpPermissions.1.IpProtocol", "tcp")],
            "InvalidParameterCombination",
        ),
        (
            &[
                group,
                ("IpPermissions.1.IpProtocol", "icmp"),
                ("IpPermissions.1.Ipv6Ranges.1.CidrIpv6", "::/0"),
            ],
            "UnsupportedOperation",
        ),
        (
            &[
                group,
                ("IpPermissions.1.IpProtocol", "icmp"),
                ("IpPermissions.1.PrefixListIds.1.PrefixListId", "pl-1"),
            ],
            "UnsupportedOperation",
        ),
        (
            &[
                group,
                ("IpPermissions.1.IpProtocol", "icmp"),
                ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
                ("IpPermissions.1.IpRanges.1.Description", "what's this?"),
            ],
            "InvalidParameterValue",
        ),
    ];
    for (parameters, code) in cases {
        let refused = world.call(&world.admin, AUTHORIZE, parameters).await;
        assert_eq!(refused.refusal(), (400, *code), "{parameters:?}");
    }
}

#[tokio::test]
async fn all_traffic_is_one_rule_and_three_to_tools_that_know_three_protocols() {
    const OLD: &str = "2009-11-30";
    let world = World::new().await;
    let all = [
        ("GroupName", "default"),
        ("IpPermissions.1.IpProtocol", "-1"),
        ("IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/8"),
    ];
    for give in [NEW, OLD] {
        world.call_in(give, &world.admin, AUTHORIZE, &all).await.good();
        let shown = world.call_in(OLD, &world.admin, "DescribeSecurityGroups", &[]).await.good();
        assert_eq!(shown.all("ipProtocol"), ["tcp", "udp", "icmp"]);
        assert_eq!(shown.all("fromPort"), ["0", "0", "-1"]);
        assert_eq!(shown.all("toPort"), ["65535", "65535", "-1"]);
        let expect: &[&str] = if give == NEW {
            &["-1 10.0.0.0/8"]
        } else {
            &["tcp 0 65535 10.0.0.0/8", "udp 0 65535 10.0.0.0/8", "icmp -1 -1 10.0.0.0/8"]
        };
        assert_eq!(rules(&world, &world.admin).await, expect, "made in {give}");
        // whoever made it, an old tool takes away what it sees
        world.call_in(OLD, &world.admin, REVOKE, &all).await.good();
        assert!(rules(&world, &world.admin).await.is_empty());
    }
    let gone = world.call_in(OLD, &world.admin, REVOKE, &all).await;
    assert_eq!(gone.refusal(), (400, "InvalidPermission.NotFound"));
}

#[tokio::test]
async fn groups_are_made_once_used_and_deleted_when_nothing_refers_to_them() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let new = [("GroupName", "web"), ("GroupDescription", "pages")];
    let made = world.call(&alice, "CreateSecurityGroup", &new).await.good();
    let id = made.text("groupId").to_owned();
    let twice = world.call(&alice, "CreateSecurityGroup", &new).await;
    assert_eq!(twice.refusal(), (400, "InvalidGroup.Duplicate"));
    world.call(&bob, "CreateSecurityGroup", &new).await.good();
    let shown = world.call(&alice, "DescribeSecurityGroups", &[("GroupId.1", &id)]).await.good();
    assert_eq!((shown.text("groupName"), shown.text("groupDescription")), ("web", "pages"));

    let theirs = world.call(&bob, "DeleteSecurityGroup", &[("GroupId", &id)]).await;
    assert_eq!(theirs.refusal(), (400, "InvalidGroup.NotFound"));
    let number = alice.account.to_string();
    let source = [
        ("GroupName", "default"),
        ("SourceSecurityGroupName", "web"),
        ("SourceSecurityGroupOwnerId", &*number),
    ];
    world.call(&bob, AUTHORIZE, &source).await.good();
    world.call(&alice, AUTHORIZE, &source).await.good();
    let used = world.call(&alice, "DeleteSecurityGroup", &[("GroupName", "web")]).await;
    assert_eq!(used.refusal(), (400, "InvalidGroup.InUse"));
    assert!(used.body.contains("default"), "{}", used.body);
    world.call(&alice, REVOKE, &source).await.good();
    world.call(&alice, "DeleteSecurityGroup", &[("GroupId", &id)]).await.good();
    let gone = world.call(&alice, "DeleteSecurityGroup", &[("GroupName", "web")]).await;
    assert_eq!(gone.refusal(), (400, "InvalidGroup.NotFound"));
    // what let the deleted group in is gone with it: the next group of this name is another one
    let gone = world.call(&bob, REVOKE, &source).await;
    assert_eq!(gone.refusal(), (400, "InvalidPermission.NotFound"));
}

#[tokio::test]
async fn the_default_group_is_neither_made_nor_deleted_by_hand() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let new = [("GroupName", "default"), ("GroupDescription", "mine")];
    for (action, pairs) in [("CreateSecurityGroup", &new[..]), ("DeleteSecurityGroup", &new[..1])] {
        let refused = world.call(&user, action, pairs).await;
        assert_eq!(refused.refusal(), (400, "InvalidGroup.Reserved"), "{action}");
    }
}
