use super::*;

const PLACE: Place<'static> = Place::ROOT.member("P");

fn ok<T: Value + fmt::Debug>(text: &str) -> T {
    T::parse(text, &PLACE).unwrap()
}

fn code<T: Value + fmt::Debug>(text: &str) -> Code {
    T::parse(text, &PLACE).unwrap_err().code()
}

#[test]
fn base64_is_taken_as_clients_write_it() {
    for text in ["aGVsbG8=", "aGVsbG8", "aGVs\nbG8=\n", " aGVsbG8= "] {
        assert_eq!(ok::<Base64<5>>(text).0, b"hello", "{text:?}");
    }
    assert_eq!(ok::<Base64<3>>("P j7").0, ok::<Base64<3>>("P+j7").0);
    assert_eq!(code::<Base64<4>>("aGVsbG8="), Code::InvalidParameterValue);
    assert_eq!(code::<Base64<9>>("#!/bin/sh"), Code::InvalidParameterValue);
}

#[test]
fn malformed_ids_have_the_code_of_their_kind() {
    assert_eq!(code::<InstanceId>("i-4ea305c1"), Code::InvalidInstanceIdMalformed);
    assert_eq!(code::<ImageId>("ami-4EA305C1"), Code::InvalidAmiIdMalformed);
    assert_eq!(code::<GroupId>("sg"), Code::InvalidGroupIdMalformed);
    assert_eq!(code::<KeyName>("caf\u{e9}"), Code::InvalidParameterValue);
}

#[test]
fn networks_lose_their_host_bits() {
    assert_eq!(ok::<Ipv4Net>("10.1.2.3/16").to_string(), "10.1.0.0/16");
    assert_eq!(ok::<Ipv4Net>("10.1.2.3").to_string(), "10.1.2.3/32");
    for text in ["10.1.2.3/33", "10.1.2", "::/0", "010.1.2.3", "10.1.2.3/", "x"] {
        assert_eq!(code::<Ipv4Net>(text), Code::InvalidParameterValue, "{text}");
    }
}

#[test]
fn scalars_are_strict() {
    assert!(ok::<bool>("True") && !ok::<bool>("0"));
    assert_eq!(code::<bool>("yes"), Code::InvalidParameterValue);
    assert_eq!(ok::<i32>("-1"), -1);
    assert_eq!(code::<u32>("99999999999"), Code::InvalidParameterValue);
    assert_eq!(ok::<Text<2>>("é€").as_str(), "é€");
    assert_eq!(code::<Text<2>>("abc"), Code::InvalidParameterValue);
    assert_eq!(code::<Text<9>>("a\u{0}"), Code::InvalidParameterValue);
}
