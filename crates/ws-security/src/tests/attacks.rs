//! What an attack is, and those on the algorithms and their values.

use super::fixture::Fixture;
use crate::Rule;
use crate::names::{EXCLUSIVE_C14N, RSA_SHA1, SHA1, X509V3};
use crate::signer::Shape;

/// A message that must not be taken, and the rule that says so.
pub(super) struct Attack {
    pub(super) name: String,
    pub(super) rule: Rule,
    pub(super) message: Vec<u8>,
    /// How often it is sent; all but the last time it is taken.
    pub(super) times: usize,
}

pub(super) fn attack(name: &str, rule: Rule, message: impl Into<Vec<u8>>) -> Attack {
    Attack { name: name.to_owned(), rule, message: message.into(), times: 1 }
}

/// Replaces the one place where a text is.
pub(super) fn put(message: &str, what: &str, with: &str) -> String {
    assert_eq!(message.matches(what).count(), 1, "{what}");
    message.replace(what, with)
}

/// Replaces the first of several.
pub(super) fn put_first(message: &str, what: &str, with: &str) -> String {
    assert!(message.contains(what), "{what}");
    message.replacen(what, with, 1)
}

/// An element of a Java client's message with everything in it, by the name in its tags.
pub(super) fn element<'m>(message: &'m str, tag: &str) -> &'m str {
    let begin = message.find(&format!("<{tag} ")).or(message.find(&format!("<{tag}>"))).unwrap();
    let end = format!("</{tag}>");
    &message[begin..begin + message[begin..].find(&end).unwrap() + end.len()]
}

/// Algorithms and values that are not those of the profile, each signed by alice herself as far
/// as that can be.
pub(super) fn of_algorithms(fixture: &Fixture) -> Vec<Attack> {
    let signed = |edit: &dyn Fn(&str) -> String| fixture.signed(Shape::Java, |text| edit(&text));
    let transform = format!("<ds:Transform Algorithm=\"{EXCLUSIVE_C14N}\"></ds:Transform>");
    let mut attacks = Vec::new();
    let mut replace = |rule, what: &str, with: &str| {
        let name = format!("{with} for {what}");
        attacks.push(attack(&name, rule, signed(&|text| put_first(text, what, with))));
    };
    for other in [
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
        "http://www.w3.org/2006/12/xml-c14n11",
        "",
    ] {
        let method = format!("<ds:CanonicalizationMethod Algorithm=\"{EXCLUSIVE_C14N}\">");
        replace(Rule::Canonicalization, &method, &method.replace(EXCLUSIVE_C14N, other));
        replace(Rule::Transforms, &transform, &transform.replace(EXCLUSIVE_C14N, other));
    }
    for other in [
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        "http://www.w3.org/2002/06/xmldsig-filter2",
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
        "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform",
    ] {
        replace(Rule::Transforms, &transform, &transform.replace(EXCLUSIVE_C14N, other));
    }
    replace(Rule::Transforms, &transform, &format!("{transform}{transform}"));
    replace(Rule::Transforms, &transform, "");
    let inside = |inner: &str| transform.replace("></", &format!(">{inner}</"));
    for inner in [
        "<ec:InclusiveNamespaces xmlns:ec=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"soap\"/>",
        "<ds:XPath>ancestor-or-self::evil</ds:XPath>",
        "<xsl:stylesheet xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\" version=\"1.0\"/>",
    ] {
        replace(Rule::NoParameters, &transform, &inside(inner));
    }
    for other in [
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
        "none",
    ] {
        replace(Rule::SignatureMethod, RSA_SHA1, other);
    }
    let length = "\"></ds:SignatureMethod>";
    replace(
        Rule::NoParameters,
        length,
        "\"><ds:HMACOutputLength>1</ds:HMACOutputLength></ds:SignatureMethod>",
    );
    let digest = format!("<ds:DigestMethod Algorithm=\"{SHA1}\">");
    for other in ["http://www.w3.org/2001/04/xmldsig-more#md5", "x"] {
        replace(Rule::DigestMethod, &digest, &digest.replace(SHA1, other));
    }
    replace(Rule::TokenType, X509V3, &X509V3.replace("#X509v3", "#X509PKIPathv1"));
    replace(Rule::TokenType, "#Base64Binary", "#HexBinary");
    replace(Rule::TokenType, &format!("ValueType=\"{X509V3}\" wsu:Id"), "wsu:Id");
    attacks.extend(of_values(fixture));
    attacks
}

/// Values that are not the ones that were signed.
fn of_values(fixture: &Fixture) -> Vec<Attack> {
    let mut attacks = Vec::new();
    let message = fixture.message(Shape::Java);
    for tag in ["ds:SignatureValue", "ds:DigestValue", "wsse:BinarySecurityToken"] {
        let whole = element(&message, tag);
        let at = whole.rfind("</").unwrap();
        let text = whole[..at].trim_end();
        for (what, short) in [
            ("truncated", text[..text.len() - 1].to_owned()),
            (
                "with a foreign character",
                text[..text.len() - 8].to_owned() + "!" + &text[text.len() - 7..],
            ),
            ("empty", whole[..=whole.find('>').unwrap()].to_owned()),
        ] {
            let forged = message.replacen(whole, &(short + &whole[at..]), 1);
            attacks.push(attack(&format!("{tag} {what}"), Rule::Base64, forged));
        }
    }
    let value = element(&message, "ds:SignatureValue");
    let other = fixture.bob.fill(Shape::Java, &Shape::Java.template("<x/>", super::NOW)).unwrap();
    let forged = put(&message, value, element(&other, "ds:SignatureValue"));
    attacks.push(attack("the signature of another message", Rule::SignatureValid, forged));
    let digest = element(&message, "ds:DigestValue");
    let forged = message.replacen(
        digest,
        "<ds:DigestValue>AAAAAAAAAAAAAAAAAAAAAAAAAAA=</ds:DigestValue>",
        1,
    );
    attacks.push(attack("another digest in SignedInfo", Rule::SignatureValid, forged));
    let wrong = |place: &str| {
        fixture.signed(Shape::Java, |text| put(&text, place, "AAAAAAAAAAAAAAAAAAAAAAAAAAA="))
    };
    attacks.push(attack("a wrong digest, signed", Rule::BodyDigest, wrong("@BODY-DIGEST@")));
    let forged = wrong("@TIMESTAMP-DIGEST@");
    attacks.push(attack("a wrong digest of the time, signed", Rule::TimestampDigest, forged));
    let short = fixture.signed(Shape::Java, |text| put(&text, "@BODY-DIGEST@", "AAAA"));
    attacks.push(attack("a digest of three bytes, signed", Rule::BodyDigest, short));
    attacks
}
