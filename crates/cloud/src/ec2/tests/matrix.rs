//! Every action with bad callers and bad parameters, from the definitions themselves.

use super::world::{World, get, post};
use ec2_wire::{Definition, Kind, Param, Service, Who};

/// A value that breaks the rule of this kind, if one can.
fn bad_value(kind: Kind) -> Option<String> {
    match kind {
        Kind::Text(most) => Some("x".repeat(most + 1)),
        Kind::Integer(_, most) => Some(format!("{most}0")),
        Kind::Boolean => Some("perhaps".to_owned()),
        Kind::Base64(_) => Some("#!/bin/sh".to_owned()),
        Kind::Form(_) => Some("\u{1}".to_owned()),
        Kind::Words(_) => Some("none of them".to_owned()),
        Kind::List(_) | Kind::Structure(_) => None,
    }
}

/// Each parameter that holds a value, with the name of its first item and a bad value.
fn bad_pairs(above: &str, table: &[Param], found: &mut Vec<(String, String)>) {
    for param in table {
        let mut name = format!("{above}{}", param.query);
        let mut kind = param.kind;
        while let Kind::List(item) = kind {
            name.push_str(".1");
            kind = *item;
        }
        match kind {
            Kind::Structure(inner) => bad_pairs(&format!("{name}."), inner, found),
            _ => found.extend(bad_value(kind).map(|value| (name, value))),
        }
    }
}

fn definitions() -> Vec<&'static Definition> {
    crate::ec2::definitions().collect()
}

#[tokio::test]
async fn anonymous_callers_are_refused_by_every_action() {
    let world = World::new().await;
    for definition in definitions() {
        let answer = world.send(get(&format!("Action={}", definition.name))).await;
        assert_eq!(answer.refusal(), (403, "MissingAuthenticationToken"), "{}", definition.name);
    }
}

#[tokio::test]
async fn every_bad_value_of_every_parameter_is_refused_and_named() {
    let world = World::new().await;
    for definition in definitions() {
        let mut pairs = Vec::new();
        bad_pairs("", definition.parameters, &mut pairs);
        for (name, value) in pairs {
            let what = format!("{} {name}={value:.40}", definition.name);
            let answer = world.call(&world.admin, definition.name, &[(&name, &value)]).await;
            let (status, code) = answer.refusal();
            assert_eq!(status, 400, "{what}");
            let own =
                ["Missing", "Invalid", "Validation"].iter().any(|word| code.starts_with(word));
            assert!(own, "{what}: {}", answer.body);
            assert!(answer.body.len() < 2000, "{what}: the answer echoes too much");
        }
    }
}

#[tokio::test]
async fn unknown_parameters_change_no_answer() {
    let world = World::new().await;
    let mut known = Vec::new();
    for definition in definitions() {
        let plain = world.call(&world.admin, definition.name, &[]).await;
        let extra = [("NoSuchParameter", "x"), ("No.1.Such", "y")];
        let with = world.call(&world.admin, definition.name, &extra).await;
        assert_eq!(plain.status, with.status, "{}", definition.name);
        known.push(definition.name);
    }
    assert!(known.is_sorted(), "the list of actions is by name");
}

/// A value that fits this kind, as far as its text says.
fn good_value(kind: Kind) -> String {
    match kind {
        Kind::Integer(least, most) => 1.clamp(least, most).to_string(),
        Kind::Boolean => "true".to_owned(),
        Kind::Base64(_) => "aGVsbG8=".to_owned(),
        Kind::Words(words) => words[0].to_owned(),
        Kind::Form(form) if form.contains("12 digits") => "000000000001".to_owned(),
        Kind::Form(form) => {
            let example = form.rsplit(" such as ").next().unwrap_or(form);
            let id = form.split([',', ' ']).find(|word| word.contains("XXXX"));
            let plain = if example == form { "x" } else { example };
            id.map_or(plain.to_owned(), |id| id.replace('X', "1"))
        }
        Kind::Text(_) | Kind::List(_) | Kind::Structure(_) => "x".to_owned(),
    }
}

/// What an action must be given, each with a value that fits.
fn required_pairs(above: &str, table: &[Param], found: &mut Vec<(String, String)>) {
    for param in table.iter().filter(|param| param.required) {
        let mut name = format!("{above}{}", param.query);
        let mut kind = param.kind;
        while let Kind::List(item) = kind {
            name.push_str(".1");
            kind = *item;
        }
        match kind {
            Kind::Structure(inner) => required_pairs(&format!("{name}."), inner, found),
            _ => found.push((name, good_value(kind))),
        }
    }
}

#[tokio::test]
async fn a_dry_run_of_any_action_changes_nothing_and_says_that_it_would_have_been_tried() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let before = world.database();
    for definition in definitions().iter().filter(|it| it.service == Service::Ec2) {
        let mut pairs = vec![("DryRun".to_owned(), "true".to_owned())];
        required_pairs("", definition.parameters, &mut pairs);
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let answer = world.call(&world.admin, definition.name, &pairs).await;
        assert_eq!(answer.refusal(), (412, "DryRunOperation"), "{pairs:?} {}", answer.body);
        let answer = world.call(&user, definition.name, &pairs).await;
        let may = definition.who == Who::User;
        let expected = if may { (412, "DryRunOperation") } else { (403, "UnauthorizedOperation") };
        assert_eq!(answer.refusal(), expected, "{}", definition.name);
    }
    assert!(before == world.database(), "something was written");
    world.user("bob").await;
    assert!(before != world.database(), "what is written can be seen");
}

#[tokio::test]
async fn oversized_requests_are_refused_by_every_action() {
    let world = World::new().await;
    let (long, huge) = ("x".repeat((128 << 10) + 1), "x".repeat(1 << 20));
    for definition in definitions() {
        let name = definition.name;
        let answer = world.call(&world.admin, name, &[("X", &long)]).await;
        assert_eq!(answer.refusal(), (400, "MalformedQueryString"), "{name}");
        let form = format!("Action={name}&X={huge}");
        let answer = world.send(post(form, http::HeaderMap::new())).await;
        assert_eq!(answer.refusal(), (413, "RequestEntityTooLarge"), "{name}");
    }
}

#[test]
fn every_parameter_has_one_item_in_its_soap_path_for_each_n() {
    fn check(table: &[Param]) {
        for param in table {
            let items = param.soap.split('/').filter(|part| *part == "item").count();
            let mut lists = 0;
            let mut kind = param.kind;
            while let Kind::List(item) = kind {
                lists += 1;
                kind = *item;
            }
            assert!(param.soap.is_empty() || items == lists, "{}", param.query);
            assert!(!param.doc.trim().is_empty(), "{}", param.query);
            if let Kind::Structure(inner) = kind {
                check(inner);
            }
        }
    }
    definitions().iter().for_each(|definition| check(definition.parameters));
}
