//! A request to the Query interface, as anybody may send it.

use ec2_wire::{
    Base64, Code, Error, Filter, OneOrMore, Param, Parameters, Place, Service, Text, Tree, Version,
    check_filters, error_document, filterable, parameters, passes, unknown, words,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::Ipv4Net;
use signature::client::{Credentials, Target, header_v4, query_v2};
use signature::{Head, decode_pairs, ec2, sha256_hex, uri_encode};
use std::fmt::Display;
use std::str::FromStr;
use types::{AccountId, GroupId, GroupName, ImageId, InstanceId, KeyName, Timestamp, UserName};

const SIGNER: Credentials<'static> = Credentials { access_key: "key", secret: "secret" };
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

words! {
    /// A choice.
    #[derive(Debug)]
    enum Word {
        /// One.
        Standard = "standard",
        /// The other.
        Reserved = "reserved",
    }
}

parameters! {
    /// A structure in a list.
    #[derive(Debug)]
    struct Permission {
        /// Words.
        protocol: Option<Word> = "IpProtocol", "ipProtocol";
        /// A number that may be negative.
        from: i32 = "FromPort", "fromPort";
        /// Structures in a structure.
        ranges: Vec<Range> = "IpRanges.N", "ipRanges/item", since (2011, 1, 1);
        /// Optional structures in a structure.
        source: Option<Source> = "Groups", "groups/item";
    }
}

parameters! {
    /// A structure that must have a network.
    #[derive(Debug)]
    struct Range {
        /// A network.
        network: Ipv4Net = "CidrIp", "cidrIp";
    }
}

parameters! {
    /// A structure with optional members.
    #[derive(Debug)]
    struct Source {
        /// An account.
        account: Option<AccountId> = "UserId", "userId";
        /// A group.
        group: Option<GroupName> = "GroupName", "groupName";
    }
}

parameters! {
    /// Every kind of parameter that actions have.
    #[derive(Debug)]
    struct Input {
        /// Ids.
        instances: Vec<InstanceId> = "InstanceId.N", "instancesSet/item/instanceId";
        /// At least one.
        images: OneOrMore<ImageId> = "ImageId.N", "imagesSet/item/imageId";
        /// An id.
        group: Option<GroupId> = "GroupId", "groupId";
        /// A name.
        key: Option<KeyName> = "KeyName", "keyName";
        /// A user.
        user: Option<UserName> = "UserName", "userName";
        /// A name with a dot.
        zone: Option<Text<8>> = "Placement.AvailabilityZone", "placement/availabilityZone";
        /// A number.
        count: u32 = "MinCount", "minCount";
        /// A flag.
        flag: Option<bool> = "DryRun", "dryRun";
        /// Bytes.
        data: Option<Base64<64>> = "UserData", "userData/data";
        /// Structures.
        permissions: Vec<Permission> = "IpPermissions.N", "ipPermissions/item";
        /// Filters.
        filters: Vec<Filter> = "Filter.N", "filterSet/item";
    }
}

filterable! {
    Input: |input, values| {
        "instance-id" => values.all(&input.instances),
        "key-name" => values.all(&input.key),
        "zone" => values.all(&input.zone),
    }
}

/// The bytes are a request with its head: `GET PATH?QUERY` on the first line, then headers, then
/// behind an empty line the form.
pub fn query(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let (head, form) = text.split_once("\n\n").unwrap_or((text, ""));
    let (first, headers) = head.split_once('\n').unwrap_or((head, ""));
    let (method, target) = first.split_once(' ').unwrap_or((first, ""));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    // HTTP has no other paths
    if !path.starts_with('/') {
        return;
    }
    let headers = headers_of(headers);
    let Ok(mut pairs) = decode_pairs(query) else { return };
    let Ok(of_form) = decode_pairs(form) else { return };
    pairs.extend(of_form);
    assert_eq!(decode_pairs(&encoded(&pairs)).as_ref(), Ok(&pairs));

    let head = Head { method, path, query, headers: &headers };
    claim(&ec2::Request { head, parameters: &pairs, body: form.as_bytes() });
    sign_v2(method, path, &pairs);
    sign_v4(method, query, form);
    if let Some(tree) = checked(Tree::from_pairs(&pairs)) {
        assert_eq!(
            Tree::from_pairs(&pairs.into_iter().rev().collect::<Vec<_>>()).as_ref().ok(),
            Some(&tree)
        );
        read(&tree);
    }
}

fn headers_of(lines: &str) -> HeaderMap {
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(value.trim()).ok()?))
    };
    lines.lines().take(50).filter_map(header).collect()
}

fn encoded(pairs: &[(String, String)]) -> String {
    let pair =
        |(name, value): &(String, String)| format!("{}={}", uri_encode(name), uri_encode(value));
    pairs.iter().map(pair).collect::<Vec<_>>().join("&")
}

