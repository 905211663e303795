//! Which public addresses this host may have: one that another machine has is not taken from it.

use crate::cluster::{Cc, Concern};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use types::Timestamp;

/// Before an address that was somebody else's is looked for again.
const AGAIN_MS: u64 = 30_000;

/// What is known of the addresses that are wanted. It is found out anew by each process; those that
/// the host has as ours are ours at once.
#[derive(Debug, Default)]
pub(crate) struct Claims(BTreeMap<Ipv4Addr, Claim>);

#[derive(Debug)]
enum Claim {
    /// It is ours, or nobody's.
    Free,
    /// It was somebody else's.
    Refused { why: String, at: Timestamp },
}

impl Claims {
    /// Whether this host may have an address.
    pub(crate) fn allow(&self, ip: Ipv4Addr) -> bool {
        matches!(self.0.get(&ip), Some(Claim::Free))
    }

    /// Forgets what is not wanted any more, and gives what is to be looked for.
    fn due(&mut self, wanted: BTreeSet<Ipv4Addr>, now: Timestamp) -> BTreeSet<Ipv4Addr> {
        self.0.retain(|ip, _| wanted.contains(ip));
        let is_due = |ip: &Ipv4Addr| match self.0.get(ip) {
            None => true,
            Some(Claim::Free) => false,
            Some(Claim::Refused { at, .. }) => now.millis_since(*at) >= AGAIN_MS,
        };
        wanted.into_iter().filter(is_due).collect()
    }

    fn note(
        &mut self,
        looked_for: BTreeSet<Ipv4Addr>,
        mut refused: BTreeMap<Ipv4Addr, String>,
        at: Timestamp,
    ) {
        for ip in looked_for {
            let claim = match refused.remove(&ip) {
                Some(why) => Claim::Refused { why, at },
                None => Claim::Free,
            };
            self.0.insert(ip, claim);
        }
    }

    fn problems(&self) -> impl Iterator<Item = String> {
        self.0.iter().filter_map(|(ip, claim)| match claim {
            Claim::Free => None,
            Claim::Refused { why, .. } => {
                Some(format!("public address {ip} does not lead to its instance: {why}"))
            }
        })
    }
}

impl Cc {
    /// Finds out which of the wanted public addresses this host may have.
    pub(crate) async fn claim(&self, claims: &mut Claims) {
        let now = self.clock.now();
        let wanted = self.state().associations().map(|(public, _)| public).collect();
        let due = claims.due(wanted, now);
        let mut problems = Vec::new();
        if !due.is_empty() {
            match self.net.refused(&due, self.settings.network.interface()).await {
                Ok(refused) => claims.note(due, refused, now),
                Err(error) => problems.push(error.to_string()),
            }
        }
        problems.extend(claims.problems());
        self.concern(Concern::Addresses, problems);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_somebody_else_is_looked_for_again_after_a_while() {
        let (ours, taken) = (Ipv4Addr::new(192, 0, 2, 9), Ipv4Addr::new(192, 0, 2, 10));
        let both = || BTreeSet::from([ours, taken]);
        let at = |millis| Timestamp::from_millis(millis);
        let mut claims = Claims::default();
        assert_eq!(claims.due(both(), at(0)), both());
        assert!(!claims.allow(ours), "nothing is known yet");
        claims.note(both(), [(taken, "why".to_owned())].into(), at(0));
        assert!(claims.allow(ours) && !claims.allow(taken));
        assert_eq!(claims.problems().count(), 1);
        assert_eq!(claims.due(both(), at(AGAIN_MS as i64 - 1)), [].into());
        assert_eq!(claims.due(both(), at(AGAIN_MS as i64)), [taken].into());
        claims.note([taken].into(), BTreeMap::new(), at(AGAIN_MS as i64));
        assert!(claims.allow(taken) && claims.problems().next().is_none());
        claims.due([taken].into(), at(AGAIN_MS as i64));
        assert_eq!(claims.due(both(), at(AGAIN_MS as i64)), [ours].into(), "it may be another's");
    }
}
