//! Signature wrapping (Somorovsky et al., "All Your Clouds Are Belong to Us", 2011; CVE-2011-0730)
//! in every permutation that was published: what was signed stays in the message, somewhere, and
//! something else stands where the request is read.

use super::attacks::{Attack, attack, element, put, put_first};
use super::fixture::{EVIL, Fixture, NOW};
use crate::Rule;
use crate::names::{DS, SOAP, WSSE, WSU};
use crate::signer::Shape;

pub(super) fn attacks(fixture: &Fixture) -> Vec<Attack> {
    let mut attacks = of_body(fixture);
    attacks.extend(of_ids(fixture));
    attacks.extend(of_timestamp(fixture));
    attacks.extend(of_references(fixture));
    attacks.extend(of_names(fixture));
    attacks
}

/// The signed body is moved to each place of the message, and another one put in its stead.
fn of_body(fixture: &Fixture) -> Vec<Attack> {
    let message = fixture.message(Shape::Java);
    let body = element(&message, "soap:Body").to_owned();
    let id = body.split('"').nth(3).unwrap().to_owned();
    let bodies = [
        ("without an id", format!("<soap:Body>{EVIL}</soap:Body>")),
        (
            "with an id of its own",
            format!("<soap:Body xmlns:wsu=\"{WSU}\" wsu:Id=\"evil\">{EVIL}</soap:Body>"),
        ),
        ("with its id in another attribute", format!("<soap:Body ID=\"x{id}\">{EVIL}</soap:Body>")),
    ];
    let places = [
        ("</soap:Header>", Rule::HeaderParts),
        ("</wsse:Security>", Rule::SecurityParts),
        ("</ds:Signature>", Rule::SignatureParts),
        ("</ds:SignedInfo>", Rule::SignedInfoParts),
        ("</ds:KeyInfo>", Rule::KeyInfoParts),
        ("</wsse:SecurityTokenReference>", Rule::KeyInfoParts),
        ("</wsse:Reference>", Rule::NoParameters),
        ("</ds:CanonicalizationMethod>", Rule::NoParameters),
        ("</ds:SignatureMethod>", Rule::NoParameters),
        ("</ds:Transform>", Rule::NoParameters),
        ("</ds:Transforms>", Rule::Transforms),
        ("</ds:Reference>", Rule::ReferenceParts),
        // these are looked at when it is known what the signature refers to
        ("</ds:SignatureValue>", Rule::BodySigned),
        ("</wsu:Timestamp>", Rule::BodySigned),
        ("</wsse:BinarySecurityToken>", Rule::BodySigned),
        ("</soap:Envelope>", Rule::EnvelopeParts),
    ];
    let mut attacks = Vec::new();
    for (kind, evil) in &bodies {
        let replaced = put(&message, &body, evil);
        for wrapper in [
            "<wrapper>@</wrapper>",
            "@",
            "<ds:Object xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">@</ds:Object>",
        ] {
            for (end, rule) in places {
                let moved = wrapper.replace('@', &body);
                let text = put_first(&replaced, end, &format!("{moved}{end}"));
                let name = format!("body in {wrapper} before {end}, another one {kind}");
                attacks.push(attack(&name, rule, text));
            }
        }
        let end = "</TerminateInstances>";
        let inner = put(&replaced, end, &format!("<wrapper>{body}</wrapper>{end}"));
        let name = format!("body in the request of another one {kind}");
        attacks.push(attack(&name, Rule::BodySigned, inner));
        let before = put(&replaced, "<soap:Header>", &format!("{body}<soap:Header>"));
        attacks.push(attack(
            &format!("body in front of the header, another one {kind}"),
            Rule::EnvelopeParts,
            before,
        ));
        attacks.push(attack(&format!("another body {kind}"), Rule::BodySigned, replaced));
    }
    let security = format!(
        "<wsse:Security xmlns:wsse=\"{WSSE}\" soap:actor=\"other\">{body}</wsse:Security></soap:Header>"
    );
    let text = put(&put(&message, &body, &bodies[0].1), "</soap:Header>", &security);
    attacks.push(attack("body in the security header of somebody else", Rule::HeaderParts, text));
    let changed = put(&message, "<ns1:imagesSet/>", "<ns1:imagesSet><ns1:item/></ns1:imagesSet>");
    attacks.push(attack("another request in the signed body", Rule::BodyDigest, changed));
    let two = fixture
        .signed(Shape::Java, |text| put(&text, "</soap:Body>", &format!("{EVIL}</soap:Body>")));
    attacks.push(attack("two requests, signed", Rule::BodyParts, two));
    let unsigned = put(&message, "</soap:Body>", &format!("{EVIL}</soap:Body>"));
    attacks.push(attack("a second request", Rule::BodyParts, unsigned));
    attacks.push(attack(
        "text in the body",
        Rule::NoMixedText,
        fixture.signed(Shape::Java, |text| put(&text, "</soap:Body>", "x</soap:Body>")),
    ));
    attacks
}

