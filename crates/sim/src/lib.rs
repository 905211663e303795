//! The simulated world: the shipped cloud, cluster and node controllers over simulated machines,
//! in one cluster or two.
//!
//! [`SimCloud`] joins the roles by direct calls in place of mutual TLS. State is in SQLite and
//! journals are files, below one temporary directory; domains, disks, networks and the clock are
//! simulated. Messages are lost, repeated and late, components die in the middle of what they do,
//! hypervisors and disks fail: [`drive`] does all this as a seed says, and [`check`] says what
//! must hold nevertheless. The same seed does the same again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test bed: nothing of it ships, and when it cannot be built the test has failed"
)]

mod adapters;
pub mod check;
mod clock;
mod driver;
mod fuse;
mod ledger;
mod machine;
mod public;
mod rng;
mod scene;
mod shape;
mod weather;
mod wire;
mod world;

pub use clock::SimClock;
pub use driver::{Failure, Report, drive, drive_patiently, run_isolated};
pub use ledger::Ledger;
pub use public::Answer;
pub use rng::Rng;
pub use scene::Scene;
pub use shape::{ClusterShape, Shape};
pub use world::{Live, SimCloud};
