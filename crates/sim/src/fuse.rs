//! Death of a component at a chosen call.
//!
//! All that a component does to the world outside its own memory and files goes through its fuse.
//! A fuse that blows lets that call happen, or not, and nobody learns of it; every later call of
//! the same component comes to nothing. So a component is killed between any two of its effects,
//! and what its threads still have in hand does no harm, as with a process that was killed.

use hypervisor::HypervisorError;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Where in a call the component dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// The call does nothing any more.
    Begin,
    /// The call has its effect, but nobody learns of it.
    End,
}

/// The fuse of one component, from its start to its death.
#[derive(Debug)]
pub(crate) struct Fuse {
    /// How many calls are left, and what becomes of the one after them.
    left: Mutex<Option<(usize, At)>>,
    blown: watch::Sender<bool>,
}

impl Default for Fuse {
    fn default() -> Self {
        Self { left: Mutex::new(None), blown: watch::Sender::new(false) }
    }
}

impl Fuse {
    /// Blows at the call after `calls` more.
    pub(crate) fn set(&self, calls: usize, at: At) {
        *self.left() = Some((calls, at));
    }

    /// Does not blow after all, unless it has.
    pub(crate) fn spare(&self) {
        *self.left() = None;
    }

    /// Blows between two calls.
    pub(crate) fn blow(&self) {
        let _no_call_now = self.left();
        self.blown.send_replace(true);
    }

    pub(crate) fn is_blown(&self) -> bool {
        *self.blown.borrow()
    }

    /// Completes when it blows.
    pub(crate) async fn blows(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.blown.subscribe().wait_for(|blown| *blown).await;
    }

    /// Lets a call happen, or happen unheard, or not happen.
    pub(crate) async fn pass<T>(&self, call: impl Future<Output = T>) -> T {
        let death = self.burn(&mut self.left());
        match death {
            None => call.await,
            Some(At::Begin) => std::future::pending().await,
            Some(At::End) => {
                call.await;
                std::future::pending().await
            }
        }
    }

    /// The same for a call that blocks. It is over when [`blow`](Self::blow) returns.
    pub(crate) fn pass_blocking<T>(
        &self,
        call: impl FnOnce() -> Result<T, HypervisorError>,
    ) -> Result<T, HypervisorError> {
        let mut left = self.left();
        let dead = || HypervisorError::Unreachable("the caller is dead".to_owned());
        match self.burn(&mut left) {
            None => call(),
            Some(At::Begin) => Err(dead()),
            Some(At::End) => call().and(Err(dead())),
        }
    }

    /// What becomes of the next call; none when it goes well.
    fn burn(&self, left: &mut Option<(usize, At)>) -> Option<At> {
        if self.is_blown() {
            return Some(At::Begin);
        }
        let (calls, at) = left.as_mut()?;
        if *calls > 0 {
            *calls -= 1;
            return None;
        }
        self.blown.send_replace(true);
        Some(*at)
    }

    fn left(&self) -> MutexGuard<'_, Option<(usize, At)>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
