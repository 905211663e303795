//! Simulated clouds: disturbed ones, and large ones.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod many;
mod modes;
mod seeds;
mod watch;
