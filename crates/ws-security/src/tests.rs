//! Every attack has its rule, and every rule its attack.

mod attacks;
mod certificates;
mod fixture;
mod limits;
mod wrapping;

use crate::rule::REMOVED;
use crate::signer::Shape;
use crate::{Envelope, Failure, Rule};
use attacks::Attack;
use fixture::{Fixture, NOW, REQUEST};
use futures_util::FutureExt;
use std::collections::BTreeSet;

fn attacks(fixture: &Fixture) -> Vec<Attack> {
    let mut attacks = wrapping::attacks(fixture);
    attacks.extend(limits::attacks(fixture));
    attacks.extend(certificates::attacks(fixture));
    attacks.extend(attacks::of_algorithms(fixture));
    attacks
}

/// Whose message it is, by the name of the registered caller.
fn authenticate(fixture: &Fixture, message: &[u8]) -> Result<&'static str, Rule> {
    let envelope = Envelope::parse(message)?;
    let outcome = envelope.authenticate(&fixture.registry, NOW).now_or_never().unwrap();
    outcome.map(|authenticated| authenticated.caller).map_err(|failure| match failure {
        Failure::Refused(rule) => rule,
        Failure::Registry(never) => match never {},
    })
}

/// What became of the last of the attack's messages.
fn outcome(fixture: &Fixture, attack: &Attack) -> Result<&'static str, Rule> {
    fixture.registry.forget();
    for _ in 1..attack.times {
        authenticate(fixture, &attack.message)?;
    }
    authenticate(fixture, &attack.message)
}

#[test]
fn a_signed_message_of_either_shape_is_its_owners() {
    let fixture = Fixture::new();
    for shape in [Shape::Java, Shape::Python] {
        let message = fixture.alice.message(shape, REQUEST, NOW).unwrap();
        let envelope = Envelope::parse(message.as_bytes()).unwrap();
        let authenticated =
            envelope.authenticate(&fixture.registry, NOW).now_or_never().unwrap().unwrap();
        assert_eq!(
            (authenticated.caller, authenticated.request.name()),
            ("alice", "DescribeImages")
        );
        let namespace = authenticated.request.namespace();
        assert_eq!(namespace, "http://ec2.amazonaws.com/doc/2008-12-01/");
        let bob = fixture.bob.message(shape, REQUEST, NOW).unwrap();
        assert_eq!(authenticate(&fixture, bob.as_bytes()), Ok("bob"));
    }
}

#[test]
fn every_attack_is_refused_by_its_rule() {
    let fixture = Fixture::new();
    for attack in attacks(&fixture) {
        assert_eq!(outcome(&fixture, &attack), Err(attack.rule), "{}", attack.name);
    }
}

/// The mutation check: without a rule, something that the table forbids comes through, or is only
/// stopped by another rule.
#[test]
fn without_any_one_rule_an_attack_has_another_outcome() {
    let fixture = Fixture::new();
    let attacks = attacks(&fixture);
    let mut unnoticed = Vec::new();
    // without a certificate there is no key and no caller to go on with
    for rule in Rule::ALL.iter().filter(|rule| **rule != Rule::CertificateKnown) {
        REMOVED.set(Some(*rule));
        let of_rule = attacks.iter().filter(|attack| attack.rule == *rule);
        let noticed = of_rule.filter(|attack| outcome(&fixture, attack) != Err(attack.rule));
        if noticed.count() == 0 {
            unnoticed.push(*rule);
        }
    }
    REMOVED.set(None);
    assert_eq!(unnoticed, []);
}

#[test]
fn every_rule_has_an_attack_and_every_attack_another_name() {
    let fixture = Fixture::new();
    let attacks = attacks(&fixture);
    let tried: BTreeSet<_> = attacks.iter().map(|attack| attack.rule).collect();
    assert_eq!(tried, Rule::ALL.iter().copied().collect());
    let names: BTreeSet<_> = attacks.iter().map(|attack| &attack.name).collect();
    assert_eq!(names.len(), attacks.len());
}

#[test]
fn a_refusal_says_nothing_but_the_rule() {
    for rule in Rule::ALL {
        let text = rule.to_string();
        assert!(text.len() < 200 && !text.contains(char::is_control), "{text}");
        for inside in ["rs:", "crate", "panic", "sql", "SELECT", "/", "Error {"] {
            let named = text.replace("http://www.w3.org/2001/10/xml-exc-c14n#", "");
            assert!(!named.contains(inside), "{text}");
        }
    }
}

/// CVE-2012-4063: transforms that a message asked for were applied to it, at the cost of the
/// server. Here there is one, and the others are refused before anything is computed: without a
/// known certificate.
#[test]
fn cve_2012_4063_no_transform_of_the_message_is_applied() {
    let fixture = Fixture::new();
    let nobody = Fixture::new();
    for other in [
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        "http://www.w3.org/2002/06/xmldsig-filter2",
        "http://www.w3.org/2000/09/xmldsig#base64",
        "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
    ] {
        let template = Shape::Java.template(REQUEST, NOW);
        let exclusive = "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\">";
        let asked = format!("<ds:Transform Algorithm=\"{other}\">");
        let message = nobody.alice.fill(Shape::Java, &template.replacen(exclusive, &asked, 1));
        let outcome = authenticate(&fixture, message.unwrap().as_bytes());
        assert_eq!(outcome, Err(Rule::Transforms), "{other}");
    }
}

/// CVE-2011-0730: the request that was executed was not the one that was signed.
#[test]
fn cve_2011_0730_what_is_executed_is_what_was_signed() {
    let fixture = Fixture::new();
    let wrapped = wrapping::attacks(&fixture);
    assert!(wrapped.len() > 150, "{}", wrapped.len());
    for attack in wrapped {
        assert_eq!(outcome(&fixture, &attack), Err(attack.rule), "{}", attack.name);
    }
}
