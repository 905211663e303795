//! Attacks on the reader of XML.

use super::attacks::{Attack, attack, put, put_first};
use super::fixture::Fixture;
use crate::Rule;
use crate::signer::Shape;
use std::fmt::Write;

pub(super) fn attacks(fixture: &Fixture) -> Vec<Attack> {
    let mut attacks = Vec::new();
    let message = fixture.message(Shape::Java);
    let after_declaration = |text: &str| put(&message, "?>\n", &format!("?>\n{text}"));
    for (name, rule, text) in [
        ("a DOCTYPE", Rule::NoDocumentType, "<!DOCTYPE soap:Envelope>"),
        (
            "a DOCTYPE that reads a file",
            Rule::NoDocumentType,
            "<!DOCTYPE e [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>",
        ),
        (
            "an entity bomb",
            Rule::NoDocumentType,
            "<!DOCTYPE e [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;\">\
             <!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\">]>",
        ),
        ("an instruction", Rule::NoInstruction, "<?php evil?>"),
        ("a comment in front", Rule::NoComment, "<!-- -->"),
        ("a second root", Rule::WellFormed, "<a/>"),
        ("text outside of the root", Rule::WellFormed, "text"),
    ] {
        attacks.push(attack(name, rule, after_declaration(text)));
    }
    let in_body =
        |text: &str| put(&message, "<ns1:ownersSet/>", &format!("<ns1:ownersSet/>{text}"));
    for (name, rule, text) in [
        ("an entity", Rule::NoEntity, "&evil;"),
        ("a comment in the body", Rule::NoComment, "<!--x-->"),
        ("a CDATA section", Rule::NoComment, "<![CDATA[x]]>"),
        ("an instruction in the body", Rule::NoInstruction, "<?x?>"),
        ("a character that XML cannot have", Rule::WellFormed, "&#0;"),
        ("a control character", Rule::WellFormed, "\u{1}"),
        ("an open ampersand", Rule::WellFormed, "&"),
        ("the end of a section", Rule::WellFormed, "]]>"),
        ("an end tag too many", Rule::WellFormed, "</a>"),
        ("an open element", Rule::WellFormed, "<a>"),
        ("a < in an attribute", Rule::WellFormed, "<a b='<'/>"),
        ("a name that is not plain", Rule::PlainNames, "<é/>"),
        ("a name with two colons", Rule::PlainNames, "<a:b:c/>"),
        ("a prefix without a namespace", Rule::Prefixes, "<evil:a/>"),
        ("another namespace for xml", Rule::Prefixes, "<a xmlns:xml='urn:a'/>"),
        (
            "another prefix for xml's",
            Rule::Prefixes,
            "<a xmlns:x='http://www.w3.org/XML/1998/namespace'/>",
        ),
        ("a prefix that is undeclared", Rule::Prefixes, "<a xmlns:ns1=''/>"),
        ("an attribute twice", Rule::AttributesDiffer, "<a b='1' b='2'/>"),
        (
            "an attribute twice by two prefixes",
            Rule::AttributesDiffer,
            "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>",
        ),
        ("a declaration twice", Rule::AttributesDiffer, "<a xmlns:p='u' xmlns:p='v'/>"),
        (
            "an XInclude",
            Rule::BodyDigest,
            "<i:include xmlns:i='http://www.w3.org/2001/XInclude' href='/etc/passwd'/>",
        ),
    ] {
        attacks.push(attack(name, rule, in_body(text)));
    }
    let mut bytes = in_body("x").into_bytes();
    let at = bytes.len() - 60;
    bytes[at] = 0xff;
    attacks.push(attack("bytes that are not UTF-8", Rule::WellFormed, bytes));
    let utf16: Vec<u8> = message.encode_utf16().flat_map(u16::to_le_bytes).collect();
    attacks.push(attack("UTF-16", Rule::WellFormed, utf16));
    let latin = put(&message, "encoding=\"UTF-8\"", "encoding=\"ISO-8859-1\"");
    attacks.push(attack("another encoding", Rule::WellFormed, latin));
    attacks.push(attack("nothing", Rule::WellFormed, ""));
    attacks.push(attack("half of a message", Rule::WellFormed, &message[..message.len() / 2]));
    attacks.extend(of_size(fixture));
    attacks
}

fn of_size(fixture: &Fixture) -> Vec<Attack> {
    let message = fixture.message(Shape::Java);
    let in_body = |text: &str| put(&message, "<ns1:ownersSet/>", text);
    let declarations = (0..17).map(|n| format!(" xmlns:p{n}='urn:{n}'")).collect::<Vec<_>>();
    let nested =
        format!("<a{}><b{}/></a>", declarations[..16].concat(), declarations[..14].concat());
    let attributes: String = (0..17).map(|n| format!(" a{n}=''")).collect();
    let long = format!("<a xmlns='{}'/>", "n".repeat(129));
    vec![
        attack("more than 1 MiB", Rule::Length, message.clone() + &" ".repeat(1 << 20)),
        attack("deep elements", Rule::Depth, in_body(&("<a>".repeat(30) + &"</a>".repeat(30)))),
        attack("very deep elements", Rule::Depth, in_body(&"<a>".repeat(200_000))),
        attack("many elements", Rule::Elements, in_body(&"<a/>".repeat(16_384))),
        attack(
            "many attributes in all",
            Rule::Attributes,
            in_body(&"<a b='' c='' d=''/>".repeat(1400)),
        ),
        attack("many attributes", Rule::Attributes, in_body(&format!("<a{attributes}/>"))),
        attack(
            "many declarations",
            Rule::Attributes,
            in_body(&format!("<a{}/>", declarations.concat())),
        ),
        attack("many namespaces in scope", Rule::Namespaces, in_body(&nested)),
        attack("many namespaces in all", Rule::Namespaces, in_body(&many_namespaces())),
        attack("a long namespace", Rule::Namespaces, in_body(&long)),
        attack(
            "declarations that canonical form repeats",
            Rule::CanonicalLength,
            repeated(fixture),
        ),
    ]
}

fn many_namespaces() -> String {
    (0..260).fold(String::new(), |mut text, n| {
        let _ = write!(text, "<a xmlns='urn:{n}'/>");
        text
    })
}

/// A message of less than 1 MiB that is longer than 2 MiB when it is canonical.
fn repeated(fixture: &Fixture) -> String {
    let message = fixture.message(Shape::Java);
    let declared = format!("<soap:Body xmlns:p='{:n>128}' ", "");
    let message = put_first(&message, "<soap:Body ", &declared);
    put(&message, "<ns1:ownersSet/>", &"<p:a/>".repeat(16_000))
}
