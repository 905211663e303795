//! Attacks with certificates, with the time and by repetition.

use super::attacks::{Attack, attack, element, put};
use super::fixture::{Fixture, NOW, REQUEST};
use crate::Rule;
use crate::signer::{Shape, Signer};

pub(super) fn attacks(fixture: &Fixture) -> Vec<Attack> {
    let mut attacks = Vec::new();
    let by = |signer: &Signer| signer.message(Shape::Java, REQUEST, NOW).unwrap();
    for (name, rule, signer) in [
        ("a certificate of one's own with a user's name", Rule::CertificateKnown, &fixture.mallory),
        ("a certificate with the fingerprint of another", Rule::CertificateSame, &fixture.twin),
        ("a certificate that has expired", Rule::CertificateInTime, &fixture.late),
        ("a certificate that is not valid yet", Rule::CertificateInTime, &fixture.early),
        ("a key of 1024 bits", Rule::StrongKey, &fixture.weak),
    ] {
        attacks.push(attack(name, rule, by(signer)));
    }
    let token = |message: &str| element(message, "wsse:BinarySecurityToken").to_owned();
    let (own, other) = (by(&fixture.alice), by(&fixture.bob));
    let forged = put(&own, &token(&own), &token(&other));
    attacks.push(attack("another user's certificate", Rule::SignatureValid, forged));
    let forged = put(&own, &token(&own), &token(&by(&fixture.mallory)));
    attacks.push(attack("an unknown certificate, a user's key", Rule::CertificateKnown, forged));
    attacks.push(Attack { times: 2, ..attack("a message twice", Rule::Once, own.clone()) });
    // blanks outside of what is signed make it no other message
    let padded = put(&own, "</wsse:Security>", "\n</wsse:Security>");
    attacks.push(Attack { times: 2, ..attack("a message three times", Rule::Once, padded) });
    attacks.extend(of_time(fixture));
    attacks
}

fn of_time(fixture: &Fixture) -> Vec<Attack> {
    let signed = |created: &str, expires: &str| {
        fixture.signed(Shape::Java, |text| {
            let text = put(&text, element(&text, "wsu:Created"), created);
            put(&text, element(&text, "wsu:Expires"), expires)
        })
    };
    let at = |tag: &str, seconds: i64| {
        format!("<wsu:{tag}>{}</wsu:{tag}>", NOW.plus_millis(seconds * 1000))
    };
    let mut attacks = Vec::new();
    for (name, rule, created, expires) in [
        ("expired", Rule::NotExpired, -200, -1),
        ("older than five minutes, whatever it says", Rule::NotExpired, -300, 3600),
        ("from more than five minutes ahead", Rule::NotFromFuture, 301, 600),
        ("expires before it was made", Rule::TimesInOrder, 60, 30),
    ] {
        let message = signed(&at("Created", created), &at("Expires", expires));
        attacks.push(attack(name, rule, message));
    }
    for text in ["", "now", "2027-01-15", "2027-01-15T08:00:00+02:00"] {
        let message = signed(&format!("<wsu:Created>{text}</wsu:Created>"), &at("Expires", 60));
        attacks.push(attack(&format!("made at \"{text}\""), Rule::Times, message));
    }
    let fresh = fixture.message(Shape::Java);
    let stale = put(&fresh, element(&fresh, "wsu:Created"), &at("Created", 120));
    let stale = put(&stale, element(&stale, "wsu:Expires"), &at("Expires", 400));
    attacks.push(attack("a captured message with a newer time", Rule::TimestampDigest, stale));
    attacks
}