/// The value, or none for an error that can be told to the caller.
pub(crate) fn checked<T>(result: Result<T, Error>) -> Option<T> {
    let told = |error: &Error| {
        assert!(crate::is_short(error.message()), "{error}");
        assert_ne!(error.code(), Code::InternalError, "{error}");
        let (status, document) = error_document(Service::Ec2, error, "id");
        assert!((400..600).contains(&status), "{error}");
        assert_eq!(crate::xml::message(&document), error.message());
    };
    result.inspect_err(told).ok()
}

/// Nobody can claim to be somebody without the secret.
fn claim(request: &ec2::Request<'_>) {
    match ec2::claim(request) {
        Ok(claim) => {
            let refused = claim.verify(request, "a secret that nobody has", NOW);
            assert!(refused.is_err(), "signed by {}", claim.access_key());
        }
        Err(error) => {
            let (word, _) = error.ec2();
            assert!(Code::from_word(word).is_some(), "{word} is no code");
        }
    }
}

/// Whatever a client signs with version 2 is accepted.
fn sign_v2(method: &str, path: &str, pairs: &[(String, String)]) {
    const OWN: [&str; 6] = [
        "AWSAccessKeyId",
        "SignatureMethod",
        "SignatureVersion",
        "Timestamp",
        "Expires",
        "Signature",
    ];
    let rest = pairs.iter().filter(|(name, _)| !OWN.contains(&name.as_str()));
    let rest: Vec<_> = rest.cloned().collect();
    let form = query_v2(SIGNER, method, "cloud:8773", path, &rest, NOW);
    let headers =
        HeaderMap::from_iter([(http::header::HOST, HeaderValue::from_static("cloud:8773"))]);
    let pairs = decode_pairs(&form).expect("a client's form");
    let head = Head { method, path, query: "", headers: &headers };
    accepted(&ec2::Request { head, parameters: &pairs, body: form.as_bytes() });
}

/// Whatever a client signs with version 4 is accepted.
fn sign_v4(method: &str, query: &str, form: &str) {
    const SAYS_OTHERWISE: [&str; 4] =
        ["AWSAccessKeyId", "SignatureVersion", "Signature", "X-Amz-Algorithm"];
    let (Ok(mut pairs), Ok(of_form)) = (decode_pairs(query), decode_pairs(form)) else { return };
    pairs.extend(of_form);
    if pairs.iter().any(|(name, _)| SAYS_OTHERWISE.contains(&name.as_str())) {
        return;
    }
    let mut headers =
        HeaderMap::from_iter([(http::header::HOST, HeaderValue::from_static("cloud"))]);
    let target = Target { region: "eucalyptus", service: "ec2" };
    let hash = sha256_hex(form.as_bytes());
    let place = (method, "/services/Eucalyptus", query);
    header_v4(SIGNER, target, place, &mut headers, &hash, NOW).expect("a signature");
    let head = Head { method, path: place.1, query, headers: &headers };
    accepted(&ec2::Request { head, parameters: &pairs, body: form.as_bytes() });
}

fn accepted(request: &ec2::Request<'_>) {
    let claim = ec2::claim(request).expect("a claim");
    assert_eq!(claim.access_key(), SIGNER.access_key);
    assert_eq!(claim.verify(request, SIGNER.secret, NOW), Ok(()), "{request:?}");
}

/// The parameters that [`read`] reads.
pub(crate) const fn table() -> &'static [Param] {
    Input::TABLE
}

/// What an action does with the parameters before it acts.
pub(crate) fn read(tree: &Tree) {
    assert!(unknown(tree, Input::TABLE).iter().all(|name| crate::is_short(name)));
    if let Some(version) = tree.at("Version").and_then(Tree::value)
        && let Some(version) = checked(Version::parse(version))
    {
        assert_eq!(Version::parse(&version.to_string()).ok(), Some(version));
    }
    let Some(input) = checked(Input::decode(tree, &Place::ROOT)) else { return };
    reads_back(&input.instances);
    reads_back(&input.images.0);
    reads_back(&input.group);
    reads_back(&input.key);
    reads_back(&input.user);
    let zone = input.zone.as_ref().map_or("", Text::as_str);
    assert!(zone.chars().count() <= 8 && !zone.contains(char::is_control));
    assert!(input.data.as_ref().is_none_or(|data| data.0.len() <= 64));
    assert!(input.permissions.len() <= 1000 && input.filters.len() <= 1000);
    for permission in &input.permissions {
        permission.ranges.iter().for_each(|range| reads_back(Some(&range.network)));
        let source = permission.source.as_ref();
        reads_back(source.and_then(|source| source.account.as_ref()));
        reads_back(source.and_then(|source| source.group.as_ref()));
    }
    if checked(check_filters::<Input>(&input.filters)).is_some() {
        let all = passes(&input, &input.filters);
        let each = input.filters.chunks(1).all(|filter| passes(&input, filter));
        assert_eq!(all, each, "filters are independent of each other");
    }
}

/// Values are written as they were read.
fn reads_back<'a, T>(values: impl IntoIterator<Item = &'a T>)
where
    T: Display + FromStr + PartialEq + 'a,
{
    for value in values {
        assert!(value.to_string().parse().is_ok_and(|again: T| again == *value), "{value}");
    }
}
