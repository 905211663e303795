//! The cloud controller on a directory of its own, with real Walrus and real bundles.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper that fails here fails its test"
)]

mod admin;
mod cluster;
mod clusters;
mod credentials;
mod front;
mod images;
mod reconcile;
mod world;
