//! Sets of IPv4 addresses, kept as few ranges.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// The most addresses of a pool.
const MOST: u64 = 65_536;

/// A set of IPv4 addresses, as VNET_PUBLICIPS names them.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AddressPool {
    /// The first and the last address of each range; in order, with a gap between any two.
    ranges: Vec<(u32, u32)>,
}

/// Text that names no pool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no list of at most 65536 addresses, ranges and networks")]
pub struct MalformedPool(pub String);

impl AddressPool {
    /// Whether no address is in it.
    pub const fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether an address is in it.
    pub fn contains(&self, ip: Ipv4Addr) -> bool {
        let ip = u32::from(ip);
        let at = self.ranges.partition_point(|(_, last)| *last < ip);
        self.ranges.get(at).is_some_and(|(first, _)| *first <= ip)
    }

    /// The first and the last address of each range, in order.
    pub fn ranges(&self) -> impl Iterator<Item = (Ipv4Addr, Ipv4Addr)> {
        self.ranges.iter().map(|(first, last)| ((*first).into(), (*last).into()))
    }

    /// Every address, in order.
    pub fn iter(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.ranges.iter().flat_map(|(first, last)| *first..=*last).map(Ipv4Addr::from)
    }

    /// The addresses of both.
    pub fn with(&self, other: &Self) -> Self {
        self.combine(other, |here, there| here || there)
    }

    /// The addresses that are not in the other.
    pub fn without(&self, other: &Self) -> Self {
        self.combine(other, |here, there| here && !there)
    }

    /// The addresses that are in both.
    pub fn shared_with(&self, other: &Self) -> Self {
        self.combine(other, |here, there| here && there)
    }

    /// How many addresses there are.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|(first, last)| u64::from(last - first) + 1).sum()
    }

    fn of(first: Ipv4Addr, last: Ipv4Addr) -> Option<Self> {
        let (first, last) = (u32::from(first), u32::from(last));
        (first <= last).then(|| Self { ranges: vec![(first, last)] })
    }

    /// Goes over both at once, from where one of them begins or ends to the next such place.
    fn combine(&self, other: &Self, keep: impl Fn(bool, bool) -> bool) -> Self {
        let edges = |pool: &Self, which: usize| -> Vec<_> {
            let ends = |(first, last): &(u32, u32)| {
                [(u64::from(*first), which, true), (u64::from(*last) + 1, which, false)]
            };
            pool.ranges.iter().flat_map(ends).collect()
        };
        let mut edges = [edges(self, 0), edges(other, 1)].concat();
        edges.sort_unstable();
        let (mut inside, mut begun, mut ranges) = ([false; 2], None, Vec::new());
        for here in edges.chunk_by(|one, next| one.0 == next.0) {
            here.iter().for_each(|(_, which, begins)| inside[*which] = *begins);
            match (keep(inside[0], inside[1]), begun) {
                (true, None) => begun = Some(here[0].0 as u32),
                (false, Some(first)) => {
                    ranges.push((first, (here[0].0 - 1) as u32));
                    begun = None;
                }
                _ => {}
            }
        }
        Self { ranges }
    }
}

impl FromIterator<Ipv4Addr> for AddressPool {
    fn from_iter<I: IntoIterator<Item = Ipv4Addr>>(addresses: I) -> Self {
        let mut all: Vec<u32> = addresses.into_iter().map(u32::from).collect();
        all.sort_unstable();
        all.dedup();
        let next_to = |one: &u32, next: &u32| one.checked_add(1) == Some(*next);
        let range = |run: &[u32]| (run[0], run[run.len() - 1]);
        Self { ranges: all.chunk_by(next_to).map(range).collect() }
    }
}

