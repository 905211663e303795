//! What a group's chain is called.

use sha2::{Digest, Sha256};
use types::{GroupName, UserName};

/// The longest name that is kept as it is, the limit of iptables, which the guide's readers know.
const MOST_LITERAL: usize = 28;

/// The chain of a group's ingress rules: `<user>-<group>` when that is short, a legal identifier
/// of nftables and can mean no other group; `group_` and 32 hex digits of a hash otherwise.
///
/// A user name with a '-' is always hashed: `a-b` + `c` and `a` + `b-c` would share a chain.
pub fn chain_name(user: &UserName, group: &GroupName) -> String {
    let literal = format!("{user}-{group}");
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let starts_well = literal.as_bytes()[0].is_ascii_alphabetic();
    let clear = !user.as_str().contains('-');
    if literal.len() <= MOST_LITERAL && starts_well && clear && literal.bytes().all(legal) {
        return literal;
    }
    let digest = Sha256::digest(format!("{user}\0{group}"));
    let hex: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("group_{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(user: &str, group: &str) -> String {
        chain_name(&user.parse().unwrap(), &group.parse().unwrap())
    }

    #[test]
    fn short_names_stay_as_the_guide_shows_them() {
        for (user, group) in [("admin", "default"), ("a.b_c", "web-tier.2"), ("x", "y")] {
            assert_eq!(name(user, group), format!("{user}-{group}"));
        }
    }

    #[test]
    fn long_or_illegal_names_are_hashed() {
        let long = "g".repeat(255);
        for (user, group) in [
            ("admin", long.as_str()),
            ("admin", "web tier #1"),
            ("a@example.org", "x"),
            ("1st", "x"),
            ("admin", "a;b"),
        ] {
            let name = name(user, group);
            assert!(name.starts_with("group_") && name.len() == 38, "{name}");
        }
    }

    #[test]
    fn no_two_groups_share_a_name() {
        assert_ne!(name("a-b", "c"), name("a", "b-c"));
        assert_ne!(name("a-b", "c d"), name("a", "b-c d"));
        let (long, longer) = ("g".repeat(200), "g".repeat(201));
        assert_ne!(name("admin", &long), name("admin", &longer));
    }
}