/// Two elements that an id could mean.
fn of_ids(fixture: &Fixture) -> Vec<Attack> {
    let message = fixture.message(Shape::Java);
    let body = element(&message, "soap:Body").to_owned();
    let id = format!("id-{}", NOW.millis());
    let mut attacks = Vec::new();
    for attribute in [
        format!("xmlns:wsu=\"{WSU}\" wsu:Id"),
        "Id".into(),
        "ID".into(),
        "id".into(),
        "xml:id".into(),
        "wsse:Id".into(),
    ] {
        let evil =
            format!("<soap:Body xmlns:wsse=\"{WSSE}\" {attribute}=\"{id}\">{EVIL}</soap:Body>");
        let header =
            put(&message, "</soap:Header>", &format!("<wrapper>{body}</wrapper></soap:Header>"));
        let at = header.rfind(&body).unwrap();
        let text = header[..at].to_owned() + &evil + &header[at + body.len()..];
        attacks.push(attack(
            &format!("the body's id twice, as {attribute}"),
            Rule::IdsDiffer,
            text,
        ));
    }
    let known =
        fixture.signed(Shape::Java, |text| put(&text, "<soap:Body ", "<soap:Body Id=\"evil\" "));
    attacks.push(attack("a body with two ids, signed", Rule::KnownAttributes, known));
    for (place, attribute) in [
        ("<soap:Header", "xml:id=\"a\""),
        ("<wsse:Security ", "soap:actor=\"other\""),
        ("<ds:Signature ", "Target=\"a\""),
    ] {
        let text = put(&message, place, &format!("{place} {attribute} "));
        attacks.push(attack(&format!("{attribute} at {place}"), Rule::KnownAttributes, text));
    }
    attacks
}

fn of_timestamp(fixture: &Fixture) -> Vec<Attack> {
    let message = fixture.message(Shape::Java);
    let stamp = element(&message, "wsu:Timestamp").to_owned();
    let id = stamp.split('"').nth(3).unwrap().to_owned();
    let other = put(&stamp, &format!(" wsu:Id=\"{id}\""), "");
    let second = other.replace("<wsu:Timestamp ", "<wsu:Timestamp wsu:Id=\"evil\" ");
    let with = |text: &str| put(&message, &stamp, text);
    let created = element(&stamp, "wsu:Created");
    let signed = |edit: &dyn Fn(&str) -> String| fixture.signed(Shape::Java, |text| edit(&text));
    vec![
        attack("a timestamp without an id", Rule::TimestampSigned, with(&other)),
        attack("a timestamp with another id", Rule::TimestampSigned, with(&second)),
        attack("two timestamps", Rule::SecurityParts, with(&format!("{stamp}{other}"))),
        attack(
            "two timestamps, the signed one last",
            Rule::SecurityParts,
            with(&format!("{second}{stamp}")),
        ),
        attack("no timestamp", Rule::SecurityParts, with("")),
        attack(
            "a timestamp in another element",
            Rule::SecurityParts,
            with(&format!("<a>{stamp}</a>{second}")),
        ),
        attack(
            "the signed timestamp in the header",
            Rule::HeaderParts,
            put(&with(&second), "</soap:Header>", &format!("{stamp}</soap:Header>")),
        ),
        attack(
            "the signed timestamp in the body",
            Rule::TimestampSigned,
            put(&with(&other), "</soap:Body>", &format!("{stamp}</soap:Body>")),
        ),
        attack(
            "a time twice",
            Rule::TimestampParts,
            signed(&|text| {
                let created = element(text, "wsu:Created").to_owned();
                put(text, &created, &format!("{created}{created}"))
            }),
        ),
        attack(
            "no end of its time",
            Rule::TimestampParts,
            signed(&|text| put(text, element(text, "wsu:Expires"), "")),
        ),
        attack(
            "an element in a time",
            Rule::NoParameters,
            signed(&|text| put(text, "<wsu:Created>", "<wsu:Created><a/>")),
        ),
        attack(
            "an attribute at a time",
            Rule::KnownAttributes,
            signed(&|text| put(text, "<wsu:Created>", "<wsu:Created ValueType=\"x\">")),
        ),
        attack(
            "text beside the times",
            Rule::NoMixedText,
            put(&message, created, &format!("x{created}")),
        ),
    ]
}