/// In the notation that is read: `192.0.2.9 192.0.2.16-192.0.2.31`.
impl fmt::Display for AddressPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.ranges().enumerate() {
            let blank = if at == 0 { "" } else { " " };
            match first == last {
                true => write!(f, "{blank}{first}")?,
                false => write!(f, "{blank}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for AddressPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

/// Reads the entries from left to right: addresses, ranges, networks without their first and last
/// address; `!` takes one address out (FACTS 4.1; the range is of 1.6).
impl FromStr for AddressPool {
    type Err = MalformedPool;
    fn from_str(text: &str) -> Result<Self, MalformedPool> {
        let bad = || MalformedPool(text.chars().take(64).collect());
        let mut pool = Self::default();
        for entry in text.split([' ', '\t', ',']).filter(|entry| !entry.is_empty()) {
            match entry.strip_prefix('!') {
                Some(out) => pool = pool.without(&range(out).ok_or_else(bad)?),
                None => pool = pool.with(&range(entry).ok_or_else(bad)?),
            }
            if pool.len() > MOST {
                return Err(bad());
            }
        }
        Ok(pool)
    }
}

fn range(entry: &str) -> Option<AddressPool> {
    if let Some((first, last)) = entry.split_once('-') {
        return AddressPool::of(first.parse().ok()?, last.parse().ok()?);
    }
    if entry.contains('/') {
        let net: ipnet::Ipv4Net = entry.parse().ok()?;
        let edge = u32::from(net.prefix_len() < 31);
        let (first, last) = (u32::from(net.network()) + edge, u32::from(net.broadcast()) - edge);
        return AddressPool::of(first.into(), last.into());
    }
    let one = entry.parse().ok()?;
    AddressPool::of(one, one)
}

impl TryFrom<String> for AddressPool {
    type Error = MalformedPool;
    fn try_from(text: String) -> Result<Self, MalformedPool> {
        text.parse()
    }
}

impl From<AddressPool> for String {
    fn from(pool: AddressPool) -> Self {
        pool.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn pool(text: &str) -> AddressPool {
        text.parse().unwrap()
    }

    #[test]
    fn it_is_shown_in_the_fewest_ranges_and_read_again() {
        for (text, shown) in [
            ("", ""),
            ("192.0.2.9", "192.0.2.9"),
            ("192.0.2.10,192.0.2.9 192.0.2.9", "192.0.2.9-192.0.2.10"),
            ("192.0.2.10-192.0.2.12 !192.0.2.11", "192.0.2.10 192.0.2.12"),
            ("192.0.2.0/29 !192.0.2.2-192.0.2.5", "192.0.2.1 192.0.2.6"),
            (
                "192.0.2.0/30\t192.0.2.7/32 198.51.100.0/31",
                "192.0.2.1-192.0.2.2 192.0.2.7 198.51.100.0-198.51.100.1",
            ),
            ("255.255.255.254-255.255.255.255 0.0.0.0", "0.0.0.0 255.255.255.254-255.255.255.255"),
            ("192.0.2.1 !192.0.2.1", ""),
        ] {
            let read = pool(text);
            assert_eq!(read.to_string(), shown, "{text}");
            assert_eq!(pool(shown), read);
            assert_eq!(read.iter().collect::<AddressPool>(), read);
            assert_eq!(read.iter().count() as u64, read.len());
        }
    }

    #[test]
    fn what_is_no_address_and_too_many_of_them_are_refused() {
        for text in
            ["x", "192.0.2.9-192.0.2.8", "192.0.2.0/33", "!", "10.0.0.0/8", "0.0.0.0/0", "1.2.3"]
        {
            assert!(text.parse::<AddressPool>().is_err(), "{text}");
        }
        assert_eq!(pool("10.0.0.0-10.0.255.255").len(), MOST);
    }

    #[test]
    fn pools_are_joined_and_taken_apart_as_sets_are() {
        let texts = [
            "",
            "192.0.2.1",
            "192.0.2.1-192.0.2.3",
            "192.0.2.2 192.0.2.4-192.0.2.6",
            "192.0.2.3-192.0.2.4 192.0.2.8",
            "192.0.2.0-192.0.2.9",
        ];
        let set = |pool: &AddressPool| pool.iter().collect::<BTreeSet<_>>();
        for (one, other) in texts.iter().flat_map(|one| texts.map(|other| (pool(one), pool(other))))
        {
            let (left, right) = (set(&one), set(&other));
            assert_eq!(set(&one.with(&other)), &left | &right);
            assert_eq!(set(&one.without(&other)), &left - &right);
            let shared = one.shared_with(&other);
            assert_eq!(set(&shared), &left & &right);
            assert_eq!(shared, set(&shared).into_iter().collect(), "in the fewest ranges");
            for ip in pool("192.0.2.0-192.0.2.9").iter() {
                assert_eq!(one.contains(ip), left.contains(&ip));
            }
        }
    }
}
