use super::*;
use crate::{Filter, Parameters, Place, Text, parameters, words};
use types::InstanceId;

words! {
    /// An attribute.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Attribute {
        /// A set.
        LaunchPermission = "launchPermission",
        /// A value.
        Kernel = "kernel",
    }
}

parameters! {
    /// One range.
    #[derive(Debug)]
    struct Range {
        /// A network.
        cidr: Text<20> = "CidrIp", "cidrIp";
    }
}

parameters! {
    /// One permission.
    #[derive(Debug)]
    struct Permission {
        /// A port.
        port: Option<i32> = "FromPort", "fromPort";
        /// Structures in structures.
        ranges: Vec<Range> = "IpRanges.N", "ipRanges/item";
    }
}

parameters! {
    /// What is read.
    #[derive(Debug)]
    struct Input {
        /// A value.
        key: Option<Text<20>> = "KeyName", "keyName";
        /// A list of values.
        ids: Vec<InstanceId> = "InstanceId.N", "instancesSet/item/instanceId";
        /// A name with a dot.
        zone: Option<Text<20>> = "Placement.AvailabilityZone", "placement/availabilityZone";
        /// The name of an element.
        attribute: Option<Attribute> = "Attribute", "*";
        /// Structures.
        permissions: Vec<Permission> = "IpPermissions.N", "ipPermissions/item";
        /// Filters.
        filters: Vec<Filter> = "Filter.N", "filterSet/item";
        /// What SOAP does not have.
        text: Option<Text<20>> = "Text", "";
    }
}

/// An element by a short way to write it: `name`, `name=text` or `name(child child)`.
fn element(text: &str) -> Element {
    let (element, rest) = one(text);
    assert!(rest.is_empty(), "{rest}");
    element
}

fn one(text: &str) -> (Element, &str) {
    let end = text.find([' ', '(', ')', '=']).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    let mut element = Element { name: name.into(), text: String::new(), children: Vec::new() };
    if let Some(value) = rest.strip_prefix('=') {
        let end = value.find([' ', ')']).unwrap_or(value.len());
        element.text = value[..end].into();
        rest = &value[end..];
    } else if let Some(mut inner) = rest.strip_prefix('(') {
        while !inner.starts_with(')') {
            let (child, behind) = one(inner.trim_start());
            element.children.push(child);
            inner = behind.trim_start();
        }
        rest = &inner[1..];
    }
    (element, rest)
}

fn read(text: &str) -> Result<(Input, Vec<String>), Error> {
    let (tree, unknown) = soap_tree(&element(text), Input::TABLE)?;
    Input::decode(&tree, &Place::ROOT).map(|input| (input, unknown))
}

#[test]
fn elements_become_the_parameters_of_the_definition() {
    let (input, unknown) = read(
        "R(keyName=k instancesSet(item(instanceId=i-00000001) item(instanceId=i-00000002)) \
         placement(availabilityZone=z) launchPermission \
         ipPermissions(item(fromPort=-1 ipRanges(item(cidrIp=a) item(cidrIp=b))) item(fromPort=2 ipRanges)) \
         filterSet(item(name=n valueSet(item(value=v) item(value=w)))))",
    )
    .unwrap();
    assert_eq!(input.key.unwrap().as_str(), "k");
    assert_eq!(input.ids.len(), 2);
    assert_eq!(input.zone.unwrap().as_str(), "z");
    assert_eq!(input.attribute, Some(Attribute::LaunchPermission));
    let [first, second] = input.permissions.as_slice() else { panic!() };
    let networks: Vec<_> = first.ranges.iter().map(|range| range.cidr.as_str()).collect();
    assert_eq!((first.port, networks, second.port), (Some(-1), vec!["a", "b"], Some(2)));
    assert_eq!(input.filters.len(), 1);
    assert!(input.text.is_none());
    assert_eq!(unknown, [""; 0]);
}

#[test]
fn empty_elements_are_as_if_they_were_not_there() {
    let (input, unknown) = read("R(keyName= instancesSet placement ipPermissions)").unwrap();
    assert!(input.key.is_none() && input.ids.is_empty() && input.permissions.is_empty());
    assert_eq!(unknown, [""; 0]);
    assert!(read("R").unwrap().0.attribute.is_none());
}

#[test]
fn what_no_definition_has_is_named() {
    let (_, unknown) =
        read("R(text=1 evil(item(x=1) item(x=2)) instancesSet(item(evil=1)) keyName(item))")
            .unwrap();
    assert_eq!(unknown, ["evil/item/x", "instancesSet/item/evil", "keyName/item", "text"]);
}

#[test]
fn an_element_twice_is_refused() {
    for text in [
        "R(keyName=a keyName=b)",
        "R(launchPermission kernel)",
        "R(placement(availabilityZone=a) placement(availabilityZone=b))",
    ] {
        assert_eq!(read(text).unwrap_err().code(), Code::InvalidSoapRequest, "{text}");
    }
}

#[test]
fn a_namespace_names_a_version() {
    for (date, served) in [
        ("2006-06-26", true),
        ("2008-05-05", true),
        ("2008-12-01", true),
        ("2009-11-30", true),
        ("2010-06-15", true),
        ("2013-02-01", true),
        ("2008-05-06", false),
        ("2005-01-01", false),
        ("x", false),
    ] {
        let found = binding(&format!("http://ec2.amazonaws.com/doc/{date}/"));
        assert_eq!(found.is_ok(), served, "{date}");
    }
    let error = binding("http://ec2.amazonaws.com/doc/2008-05-06/").unwrap_err();
    assert!(error.message().starts_with("Binding 'ec2_amazonaws_com_doc_2008_05_06' not found"));
    for other in ["", "http://ec2.amazonaws.com/doc/2008-12-01", "urn:\u{1}'<evil>"] {
        assert!(binding(other).is_err_and(|error| !error.message().contains('<')), "{other}");
    }
}

#[test]
fn faults_are_what_the_tools_parse() {
    let fault = |code| fault_document(&Error::new(code, "no <x>"), "r1");
    assert_eq!(
        fault(Code::InvalidAmiIdNotFound),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body><soapenv:Fault>\
         <faultcode>Client.InvalidAMIID.NotFound</faultcode><faultstring>no &lt;x&gt;</faultstring>\
         <detail><RequestID>r1</RequestID></detail></soapenv:Fault></soapenv:Body>\
         </soapenv:Envelope>"
    );
    for (code, word) in [
        (Code::InternalError, "Server.InternalError"),
        (Code::InsufficientInstanceCapacity, "Server.InsufficientInstanceCapacity"),
        (Code::RequestExpired, "Server"),
        (Code::SignatureDoesNotMatch, "Client.AuthFailure"),
    ] {
        assert!(fault(code).contains(&format!("<faultcode>{word}</faultcode>")), "{word}");
    }
}
