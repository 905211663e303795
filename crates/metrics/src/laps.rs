//! How long things take from one point of their way to the next.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use types::Timestamp;

/// As many are followed at once; what would be more is not measured.
const MOST: usize = 100_000;

/// Since when each of several things has been at the point where it is.
#[derive(Debug)]
pub struct Laps<K>(Mutex<HashMap<K, Timestamp>>);

impl<K> Default for Laps<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Laps<K> {
    /// Begins to follow one, unless it is followed already.
    pub fn begin(&self, key: K, now: Timestamp) {
        let mut since = self.since();
        if since.len() < MOST {
            since.entry(key).or_insert(now);
        }
    }

    /// It has come to its next point: the seconds that it took. None when it is not followed.
    pub fn lap(&self, key: &K, now: Timestamp) -> Option<f64> {
        let mut since = self.since();
        let begun = since.get_mut(key)?;
        Some(seconds(std::mem::replace(begun, now), now))
    }

    /// The same for the last point: it is not followed any more.
    pub fn end(&self, key: &K, now: Timestamp) -> Option<f64> {
        Some(seconds(self.since().remove(key)?, now))
    }

    /// For how many seconds it has been where it is; 0 when it is not followed.
    pub fn age(&self, key: &K, now: Timestamp) -> f64 {
        self.since().get(key).map_or(0.0, |begun| seconds(*begun, now))
    }

    /// Goes on following only these.
    pub fn retain(&self, keep: impl Fn(&K) -> bool) {
        self.since().retain(|key, _| keep(key));
    }

    fn since(&self) -> MutexGuard<'_, HashMap<K, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few milliseconds in three hundred years")]
fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.millis_since(from) as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_is_measured_from_its_own_beginning() {
        let (laps, at) = (Laps::default(), Timestamp::from_millis);
        laps.begin("a", at(1000));
        laps.begin("a", at(1500));
        laps.begin("b", at(2000));
        assert_eq!(laps.age(&"a", at(1250)), 0.25);
        assert_eq!(laps.lap(&"a", at(3000)), Some(2.0));
        assert_eq!(laps.end(&"a", at(3500)), Some(0.5));
        assert_eq!(laps.end(&"a", at(4000)), None);
        assert_eq!((laps.lap(&"c", at(1)), laps.age(&"c", at(1))), (None, 0.0));
        assert_eq!(laps.lap(&"b", at(1000)), Some(0.0), "a clock that was set back");
        laps.retain(|key| *key != "b");
        assert_eq!(laps.end(&"b", at(9000)), None);
    }
}
