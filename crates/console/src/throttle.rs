//! How often somebody may try to log in in vain.
//!
//! What is counted is the pair of a name and where the attempts come from, and all attempts from
//! one place. Nobody can lock a user out from elsewhere: the user comes from another place. How
//! many passwords can be tried at all is limited by what their hashing takes.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use types::Timestamp;

/// Vain attempts at one name from one place, and at all names from one place, that are let be.
const FREE_PAIR: u32 = 5;
const FREE_PLACE: u32 = 30;
/// The first wait, which doubles with each further attempt.
const FIRST_WAIT_MS: i64 = 2_000;
const LONGEST_WAIT_MS: i64 = 15 * 60_000;
/// After so long without an attempt all is forgotten.
const FORGOTTEN_MS: i64 = 30 * 60_000;
/// How many are kept in mind; with more the oldest are forgotten.
const MOST: usize = 20_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Tried {
    place: IpAddr,
    /// The name; none for all from the place.
    name: Option<String>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Vain {
    times: u32,
    last: Timestamp,
}

/// What was tried in vain.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    tried: Mutex<HashMap<Tried, Vain>>,
}

impl Throttle {
    /// How many seconds somebody must wait before the next attempt; 0 when it may be made now.
    pub(crate) fn wait(&self, place: IpAddr, name: &str, now: Timestamp) -> u64 {
        let tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = |(key, free): (Tried, u32)| {
            let vain = tried.get(&key).copied().unwrap_or_default();
            let over = vain.times.saturating_sub(free);
            if over == 0 || now.millis_since(vain.last) > FORGOTTEN_MS.unsigned_abs() {
                return 0;
            }
            let wait = FIRST_WAIT_MS.saturating_mul(1 << over.saturating_sub(1).min(20));
            let until = vain.last.plus_millis(wait.min(LONGEST_WAIT_MS));
            until.millis_since(now)
        };
        keys(place, name).map(wait).into_iter().max().unwrap_or(0).div_ceil(1000)
    }

    /// Notes an attempt in vain.
    pub(crate) fn failed(&self, place: IpAddr, name: &str, now: Timestamp) {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if tried.len() >= MOST {
            forget_oldest(&mut tried);
        }
        for (key, _) in keys(place, name) {
            let vain = tried.entry(key).or_default();
            if now.millis_since(vain.last) > FORGOTTEN_MS.unsigned_abs() {
                vain.times = 0;
            }
            *vain = Vain { times: vain.times.saturating_add(1), last: now };
        }
    }

    /// Forgets what was tried in vain at a name from a place, for it has been right now.
    pub(crate) fn succeeded(&self, place: IpAddr, name: &str) {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let [(pair, _), _] = keys(place, name);
        tried.remove(&pair);
    }
}

fn keys(place: IpAddr, name: &str) -> [(Tried, u32); 2] {
    let place = network(place);
    let name = name.chars().take(64).collect::<String>().to_lowercase();
    [(Tried { place, name: Some(name) }, FREE_PAIR), (Tried { place, name: None }, FREE_PLACE)]
}

/// One who has an IPv6 address has a /64 of them.
fn network(place: IpAddr) -> IpAddr {
    match place.to_canonical() {
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn forget_oldest(tried: &mut HashMap<Tried, Vain>) {
    let mut times: Vec<_> = tried.values().map(|vain| vain.last).collect();
    let middle = times.len() / 2;
    let (_, &mut median, _) = times.select_nth_unstable(middle);
    tried.retain(|_, vain| vain.last > median);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000_000 + seconds * 1000)
    }

    #[test]
    fn who_guesses_waits_longer_and_longer_and_nobody_else_does() {
        let throttle = Throttle::default();
        let (thief, home) = (place("192.0.2.1"), place("198.51.100.7"));
        let mut waits = Vec::new();
        for _ in 0..8 {
            throttle.failed(thief, "Admin", at(0));
            waits.push(throttle.wait(thief, "admin", at(0)));
        }
        assert_eq!(waits, [0, 0, 0, 0, 0, 2, 4, 8]);
        assert_eq!(throttle.wait(thief, "admin", at(5)), 3);
        assert_eq!(throttle.wait(thief, "admin", at(9)), 0);
        assert_eq!(throttle.wait(home, "admin", at(0)), 0, "the administrator's own place");
        assert_eq!(throttle.wait(thief, "bob", at(0)), 0);
        throttle.succeeded(thief, "admin");
        assert_eq!(throttle.wait(thief, "admin", at(0)), 0);
    }

    #[test]
    fn who_tries_many_names_waits_too() {
        let throttle = Throttle::default();
        for number in 0..31 {
            throttle.failed(place("2001:db8::1"), &format!("user{number}"), at(0));
        }
        assert!(throttle.wait(place("2001:db8::2"), "anybody", at(0)) > 0, "the same /64");
        assert_eq!(throttle.wait(place("2001:db8:0:1::1"), "anybody", at(0)), 0);
        assert_eq!(throttle.wait(place("2001:db8::2"), "anybody", at(1900)), 0, "forgotten");
    }

    #[test]
    fn a_million_names_take_no_more_memory_than_some_thousands() {
        let throttle = Throttle::default();
        for number in 0..60_000i64 {
            let place = place(&format!("10.{}.{}.1", number / 250 % 250, number % 250));
            throttle.failed(place, &format!("user{number}"), at(number));
        }
        assert!(throttle.tried.lock().unwrap().len() <= MOST + 2);
    }
}