fn of_references(fixture: &Fixture) -> Vec<Attack> {
    let template = Shape::Java.template(super::REQUEST, NOW);
    let signed = |text: &str| fixture.alice.fill(Shape::Java, text).unwrap();
    let id = format!("#id-{}", NOW.millis());
    let stamp = format!("#Timestamp-{}", NOW.millis());
    let reference = element(&template, "ds:Reference").to_owned();
    let mut attacks = Vec::new();
    for uri in [
        "",
        "#",
        "#evil",
        "http://example.com/body",
        "file:///etc/passwd",
        "cid:body",
        "#xpointer(/)",
        "#xpointer(id('x'))",
    ] {
        let text = put(&template, &format!("URI=\"{id}\""), &format!("URI=\"{uri}\""));
        attacks.push(attack(&format!("the body by \"{uri}\""), Rule::BodySigned, signed(&text)));
        let text = put(&template, &format!("URI=\"{stamp}\""), &format!("URI=\"{uri}\""));
        attacks.push(attack(
            &format!("the time by \"{uri}\""),
            Rule::TimestampSigned,
            signed(&text),
        ));
        let text = put(&template, "URI=\"#CertId--587540128\"", &format!("URI=\"{uri}\""));
        attacks.push(attack(&format!("the key by \"{uri}\""), Rule::KeyReference, signed(&text)));
    }
    let text = put(&template, &format!("URI=\"{id}\""), "");
    attacks.push(attack("a reference without a URI", Rule::BodySigned, signed(&text)));
    let text = put(&template, &format!("URI=\"{stamp}\""), &format!("URI=\"{id}\""));
    attacks.push(attack("the body twice, the time unsigned", Rule::TimestampSigned, signed(&text)));
    attacks.push(attack(
        "the time alone",
        Rule::SignedInfoParts,
        signed(&put(
            &template,
            element(template.split_once(&reference).unwrap().1, "ds:Reference"),
            "",
        )),
    ));
    let third = reference.replace(&stamp, "#CertId--587540128");
    attacks.push(attack(
        "three references",
        Rule::SignedInfoParts,
        signed(&put(&template, &reference, &format!("{reference}{third}"))),
    ));
    for key in [
        "<ds:KeyValue/>",
        "<ds:X509Data/>",
        "<ds:KeyName>alice</ds:KeyName>",
        "<ds:RetrievalMethod URI=\"http://example.com\"/>",
    ] {
        let inner = element(&template, "wsse:SecurityTokenReference");
        attacks.push(attack(
            &format!("the key by {key}"),
            Rule::KeyInfoParts,
            signed(&put(&template, inner, key)),
        ));
        let both = put(&template, inner, &format!("{key}{inner}"));
        attacks.push(attack(&format!("the key by {key} too"), Rule::KeyInfoParts, signed(&both)));
    }
    let message = fixture.message(Shape::Java);
    for (tag, rule) in [
        ("ds:Signature", Rule::SecurityParts),
        ("wsse:BinarySecurityToken", Rule::SecurityParts),
        ("ds:SignedInfo", Rule::SignatureParts),
        ("ds:SignatureValue", Rule::SignatureParts),
        ("ds:KeyInfo", Rule::SignatureParts),
        ("wsse:Security", Rule::HeaderParts),
        ("soap:Header", Rule::EnvelopeParts),
    ] {
        let whole = element(&message, tag);
        attacks.push(attack(&format!("no {tag}"), rule, put(&message, whole, "")));
        let again = whole.replace(" Id=\"", " Id=\"2").replace("wsu:Id=\"", "wsu:Id=\"2");
        attacks.push(attack(
            &format!("two {tag}"),
            rule,
            put(&message, whole, &format!("{whole}{again}")),
        ));
    }
    attacks
}

/// Elements whose names only look like those of the profile.
fn of_names(fixture: &Fixture) -> Vec<Attack> {
    let message = fixture.message(Shape::Java);
    let mut attacks = Vec::new();
    for (namespace, rule) in [
        (SOAP, Rule::EnvelopeParts),
        (WSSE, Rule::HeaderParts),
        (DS, Rule::SecurityParts),
        (WSU, Rule::SecurityParts),
    ] {
        let other = message.replace(&format!("=\"{namespace}\""), "=\"urn:other\"");
        attacks.push(attack(&format!("another namespace than {namespace}"), rule, other));
    }
    let twelve = message.replace(SOAP, "http://www.w3.org/2003/05/soap-envelope");
    attacks.push(attack("SOAP 1.2", Rule::EnvelopeParts, twelve));
    let rebound = put(&message, "<soap:Body ", "<soap:Body xmlns:soap=\"urn:other\" ");
    attacks.push(attack("the body's prefix with another meaning", Rule::EnvelopeParts, rebound));
    // the prefix of the request is declared in the signed body, or its meaning is signed with it
    let outside = put(&message, " xmlns:ns1=\"http://ec2.amazonaws.com/doc/2008-12-01/\"", "");
    let outside = put(&outside, "<soap:Envelope ", "<soap:Envelope xmlns:ns1=\"urn:other\" ");
    attacks.push(attack("another namespace for the request", Rule::BodyDigest, outside));
    attacks.push(attack(
        "text in the header",
        Rule::NoMixedText,
        put(&message, "<soap:Header>", "<soap:Header>x"),
    ));
    attacks.push(attack("no envelope", Rule::EnvelopeParts, EVIL));
    attacks
}
