//! A clock that moves when it is told to.

use std::sync::atomic::{AtomicI64, Ordering};
use types::{Clock, Timestamp};

/// The time of the simulated world.
#[derive(Debug)]
pub struct SimClock(AtomicI64);

impl SimClock {
    /// Moves the time on.
    pub fn advance(&self, millis: u32) {
        self.0.fetch_add(millis.into(), Ordering::SeqCst);
    }
}

impl Default for SimClock {
    /// In January 2027.
    fn default() -> Self {
        Self(AtomicI64::new(1_800_000_000_000))
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}
