//! Whatever values the parameters of an action have, they are read or refused. scripts/fuzz does
//! the same for each kind of parameter, guided by coverage.

use ec2_wire::{Code, Definition, Kind, Param, Tree};
use proptest::prelude::*;

/// The names that reach every value of an action, with `N` for the numbers of items.
fn names(above: &str, table: &[Param], found: &mut Vec<String>) {
    for param in table {
        let (mut name, mut kind) = (format!("{above}{}", param.query), param.kind);
        while let Kind::List(item) = kind {
            name.push_str(".N");
            kind = *item;
        }
        match kind {
            Kind::Structure(inner) => names(&format!("{name}."), inner, found),
            _ => found.push(name),
        }
    }
}

/// An action with parameters of its own, their items numbered.
fn request() -> impl Strategy<Value = (&'static Definition, Vec<(String, String)>)> {
    let definitions: Vec<_> = crate::ec2::definitions().collect();
    prop::sample::select(definitions).prop_flat_map(|definition| {
        let mut all = vec!["NoSuchParameter".to_owned()];
        names("", definition.parameters, &mut all);
        let number = prop::sample::select(vec!["0", "1", "2", "4294967295", ""]);
        let name = (prop::sample::select(all), number)
            .prop_map(|(name, number)| name.replace(".N", &format!(".{number}")));
        (Just(definition), prop::collection::vec((name, value()), 0..12))
    })
}

/// Values that some parameter takes, and any others.
fn value() -> impl Strategy<Value = String> {
    let known = [
        "",
        "0",
        "1",
        "-1",
        "4294967296",
        "true",
        "i-0123ABCD",
        "emi-0123ABCD",
        "sg-0123ABCD",
        "tcp",
        "icmp",
        "10.0.0.0/8",
        "10.0.0.1",
        "10.0.0.0/99",
        "default",
        "instance-id",
        "*",
        "000100729354",
        "aGVsbG8",
        "a\nb",
        "\u{0}",
        "m1.small",
        "2027-01-15T08:00:00Z",
    ];
    prop_oneof![
        prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        any::<String>(),
        (0usize..5000).prop_map(|length| "x".repeat(length)),
    ]
}

proptest! {
    #[test]
    fn any_parameters_of_an_action_are_read_or_refused((definition, pairs) in request()) {
        let read = Tree::from_pairs(&pairs).and_then(|tree| (definition.decode)(&tree));
        if let Err(error) = read {
            prop_assert_ne!(error.code(), Code::InternalError, "{} {}", definition.name, error);
            let message = error.message();
            prop_assert!(message.len() < 1000, "{} {}", definition.name, message);
            prop_assert!(!message.contains(char::is_control), "{} {:?}", definition.name, message);
        }
    }
}
