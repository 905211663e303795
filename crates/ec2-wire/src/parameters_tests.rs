use super::*;
use crate::{Code, Text};
use types::InstanceId;

parameters! {
    /// One permission.
    #[derive(Debug)]
    struct Permission {
        /// First port.
        from: i32 = "FromPort", "fromPort";
        /// Networks.
        ranges: Vec<Text<18>> = "IpRanges.N", "ipRanges/item/cidrIp";
    }
}

parameters! {
    /// Parameters of every shape.
    #[derive(Debug)]
    struct Input {
        /// Ids.
        ids: Vec<InstanceId> = "InstanceId.N", "instancesSet/item/instanceId";
        /// A zone,
        /// in two lines.
        zone: Option<Text<8>> = "Placement.AvailabilityZone", "placement/availabilityZone";
        /// Permissions.
        permissions: Vec<Permission> = "IpPermissions.N", "ipPermissions/item", since (2009, 10, 31);
        /// A number.
        count: u32 = "Count", "count";
    }
}

parameters! {
    /// A list that must be there.
    #[derive(Debug)]
    struct Needs {
        /// Ids.
        ids: OneOrMore<InstanceId> = "InstanceId.N", "instancesSet/item/instanceId";
    }
}

fn tree(query: &str) -> Tree {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    };
    let pairs = query.split('&').filter(|text| !text.is_empty()).map(pair);
    Tree::from_pairs(&pairs.collect::<Vec<_>>()).unwrap()
}

fn input(query: &str) -> Result<Input, Error> {
    Input::decode(&tree(query), &Place::ROOT)
}

/// The input in short, or the error's code and message.
fn shown(query: &str) -> String {
    match input(query) {
        Ok(input) => {
            let zone = input.zone.as_ref().map_or("-", Text::as_str);
            let ports = |p: &Permission| format!("{}:{}", p.from, p.ranges.len());
            let ports: Vec<_> = input.permissions.iter().map(ports).collect();
            format!("{:?} {zone} {} {}", input.ids, ports.join(","), input.count)
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn lists_take_every_numbering_that_clients_use() {
    let (a, b) = ("i-0000000A", "i-0000000B");
    for query in [
        format!("InstanceId.1={a}&InstanceId.2={b}"),
        format!("InstanceId.0={a}&InstanceId.1={b}"),
        format!("InstanceId.7={b}&InstanceId.3={a}"),
        format!("InstanceId={a}&InstanceId.1={b}"),
        format!("InstanceId.1={a}&InstanceId.2=&InstanceId.3={b}"),
    ] {
        assert_eq!(shown(&format!("{query}&Count=1")), "[i-0000000A, i-0000000B] -  1", "{query}");
    }
    assert_eq!(shown(&format!("InstanceId={a}&Count=2")), "[i-0000000A] -  2");
    assert_eq!(shown("Count.1=2"), "[] -  2", "and a single value may be written as a list");
}

#[test]
fn structures_in_lists_are_read_with_their_own_lists() {
    let query = "Count=1&IpPermissions.1.FromPort=22&IpPermissions.1.IpRanges.1=a\
                 &IpPermissions.1.IpRanges.2=b&IpPermissions.3.FromPort=80\
                 &Placement.AvailabilityZone=one";
    assert_eq!(shown(query), "[] one 22:2,80:0 1");
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let cases = [
        ("", "MissingParameter: The request must contain the parameter Count"),
        ("Count=", "MissingParameter: The request must contain the parameter Count"),
        (
            "Count=-1",
            "InvalidParameterValue: Value (-1) for parameter Count is invalid. It must be a number \
             from 0 to 4294967295.",
        ),
        (
            "Count=1&InstanceId.1=i-xyz",
            "InvalidInstanceID.Malformed: Invalid id: \"i-xyz\" (expecting \"i-XXXXXXXX\")",
        ),
        (
            "Count=1&Placement.AvailabilityZone=123456789",
            "InvalidParameterValue: Value (123456789) for parameter Placement.AvailabilityZone is \
             invalid. It has at most 8 characters.",
        ),
        (
            "Count=1&IpPermissions.4.IpRanges.1=a",
            "MissingParameter: The request must contain the parameter IpPermissions.4.FromPort",
        ),
    ];
    for (query, expect) in cases {
        assert_eq!(shown(query), expect, "{query}");
    }
}

#[test]
fn a_list_of_too_many_items_is_refused() {
    let list = |count: usize| {
        let items = (0..count).map(|n| format!("InstanceId.{n}=i-{n:08X}&")).collect::<String>();
        input(&format!("{items}Count=1"))
    };
    assert_eq!(list(1000).unwrap().ids.len(), 1000);
    assert_eq!(list(1001).unwrap_err().code(), Code::InvalidParameterValue);
}

#[test]
fn a_list_that_must_be_there_is_missed() {
    let error = Needs::decode(&tree("InstanceId.1="), &Place::ROOT).unwrap_err();
    assert_eq!(error.code(), Code::MissingParameter);
    let needs = Needs::decode(&tree("InstanceId.1=i-00000001"), &Place::ROOT).unwrap();
    assert_eq!(needs.ids.0.len(), 1);
}

#[test]
fn unknown_parameters_are_named_and_known_ones_are_not() {
    let query = "Action=X&Version=2016-11-15&X-Amz-Date=d&Signature=s&DryRun=false\
                 &InstanceId=a&InstanceId.3=b&IpPermissions.1.IpRanges.2=c&IpPermissions.1.Nope=d\
                 &ClientToken=t&Tag.1.Key=k&Tag.2.Key=k";
    let names = unknown(&tree(query), Input::TABLE);
    assert_eq!(names, ["ClientToken", "IpPermissions.N.Nope", "Tag.N.Key", "Tag.N.Key"]);
}

#[test]
fn the_table_says_what_the_decoder_does() {
    let [ids, zone, permissions, count] = Input::TABLE else { panic!("four parameters") };
    assert_eq!((ids.query, ids.required, count.required), ("InstanceId", false, true));
    assert!(matches!(ids.kind, Kind::List(Kind::Form(_))));
    assert_eq!(zone.doc, " A zone, in two lines.");
    assert_eq!(permissions.since, Version::new(2009, 10, 31));
    let Kind::List(Kind::Structure(inner)) = permissions.kind else { panic!("a list") };
    assert_eq!(inner[1].soap, "ipRanges/item/cidrIp");
}
